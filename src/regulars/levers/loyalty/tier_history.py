"""Status quarter by quarter, of what people bought: who moved where, and what had been foretold against what came.

What is foretold of a level is what happens if nothing else does: so many would come down. Most of them buy again. How
many come down after all is forecast by how many of those who were foretold did so in the quarters before.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit import civil
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.tier_sets import TierSet
from regulars.levers.loyalty.rules.tier_standing import Facts, Segment, walk
from regulars.levers.loyalty.tier_flow import Flow

PAGE = 2_000
_PAGE = f"SELECT id FROM {CUSTOMERS} WHERE id > %s AND person_id IS NULL ORDER BY id LIMIT %s"  # noqa: S608 - a constant


@dataclass
class Quarter:
    """From the beginning of `since` to that of `until`. `on`: how many were on each level when it began. `flows`: from
    where to where, who stayed included, empty for no level. `foretold`: who would have come down if nothing else
    happened, `fell` how many of them did; `besides` came down without that. `forecast`: how many were to be expected to
    come down, None while there is no quarter before."""

    since: date
    until: date
    on: Counter[str] = field(default_factory=Counter)
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    foretold: int = 0
    fell: int = 0
    besides: int = 0
    forecast: int | None = None

    @property
    def flows(self) -> list[Flow]:
        """Who came from which level to which, most first."""
        return [Flow(before, after, many) for (before, after), many in self.moved.most_common()]

    def count(self, tiers: TierSet, way: int) -> int:
        """How many came up (1) or down (-1)."""
        return sum(
            many for (before, after), many in self.moved.items() if (tiers.rank(after) - tiers.rank(before)) * way > 0
        )


def by_quarter(
    programme: Programme,
    tiers: TierSet,
    *,
    since: date,
    until: date,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Quarter]:
    """Every quarter of the calendar from the one that `since` is in to before `until`, as if the set had always been in
    force. Reads everybody's facts once, and writes nothing.

    What came back by now was never bought on any day: a past forecast did not know that yet.
    """
    ladder = tier_facts.drafted(None, 0, programme, datetime(1970, 1, 1, tzinfo=UTC))
    zone, segments = ladder.zone, (Segment(ladder.segments[tiers.id][0].since, tiers),)
    first = date(since.year, (since.month - 1) // 3 * 3 + 1, 1)
    days = [first]
    while days[-1] < until:
        days.append(civil.add_months(days[-1], 3))
    begins = [tier_facts.micros(civil.start_of_day(day, zone)) for day in days]
    found = [Quarter(begin, end) for begin, end in itertools.pairwise(days)]
    after, count = 0, 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [after, PAGE])
            people = [number for (number,) in cursor.fetchall()]
        for one in tier_facts.done(ladder, people).values():
            seen = [_seen(segments, one.facts(zone, at_us), day) for at_us, day in zip(begins, days, strict=True)]
            for quarter, (was, falls), (then, _falls) in zip(found, seen, seen[1:], strict=False):
                _count(quarter, tiers, was, falls, then)
        count += len(people)
        progress(count)
        if len(people) < PAGE:
            break
        after = people[-1]
    _forecast(found)
    return found


def _seen(segments: Sequence[Segment], facts: Facts, day: date) -> tuple[str, date | None]:
    """The level at the end of the day before, and the day on which it goes if nothing else happens."""
    here, [segment] = walk(segments, facts, (), day.toordinal() - 1), segments
    assert segment.set is not None
    if here.next is None or segment.set.rank(here.next.after) >= segment.set.rank(here.level):
        return here.level, None
    return here.level, tier_facts.on(here.next.day)


def _count(quarter: Quarter, tiers: TierSet, was: str, changes_on: date | None, then: str) -> None:
    if was:
        quarter.on[was] += 1
    if was or then:
        quarter.moved[was, then] += 1
    came_down = tiers.rank(then) < tiers.rank(was)
    is_foretold = bool(was) and changes_on is not None and changes_on < quarter.until
    quarter.foretold += is_foretold
    quarter.fell += is_foretold and came_down
    quarter.besides += came_down and not is_foretold


def _forecast(quarters: Sequence[Quarter]) -> None:
    foretold = fell = 0
    for one in quarters:
        if foretold:
            one.forecast = round(one.foretold * fell / foretold)
        foretold, fell = foretold + one.foretold, fell + one.fell


def written(programme: Programme, tiers: TierSet, quarters: Sequence[Quarter]) -> str:
    """As a table of Markdown."""
    levels = [level.id for level in tiers.levels]
    head = ["quarter", *levels, "came up", "came down", "foretold if nothing else happened", "of them fell", "forecast"]
    lines = [f"### {programme.code}: {tiers.id}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for one in quarters:
        cells = [
            f"{one.since.year} Q{(one.since.month + 2) // 3}",
            *(f"{one.on[level]:,}" for level in levels),
            f"{one.count(tiers, 1):,}",
            f"{one.count(tiers, -1):,}",
            f"{one.foretold:,}",
            f"{one.fell:,}",
            "–" if one.forecast is None else f"{one.forecast:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Who moved, from one level to another (none: –):", ""]
    for one in quarters:
        ways = [f"{flow.before or '–'} → {flow.after or '–'} {flow.people:,}" for flow in one.flows]
        moved = [way for way, flow in zip(ways, one.flows, strict=True) if flow.before != flow.after]
        lines.append(f"- {one.since.year} Q{(one.since.month + 2) // 3}: {', '.join(moved) or 'nobody'}")
    return "\n".join(lines)
