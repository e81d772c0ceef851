"""Books what the clock has done by itself: points that lapsed or matured, holds that ran out.

What can be spent never waits for it. Each batch is an act of its own, of some accounts, so a spend waits for a few of
them at most; done twice, nothing happens the second time.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from django.db import IntegrityError, connection, transaction

from regulars.kit.actors import Actor
from regulars.levers.loyalty import _ledger
from regulars.levers.loyalty._acts import Told
from regulars.levers.loyalty.models import Account

logger = logging.getLogger(__name__)

#: Accounts of one act.
AT_ONCE = 200
_DUE = """
SELECT account.customer_id, currency.code FROM (
  (SELECT lot.account_id FROM loyalty_lot AS lot JOIN loyalty_account AS mine ON mine.id = lot.account_id
    WHERE (lot.pending > 0 OR lot.available > 0) AND lot.expires_at <= %(at)s AND mine.frozen_at IS NULL
    ORDER BY lot.expires_at LIMIT %(limit)s)
  UNION
  (SELECT lot.account_id FROM loyalty_lot AS lot JOIN loyalty_account AS mine ON mine.id = lot.account_id
    WHERE lot.pending > 0 AND lot.matures_at <= %(at)s AND mine.frozen_at IS NULL
    ORDER BY lot.matures_at LIMIT %(limit)s)
  UNION
  (SELECT lot.account_id FROM loyalty_hold AS hold JOIN loyalty_hold_lot AS part ON part.hold_id = hold.id
     JOIN loyalty_lot AS lot ON lot.id = part.lot_id JOIN loyalty_account AS mine ON mine.id = lot.account_id
    WHERE hold.state = 'open' AND hold.expires_at <= %(at)s AND part.amount > part.captured + part.released
      AND mine.frozen_at IS NULL LIMIT %(limit)s)
) AS due JOIN loyalty_account AS account ON account.id = due.account_id
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 LIMIT %(limit)s
"""


def book_due(*, at: datetime, by: Actor, most: int | None = None) -> Counter[str]:
    """Book all that is due by `at`, or of some `most` accounts. How many entries of each kind were written.

    An account whose books do not add up is frozen, and the others go on.
    """
    done: Counter[str] = Counter()
    looked_at = 0
    while most is None or looked_at < most:
        with connection.cursor() as cursor:
            cursor.execute(_DUE, {"at": at, "limit": AT_ONCE})
            due = cursor.fetchall()
        if not due:
            break
        looked_at += len(due)
        for currency in sorted({code for _customer, code in due}):
            people = [customer for customer, code in due if code == currency]
            try:
                done += _book(people, currency, at, by)
            except IntegrityError:
                for one in people:
                    done += _book_or_freeze(one, currency, at, by)
    return done


def _book(people: Sequence[int], currency: str, at: datetime, by: Actor) -> Counter[str]:
    told = Told("book_due", f"clock:{uuid4()}", at, by, {"currency": currency})
    with _ledger.act(told, customers=people, currency=currency) as work:
        return Counter(draft.kind for wallet in work.wallets.values() for draft in wallet.drafts)


def _book_or_freeze(customer: int, currency: str, at: datetime, by: Actor) -> Counter[str]:
    try:
        with transaction.atomic():
            return _book([customer], currency, at, by)
    except IntegrityError as problem:
        logger.exception("the books of customer %s do not add up", customer)
        why = str(problem).split("\n")[0][:200]
        Account.objects.filter(customer_id=customer, currency__code=currency).update(frozen_at=at, frozen_why=why)
        return Counter()
