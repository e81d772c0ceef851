"""What a draft's missions would have given for what people did in a time, as if they had been in force through it and
everybody had joined those that one joins. Writes nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit import civil
from regulars.levers.loyalty._missions import facts as mission_facts
from regulars.levers.loyalty._missions.facts import Board
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.mission_walk import Turn

PAGE = 2_000
_PAGE = f"SELECT id FROM {CUSTOMERS} WHERE id > %s AND person_id IS NULL ORDER BY id LIMIT %s"  # noqa: S608 - a constant


@dataclass(frozen=True)
class Trial:
    """What one mission would have given: `times` it was done by `people`, and so many parts of points. Of one that
    somebody `joins`, if everybody had."""

    mission: str
    times: int
    people: int
    parts: int
    joins: bool


def tried(
    programme: Programme,
    *,
    since: datetime | None,
    until: datetime | None,
    at: datetime,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Trial]:
    """Of each mission, in the order of the file. Reads everybody's facts once. What asks what has no past (fields,
    audiences) is asked as it is now."""
    if not programme.missions:
        return []
    end = at if until is None else min(until, at)
    from_us = 0 if since is None else tier_facts.micros(since)
    first = 1 if since is None else civil.day_of(since, civil.zone(programme.zone)).toordinal()
    turns = {one.id: (Turn(from_us, first, replace(one, asks_to_join=False), 0),) for one in programme.missions}
    board = Board(0, programme, turns)
    times: Counter[str] = Counter()
    people: Counter[str] = Counter()
    after, count = 0, 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [after, PAGE])
            page = [number for (number,) in cursor.fetchall()]
        for far in mission_facts.far(board, page, end, {}, {}).values():
            for name, stands in far.stands.items():
                # A round that is over when the time begins, or whose deeds were before it, is none of it.
                many = sum(one.done_us is not None and one.done_us >= from_us for one in stands)
                times[name] += many
                people[name] += bool(many)
        count += len(page)
        progress(count)
        if len(page) < PAGE:
            break
        after = page[-1]
    return [
        Trial(one.id, times[one.id], people[one.id], times[one.id] * one.prize.points, one.asks_to_join)
        for one in programme.missions
    ]
