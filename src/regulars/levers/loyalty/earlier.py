"""What became of points in the system a shop used before, for whoever asks a member's history: read beside the ledger.

It moves no points: what members had in the end is brought along by `opening`, and only that can be spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction

from regulars.facts.customers import persons
from regulars.kit import paging
from regulars.kit.actors import Actor
from regulars.kit.paging import Key, Page
from regulars.levers.loyalty._ledger import account_rows
from regulars.levers.loyalty._ledger.before import EARLIER_KINDS
from regulars.levers.loyalty.opening import Brought, subject
from regulars.runtime.trail import trail

__all__ = ("KINDS", "Line", "Movement", "Sums", "bring", "lines", "sums", "unequal")

#: What may have become of points there.
KINDS = EARLIER_KINDS
_LIST = "points.earlier"
_BEGINNING = (datetime.max.replace(tzinfo=UTC), 2**63 - 1)
_INSERT = """
INSERT INTO loyalty_earlier (record_id, currency_id, subject, kind, amount, happened_at, source)
SELECT told.record, %s, told.subject, told.kind, told.amount, told.at, %s
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[])
       AS told(record, subject, kind, amount, at)
ON CONFLICT (subject) DO NOTHING RETURNING subject
"""
_KNOWN = "SELECT subject, record_id, kind, amount, happened_at FROM loyalty_earlier WHERE subject = ANY(%s)"
_LINES = """
SELECT id, record_id, kind, amount, happened_at, source FROM loyalty_earlier
 WHERE record_id = ANY(%s) AND currency_id = %s AND (happened_at, id) < (%s, %s)
 ORDER BY happened_at DESC, id DESC LIMIT %s
"""
_SUMS = """
SELECT kind, sum(amount)::bigint, count(*), min(happened_at), max(happened_at) FROM loyalty_earlier
 WHERE record_id = ANY(%s) AND currency_id = %s GROUP BY kind
"""
# Of records, as both were told: who has become one person since changes nothing of what their files said.
_UNEQUAL = """
SELECT count(*)
  FROM (SELECT record_id, sum(amount) AS amount FROM loyalty_earlier WHERE currency_id = %s GROUP BY 1) AS earlier
  LEFT JOIN (SELECT lot.record_id, sum(lot.original) AS amount
               FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
              WHERE account.currency_id = %s AND lot.subject LIKE 'opening:%%' GROUP BY 1) AS brought USING (record_id)
 WHERE earlier.amount <> coalesce(brought.amount, 0)
"""


@dataclass(frozen=True)
class Movement:
    """What became of a customer's points there, under a `ref` that means it alone. `amount` in the smallest parts,
    below zero of what was `spent` or `ended`."""

    ref: str
    customer: int
    kind: str
    amount: int
    happened_at: datetime


@dataclass(frozen=True)
class Line:
    """A movement as it was told. `customer` is the record of which it was told."""

    id: int
    customer: int
    kind: str
    amount: int
    happened_at: datetime
    source: str


@dataclass(frozen=True)
class Sums:
    """All that became of somebody's points there. `amounts` by kind; `balance` is their sum."""

    amounts: dict[str, int]
    count: int
    first_at: datetime
    last_at: datetime

    @property
    def balance(self) -> int:
        """What would have been left."""
        return sum(self.amounts.values())


def bring(*, told: Sequence[Movement], source: str, at: datetime, by: Actor, currency: str = "points") -> Brought:
    """Put on record what became of points elsewhere: each ref once, whatever is told again.

    What is there with other content stays as it is, and is named. Announces nothing. One transaction, five statements.
    """
    kind = account_rows.currency(currency)
    mine = {subject("earlier", source, currency, one.ref): one for one in told}
    with transaction.atomic(), connection.cursor() as cursor:
        people = persons.held(one.customer for one in mine.values())
        ordered = sorted(mine)
        rows = [mine[name] for name in ordered]
        cursor.execute(
            _INSERT,
            [
                kind.id,
                source,
                [one.customer for one in rows],
                ordered,
                [one.kind for one in rows],
                [one.amount for one in rows],
                [one.happened_at for one in rows],
            ],
        )
        new = {name for (name,) in cursor.fetchall()}
        cursor.execute(_KNOWN, [[name for name in ordered if name not in new]])
        known = {name: (record, content) for name, record, *content in cursor.fetchall()}
        there = persons.of_many({record for record, _content in known.values()})
        conflicts = tuple(
            one.ref
            for name, one in mine.items()
            if name in known
            and (there[known[name][0]], known[name][1])
            != (people[one.customer], [one.kind, one.amount, one.happened_at])
        )
        if new:
            after = {"rows": len(new), "source": source}
            trail.record(by=by, verb="loyalty.earlier.bring", subject=f"currency:{kind.id}", at=at, after=after)
    return Brought(len(new), len(mine) - len(new) - len(conflicts), conflicts)


def lines(*, customer: int, currency: str = "points", cursor: str | None = None, limit: int = 50) -> Page[Line]:
    """What became of the points of all records of the customer's person, the latest first. Four queries."""
    paging.check_size(limit)
    kind = account_rows.currency(currency)
    before: Sequence[Key] = _BEGINNING if cursor is None else paging.decode(cursor, _LIST, datetime, int)
    with connection.cursor() as rows:
        rows.execute(_LINES, [list(persons.records_of(persons.of(customer))), kind.id, *before, limit + 1])
        found = [Line(*row) for row in rows.fetchall()]
    return paging.cut(found, limit, of=_LIST, key=lambda line: (line.happened_at, line.id))


def sums(*, customer: int, currency: str = "points") -> Sums | None:
    """All of it added up; None where nothing was told. Four queries."""
    kind = account_rows.currency(currency)
    with connection.cursor() as rows:
        rows.execute(_SUMS, [list(persons.records_of(persons.of(customer))), kind.id])
        found = rows.fetchall()
    if not found:
        return None
    return Sums(
        amounts={name: amount for name, amount, *_ in found},
        count=sum(count for _name, _amount, count, *_ in found),
        first_at=min(first for *_, first, _last in found),
        last_at=max(last for *_, last in found),
    )


def unequal(*, currency: str = "points") -> int:
    """Of how many customers what was told does not come to what was brought along for them. One query."""
    kind = account_rows.currency(currency)
    with connection.cursor() as cursor:
        cursor.execute(_UNEQUAL, [kind.id, kind.id])
        [(count,)] = cursor.fetchall()
    return int(count)
