"""On which level somebody was right before each of very many orders: one walk through all that a person did."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers.facts import Done, Ladder
from regulars.levers.loyalty.rules import tier_standing
from regulars.levers.loyalty.rules.tier_sets import TierSet
from regulars.levers.loyalty.rules.tier_standing import Dated, Frozen, Segment


def ladder(programme: str) -> Ladder | None:
    """The sets of tiers of a programme that is active. One query."""
    return next((one for one in tier_facts.ladders() if one.says.code == programme), None)


def levels(ladder: Ladder, orders: Mapping[int, tuple[int, int]]) -> dict[int, dict[str, str]]:
    """Order to set to the level its person was on right before it; `orders`: order to person and moment, in
    microseconds since 1970. Who did nothing that counts is left out. As many queries as there are kinds of things that
    levels ask, and one."""
    by_person: dict[int, list[tuple[int, int]]] = {}
    for order, (person, at_us) in orders.items():
        by_person.setdefault(person, []).append((at_us, order))
    done, held = tier_facts.done(ladder, by_person), tier_facts.frozen(ladder, by_person)
    lasting = {} if ladder.asks_when_joined else {name: _lasting(some) for name, some in ladder.segments.items()}
    found: dict[int, dict[str, str]] = {}
    for person, mine in done.items():
        asked = sorted(by_person[person])
        told = {order: dict[str, str]() for _, order in asked}
        in_days = _in_days(mine, asked, ladder.zone)
        for name, segments in ladder.segments.items():
            frozen, tiers = held.get((person, name), ()), lasting.get(name)
            if in_days is None or tiers is None:
                on = [_level(ladder, segments, mine, frozen, at_us) for at_us, _ in asked]
            else:
                on = tier_standing.levels(tiers, in_days[0], frozen, in_days[1])
            for (_, order), level in zip(asked, on, strict=True):
                if level:
                    told[order][name] = level
        found |= told
    return found


def _lasting(segments: Sequence[Segment]) -> TierSet | None:
    """The set that has been in force always, as far as anybody knows; None where there was another."""
    return segments[0].set if len(segments) == 1 else None


def _in_days(
    done: Done, asked: Sequence[tuple[int, int]], zone: ZoneInfo
) -> tuple[list[Dated], list[tuple[int, int]]] | None:
    """What was done and what is asked in the order of their moments, with their days. None where clocks were put back
    across midnight between them, so that a day came twice."""
    day_of: dict[int, int] = {}
    for at_us in (*(at_us for at_us, *_ in done.rows), *(at_us for at_us, _ in asked)):
        if at_us not in day_of:
            day_of[at_us] = datetime.fromtimestamp(at_us / 1_000_000, zone).toordinal()
    days = [day_of[at_us] for at_us in sorted(day_of)]
    if any(later < day for day, later in pairwise(days)):
        return None
    rows = sorted(done.rows, key=lambda row: row[0])
    return [(row[0], day_of[row[0]], row[1], row[2]) for row in rows], [(at_us, day_of[at_us]) for at_us, _ in asked]


def _level(ladder: Ladder, segments: Sequence[Segment], done: Done, frozen: Sequence[Frozen], at_us: int) -> str:
    facts, today = done.facts(ladder.zone, at_us), ladder.today(tier_facts.moment(at_us))
    return tier_standing.walk(segments, facts, frozen, today).level
