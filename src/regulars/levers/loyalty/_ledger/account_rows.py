"""Accounts locked and read: the rows of the database as the wallets that decisions are made on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._ledger.wallet import Lot, Part, Terms, Wallet
from regulars.levers.loyalty.models import Currency
from regulars.runtime.notices.outbox import lock_subjects

# All accounts of a person, of whatever kind of points: who has told of one of them holds back whoever tells of another
# of theirs, and would wait for that one's account in a circle.
LOCK = """
SELECT account.id, account.customer_id, account.frozen_at, account.sequence, account.pending, account.available,
       account.held, account.debt, currency.id, currency.zone, currency.spend_order, currency.debt_limit,
       currency.scale, account.frozen_for, account.rests_since, currency.code
  FROM loyalty_account AS account JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE account.customer_id = ANY(%s) ORDER BY account.id FOR UPDATE OF account
"""
_CODE = 15
_MISSING = """
SELECT told FROM unnest(%s::bigint[]) AS told
 WHERE NOT EXISTS (SELECT FROM loyalty_account WHERE customer_id = told AND currency_id = %s) ORDER BY 1
"""
_OPEN = """
INSERT INTO loyalty_account (customer_id, currency_id)
SELECT told, %s FROM unnest(%s::bigint[]) AS told ORDER BY told ON CONFLICT DO NOTHING
"""
LOT = (
    "lot.id, lot.record_id, lot.funding, lot.original, lot.matures_at, lot.expires_on, lot.expires_at, lot.pending,"
    " lot.available, lot.held, lot.spent, lot.lapsed, lot.taken_back, lot.settled, lot.short, lot.owed"
)
# What the clock is due to change; what can be wanted of a spend, which may also take what matures; and what owes. Those
# of holds that ran out come with their holds.
_DUE = """
SELECT lot.account_id, LOT FROM loyalty_lot AS lot
 WHERE lot.account_id = ANY(%(accounts)s) AND (lot.pending > 0 OR lot.available > 0)
   AND (lot.expires_at <= %(at)s OR (lot.pending > 0 AND lot.matures_at <= %(at)s))
""".replace("LOT", LOT)
_WANTED = """
SELECT account_id, COLUMNS FROM (
  SELECT lot.*, wanted.need, sum(lot.available) OVER (PARTITION BY lot.account_id ORDER BY IN_ORDER) - lot.available
         AS before
    FROM loyalty_lot AS lot
    JOIN unnest(%(of)s::bigint[], %(need)s::bigint[]) AS wanted(account, need) ON wanted.account = lot.account_id
   WHERE (lot.pending > 0 OR lot.available > 0) AND lot.available > 0
     AND (lot.expires_at IS NULL OR lot.expires_at > %(at)s)
) AS lot WHERE before < need
""".replace("COLUMNS", LOT.replace("lot.", ""))
_OWING = """
SELECT lot.account_id, LOT FROM loyalty_lot AS lot WHERE lot.account_id = ANY(%(owing)s) AND lot.owed > 0
""".replace("LOT", LOT)
# What pays for what a record owes or is about to: its own points, as many as can be wanted.
_PAYING = """
SELECT account_id, COLUMNS FROM (
  SELECT lot.*, wanted.owe, sum(lot.available) OVER (PARTITION BY lot.account_id, lot.record_id ORDER BY IN_ORDER)
         - lot.available AS before
    FROM loyalty_lot AS lot
    JOIN unnest(%(by)s::bigint[], %(owe)s::bigint[]) AS wanted(account, owe) ON wanted.account = lot.account_id
   WHERE (lot.pending > 0 OR lot.available > 0) AND lot.available > 0
     AND (lot.expires_at IS NULL OR lot.expires_at > %(at)s)
) AS lot WHERE before < owe
""".replace("COLUMNS", LOT.replace("lot.", ""))
_NAMED = """
SELECT lot.account_id, LOT FROM loyalty_lot AS lot WHERE lot.id = ANY(%(lots)s) AND lot.account_id = ANY(%(accounts)s)
""".replace("LOT", LOT)
_PARTS = """
SELECT lot.account_id, part.hold_id, part.lot_id, part.amount - part.captured - part.released, hold.expires_at
  FROM loyalty_lot AS lot JOIN loyalty_hold_lot AS part ON part.lot_id = lot.id
  JOIN loyalty_hold AS hold ON hold.id = part.hold_id
 WHERE lot.account_id = ANY(%(holding)s) AND lot.held > 0 AND hold.state = 'open'
   AND part.amount > part.captured + part.released AND (hold.expires_at <= %(at)s OR hold.id = ANY(%(holds)s))
"""
# What was written off of a lot, less what was made good of it since.
_FORGIVEN = """
SELECT COALESCE(posting.for_lot_id, posting.lot_id),
       sum(CASE posting.to_book WHEN 'debt' THEN posting.amount ELSE -posting.amount END)::bigint AS forgiven
  FROM (SELECT * FROM loyalty_posting AS one WHERE one.lot_id = ANY(%(lots)s) AND one.for_lot_id IS NULL
         UNION ALL SELECT * FROM loyalty_posting AS one WHERE one.for_lot_id = ANY(%(lots)s)) AS posting
  JOIN loyalty_entry AS entry ON entry.id = posting.entry_id
 WHERE (entry.kind, posting.to_book) IN (('write_off', 'debt'), ('settle', 'withdrawn'))
 GROUP BY 1 HAVING sum(CASE posting.to_book WHEN 'debt' THEN posting.amount ELSE -posting.amount END) > 0
 ORDER BY 1
"""
_HOLD = "SELECT id FROM loyalty_account WHERE customer_id = ANY(%s) ORDER BY id FOR UPDATE"
_FROZEN = f"""
SELECT record.id FROM {CUSTOMERS} AS record
  JOIN loyalty_account AS account ON account.customer_id = coalesce(record.person_id, record.id)
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id AND currency.code = %s
 WHERE record.id = ANY(%s) AND account.frozen_at IS NOT NULL
"""  # noqa: S608 - of constants
_ORDERS = {"expiry": "lot.expires_at NULLS LAST, lot.id", "oldest": "lot.id"}


class AccountFrozen(Refusal):
    """The account's books do not agree, or somebody froze it; nothing is posted until somebody has looked at it."""

    code = "points.account_frozen"


class NoSuchCurrency(Refusal):
    """No kind of points is called so."""

    code = "points.no_such_currency"


@dataclass(frozen=True)
class Kind:
    """A kind of points, by its number, with its terms."""

    id: int
    code: str
    zone: str
    terms: Terms


@dataclass(frozen=True)
class Held:
    """An account whose row is locked; of one that is looked at, since when it rests."""

    id: int
    customer: int
    sequence: int
    balances: tuple[int, int, int, int]
    rests_since: datetime | None = None


def currency(code: str) -> Kind:
    """The kind of points called so. One query; raises `NoSuchCurrency`."""
    row = Currency.objects.filter(code=code).first()
    if row is None:
        raise NoSuchCurrency(
            _("currency: there is no %(code)r; look at the list of currencies") % {"code": code[:40]},
            field="currency",
            value=code[:40],
        )
    return Kind(row.id, row.code, row.zone, Terms(row.spend_order, row.debt_limit, row.scale))


def lock(people: Sequence[int], code: str) -> tuple[Kind, list[Held]]:
    """These people's accounts in this currency, locked in the order of their numbers with all others of theirs; those
    that are missing are opened. One query where none is. Raises `NoSuchCurrency` and `AccountFrozen`."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(people)])
        rows = cursor.fetchall()
        if sum(row[_CODE] == code for row in rows) < len(people):
            _open(cursor, people, currency(code))
            cursor.execute(LOCK, [list(people)])
            rows = cursor.fetchall()
    return locked(rows, people, code)


def locked(rows: Sequence[Any], people: Sequence[int], code: str) -> tuple[Kind, list[Held]]:
    """The accounts in this currency of these rows. Raises `AccountFrozen`, and where there are none of them
    `NoSuchCurrency`."""
    rows = [row for row in rows if row[_CODE] == code]
    if not rows:
        return currency(code), []
    for row in rows:
        if row[2] is not None:
            words = (
                _("customer: the shop has frozen their points; a manager of its lets them go on")
                if row[13]
                else _("customer: their points are frozen, for the books do not agree; ask the shop to look at them")
            )
            raise AccountFrozen(words, field="customer", value=row[1])
    number, zone, spend_order, debt_limit, scale = rows[0][8:13]
    kind = Kind(number, code, zone, Terms(spend_order, debt_limit, scale))
    return kind, [Held(row[0], row[1], row[3], (row[4], row[5], row[6], row[7])) for row in rows]


def hold(people: Sequence[int], code: str) -> None:
    """All accounts of these people, locked in the order of their numbers, frozen or not; those in this currency that
    are missing are opened. Raises `NoSuchCurrency`."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [list(people)])
        _open(cursor, people, currency(code))
        cursor.execute(_HOLD, [list(people)])


def frozen(records: Collection[int], code: str) -> set[int]:
    """Those of these records whose person's points of this kind are frozen. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_FROZEN, [code, list(records)])
        return {record for (record,) in cursor.fetchall()}


def look(people: Sequence[int], kind: Kind) -> list[Held]:
    """These people's accounts as far as there are any, not locked: for questions."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK.replace("FOR UPDATE OF account", ""), [list(people)])
        rows = [row for row in cursor.fetchall() if row[_CODE] == kind.code]
        return [Held(row[0], row[1], row[3], (row[4], row[5], row[6], row[7]), row[14]) for row in rows]


def forgiven(lots: Collection[Lot]) -> dict[int, int]:
    """What was forgiven of these, because it was spent, and is not made good. One query, none where nothing is short
    of any."""
    short = [lot.id for lot in lots if lot.short]
    if not short:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FORGIVEN, {"lots": short})
        return dict(cursor.fetchall())


def _open(cursor: Any, people: Sequence[int], kind: Kind) -> None:
    cursor.execute(_MISSING, [list(people), kind.id])
    if missing := [row[0] for row in cursor.fetchall()]:
        # Who opens another of theirs at this moment cannot be seen, and may have told of it.
        lock_subjects(f"customer:{person}" for person in missing)
        cursor.execute(_OPEN, [kind.id, missing])


def load(
    held: Sequence[Held],
    kind: Kind,
    *,
    at: datetime,
    need: Mapping[int, int],
    lots: Sequence[int] = (),
    holds: Sequence[int] = (),
    owe: Mapping[int, int] = MappingProxyType({}),
) -> dict[int, Wallet]:
    """A wallet for each account, by its person, with the lots that can be wanted and those the clock is due to change.

    `need` is what each person may spend, `owe` what may come to be owed besides what is. Accounts that hold nothing
    cost no query.
    """
    found = {
        one.id: Wallet(account=one.id, terms=kind.terms, balances=one.balances, sequence=one.sequence) for one in held
    }
    by_person = {one.customer: found[one.id] for one in held}
    filled = [one for one in held if one.balances[0] or one.balances[1]]
    owing = [one.id for one in held if one.balances[3]]
    holding = [one.id for one in held if one.balances[2]]
    queries: list[str] = []
    if filled:
        queries.append(_DUE)
        if any(need.values()):
            queries.append(_WANTED.replace("IN_ORDER", _ORDERS[kind.terms.spend_order]))
    paying = {one.id: one.balances[3] + owe.get(one.customer, 0) for one in filled}
    paying = {account: amount for account, amount in paying.items() if amount}
    if paying:
        queries.append(_PAYING.replace("IN_ORDER", _ORDERS[kind.terms.spend_order]))
    if owing:
        queries.append(_OWING)
    if lots:
        queries.append(_NAMED)
    given: dict[str, Any] = {
        "at": at,
        "accounts": [one.id for one in held],
        "of": [by_person[person].account for person, amount in need.items() if amount],
        # What is owed is paid first, and what a spend must leave stands behind it.
        "need": [amount + by_person[person].debt for person, amount in need.items() if amount],
        "owing": owing,
        "by": list(paying),
        "owe": list(paying.values()),
        "lots": list(lots),
        "holding": holding,
        "holds": list(holds),
    }
    with connection.cursor() as cursor:
        if holding:
            cursor.execute(_PARTS, given)
            parts = cursor.fetchall()
            for account, hold, lot, left, expires_at in parts:
                found[account].parts[hold, lot] = Part(hold, lot, left, expires_at)
            if parts:
                given["lots"] = [*lots, *(row[2] for row in parts)]
                if not lots:
                    queries.append(_NAMED)
        if queries:
            cursor.execute(" UNION ".join(queries), given)
            for account, *row in cursor.fetchall():
                found[account].put(Lot(*row))
    return by_person
