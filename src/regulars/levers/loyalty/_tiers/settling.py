"""What is kept of where people stand is brought to what is so: of one with its row locked, of many by their revision.

Whoever's row moved on meanwhile is left out: who moved it has seen newer facts than were read here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from django.db import connection

from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty.notices import TierLost, TierReached
from regulars.levers.loyalty.rules.tier_periods import Window
from regulars.levers.loyalty.rules.tier_sets import TierSet
from regulars.levers.loyalty.rules.tier_standing import NOWHERE, Facts, Walk, walk
from regulars.runtime.database import arrays
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.outbox import announce_many

Because = Literal["reached", "fell", "rules", "returned", "corrected"]
_LOCK = """
INSERT INTO loyalty_standing (programme_id, tiers, customer_id)
SELECT %s, told.tiers, told.customer FROM unnest(%s::text[], %s::bigint[]) AS told(tiers, customer)
 ORDER BY told.customer, told.tiers
    ON CONFLICT (customer_id, programme_id, tiers) DO UPDATE SET revision = loyalty_standing.revision + 1
RETURNING customer_id, tiers, level, since_on, falls_on, due_on, basis, evidence::text, revision
"""
_READ = """
SELECT customer_id, tiers, level, since_on, falls_on, due_on, basis, evidence::text, revision FROM loyalty_standing
 WHERE programme_id = %s AND customer_id = ANY(%s::bigint[])
"""
_TOLD = """
  FROM ROWS FROM (unnest(%(customer)s::bigint[]), jsonb_array_elements_text(%(tiers)s::jsonb),
         jsonb_array_elements_text(%(level)s::jsonb), unnest(%(rank)s::smallint[]), unnest(%(since)s::date[]),
         unnest(%(falls)s::date[]), unnest(%(due)s::date[]), jsonb_array_elements(%(evidence)s::jsonb),
         unnest(%(revision)s::int[]))
       AS told(customer, tiers, level, rank, since_on, falls_on, due_on, evidence, revision)
"""
_UPDATE = (
    """
UPDATE loyalty_standing AS standing
   SET level = told.level, rank = told.rank, since_on = told.since_on, falls_on = told.falls_on, due_on = told.due_on,
       evidence = told.evidence, basis = %(basis)s, revision = told.revision + 1, decided_at = %(at)s
"""
    + _TOLD
    + """
 WHERE standing.customer_id = told.customer AND standing.programme_id = %(programme)s AND standing.tiers = told.tiers
   AND standing.revision = told.revision
RETURNING standing.customer_id, standing.tiers
"""
)
_INSERT = (
    """
INSERT INTO loyalty_standing (programme_id, customer_id, tiers, level, rank, since_on, falls_on, due_on, evidence,
                              basis, decided_at)
SELECT %(programme)s, told.customer, told.tiers, told.level, told.rank, told.since_on, told.falls_on, told.due_on,
       told.evidence, %(basis)s, %(at)s
"""
    + _TOLD
    + """
 ORDER BY told.customer, told.tiers ON CONFLICT DO NOTHING RETURNING customer_id, tiers
"""
)
_MOVES = """
INSERT INTO loyalty_tier_move (programme_id, version_id, tiers, customer_id, before, after, because, "on", at, by,
                               origin, evidence)
SELECT %(programme)s, %(version)s, told.tiers, told.customer, told.before, told.after, told.because, told.on_day,
       %(at)s, %(by)s, %(origin)s, told.evidence
  FROM ROWS FROM (unnest(%(customer)s::bigint[]), jsonb_array_elements_text(%(tiers)s::jsonb),
         jsonb_array_elements_text(%(before)s::jsonb), jsonb_array_elements_text(%(after)s::jsonb),
         jsonb_array_elements_text(%(because)s::jsonb), unnest(%(on)s::date[]),
         jsonb_array_elements(%(evidence)s::jsonb))
       WITH ORDINALITY AS told(customer, tiers, before, after, because, on_day, evidence, place)
 ORDER BY told.place
"""


@dataclass(frozen=True)
class Moved:
    """Somebody came from one level of a set to another; empty for none."""

    customer: int
    programme: str
    tiers: str
    before: str
    after: str
    because: Because
    on: date


@dataclass(frozen=True)
class _Kept:
    level: str
    since_on: date | None
    falls_on: date | None
    due_on: date | None
    basis: str
    evidence: Mapping[str, Any]
    revision: int


@dataclass(frozen=True)
class _Row:
    customer: int
    tiers: str
    level: str
    rank: int
    since_on: date | None
    falls_on: date | None
    due_on: date | None
    evidence: Mapping[str, Any]
    revision: int


def settle(
    ladder: Ladder,
    people: Collection[int],
    *,
    at: datetime,
    by: Actor,
    origin: Origin,
    is_locked: bool,
    because: Because | None = None,
) -> list[Moved]:
    """Bring what is kept of these people to what is so, in the caller's transaction; what moved. `is_locked`: of a few,
    whose facts somebody may be writing just now. `because` is said of those who had been looked at before."""
    kept = _locked(ladder, people) if is_locked else _read(ladder, people)
    told, held = tier_facts.done(ladder, people), tier_facts.frozen(ladder, people)
    today, now_us = ladder.today(at), tier_facts.micros(at) + 1
    facts = {person: one.facts(ladder.zone, now_us) for person, one in told.items()}
    rows: list[_Row] = []
    moves: list[Moved] = []
    fresh: list[_Row] = []
    for person in sorted({*facts, *(customer for customer, _ in kept)}):
        mine = facts.get(person)
        for tiers, segments in ladder.segments.items():
            before = kept.get((person, tiers))
            here = NOWHERE if mine is None else walk(segments, mine, held.get((person, tiers), ()), today)
            if before is None and not here.steps and here.next is None:
                continue
            row = _row(ladder, person, tiers, here, mine, today, 0 if before is None else before.revision)
            if before is None:
                fresh.append(row)
            elif not _is_same(row, before, ladder.basis):
                rows.append(row)
            if before is None or not before.basis:
                moves += _ways(ladder, row, here)
            elif row.level != before.level:
                move = _moved(ladder, row, here, before, today)
                moves.append(move if because is None else replace(move, because=because))
    written = {*_write(_INSERT, ladder, fresh, at), *_write(_UPDATE, ladder, rows, at)}
    moves = [one for one in moves if (one.customer, one.tiers) in written]
    _keep(ladder, moves, {(row.customer, row.tiers): row.evidence for row in (*fresh, *rows)}, at, by, origin)
    if origin == "live":
        # Of who was never looked at before, what happened long ago is no news.
        known = {place for place, one in kept.items() if one.basis}
        news = [one for one in moves if (one.customer, one.tiers) in known or one.on.toordinal() == today]
        announce_many([_notice(ladder, one, at) for one in news], by=by, verb="loyalty.tiers.requalify")
    return moves


def evidence(tiers: TierSet, facts: Facts, today: int) -> dict[str, Any]:
    """What was counted for a set in its present time, as far as it has come: counter to how much."""
    window = tiers.period.window(today, facts.joined)
    window = Window(window.since, min(window.until, today + 1))
    return {name: facts.count(need, window) for name, need in tiers.counters.items()}


def _row(ladder: Ladder, person: int, tiers: str, here: Walk, facts: Facts | None, today: int, revision: int) -> _Row:
    now = ladder.now(tiers)
    return _Row(
        customer=person,
        tiers=tiers,
        level=here.level,
        rank=0 if now is None else now.rank(here.level),
        since_on=tier_facts.on(here.since),
        falls_on=tier_facts.on(here.falls_on),
        due_on=None if here.next is None else tier_facts.on(here.next.day),
        evidence={} if now is None or facts is None else evidence(now, facts, today),
        revision=revision,
    )


def _is_same(row: _Row, before: _Kept, basis: str) -> bool:
    return (row.level, row.since_on, row.falls_on, row.due_on, basis) == (
        before.level,
        before.since_on,
        before.falls_on,
        before.due_on,
        before.basis,
    ) and row.evidence == before.evidence


def _ways(ladder: Ladder, row: _Row, here: Walk) -> list[Moved]:
    """All steps of somebody who was never looked at."""
    found = []
    for step in here.steps:
        on = tier_facts.on(step.day)
        assert on is not None
        because: Because = "fell" if step.because == "fell" else "rules" if step.because == "rules" else "reached"
        found.append(Moved(row.customer, ladder.says.code, row.tiers, step.before, step.after, because, on))
    return found


def _moved(ladder: Ladder, row: _Row, here: Walk, before: _Kept | None, today: int) -> Moved:
    was, now = "" if before is None else before.level, ladder.now(row.tiers)
    is_up = now is not None and row.rank > now.rank(was)
    last = here.steps[-1] if here.steps else None
    because: Because = "reached" if is_up else "returned"
    if not is_up and last is not None and last.after == row.level and last.because in ("fell", "rules"):
        because = "fell" if last.because == "fell" else "rules"
    if before is not None and before.basis and before.basis != ladder.basis:
        because = "rules"
    day = last.day if last is not None and last.after == row.level and because in ("reached", "fell") else today
    on = tier_facts.on(day)
    assert on is not None
    return Moved(row.customer, ladder.says.code, row.tiers, was, row.level, because, on)


def _locked(ladder: Ladder, people: Collection[int]) -> dict[tuple[int, str], _Kept]:
    places = [(tiers, person) for person in sorted(people) for tiers in sorted(ladder.segments)]
    return _kept(_LOCK, [ladder.programme, [tiers for tiers, _ in places], [person for _, person in places]])


def _read(ladder: Ladder, people: Collection[int]) -> dict[tuple[int, str], _Kept]:
    return _kept(_READ, [ladder.programme, arrays.of_numbers(people)])


def _kept(sql: str, values: Sequence[Any]) -> dict[tuple[int, str], _Kept]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return {
            (person, tiers): _Kept(level, since, falls, due, basis, msgspec.json.decode(told), revision)
            for person, tiers, level, since, falls, due, basis, told, revision in cursor.fetchall()
        }


def _write(sql: str, ladder: Ladder, rows: Sequence[_Row], at: datetime) -> list[tuple[int, str]]:
    if not rows:
        return []
    told: dict[str, Any] = {
        "programme": ladder.programme,
        "basis": ladder.basis,
        "at": at,
        "customer": arrays.of_numbers(row.customer for row in rows),
        "tiers": arrays.of_json(row.tiers for row in rows),
        "level": arrays.of_json(row.level for row in rows),
        "rank": arrays.of_numbers(row.rank for row in rows),
        "since": _days(row.since_on for row in rows),
        "falls": _days(row.falls_on for row in rows),
        "due": _days(row.due_on for row in rows),
        "evidence": arrays.of_json(row.evidence for row in rows),
        "revision": arrays.of_numbers(row.revision for row in rows),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, told)
        return [(person, tiers) for person, tiers in cursor.fetchall()]


def _days(days: Any) -> str:
    return f"{{{','.join('NULL' if day is None else day.isoformat() for day in days)}}}"


def _keep(
    ladder: Ladder,
    moves: Sequence[Moved],
    why: Mapping[tuple[int, str], Mapping[str, Any]],
    at: datetime,
    by: Actor,
    origin: Origin,
) -> None:
    if not moves:
        return
    told: dict[str, Any] = {
        "programme": ladder.programme,
        "version": ladder.version,
        "at": at,
        "by": str(by),
        "origin": origin,
        "customer": arrays.of_numbers(one.customer for one in moves),
        "tiers": arrays.of_json(one.tiers for one in moves),
        "before": arrays.of_json(one.before for one in moves),
        "after": arrays.of_json(one.after for one in moves),
        "because": arrays.of_json(one.because for one in moves),
        "on": _days(one.on for one in moves),
        "evidence": arrays.of_json(why[one.customer, one.tiers] for one in moves),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVES, told)


def _notice(ladder: Ladder, one: Moved, at: datetime) -> tuple[Notice, Mapping[str, object]]:
    now = ladder.now(one.tiers)
    is_up = now is not None and now.rank(one.after) > now.rank(one.before)
    kind = TierReached if is_up else TierLost
    told = kind(
        customer=one.customer,
        programme=one.programme,
        tiers=one.tiers,
        before=one.before,
        after=one.after,
        because=one.because,
        on=one.on,
        at=at,
    )
    return told, {"tiers": f"{one.programme}.{one.tiers}", "before": one.before, "after": one.after}
