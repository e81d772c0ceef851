"""What joining two records moves here: each record's lots go to the person's account, with what they hold and owe.

Nothing else changes: lots keep their end and what they were spent on, a record goes on paying what it owes from its own
points. So parted again, each has what it would have had. Both ledgers show the step, through the transit book, with one
posting for each place in which the record had points: which lots they were, their own postings say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers.merging import Effect, Move
from regulars.kit.actors import Actor
from regulars.levers.loyalty._ledger import acts, resting
from regulars.levers.loyalty._ledger.acts import Told

_COUNT = """
SELECT count(*) FROM loyalty_lot AS lot JOIN unnest(%s::bigint[]) AS told(record) ON lot.record_id = told.record
  JOIN loyalty_account AS account ON account.id = lot.account_id WHERE account.customer_id = ANY(%s)
"""
_OPEN = """
INSERT INTO loyalty_account (customer_id, currency_id)
SELECT DISTINCT told.into_, account.currency_id FROM unnest(%s::bigint[], %s::bigint[]) AS told(out_of, into_)
  JOIN loyalty_account AS account ON account.customer_id = told.out_of
 ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT id, customer_id, currency_id, sequence, pending, available, held, debt FROM loyalty_account
 WHERE customer_id = ANY(%s) ORDER BY id FOR UPDATE
"""
_SUMS = """
SELECT lot.account_id, lot.record_id, sum(lot.pending), sum(lot.available), sum(lot.held), sum(lot.owed)
  FROM loyalty_lot AS lot
  JOIN unnest(%s::bigint[], %s::bigint[]) AS told(account, record)
    ON lot.account_id = told.account AND lot.record_id = told.record
 GROUP BY 1, 2 ORDER BY 1, 2
"""
_ENTRY = """
INSERT INTO loyalty_entry (act_id, account_id, sequence, kind, effective_at, reason, pending_after, available_after,
                           held_after, debt_after, origin)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'live') RETURNING id
"""
# All of the record's points in each place, out of the one account and into the other; what is owed goes the other way
# round.
_POSTINGS = """
INSERT INTO loyalty_posting (entry_id, number, record_id, from_book, to_book, amount)
SELECT step.entry, place.number, %s,
       CASE WHEN step.goes_out = (place.book <> 'debt') THEN place.book ELSE 'transit' END,
       CASE WHEN step.goes_out = (place.book <> 'debt') THEN 'transit' ELSE place.book END, place.amount
  FROM (VALUES (1, 'pending', %s::bigint), (2, 'available', %s::bigint), (3, 'held', %s::bigint),
               (4, 'debt', %s::bigint)) AS place(number, book, amount)
 CROSS JOIN (VALUES (%s::bigint, true), (%s::bigint, false)) AS step(entry, goes_out)
 WHERE place.amount > 0
"""
_MOVE = "UPDATE loyalty_lot SET account_id = %s WHERE account_id = %s AND record_id = %s"
_ACCOUNT = "UPDATE loyalty_account SET sequence = %s, pending = %s, available = %s, held = %s, debt = %s WHERE id = %s"


@dataclass
class _Account:
    """An account whose row is locked, as it stands after what was moved so far."""

    id: int
    sequence: int
    balances: list[int]


def plan(moves: Sequence[Move]) -> list[Effect]:
    """How many awards of points would move."""
    records, persons = _told(moves)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [records, [*records, *persons]])
        [(count,)] = cursor.fetchall()
    return [Effect(_("awards of points"), int(count))]


def apply(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Each record's points go to its person."""
    records, persons = _told(moves)
    _move(list(zip(records, records, persons, strict=True)), "joined", at, by)


def undo(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """What came with each record leaves its person for the record."""
    records, persons = _told(moves)
    _move(list(zip(records, persons, records, strict=True)), "parted", at, by)


def _move(steps: Sequence[tuple[int, int, int]], why: str, at: datetime, by: Actor) -> None:
    """`steps`: a record, and from whose account to whose its lots go.

    An account that rests goes on for that moment, so that its lots have their days wherever they come to; where they
    come to rests from then on, too.
    """
    with transaction.atomic():
        rested = resting.resting(sorted({customer for step in steps for customer in step[1:]}))
        if rested:
            told = Told("rest", f"merge:{uuid4()}", at, by, {})
            resting.go_on(rested, told=told, act=acts.begin(told)[0])
        _move_lots(steps, why, at, by)
        for one in rested:
            resting.rest_again(one, people={step[2] for step in steps if step[1] == one.customer}, at=at)


def _move_lots(steps: Sequence[tuple[int, int, int]], why: str, at: datetime, by: Actor) -> None:
    out_of, into = [step[1] for step in steps], [step[2] for step in steps]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OPEN, [out_of, into])
        cursor.execute(_LOCK, [sorted({*out_of, *into})])
        accounts = {
            (customer, currency): _Account(number, sequence, balances)
            for number, customer, currency, sequence, *balances in cursor.fetchall()
        }
        ways = {
            (accounts[source, currency].id, record): (accounts[source, currency], accounts[target, currency])
            for record, source, target in steps
            for _owner, currency in [key for key in accounts if key[0] == source]
        }
        cursor.execute(_SUMS, [[account for account, _ in ways], [record for _, record in ways]])
        sums = cursor.fetchall()
        if not sums:
            return
        act, _is_new = acts.begin(Told("merge", f"merge:{uuid4()}", at, by, {}))
        touched: dict[int, _Account] = {}
        for account, record, *amounts in sums:
            source, target = ways[account, record]
            entries = [
                _booked(cursor, source, "merge_out", [-int(amount) for amount in amounts], act, why, at),
                _booked(cursor, target, "merge_in", [int(amount) for amount in amounts], act, why, at),
            ]
            cursor.execute(_POSTINGS, [record, *amounts, *entries])
            cursor.execute(_MOVE, [target.id, source.id, record])
            touched |= {source.id: source, target.id: target}
        for one in touched.values():
            cursor.execute(_ACCOUNT, [one.sequence, *one.balances, one.id])


def _booked(cursor: Any, account: _Account, kind: str, changes: Sequence[int], act: int, why: str, at: datetime) -> int:
    account.sequence += 1
    account.balances = [was + change for was, change in zip(account.balances, changes, strict=True)]
    cursor.execute(_ENTRY, [act, account.id, account.sequence, kind, at, why, *account.balances])
    [(number,)] = cursor.fetchall()
    return int(number)


def _told(moves: Sequence[Move]) -> tuple[list[int], list[int]]:
    return [move.record for move in moves], [move.person for move in moves]
