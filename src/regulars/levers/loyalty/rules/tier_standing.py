"""Who stands where: a function of what was kept up to a day, of the rules in force until then, and of nothing else.

A day's facts are known from its beginning; a level is reached on the day its needs are met, at once. It is held up by
the present period and by those before it that still count. When nothing holds it up any more it goes after the grace,
by a step or all the way; what is met again meanwhile stays. What came back was never bought: a level that rested on it
was never reached. While somebody's status is frozen it does not fall, and after that the grace begins.

Changed rules take effect on a day: what was reached before them is lost only as everything else is, after the grace.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate

from regulars.kit import civil
from regulars.levers.loyalty.rules.tier_periods import FIRST, LAST, Window
from regulars.levers.loyalty.rules.tier_sets import Need, TierSet

#: More than anybody can need.
_BOUNDLESS = 1 << 62


class Tally:
    """What was done, day by day: amounts that add up, or names of which each counts once."""

    __slots__ = ("days", "known", "names", "sums")

    def __init__(self, rows: Iterable[tuple[int, int | str]]) -> None:
        told = sorted(rows, key=lambda row: row[0])
        self.days = [day for day, _ in told]
        self.names = [one for _, one in told if isinstance(one, str)]
        self.sums = [0, *accumulate(one for _, one in told if isinstance(one, int))]
        #: So many of them, the first ones, are known.
        self.known = len(self.days)

    def within(self, window: Window) -> int:
        """All of it in these days."""
        first, last = bisect_left(self.days, window.since), min(bisect_left(self.days, window.until), self.known)
        if self.names:
            return len(set(self.names[first:last]))
        if last < first:
            return 0
        return self.sums[last] - self.sums[first]


_NOTHING = Tally(())


@dataclass(frozen=True)
class Facts:
    """What somebody did, by counter, and the day they joined on."""

    joined: int
    tallies: Mapping[str, Tally]

    def count(self, need: Need, window: Window) -> int:
        """How much of what it needs there is in a window: whole months since joining by its last day, for tenure."""
        if need.what == "tenure":
            return _months(self.joined, window.until - 1)
        return self.tallies.get(need.counter, _NOTHING).within(window)


def _months(joined: int, day: int) -> int:
    if day >= LAST - 1:
        return _BOUNDLESS
    first, last = date.fromordinal(joined), date.fromordinal(max(day, joined))
    months = (last.year - first.year) * 12 + last.month - first.month
    return months if civil.add_months(first, months) <= last else months - 1


@dataclass(frozen=True)
class Frozen:
    """Days on which status does not fall: up to but not including `until`, without end where that is None."""

    since: int
    until: int | None


@dataclass(frozen=True)
class Segment:
    """From `since` on these are the rules; None where the set is not in force."""

    since: int
    set: TierSet | None


@dataclass(frozen=True, slots=True)
class Step:
    """On `day` somebody came from one level to another; empty for none. `because`: reached, fell, rules."""

    day: int
    before: str
    after: str
    because: str


@dataclass(frozen=True)
class Walk:
    """Where somebody stands on a day. `steps`: all until then. `supported` is the level that what they did holds up;
    where that is lower, `falls_on` is the day on which the level goes, None while it is frozen. `next`: what happens
    next if nothing else does."""

    level: str
    since: int | None
    supported: str
    falls_on: int | None
    next: Step | None
    steps: tuple[Step, ...]


NOWHERE = Walk("", None, "", None, None, ())


def walk(segments: Sequence[Segment], facts: Facts, frozen: Sequence[Frozen], today: int) -> Walk:
    """Where somebody stands at the end of `today`, and what comes next. `segments` one after the other, the last one
    without end."""
    if not any(one.set is not None and ceiling(one.set, facts) for one in segments):
        return NOWHERE
    fold, seen = _Fold(facts, frozen), None
    for day, entered in _moments(segments, facts, frozen, today):
        if seen is None and day > today:
            seen = fold.seen(today)
        fold.pass_to(day)
        if seen is not None and len(fold.steps) > len(seen.steps):
            break
        if entered is not None:
            fold.enter(entered, day)
        fold.look(day)
    if seen is None:
        seen = fold.seen(today)
    fold.pass_to(LAST)
    coming = fold.steps[len(seen.steps)] if len(fold.steps) > len(seen.steps) else None
    return replace(seen, next=coming)


#: One thing that was done: when, on which day, the counter it counts in, and how much, or which.
Dated = tuple[int, int, str, int | str]


def levels(
    tiers: TierSet, done: Sequence[Dated], frozen: Sequence[Frozen], asked: Sequence[tuple[int, int]]
) -> list[str]:
    """The level right before each of these moments, told with their days: as `walk` says it of what was done before
    each, in one walk through all of them.

    All of it in the order of its moments, in which days never go back. Only of sets that have always been in force as
    they are and ask nothing of the day somebody joined on.
    """
    lowest = tiers.level(tiers.everybodys)
    plain = "" if lowest is None else lowest.id
    by_counter: dict[str, tuple[list[int], list[tuple[int, int | str]]]] = {}
    for at_us, day, counter, amount in done:
        moments, rows = by_counter.setdefault(counter, ([], []))
        moments.append(at_us)
        rows.append((day, amount))
    tallies = {counter: Tally(rows) for counter, (_, rows) in by_counter.items()}
    facts = Facts(done[0][1] if done else FIRST, tallies)
    if ceiling(tiers, facts) == tiers.everybodys:
        return [plain] * len(asked)
    fold, found = _Fold(facts, frozen), []
    fold.enter(Segment(FIRST, tiers), facts.joined)
    days = _days(tiers, facts) | {facts.joined} | {one.until for one in frozen if one.until is not None}
    coming = iter([*sorted(day for day in days if day >= facts.joined), LAST])
    next_day = next(coming)
    for at_us, day in asked:
        if at_us <= done[0][0]:
            found.append(plain)
            continue
        for counter, (moments, _) in by_counter.items():
            tallies[counter].known = bisect_left(moments, at_us)
        while next_day < day:
            fold.pass_to(next_day)
            fold.look(next_day)
            next_day = next(coming)
        found.append(fold.foreseen(day))
    return found


def _moments(
    segments: Sequence[Segment], facts: Facts, frozen: Sequence[Frozen], today: int
) -> Iterator[tuple[int, Segment | None]]:
    """The days on which something may be other than before, in order; with the rules that begin on it."""
    for place, segment in enumerate(segments):
        until = segments[place + 1].since if place + 1 < len(segments) else LAST
        begins = max(segment.since, facts.joined)
        if begins >= until:
            continue
        yield begins, segment
        if segment.set is not None:
            days = _days(segment.set, facts)
            days.update(one.until for one in frozen if one.until is not None)
            days.add(today)
            for day in sorted(days):
                if begins < day < until:
                    yield day, None


def _days(tiers: TierSet, facts: Facts) -> set[int]:
    days: set[int] = set()
    for need in tiers.needs:
        if need.what == "tenure":
            days.add(civil.add_months(date.fromordinal(facts.joined), need.at_least).toordinal())
    done = {day for counter in tiers.counters for day in facts.tallies.get(counter, _NOTHING).days}
    days |= done
    for day in done:
        days.update(tiers.period.turns(day, facts.joined))
    return days


def supported(tiers: TierSet, facts: Facts, day: int, most: int) -> int:
    """The rank that what was done holds up on `day`; none is above `most`."""
    best = tiers.everybodys
    for window in tiers.period.supporting(day, facts.joined):
        if best >= most:
            break
        best = _reached(tiers, facts, window, best, most)
    return best


def ceiling(tiers: TierSet, facts: Facts) -> int:
    """No rank above it was or will be reached by what was done so far: whatever is asked, more is never worse."""
    return _reached(tiers, facts, Window(FIRST, LAST), tiers.everybodys, len(tiers.levels))


def _reached(tiers: TierSet, facts: Facts, window: Window, least: int, most: int) -> int:
    """The highest rank up to `most` whose needs are met in a window, at least `least`."""
    counted: dict[str, int] = {}
    for rank in range(most, least, -1):
        for way in tiers.levels[rank - 1].ways:
            for need in way:
                many = counted.get(need.counter)
                if many is None:
                    many = counted[need.counter] = facts.count(need, window)
                if many < need.at_least:
                    break
            else:
                return rank
    return least


class _Fold:
    """Somebody's way from level to level. `fall`: the day on which the level goes, None while nothing makes it."""

    def __init__(self, facts: Facts, frozen: Sequence[Frozen]) -> None:
        self.facts, self.frozen = facts, sorted(frozen, key=lambda one: one.since)
        self.tiers: TierSet | None = None
        self.rank = self.most = 0
        self.fall: int | None = None
        self.steps: list[Step] = []

    @property
    def level(self) -> str:
        return self.steps[-1].after if self.steps else ""

    def enter(self, segment: Segment, day: int) -> None:
        """Other rules: who has a level that they know has it still; one that they do not know is nobody's."""
        self.tiers, self.fall = segment.set, None
        self.rank = 0 if segment.set is None else segment.set.rank(self.level)
        self.most = 0 if segment.set is None else ceiling(segment.set, self.facts)
        if self.level and not self.rank:
            self.steps.append(Step(day, self.level, "", "rules"))

    def look(self, day: int) -> None:
        """What is so by the end of `day`."""
        if self.tiers is None:
            return
        here = supported(self.tiers, self.facts, day, self.most)
        if here >= self.rank:
            self.fall = None
            if here > self.rank:
                self._step(self.tiers, day, here, "reached")
        elif self.fall is None:
            self.fall = self._thawed(day + self.tiers.down.grace_days, self.tiers)
        self.pass_to(day + 1)

    def pass_to(self, day: int) -> None:
        """What goes before `day`, where nothing else happens until then."""
        while self.tiers is not None and self.fall is not None and self.fall < day:
            on, here = self.fall, supported(self.tiers, self.facts, self.fall, self.most)
            self._step(self.tiers, on, max(self.rank - 1, here) if self.tiers.down.one_step else here, "fell")
            self.fall = None
            if self.rank > here:
                self.fall = self._thawed(on + self.tiers.down.every_days, self.tiers)

    def foreseen(self, day: int) -> str:
        """The level by the end of `day`, of which more may come to be known."""
        before, steps = (self.rank, self.fall), len(self.steps)
        self.pass_to(day)
        self.look(day)
        found = self.level
        self.rank, self.fall = before
        del self.steps[steps:]
        return found

    def seen(self, today: int) -> Walk:
        """How it stands at the end of today."""
        self.pass_to(today + 1)
        if self.tiers is None:
            return replace(NOWHERE, steps=tuple(self.steps))
        held_up = self.tiers.level(supported(self.tiers, self.facts, today, self.most))
        return Walk(
            level=self.level,
            since=self.steps[-1].day if self.level else None,
            supported="" if held_up is None else held_up.id,
            falls_on=self.fall,
            next=None,
            steps=tuple(self.steps),
        )

    def _thawed(self, fall: int, tiers: TierSet) -> int | None:
        """When it goes, as far as nothing is frozen then; None: not while it is."""
        for one in self.frozen:
            if one.since <= fall and (one.until is None or fall < one.until):
                if one.until is None:
                    return None
                fall = one.until + tiers.down.grace_days
        return fall

    def _step(self, tiers: TierSet, day: int, rank: int, because: str) -> None:
        level = tiers.level(rank)
        self.steps.append(Step(day, self.level, "" if level is None else level.id, because))
        self.rank = rank


def counters_of(segments: Collection[Segment]) -> dict[str, Need]:
    """What has to be counted for them."""
    return {name: need for one in segments if one.set is not None for name, need in one.set.counters.items()}
