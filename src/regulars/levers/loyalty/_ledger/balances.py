"""What somebody has: at a moment, as the books said it then, and when it will be gone. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from regulars.facts.customers import persons
from regulars.levers.loyalty._ledger import account_rows, as_known, resting
from regulars.levers.loyalty._ledger.account_rows import Kind
from regulars.levers.loyalty._ledger.books import BY_POSTINGS, OWED
from regulars.levers.loyalty._ledger.wallet import Wallet

_POSTED = """
SELECT {pending}, {available}, {held}, {owed}
  FROM loyalty_posting AS posting JOIN loyalty_entry AS entry ON entry.id = posting.entry_id
 WHERE entry.account_id = %s AND entry.effective_at <= %s
""".format(**BY_POSTINGS, owed=OWED)
# What is kept by holds whose time ran out by then is free again.
_EXPIRING = """
SELECT open.expires_on, open.expires_at, sum(open.available)::bigint, sum(open.pending)::bigint, open.rests_since FROM (
  SELECT lot.expires_on, lot.expires_at, lot.available, lot.pending, account.rests_since
    FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
   WHERE account.customer_id = %(person)s AND account.currency_id = %(currency)s AND lot.available + lot.pending > 0
   UNION ALL
  SELECT lot.expires_on, lot.expires_at, part.amount - part.captured - part.released, 0, account.rests_since
    FROM loyalty_account AS account JOIN loyalty_lot AS lot ON lot.account_id = account.id AND lot.held > 0
    JOIN loyalty_hold_lot AS part ON part.lot_id = lot.id JOIN loyalty_hold AS hold ON hold.id = part.hold_id
   WHERE account.customer_id = %(person)s AND account.currency_id = %(currency)s AND account.held > 0
     AND hold.state = 'open' AND hold.expires_at <= %(at)s AND part.amount > part.captured + part.released
) AS open
 WHERE open.expires_at IS NULL OR open.expires_at > least(%(at)s, open.rests_since)
 GROUP BY 1, 2, 5 ORDER BY 2 NULLS LAST
"""


@dataclass(frozen=True)
class Balance:
    """Amounts in the smallest parts of the currency. `debt` is what was taken back after it was spent, and is owed."""

    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0

    @property
    def spendable(self) -> int:
        """What may be spent: what one record of a person owes keeps as much of the others' points unspent."""
        return max(0, self.available - self.debt)


@dataclass(frozen=True)
class Expiring:
    """What will be gone when the day `on` is over, if nobody spends it. `on` is None of what stays."""

    on: date | None
    at: datetime | None
    available: int
    pending: int


def balance(*, customer: int, currency: str = "points", at: datetime) -> Balance:
    """What the customer's person has at `at`, now or later: what the clock does until then counts, booked or not.

    Four queries at most.
    """
    return balances([customer], currency=currency, at=at)[customer]


def balances(customers: Sequence[int], *, currency: str = "points", at: datetime) -> dict[int, Balance]:
    """`balance` of each. Six queries at most, however many."""
    kind = account_rows.currency(currency)
    person_of = persons.of_many(customers)
    wallets = _read(sorted(set(person_of.values())), kind, at)
    for wallet, since in wallets.values():
        resting.catch_up(wallet, kind, since, at)
    return {
        customer: Balance(*wallets[person][0].balances) if person in wallets else Balance()
        for customer, person in person_of.items()
    }


def balance_as_of(
    *, customer: int, currency: str = "points", as_of: datetime, known_at: datetime | None = None
) -> Balance:
    """What the books say the person's account stood at, at the moment `as_of`, by when things took effect; with
    `known_at`, only by what had been written then. What the clock had done by `as_of` counts, whenever it was booked.
    Six queries at most, ten with `known_at`."""
    kind = account_rows.currency(currency)
    person = persons.of(customer)
    wallets = _read([person], kind, as_of)
    if person not in wallets:
        return Balance()
    wallet, since = wallets[person]
    if known_at is not None:
        known = as_known.wallet(wallet.account, kind, as_of=as_of, known_at=known_at)
        resting.catch_up(known, kind, since, as_of)
        return Balance(*known.balances)
    with connection.cursor() as cursor:
        cursor.execute(_POSTED, [wallet.account, as_of])
        [posted] = cursor.fetchall()
    # What the clock did until then and nobody has booked: nothing has touched these lots since.
    resting.catch_up(wallet, kind, since, as_of)
    changes = zip(posted, wallet.balances, wallet.balances_before, strict=True)
    return Balance(*(int(was) + after - before for was, after, before in changes))


def expiring(*, customer: int, currency: str = "points", at: datetime) -> list[Expiring]:
    """All days on which points of the person lapse if they are not spent, the first day first. Three queries."""
    kind = account_rows.currency(currency)
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRING, {"person": persons.of(customer), "currency": kind.id, "at": at})
        rows = cursor.fetchall()
    found = []
    for on, until, available, pending, since in rows:
        if since is not None and on is not None and at > since:
            on, until = resting.later(on, until, since=since, at=at, zone=resting.zone_of(kind))
        found.append(Expiring(on, until, available, pending))
    return found


def _read(people: Sequence[int], kind: Kind, at: datetime) -> dict[int, tuple[Wallet, datetime | None]]:
    """And since when each rests."""
    looked = account_rows.look(people, kind)
    since = {one.customer: one.rests_since for one in looked}
    found = account_rows.load(looked, kind, at=at, need={})
    return {person: (wallet, since[person]) for person, wallet in found.items()}
