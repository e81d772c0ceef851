"""The spans of time a condition speaks of, as half-open windows of instants or days; the caller says what now is.

Days, weeks and months are read from the clocks of the condition's zone: "the last 30 days" begin at the same clock
face thirty days ago, whatever the clocks did in between. Hours are hours.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from regulars.kit import civil
from regulars.kit.windows import Window, in_utc

Unit = Literal["hours", "days", "weeks", "months"]
Period = Literal["day", "week", "month", "quarter", "year"]
#: Before anything that a shop knows of.
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Gap:
    """How long after something: whole hours, a day having 24 of them."""

    hours: int

    @property
    def length(self) -> timedelta:
        return timedelta(hours=self.hours)


@dataclass(frozen=True)
class Span:
    """One of: the last `count` of a `unit`; the days from `start` up to but not including `end`; the calendar `period`
    so many `ago`; the time since the last anniversary of a date field of the customer, `since`."""

    count: int | None = None
    unit: Unit | None = None
    start: date | None = None
    end: date | None = None
    period: Period | None = None
    ago: int = 0
    since: str | None = None

    def instants(self, at: datetime, zone: ZoneInfo, born: date | None = None) -> Window[datetime] | None:
        """The instants it means at `at`, never later; None where it needs a day, `born`, that nobody knows."""
        at = in_utc(at, "at")
        if self.since is not None:
            if born is None:
                return None
            start = civil.start_of_day(last_anniversary(born, civil.day_of(at, zone)), zone)
            return Window(min(start, at), at)
        return _instants(self, at, zone)

    def _everybodys(self, at: datetime, zone: ZoneInfo) -> Window[datetime]:
        if self.unit == "hours":
            assert self.count is not None
            return Window(max(BEGINNING, at - timedelta(hours=self.count)), at)
        if self.unit is not None:
            assert self.count is not None
            clock = at.astimezone(zone)
            day = _back(clock.date(), self.count, self.unit)
            return Window(min(civil.instant_of(day, clock.time(), zone), at), at)
        whole = civil.days_window(self.days(at, zone), zone)
        return Window(min(whole.start, at), min(whole.end, at))

    def days(self, at: datetime, zone: ZoneInfo) -> Window[date]:
        """The days it means at `at`, where values are days: today is the last of "the last 30 days". Not of `since`."""
        today = civil.day_of(at, zone)
        tomorrow = today + timedelta(days=1)
        if self.unit == "hours":
            assert self.count is not None
            return Window(civil.day_of(in_utc(at, "at") - timedelta(hours=self.count), zone), tomorrow)
        if self.unit is not None:
            assert self.count is not None
            return Window(_back(tomorrow, self.count, self.unit), tomorrow)
        if self.period is not None:
            return _period(self.period, self.ago, today)
        return Window(self.start or BEGINNING.date(), self.end or tomorrow)


@lru_cache(maxsize=4096)
def _instants(span: Span, at: datetime, zone: ZoneInfo) -> Window[datetime]:
    """Of many customers who are looked at at one instant the window is the same."""
    return span._everybodys(at, zone)


def last_anniversary(born: date, today: date) -> date:
    """The last day, today included, on which the day came round; 29 February does on the 28th in other years."""
    this_year = _in_year(born, today.year)
    return this_year if this_year <= today else _in_year(born, today.year - 1)


def next_anniversary(born: date, today: date) -> date:
    """The next one, today included."""
    this_year = _in_year(born, today.year)
    return this_year if this_year >= today else _in_year(born, today.year + 1)


def _in_year(born: date, year: int) -> date:
    return civil.add_months(born, 12 * (year - born.year))


def _back(day: date, count: int, unit: Unit) -> date:
    if unit == "months":
        return civil.add_months(day, -count)
    return day - timedelta(days=count * (7 if unit == "weeks" else 1))


def _period(period: Period, ago: int, today: date) -> Window[date]:
    if period == "day":
        start = today - timedelta(days=ago)
        return Window(start, start + timedelta(days=1))
    if period == "week":
        start = today - timedelta(days=today.weekday() + 7 * ago)
        return Window(start, start + timedelta(days=7))
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    first = civil.month_of(today).replace(month=(today.month - 1) // months * months + 1)
    start = civil.add_months(first, -ago * months)
    return Window(start, civil.add_months(start, months))
