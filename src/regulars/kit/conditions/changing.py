"""When a verdict may become another though nothing new is told: because a window moves on or a day begins.

Whoever keeps a verdict looks again then, and so leaves on time without a new fact.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from regulars.kit import civil
from regulars.kit.conditions.holding import Known, Look, Row, Verdict
from regulars.kit.conditions.moments import Span, next_anniversary
from regulars.kit.conditions.nodes import All, Any, Check, Condition, Did, Has, Node, Not, Which
from regulars.kit.conditions.nodes import Sequence as Following
from regulars.kit.windows import in_utc

TICK = timedelta(microseconds=1)
#: While clocks change, or did where a window begins, windows move to and fro: it is looked at each minute then.
_UNQUIET, AGAIN = timedelta(hours=2), timedelta(minutes=1)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def next_change(condition: Condition, known: Known, *, at: datetime) -> datetime | None:
    """The first instant after `at` at which the verdict may be another, with what is known; None for never.

    Until then it is what it is at `at`. It may come early, never late, but for the two hours around a change of the
    clocks, when it comes each minute. Cuts and audiences are taken to stay as they are.
    """
    return look(condition, known, at=at)[1]


def look(condition: Condition, known: Known, *, at: datetime) -> tuple[Verdict, datetime | None]:
    """`holding.holds` and `next_change` in one."""
    return Waiting(condition.zone, known, in_utc(at, "at")).node(condition.root)


class Waiting:
    """For each node its verdict, and the first instant at which that may change. For this file and `together` alone."""

    def __init__(self, zone: ZoneInfo, known: Known, at: datetime) -> None:
        self._look = Look(zone, known, at)
        self._zone, self._at = zone, at

    def node(self, node: Node) -> tuple[Verdict, datetime | None]:
        match node:
            case All(of=of) | Any(of=of):
                found = [self.node(one) for one in of]
                holds, changes = _together(
                    [(verdict.holds, change) for verdict, change in found], needed=isinstance(node, All)
                )
                return Verdict(node.id, holds, of=tuple(verdict for verdict, _ in found)), changes
            case Not(of=inner):
                verdict, changes = self.node(inner)
                return Verdict(node.id, not verdict.holds, of=(verdict,)), changes
            case Has(field=name, checks=checks):
                value = self._look.known.fields.get(name)
                parts = [(self._look.is_so(check, value), self._of_value(check, value)) for check in checks]
                holds, changes = _together(parts, needed=True)
                return Verdict(node.id, holds, value), changes
            case Did():
                return self._of_rows(node)
            case Following():
                return self._look.node(node), self._of_sequence(node)
            case _:
                return self._look.node(node), None

    @property
    def _today(self) -> date:
        return civil.day_of(self._at, self._zone)

    # --- values

    def _of_value(self, check: Check, value: object) -> datetime | None:
        if isinstance(value, datetime) and isinstance(check.than, Span):
            return self._of_moments(check.than, [in_utc(value, "value")])
        if not isinstance(value, date) or isinstance(value, datetime):
            return None
        if isinstance(check.than, Span):
            return self._of_day(check.than, value)
        if check.test == "anniversary_within_days":
            assert isinstance(check.than, int)
            comes = next_anniversary(value, self._today)
            begins = comes - timedelta(days=check.than - 1)
            return self._start(begins if begins > self._today else comes + timedelta(days=1))
        return None

    def _of_day(self, span: Span, day: date) -> datetime | None:
        """When the days that the span means begin, or cease, to have this one among them."""
        days = span.days(self._at, self._zone)
        if span.period is not None:
            return self._start(self._next_period(span)) if day >= days.start else None
        if day >= days.end:
            return self._start(day) if span.end is None else None
        if day < days.start or span.unit is None:
            return None
        if span.unit == "hours":
            assert span.count is not None
            return self._start(day + timedelta(days=1)) + timedelta(hours=span.count)
        return self._start(self._last_day(span, day) + timedelta(days=1))

    def _last_day(self, span: Span, day: date) -> date:
        """The last day on which "the last 30 days" have this one among them."""
        assert span.count is not None
        if span.unit != "months":
            return day + timedelta(days=span.count * (7 if span.unit == "weeks" else 1) - 1)
        last = civil.add_months(day, span.count) - timedelta(days=1)
        while civil.add_months(last + timedelta(days=2), -span.count) <= day:
            last += timedelta(days=1)
        return last

    # --- rows

    def _of_rows(self, node: Did) -> tuple[Verdict, datetime | None]:
        passing = self._look.passing(node.which)
        window = self._look.window(node.during)
        inside = [] if window is None else [row for row in passing if row.at in window]
        inside.sort(key=_moment)
        amounts = self._look.amounts(node, inside)
        holds = self._look.is_enough(node, amounts[0])
        verdict = Verdict(node.id, holds, amounts[0])
        if window is None:
            return verdict, None
        changes = [self._of_checks(node.which, node.each, node.of_each)]
        if node.during is None or node.during.unit is None:
            changes.append(self._of_moments(node.during, [row.at for row in passing]))
            return verdict, _soonest(changes)
        changes.append(self._when_there(row.at for row in passing))
        for place in range(1, len(inside) + 1):
            is_last_of_moment = place == len(inside) or inside[place].at != inside[place - 1].at
            if is_last_of_moment and self._look.is_enough(node, amounts[place]) != holds:
                changes.append(self.leaves(node.during, inside[place - 1].at))
                break
        if passing and self.is_unquiet(window.start):
            changes.append(self._again())
        return verdict, _soonest(changes)

    def _of_checks(self, which: Which, each: str | None = None, of_each: Sequence[Check] = ()) -> datetime | None:
        """When rows and parts begin or cease to pass tests that ask how long ago a day is."""
        moving = [check for check in which.checks if moves(check)]
        parts = [(some.parts, check) for some in which.some for check in some.checks if moves(check)]
        parts += [(each, check) for check in of_each if each is not None and moves(check)]
        if not moving and not parts:
            return None
        changes = []
        for row in self._look.known.rows.get(which.collection, ()):
            changes += [self._of_value(check, row.values.get(check.asked)) for check in moving]
            for name, check in parts:
                changes += [self._of_value(check, part.get(check.asked)) for part in row.parts.get(name, ())]
        return _soonest(changes)

    def _of_sequence(self, node: Following) -> datetime | None:
        moments = sorted({row.at for step in node.steps for row in self._look.passing(step.which)})
        changes = [self._of_moments(node.during, moments), *(self._of_checks(step.which) for step in node.steps)]
        last = node.steps[-1]
        if node.last_is_missing:
            assert last.within is not None
            # Whatever the waiting begins with, it is over so long after.
            ends = (moment + last.within.length + TICK for moment in moments)
            changes.append(min((end for end in ends if end > self._at), default=None))
        return _soonest(changes)

    # --- windows of instants

    def _of_moments(self, span: Span | None, moments: Sequence[datetime]) -> datetime | None:
        """When the first of these moments comes into the window, or leaves it."""
        changes = [self._when_there(moments)]
        window = self._look.window(span)
        if span is not None and window is not None:
            later = [moment for moment in moments if window.start <= moment < self._at]
            if later:
                changes.append(self.leaves(span, later[0] if len(later) == 1 else min(later)))
            if moments and span.unit is not None and self.is_unquiet(window.start):
                changes.append(self._again())
        return _soonest(changes)

    def _when_there(self, moments: Iterable[datetime]) -> datetime | None:
        """A moment is there the instant after it."""
        return min((moment + TICK for moment in moments if moment >= self._at), default=None)

    def leaves(self, span: Span, moment: datetime) -> datetime | None:
        """The first instant at which the window that has the moment in it now has it no more."""
        if span.since is not None:
            born = self._look.born(span)
            assert born is not None
            return self._start(next_anniversary(born, self._today + timedelta(days=1)))
        if span.period is not None:
            return self._start(self._next_period(span))
        if span.unit is None:
            return None
        assert span.count is not None
        if span.unit == "hours":
            return moment + timedelta(hours=span.count) + TICK

        def is_in(instant: datetime) -> bool:
            window = span.instants(instant, self._zone)
            return window is not None and window.start <= moment

        clock = moment.astimezone(self._zone)
        day = self._last_day(span, clock.date()) + timedelta(days=1)
        guess = civil.instant_of(day, clock.time(), self._zone) + TICK
        if guess - TICK >= self._at and is_in(guess - TICK) and not is_in(guess):
            return guess
        return _first_without(is_in, self._at, max(guess, self._at) + timedelta(days=5))

    def _next_period(self, span: Span) -> date:
        """The day on which the next calendar day, week, month, quarter or year begins."""
        assert span.period is not None
        if span.period in _MONTHS:
            now = Span(period=span.period).days(self._at, self._zone)
            return civil.add_months(now.start, _MONTHS[span.period])
        return Span(period=span.period).days(self._at, self._zone).end

    def _start(self, day: date) -> datetime:
        return max(civil.start_of_day(day, self._zone), self._at + TICK)

    def is_unquiet(self, start: datetime) -> bool:
        """Clocks change soon, or did about where the window begins."""
        return _clocks_change(self._zone, self._at) or _clocks_change(self._zone, start)

    def _again(self) -> datetime:
        return self._at + AGAIN


@lru_cache(maxsize=8192)
def _clocks_change(zone: ZoneInfo, instant: datetime) -> bool:
    """About this instant."""
    before, after = (instant - _UNQUIET).astimezone(zone), (instant + _UNQUIET).astimezone(zone)
    return before.utcoffset() != after.utcoffset()


def _moment(row: Row) -> datetime:
    return row.at


def moves(check: Check) -> bool:
    return isinstance(check.than, Span) or check.test == "anniversary_within_days"


def _together(parts: Sequence[tuple[bool, datetime | None]], *, needed: bool) -> tuple[bool, datetime | None]:
    """All of them where `needed`, any of them where not. What some parts decide stays until all of these change."""
    deciding = [changes for holds, changes in parts if holds is not needed]
    if not deciding:
        return needed, _soonest([changes for _, changes in parts])
    times = [changes for changes in deciding if changes is not None]
    return not needed, max(times) if len(times) == len(deciding) else None


def _soonest(changes: Iterable[datetime | None]) -> datetime | None:
    return min((change for change in changes if change is not None), default=None)


def _first_without(is_in: Callable[[datetime], bool], low: datetime, high: datetime) -> datetime:
    while high - low > TICK:
        middle = low + (high - low) // 2
        if is_in(middle):
            low = middle
        else:
            high = middle
    return high
