"""The time in which status is reached: a year or quarter of the calendar, a year since they joined, the last months, or
ever. Days are numbers (`date.toordinal`), so that a million members can be gone through; a window ends before its
second day.

Months end where they end: a year from 29 February begins on 28 February in years without one, and what was bought on
31 August counts for six months until 28 February. Anniversaries are counted from the day somebody joined, not from the
last one, so 29 February comes back.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from regulars.kit import civil

Kind = Literal["calendar_year", "calendar_quarter", "anniversary", "rolling", "ever"]
KINDS: tuple[Kind, ...] = ("calendar_year", "calendar_quarter", "anniversary", "rolling", "ever")
#: Before any day, and after all of them.
FIRST, LAST = 0, date.max.toordinal() + 1
#: Those with an end after which a level is kept for as many more as `keeps` says.
WITH_ENDS = ("calendar_year", "calendar_quarter", "anniversary")


@dataclass(frozen=True, slots=True)
class Window:
    """Days from `since` up to but not including `until`."""

    since: int
    until: int


@dataclass(frozen=True)
class Period:
    """What counts together. `months`: of a rolling one. `keeps`: so many more keep a level that was reached in one."""

    kind: Kind
    months: int = 0
    keeps: int = 0

    def window(self, day: int, joined: int) -> Window:
        """The whole one that `day` is in; of a rolling one all that counts on that day."""
        if self.kind == "rolling":
            return Window(_earliest(day, self.months), day + 1)
        if self.kind == "anniversary":
            return _year_since(joined, day)
        if self.kind == "ever":
            return Window(FIRST, LAST)
        return _of_calendar(day, 3 if self.kind == "calendar_quarter" else 12)

    def supporting(self, day: int, joined: int) -> list[Window]:
        """What may hold a level up on `day`: the present one as far as it has come, and those before it that still
        count, the present one first."""
        here = self.window(day, joined)
        found = [Window(here.since, min(here.until, day + 1))]
        while self.kind in WITH_ENDS and len(found) <= self.keeps and here.since > joined:
            here = self.window(here.since - 1, joined)
            found.append(here)
        return found

    def turns(self, day: int, joined: int) -> list[int]:
        """On which later days what was done on `day` ceases to count, in whole or in part."""
        if self.kind == "ever":
            return []
        if self.kind == "rolling":
            return [_after(day, self.months)]
        found = [self.window(day, joined).until]
        for _ in range(self.keeps):
            found.append(self.window(found[-1], joined).until)
        return found


@lru_cache(maxsize=65_536)
def _after(day: int, months: int) -> int:
    return civil.add_months(date.fromordinal(day), months).toordinal()


@lru_cache(maxsize=65_536)
def _earliest(day: int, months: int) -> int:
    """The first day that still counts on `day`: months later is a day after it."""
    first = _after(day, -months)
    while first > 1 and _after(first, months) > day:
        first -= 1
    while _after(first, months) <= day:
        first += 1
    return first


@lru_cache(maxsize=65_536)
def _of_calendar(day: int, months: int) -> Window:
    here = date.fromordinal(day)
    since = date(here.year, (here.month - 1) // months * months + 1, 1)
    return Window(since.toordinal(), civil.add_months(since, months).toordinal())


@lru_cache(maxsize=65_536)
def _year_since(joined: int, day: int) -> Window:
    begun = date.fromordinal(joined)
    years = date.fromordinal(day).year - begun.year
    while _after(joined, 12 * years) > day:
        years -= 1
    while _after(joined, 12 * (years + 1)) <= day:
        years += 1
    return Window(_after(joined, 12 * years), _after(joined, 12 * (years + 1)))
