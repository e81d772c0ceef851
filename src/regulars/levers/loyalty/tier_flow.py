"""Who moved where: of a set of tiers, how many came from which level to which between two days; and what a draft would
change of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers.costs import BenefitCost, Having, all_of
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.tier_standing import NOWHERE, walk

__all__ = ("BenefitCost", "Flow", "Trial", "Tried", "all_of", "between", "tried")

PAGE = 5_000
_FLOW = """
SELECT before, after, count(*) FROM (
  SELECT COALESCE((array_agg(after ORDER BY "on" DESC, id DESC) FILTER (WHERE "on" < %(since)s))[1], '') AS before,
         (array_agg(after ORDER BY "on" DESC, id DESC))[1] AS after
    FROM loyalty_tier_move AS move
   WHERE programme_id = (SELECT id FROM loyalty_programme WHERE code = %(programme)s) AND tiers = %(tiers)s
     AND "on" < %(until)s GROUP BY customer_id) AS each
 WHERE before <> '' OR after <> '' GROUP BY 1, 2
"""
_PEOPLE = f"SELECT id FROM {CUSTOMERS} WHERE id > %s AND person_id IS NULL ORDER BY id LIMIT %s"  # noqa: S608 - a constant


@dataclass(frozen=True)
class Flow:
    """So many were on `before` when a time began and on `after` when it ended; empty for no level."""

    before: str
    after: str
    people: int


@dataclass(frozen=True)
class Trial:
    """What a draft would change of one set, as of a day. `at_once`: who is on another level the moment it is active.
    `later`: who keeps the level through the grace, and to which it then falls if nothing else happens. `flows`:
    everybody, from where they stand now to where they come by it, those who stay included."""

    tiers: str
    stays: int
    at_once: Sequence[Flow]
    later: Sequence[Flow]
    flows: Sequence[Flow] = ()


@dataclass(frozen=True)
class Tried:
    """What a draft would change of levels, and of the benefits that come with them: those that another number of people
    would have."""

    sets: Sequence[Trial]
    benefits: Sequence[BenefitCost]


def between(*, programme: str, tiers: str, since: date, until: date) -> list[Flow]:
    """From the beginning of `since` to the beginning of `until`, by what is on record. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_FLOW, {"programme": programme, "tiers": tiers, "since": since, "until": until})
        return [Flow(*row) for row in cursor.fetchall()]


def tried(programme: Programme, *, at: datetime, progress: Callable[[int], None] = lambda done: None) -> Tried:
    """Who would be where if this were in force from `at` on, and what that costs. Writes nothing; reads everybody's
    facts once."""
    now = next((one for one in tier_facts.ladders(at) if one.says.code == programme.code), None)
    draft = tier_facts.drafted(now, 0 if now is None else now.programme, programme, at)
    if not draft.segments:
        return Tried([], [])
    stays: Counter[str] = Counter()
    at_once: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in draft.segments}
    later: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in draft.segments}
    flows: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in draft.segments}
    having = Having(None if now is None else now.says, programme)
    after, count, today, now_us = 0, 0, draft.today(at), tier_facts.micros(at) + 1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PEOPLE, [after, PAGE])
            people = [number for (number,) in cursor.fetchall()]
        done = tier_facts.done(draft, people)
        held = tier_facts.frozen(draft, people)
        for person, one in done.items():
            facts = one.facts(draft.zone, now_us)
            levels = {}
            for name, segments in draft.segments.items():
                frozen = held.get((person, name), ())
                is_new = now is None or name not in now.segments
                was = NOWHERE if is_new or now is None else walk(now.segments[name], facts, frozen, today)
                then = walk(segments, facts, frozen, today)
                if was.level != then.level:
                    at_once[name][was.level, then.level] += 1
                elif then.level:
                    stays[name] += 1
                end = then.level
                if then.supported != then.level and then.supported != was.supported:
                    later[name][then.level, then.supported] += 1
                    end = then.supported
                if was.level or end:
                    flows[name][was.level, end] += 1
                levels[name] = (was.level, then.level, was.supported, then.supported)
            having.count(levels)
        count += len(people)
        progress(count)
        if len(people) < PAGE:
            break
        after = people[-1]
    sets = [
        Trial(name, stays[name], _flows(at_once[name]), _flows(later[name]), _flows(flows[name]))
        for name in draft.segments
    ]
    return Tried(sets, having.costs(now, at))


def _flows(counted: Counter[tuple[str, str]]) -> list[Flow]:
    return [Flow(before, after, many) for (before, after), many in counted.most_common()]
