"""What joining two records moves here: each record's lots go to the person's account, with what they hold and owe.

Nothing else changes: lots keep their end and what they were spent on, a record goes on paying what it owes from its own
points. So parted again, each has what it would have had. Both ledgers show the step, through the transit book, with one
posting for each place in which the record had points: which lots they were, their own postings say.

Where books do not agree nobody is refused, for who is who is not decided here: what goes is what was posted, which is
right, and what is wrong stays where it is, to be mended there. Both accounts are frozen until somebody has looked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers.merging import Effect, Move
from regulars.kit.actors import Actor
from regulars.levers.loyalty import checkups, examination
from regulars.levers.loyalty._ledger import acts, resting
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.books import BY_POSTINGS, OWED
from regulars.levers.loyalty._ledger.resting import Resting
from regulars.levers.loyalty.models import Account

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
SELECT id, customer_id, currency_id, sequence, pending, available, held, debt, frozen_why
  FROM loyalty_account WHERE customer_id = ANY(%s) ORDER BY id FOR UPDATE
"""
_SUMS = """
SELECT lot.account_id, lot.record_id, sum(lot.pending), sum(lot.available), sum(lot.held), sum(lot.owed)
  FROM loyalty_lot AS lot
  JOIN unnest(%s::bigint[], %s::bigint[]) AS told(account, record)
    ON lot.account_id = told.account AND lot.record_id = told.record
 GROUP BY 1, 2 ORDER BY 1, 2
"""
# The same of accounts whose lots are not to be trusted: what was posted of them.
_SUMS_OF_POSTINGS = """
SELECT lot.account_id, lot.record_id, greatest(sum(posted.pending), 0), greatest(sum(posted.available), 0),
       greatest(sum(posted.held), 0), greatest(sum(owing.owed), 0)
  FROM loyalty_lot AS lot
  JOIN unnest(%s::bigint[], %s::bigint[]) AS told(account, record)
    ON lot.account_id = told.account AND lot.record_id = told.record
 CROSS JOIN LATERAL (SELECT SUMS FROM loyalty_posting AS posting WHERE posting.lot_id = lot.id) AS posted
 CROSS JOIN LATERAL (
    SELECT OWED AS owed FROM (
      SELECT * FROM loyalty_posting AS posting WHERE posting.lot_id = lot.id AND posting.for_lot_id IS NULL
       UNION ALL SELECT * FROM loyalty_posting AS posting WHERE posting.for_lot_id = lot.id) AS posting
  ) AS owing
 GROUP BY 1, 2 ORDER BY 1, 2
"""
# What accounts stand at by their entries.
_POSTED = """
SELECT account.id, (SELECT coalesce(max(sequence), 0) FROM loyalty_entry WHERE account_id = account.id), posted.*
  FROM loyalty_account AS account CROSS JOIN LATERAL (
    SELECT SUMS, OWED AS owed FROM loyalty_entry AS entry
      JOIN loyalty_posting AS posting ON posting.entry_id = entry.id WHERE entry.account_id = account.id
  ) AS posted WHERE account.id = ANY(%s)
"""
_SUMS_OF_POSTINGS, _POSTED = (
    sql.replace(
        "SUMS", ", ".join(f"{BY_POSTINGS[place]} AS {place}" for place in ("pending", "available", "held"))
    ).replace("OWED", OWED)
    for sql in (_SUMS_OF_POSTINGS, _POSTED)
)
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
#: A record, and from whose account to whose its lots go.
_Step = tuple[int, int, int]
_ACCOUNT = "UPDATE loyalty_account SET sequence = %s, pending = %s, available = %s, held = %s, debt = %s WHERE id = %s"
# Frozen by the doctor, who freezes with a reason: whoever gets anything from there is frozen, too.
_GOES_ALONG = """
UPDATE loyalty_account AS account
   SET frozen_at = coalesce(account.frozen_at, found.frozen_at), frozen_why = found.frozen_why
  FROM (SELECT DISTINCT ON (target.id) target.id, source.frozen_at, source.frozen_why
          FROM unnest(%s::bigint[], %s::bigint[]) AS told(out_of, into_)
          JOIN loyalty_account AS source ON source.customer_id = told.out_of AND source.frozen_at IS NOT NULL
           AND source.frozen_why <> ''
          JOIN loyalty_account AS target ON target.customer_id = told.into_ AND target.currency_id = source.currency_id
         WHERE target.frozen_at IS NULL OR target.frozen_why = '' ORDER BY target.id, source.frozen_at) AS found
 WHERE account.id = found.id RETURNING account.id, account.frozen_why
"""


@dataclass
class _Account:
    """An account whose row is locked, as it stands after what was moved so far. `off`: by how much what is written in
    the row differs from that, of one whose books do not agree; its sequence first."""

    id: int
    sequence: int
    balances: list[int]
    off: tuple[int, ...] = (0, 0, 0, 0, 0)

    @property
    def written(self) -> list[int]:
        """What its row is to say: what was wrong stays as wrong, as far as a row can say it."""
        return [max(0, one + off) for one, off in zip([self.sequence, *self.balances], self.off, strict=True)]


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


def _move(steps: Sequence[_Step], why: str, at: datetime, by: Actor) -> None:
    """An account that rests goes on for that moment, so that its lots have their days wherever they come to; where they
    come to rests from then on, too. So with one that the doctor froze, and with one whose books turn out not to agree.
    """
    people = sorted({customer for step in steps for customer in step[1:]})
    with transaction.atomic():
        try:
            with transaction.atomic():
                _move_all(steps, people, why, at, by)
        except IntegrityError:
            # As a sweep does: those whose books do not agree are frozen, and then moved by what was posted.
            if not _frozen_now(people, at, by):
                raise
            _move_all(steps, people, why, at, by)


def _move_all(steps: Sequence[_Step], people: Sequence[int], why: str, at: datetime, by: Actor) -> None:
    rested = resting.resting(people)
    awake = {one.account for one in rested if _goes_on(one, at, by)}
    _move_lots(steps, why, at, by, odd={one.account for one in rested if one.account in awake and one.frozen_why})
    for one in rested:
        resting.rest_again(one, people={step[2] for step in steps if step[1] == one.customer}, at=at)
    with connection.cursor() as cursor:
        cursor.execute(_GOES_ALONG, [[step[1] for step in steps], [step[2] for step in steps]])
        for account, because in cursor.fetchall():
            examination.note(account=account, why=because, at=at, by=by)


def _goes_on(one: Resting, at: datetime, by: Actor) -> bool:
    """Whether it could: books that do not agree may not let themselves be written in, and then keep their days."""
    try:
        with transaction.atomic():
            told = Told("rest", f"merge:{uuid4()}", at, by, {})
            resting.go_on([one], told=told, act=acts.begin(told)[0])
    except IntegrityError:
        return False
    return True


def _frozen_now(people: Sequence[int], at: datetime, by: Actor) -> bool:
    """Freeze those whose books do not agree, if there are any that nobody has frozen for it."""
    mine = Account.objects.filter(customer_id__in=people, frozen_why="").values_list("id", flat=True)
    found: dict[int, tuple[str, ...]] = {}
    for one in checkups.broken(list(mine)):
        # Whose record's lots are where is what is being changed.
        if one.invariant != "persons":
            found[one.account] = (*found.get(one.account, ()), one.invariant)
    examination.freeze(found, at=at, by=by)
    return bool(found)


def _move_lots(steps: Sequence[_Step], why: str, at: datetime, by: Actor, *, odd: Collection[int]) -> None:
    """`odd`: accounts that are not to be trusted, besides those that are frozen as such."""
    out_of, into = [step[1] for step in steps], [step[2] for step in steps]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OPEN, [out_of, into])
        cursor.execute(_LOCK, [sorted({*out_of, *into})])
        rows = cursor.fetchall()
        odd = {*odd, *(row[0] for row in rows if row[-1])}
        accounts = {
            (customer, currency): _Account(number, sequence, balances)
            for number, customer, currency, sequence, *balances, _why in rows
        }
        if odd:
            _by_postings(cursor, [one for one in accounts.values() if one.id in odd])
        ways = {
            (accounts[source, currency].id, record): (accounts[source, currency], accounts[target, currency])
            for record, source, target in steps
            for _owner, currency in [key for key in accounts if key[0] == source]
        }
        sums = []
        for sql, mine in (
            (_SUMS, [way for way in ways if way[0] not in odd]),
            (_SUMS_OF_POSTINGS, [way for way in ways if way[0] in odd]),
        ):
            if mine:
                cursor.execute(sql, [[account for account, _ in mine], [record for _, record in mine]])
                sums += cursor.fetchall()
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
            cursor.execute(_ACCOUNT, [*one.written, one.id])


def _by_postings(cursor: Any, accounts: Sequence[_Account]) -> None:
    """What they stand at is what was posted."""
    cursor.execute(_POSTED, [[one.id for one in accounts]])
    posted = {number: [int(each) for each in stands] for number, *stands in cursor.fetchall()}
    for one in accounts:
        was = [one.sequence, *one.balances]
        one.sequence, *one.balances = posted[one.id]
        one.off = tuple(said - stands for said, stands in zip(was, posted[one.id], strict=True))


def _booked(cursor: Any, account: _Account, kind: str, changes: Sequence[int], act: int, why: str, at: datetime) -> int:
    account.sequence += 1
    account.balances = [was + change for was, change in zip(account.balances, changes, strict=True)]
    cursor.execute(_ENTRY, [act, account.id, account.sequence, kind, at, why, *account.balances])
    [(number,)] = cursor.fetchall()
    return int(number)


def _told(moves: Sequence[Move]) -> tuple[list[int], list[int]]:
    return [move.record for move in moves], [move.person for move in moves]
