"""Books what the clock has done by itself: points that lapsed or matured, holds that ran out.

What can be spent never waits for it. Each batch is an act of its own, of some accounts, so a spend waits for a few of
them at most; done twice, nothing happens the second time. Of accounts where nothing can be but lapse, the lots do not
travel: one statement does there what `Wallet.catch_up` decides for all others.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from django.db import IntegrityError, connection, transaction

from regulars.kit.actors import Actor
from regulars.levers.loyalty._ledger import acting, acts
from regulars.levers.loyalty._ledger.account_rows import AccountFrozen
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty.models import Account
from regulars.levers.loyalty.notices import PointsExpired
from regulars.runtime.database import arrays
from regulars.runtime.notices.outbox import announce_many

logger = logging.getLogger(__name__)

#: Accounts of one act, and lots that are looked up for some acts together.
AT_ONCE = 200
LOOKED_UP = 5_000
_DUE = """
SELECT account.id, account.customer_id, currency.code, account.pending = 0 AND account.held = 0 AS is_plain FROM (
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
"""
# Whoever is busy with an account books it themselves; what is skipped here comes to `_book`, which waits.
_LOCK = """
SELECT account.id FROM loyalty_account AS account
 WHERE account.id = ANY(%s::bigint[]) AND account.pending = 0 AND account.held = 0 AND account.frozen_at IS NULL
 ORDER BY account.id FOR UPDATE SKIP LOCKED
"""
_LAPSE = """
WITH lapsing AS MATERIALIZED (
  SELECT lot.id, lot.account_id, lot.expires_at, lot.available AS amount,
         row_number() OVER (PARTITION BY lot.account_id, lot.expires_at ORDER BY lot.id) - 1 AS place
    FROM loyalty_lot AS lot
   WHERE lot.account_id = ANY(%s::bigint[]) AND (lot.pending > 0 OR lot.available > 0) AND lot.available > 0
     AND lot.expires_at <= %s::timestamptz
), steps AS MATERIALIZED (
  SELECT step.*, nextval('loyalty_entry_id_seq') AS id FROM (
    SELECT account_id, expires_at, sum(amount)::bigint AS amount,
           row_number() OVER (PARTITION BY account_id ORDER BY expires_at) AS place,
           (sum(sum(amount)) OVER (PARTITION BY account_id ORDER BY expires_at))::bigint AS gone
      FROM lapsing GROUP BY account_id, expires_at ORDER BY account_id, expires_at) AS step
), written AS (
  INSERT INTO loyalty_entry (id, account_id, sequence, kind, effective_at, reason, act_id, origin, pending_after,
                             available_after, held_after, debt_after)
  SELECT step.id, step.account_id, account.sequence + step.place, 'expire', step.expires_at, 'lapsed', %s::bigint,
         'live', 0, account.available - step.gone, 0, account.debt
    FROM steps AS step JOIN loyalty_account AS account ON account.id = step.account_id
), posted AS (
  INSERT INTO loyalty_posting (entry_id, number, lot_id, from_book, to_book, amount)
  SELECT step.id, lot.place, lot.id, 'available', 'breakage', lot.amount
    FROM lapsing AS lot JOIN steps AS step USING (account_id, expires_at)
), lots AS (
  UPDATE loyalty_lot AS lot SET available = lot.available - told.amount, lapsed = lot.lapsed + told.amount
    FROM lapsing AS told WHERE lot.id = told.id
), accounts AS (
  UPDATE loyalty_account AS account
     SET sequence = account.sequence + told.steps, available = account.available - told.amount
    FROM (SELECT account_id, count(*) AS steps, sum(amount) AS amount FROM steps GROUP BY 1) AS told
   WHERE account.id = told.account_id
)
SELECT step.id, account.customer_id, step.amount, account.available - step.gone, account.debt
  FROM steps AS step JOIN loyalty_account AS account ON account.id = step.account_id
 ORDER BY step.id
"""


def book_due(*, at: datetime, by: Actor, most: int | None = None) -> Counter[str]:
    """Book all that is due by `at`, or of some `most` accounts. How many entries of each kind were written.

    An account whose books do not add up is frozen, and the others go on.
    """
    done: Counter[str] = Counter()
    looked_at = 0
    while most is None or looked_at < most:
        with connection.cursor() as cursor:
            cursor.execute(_DUE, {"at": at, "limit": LOOKED_UP})
            due = cursor.fetchall()
        if not due:
            break
        looked_at += len(due)
        by_kind: dict[tuple[str, bool], list[tuple[int, int]]] = {}
        for account, customer, currency, is_plain in due:
            by_kind.setdefault((currency, is_plain), []).append((account, customer))
        for (currency, is_plain), accounts in sorted(by_kind.items()):
            for start in range(0, len(accounts), AT_ONCE):
                some = dict(accounts[start : start + AT_ONCE])
                if is_plain:
                    done += _lapse_some(some, currency, at, by)
                if some:
                    done += _book_some(list(some.values()), currency, at, by)
    return done


def _lapse_some(accounts: dict[int, int], currency: str, at: datetime, by: Actor) -> Counter[str]:
    """Book what lapsed of these accounts; who is busy or does not agree stays in `accounts`."""
    told = Told("book_due", f"clock:{uuid4()}", at, by, {"currency": currency})
    try:
        with transaction.atomic():
            act, _is_new = acts.begin(told)
            with connection.cursor() as cursor:
                cursor.execute(_LOCK, [arrays.of_numbers(accounts)])
                locked = [account for (account,) in cursor.fetchall()]
                cursor.execute(_LAPSE, [arrays.of_numbers(locked), at, act])
                entries = cursor.fetchall()
            announce_many(
                [
                    (
                        PointsExpired(
                            customer=customer,
                            currency=currency,
                            entry=entry,
                            amount=amount,
                            spendable=max(0, available - debt),
                            at=at,
                        ),
                        {"entry": entry, "kind": "expire", "amount": amount, "available": available},
                    )
                    for entry, customer, amount, available, debt in entries
                ],
                by=by,
                verb="loyalty.points.book_due",
            )
    except IntegrityError:
        return Counter()
    for account in locked:
        del accounts[account]
    return Counter(expire=len(entries))


def _book_some(people: Sequence[int], currency: str, at: datetime, by: Actor) -> Counter[str]:
    try:
        return _book(people, currency, at, by)
    except (AccountFrozen, IntegrityError):
        # Of one of them; whose it is shows where each is booked alone.
        done: Counter[str] = Counter()
        for one in people:
            done += _book_or_freeze(one, currency, at, by)
        return done


def _book(people: Sequence[int], currency: str, at: datetime, by: Actor) -> Counter[str]:
    told = Told("book_due", f"clock:{uuid4()}", at, by, {"currency": currency})
    with acting.act(told, customers=people, currency=currency) as work:
        return Counter(draft.kind for wallet in work.wallets.values() for draft in wallet.drafts)


def _book_or_freeze(customer: int, currency: str, at: datetime, by: Actor) -> Counter[str]:
    try:
        with transaction.atomic():
            return _book([customer], currency, at, by)
    except AccountFrozen:
        # Since it was looked up. The others go on.
        return Counter()
    except IntegrityError as problem:
        logger.exception("the books of customer %s do not add up", customer)
        why = str(problem).split("\n")[0][:200]
        Account.objects.filter(customer_id=customer, currency__code=currency).update(frozen_at=at, frozen_why=why)
        return Counter()
