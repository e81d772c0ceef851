"""What happened to somebody's points, line by line, and what one line did to which lots."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db import connection

from regulars.facts.customers import persons
from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit import ids, paging
from regulars.kit.paging import Page
from regulars.levers.loyalty import reasons
from regulars.levers.loyalty._ledger import account_rows
from regulars.levers.loyalty._ledger.answers import PREFIX
from regulars.levers.loyalty._ledger.books import BY_POSTINGS, MEMBERS, OWED
from regulars.levers.loyalty._rewards.rows import Reward
from regulars.levers.loyalty.reasons import Reason
from regulars.levers.loyalty.titles import titled

_LIST = "points.statement"
_CHANGES = {**BY_POSTINGS, "debt": OWED}
LINES = """
SELECT entry.id, entry.public_id, account.customer_id, entry.sequence, entry.kind, entry.effective_at,
       entry.recorded_at, entry.reason, entry.arguments, entry.rule, entry.rule_version, reversed.public_id,
       entry.origin, entry.pending_after, entry.available_after, entry.held_after, entry.debt_after, act.by,
       coalesce(moved.pending, 0), coalesce(moved.available, 0), coalesce(moved.held, 0), coalesce(moved.debt, 0)
  FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
  JOIN loyalty_act AS act ON act.id = entry.act_id
  LEFT JOIN loyalty_entry AS reversed ON reversed.id = entry.reverses_id
  LEFT JOIN LATERAL (SELECT MOVED FROM loyalty_posting AS posting WHERE posting.entry_id = entry.id) AS moved ON true
""".replace("MOVED", ", ".join(f"{_CHANGES[book]} AS {book}" for book in MEMBERS))
_OF = """
 WHERE account.customer_id = ANY(%s) AND account.currency_id = %s AND entry.id < %s ORDER BY entry.id DESC LIMIT %s
"""
_MOVES = """
SELECT lot.id, lot.record_id, lot.subject, lot.rule, lot.rule_version, lot.expires_on, lot.funding, lot.partner,
       posting.from_book, posting.to_book, posting.amount, posting.for_lot_id
  FROM loyalty_posting AS posting JOIN loyalty_lot AS lot ON lot.id = posting.lot_id
 WHERE posting.entry_id = %s ORDER BY posting.number
"""
# What went to another account with its record: of each lot as much as its own postings had brought there by then. The
# lots are where the record is today. A lot's entries are numbered in the order in which they were written.
_WENT = """
SELECT lot.id, lot.record_id, lot.subject, lot.rule, lot.rule_version, lot.expires_on, lot.funding, lot.partner,
       posting.from_book, posting.to_book, stood.amount::bigint, NULL::bigint
  FROM loyalty_posting AS posting JOIN loyalty_entry AS entry ON entry.id = posting.entry_id
  JOIN loyalty_account AS shown ON shown.id = entry.account_id
  JOIN {customers} AS record ON record.id = posting.record_id
  JOIN loyalty_account AS account
    ON account.customer_id = coalesce(record.person_id, record.id) AND account.currency_id = shown.currency_id
  JOIN loyalty_lot AS lot ON lot.account_id = account.id AND lot.record_id = posting.record_id
 CROSS JOIN LATERAL (
    SELECT CASE 'transit' WHEN posting.from_book THEN posting.to_book ELSE posting.from_book END AS book) AS place
 CROSS JOIN LATERAL (
    SELECT CASE place.book WHEN 'pending' THEN {pending} WHEN 'available' THEN {available} WHEN 'held' THEN {held}
                           ELSE {debt} END AS amount
      FROM (SELECT * FROM loyalty_posting AS own
             WHERE own.lot_id = lot.id AND own.entry_id < entry.id AND (place.book <> 'debt' OR own.for_lot_id IS NULL)
             UNION ALL
            SELECT * FROM loyalty_posting AS own
             WHERE own.for_lot_id = lot.id AND own.entry_id < entry.id AND place.book = 'debt') AS told) AS stood
 WHERE posting.entry_id = %s AND stood.amount > 0 ORDER BY posting.number, lot.id
""".format(customers=CUSTOMERS, **_CHANGES)  # noqa: S608 - names of ours


@dataclass(frozen=True)
class Change:
    """By how much an entry changed what the account holds."""

    pending: int
    available: int
    held: int
    debt: int


@dataclass(frozen=True)
class Line:
    """One entry: what it changed, what the account stood at after it, and why, in the reader's language.

    `customer` is the record whose account it is: of several that are one person each keeps its own lines. `reverses` is
    the public id of the entry that this one reverses.
    """

    id: int
    public_id: str
    customer: int
    sequence: int
    kind: str
    effective_at: datetime
    recorded_at: datetime
    reason: Reason
    because: str
    rule: str
    rule_version: int | None
    reverses: str | None
    origin: str
    by: str
    pending: int
    available: int
    held: int
    debt: int
    change: Change


@dataclass(frozen=True)
class Moved:
    """What an entry moved of one lot. `for_lot` is the lot whose debt it paid."""

    lot: int
    record: int
    subject: str
    rule: str
    rule_version: int | None
    expires_on: date | None
    funding: str
    partner: str
    from_book: str
    to_book: str
    amount: int
    for_lot: int | None


@dataclass(frozen=True)
class Explanation:
    """An entry, and all that it moved."""

    line: Line
    moved: tuple[Moved, ...]


def statement(*, customer: int, currency: str = "points", cursor: str | None = None, limit: int = 50) -> Page[Line]:
    """The entries of all records of the customer's person, as they were booked, the latest first. Four queries, and one
    where rewards are among them."""
    paging.check_size(limit)
    kind = account_rows.currency(currency)
    before = 2**63 - 1
    if cursor is not None:
        [place] = paging.decode(cursor, _LIST, int)
        assert isinstance(place, int)
        before = place
    records = persons.records_of(persons.of(customer))
    with connection.cursor() as rows:
        rows.execute(LINES + _OF, [list(records), kind.id, before, limit + 1])
        found = rows.fetchall()
    lines = lines_of(found)
    return paging.cut(lines, limit, of=_LIST, key=lambda line: (line.id,))


def explain(*, entry: int) -> Explanation | None:
    """What an entry moved, of which lots. None where there is no such entry. Two queries, three of a reward."""
    with connection.cursor() as rows:
        rows.execute(LINES + " WHERE entry.id = %s", [entry])
        found = rows.fetchall()
        if not found:
            return None
        [line] = lines_of(found)
        rows.execute(_WENT if line.reason.code in ("joined", "parted") else _MOVES, [entry])
        return Explanation(line, tuple(Moved(*row) for row in rows.fetchall()))


def lines_of(rows: Sequence[Any]) -> list[Line]:
    """Rows of `LINES`. A reward is called what it is called now; one query where there is any."""
    told = [Reason(row[7], json.loads(row[8]) if isinstance(row[8], str) else row[8]) for row in rows]
    names = _names_of({str(one.arguments["reward"]) for one in told if "reward" in one.arguments})
    return [_line(row, reason, names) for row, reason in zip(rows, told, strict=True)]


def _names_of(rewards: Collection[str]) -> dict[str, str]:
    if not rewards:
        return {}
    found = Reward.objects.filter(code__in=rewards).values_list("code", "titles")
    return {code: titled(code, titles) for code, titles in found}


def _line(row: Any, reason: Reason, rewards: Mapping[str, str]) -> Line:
    shown = reason
    if "reward" in reason.arguments:
        code = str(reason.arguments["reward"])
        shown = replace(reason, arguments={**reason.arguments, "reward": rewards.get(code, code)})
    return Line(
        id=row[0],
        public_id=ids.public(PREFIX, row[1]),
        customer=row[2],
        sequence=row[3],
        kind=row[4],
        effective_at=row[5],
        recorded_at=row[6],
        reason=reason,
        because=reasons.say(shown),
        rule=row[9],
        rule_version=row[10],
        reverses=None if row[11] is None else ids.public(PREFIX, row[11]),
        origin=row[12],
        pending=row[13],
        available=row[14],
        held=row[15],
        debt=row[16],
        by=row[17],
        change=Change(*(int(amount) for amount in row[18:22])),
    )
