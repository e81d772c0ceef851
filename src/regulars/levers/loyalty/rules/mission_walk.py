"""How far somebody is with a mission: a pure fold over what they kept until a moment, round by round. What came back
was never bought, so it moves nobody on.

Deeds are told by the microsecond, for steps in order, and with their civil day, for rounds and what comes in a row.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple, Protocol

from regulars.levers.loyalty.rules.missions import Goal, Mission, Round


class Deed(NamedTuple):
    """One thing that was done: when, its day, and how much, or which."""

    at_us: int
    day: int
    amount: int | str


class Look(Protocol):
    """When a step's condition first held, of what was done from `since` to before `until` and after `after_us`, up to
    `now_us`: how many of how many there are, and when it did, None where it does not."""

    def __call__(
        self, mission: str, place: int, goal: Goal, *, round_: Round, after_us: int, now_us: int
    ) -> tuple[int, int, int | None]: ...


@dataclass(frozen=True)
class Turn:
    """From `from_us`, on the day `from_day`, the file says this of a mission; None where it does not know it any
    more."""

    from_us: int
    from_day: int
    mission: Mission | None
    version: int


@dataclass(frozen=True)
class Seen:
    """One step: how much there is, of how much, and when it was reached."""

    has: int
    at_least: int
    met_us: int | None

    @property
    def share(self) -> Fraction:
        return Fraction(1) if self.met_us is not None else min(Fraction(self.has, self.at_least), Fraction(1))

    @property
    def left(self) -> int:
        return 0 if self.met_us is not None else max(self.at_least - self.has, 0)


@dataclass(frozen=True)
class Stand:
    """How far somebody is in one round. `done_us`: when it was done. `mission` and `version` are what counts for it."""

    mission: Mission
    version: int
    round: Round
    goals: tuple[Seen, ...]
    done_us: int | None

    @property
    def share(self) -> Fraction:
        """Of all steps."""
        return sum((one.share for one in self.goals), Fraction(0)) / len(self.goals)

    @property
    def step(self) -> int:
        """How many steps are reached."""
        return sum(one.met_us is not None for one in self.goals)


@dataclass
class Done:
    """What somebody did, by counter and in the order of time; on which days, as far as conditions may ask for it; when
    they were in the missions that one joins; and the records they are, for which surprises are drawn."""

    deeds: Mapping[str, Sequence[Deed]] = field(default_factory=dict)
    asked_days: Set[int] = frozenset()
    joined: Mapping[str, Sequence[tuple[int, int | None]]] = field(default_factory=dict)
    records: Sequence[int] = ()


def stands(turns: Sequence[Turn], done: Done, look: Look, *, now_us: int, today: int) -> list[Stand]:
    """Every round of a mission that is done, and the present one, in the order of their days.

    A round is done by the rules in force when it was done. One that is not yet is by those in force now; of a mission
    that is not in the file any more nothing is to be done.
    """
    begun = next((one.from_day for one in turns if one.mission is not None), None)
    found: dict[str, Stand] = {}
    for place, turn in enumerate(turns):
        if turn.mission is None or begun is None:
            continue
        is_last = place + 1 == len(turns)
        until_us = now_us if is_last else min(turns[place + 1].from_us - 1, now_us)
        here = today if is_last else min(turns[place + 1].from_day, today)
        days = {here} | {deed.day for need in turn.mission.needs for deed in done.deeds.get(need.counter, ())}
        if any(True for _ in turn.mission.conditions):
            days |= done.asked_days
        rounds = {one.name: one for day in sorted(days) if (one := turn.mission.round_of(day, begun)) is not None}
        for name, one in rounds.items():
            # What was over before these rules came is not done by them, unless the file itself names earlier days.
            is_retold = not place and turn.mission.starts_on is not None
            if name in found or (one.until <= turn.from_day and not is_retold):
                continue
            if not turn.mission.is_for_one_of(done.records, name):
                continue
            far = stand(turn.mission, turn.version, one, done, look, now_us=until_us, today=here)
            if far.done_us is not None or (is_last and one.since <= today < one.until):
                found[name] = far
    return sorted(found.values(), key=lambda one: one.round.since)


def stand(mission: Mission, version: int, round_: Round, done: Done, look: Look, *, now_us: int, today: int) -> Stand:
    """How far somebody is in a round, by what was done up to `now_us`."""
    seen: list[Seen] = []
    after_us = -1
    is_open = True
    for place, goal in enumerate(mission.goals):
        if not is_open:
            seen.append(Seen(0, goal.many if goal.asks is not None else goal.at_least, None))
            continue
        if goal.need is None:
            has, at_least, met = look(mission.id, place, goal, round_=round_, after_us=after_us, now_us=now_us)
            one = Seen(has, at_least, met)
        else:
            deeds = within(done, mission, goal.need.counter, round_, after_us=after_us, now_us=now_us)
            one = in_a_row(goal, deeds, today) if goal.in_a_row else counted(goal, deeds)
        seen.append(one)
        if mission.in_order:
            is_open = one.met_us is not None
            after_us = one.met_us if one.met_us is not None else after_us
    met_at = [one.met_us for one in seen]
    done_us = max(each for each in met_at if each is not None) if None not in met_at else None
    return Stand(mission, version, round_, tuple(seen), done_us)


def within(done: Done, mission: Mission, counter: str, round_: Round, *, after_us: int, now_us: int) -> Sequence[Deed]:
    """What counts: of the round's days, after the step before, up to now; and while they had joined."""
    deeds = done.deeds.get(counter, ())
    if not deeds:
        return ()
    first = bisect_right(deeds, after_us, key=lambda one: one.at_us)
    last = bisect_right(deeds, now_us, key=lambda one: one.at_us)
    found = [one for one in deeds[first:last] if round_.since <= one.day < round_.until]
    if mission.asks_to_join:
        found = [one for one in found if is_in(done.joined.get(mission.id, ()), one.at_us)]
    return found


def is_in(joined: Sequence[tuple[int, int | None]], at_us: int) -> bool:
    """Whether somebody had joined then."""
    return any(since <= at_us and (until is None or at_us < until) for since, until in joined)


def counted(goal: Goal, deeds: Sequence[Deed]) -> Seen:
    """So much of something: amounts are added up, names are counted once each."""
    total, names = 0, set[str]()
    met: int | None = None
    for deed in deeds:
        if isinstance(deed.amount, str):
            names.add(deed.amount)
        else:
            total += deed.amount
        if met is None and total + len(names) >= goal.at_least:
            met = deed.at_us
    return Seen(total + len(names), goal.at_least, met)


def in_a_row(goal: Goal, deeds: Sequence[Deed], today: int) -> Seen:
    """So many days, weeks or months in a row with something done in each. Up to `rests` of them may be left out between
    the first and the last; they hold the row together and count for nothing. What there is, is the row that still goes
    on today."""
    came: list[tuple[int, int]] = []
    for deed in deeds:
        here = number(deed.day, goal.in_a_row)
        if not came or came[-1][0] != here:
            came.append((here, deed.at_us))
    begin, met = 0, None
    for end in range(len(came)):
        while came[end][0] - came[begin][0] - (end - begin) > goal.rests:
            begin += 1
        if end - begin + 1 >= goal.at_least:
            met = came[end][1]
            break
    if met is not None:
        return Seen(goal.at_least, goal.at_least, met)
    now = number(today, goal.in_a_row)
    end = bisect_left(came, now + 1, key=lambda one: one[0]) - 1
    has = 0
    if end >= 0:
        # The present one is not over: that nothing was done in it yet leaves nothing out.
        rests = goal.rests - max(now - came[end][0] - 1, 0)
        begin = end
        while rests >= 0 and begin > 0 and came[end][0] - came[begin - 1][0] - (end - begin + 1) <= rests:
            begin -= 1
        has = end - begin + 1 if rests >= 0 else 0
    return Seen(has, goal.at_least, None)


def number(day: int, unit: str) -> int:
    """Which day, week or month it is, one more than the one before. Day 1 of the calendar was a Monday."""
    if unit == "day":
        return day
    if unit == "week":
        return (day - 1) // 7
    here = date.fromordinal(day)
    return here.year * 12 + here.month
