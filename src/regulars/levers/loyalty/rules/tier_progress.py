"""How far somebody is: of each level what is asked and what there is, and the nearest way to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from regulars.levers.loyalty.rules.tier_periods import Window
from regulars.levers.loyalty.rules.tier_sets import Criterion, Every, Need, TierSet
from regulars.levers.loyalty.rules.tier_standing import Facts


@dataclass(frozen=True)
class Part:
    """One thing that is asked, and how much of it there is in the present period."""

    need: Need
    has: int

    @property
    def left(self) -> int:
        return max(self.need.at_least - self.has, 0)

    @property
    def share(self) -> Fraction:
        return min(Fraction(self.has, self.need.at_least), Fraction(1))


@dataclass(frozen=True)
class OfLevel:
    """A level: all that it asks (`parts`), whether that is met in the present period, and the `nearest` way to it:
    what is still missing of what is closest to being met. `share`: how far that way is gone."""

    level: str
    parts: tuple[Part, ...]
    is_met: bool
    nearest: tuple[Part, ...]
    share: Fraction


def of(tiers: TierSet, facts: Facts, window: Window) -> list[OfLevel]:
    """Each level's, from the lowest up, by what was done in a window."""
    found = []
    for level in tiers.levels:
        way = [] if level.asks is None else _nearest(level.asks, facts, window)
        missing = tuple(part for part in way if part.left)
        share = sum((part.share for part in way), Fraction(0)) / len(way) if way else Fraction(1)
        parts = tuple(Part(need, facts.count(need, window)) for need in level.needs)
        found.append(OfLevel(level.id, parts, not missing, missing, share))
    return found


def _nearest(criterion: Criterion, facts: Facts, window: Window) -> Sequence[Part]:
    """The parts of the way of which the least is missing, each measured by what it asks; the first of equal ones."""
    if isinstance(criterion, Need):
        return [Part(criterion, facts.count(criterion, window))]
    ways = [_nearest(part, facts, window) for part in criterion.parts]
    if isinstance(criterion, Every):
        return [part for way in ways for part in way]
    return min(ways, key=lambda way: sum((1 - part.share for part in way), Fraction(0)))
