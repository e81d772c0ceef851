"""When points lapse: civil days in the programme's zone, and the instants they end at. Pure.

`last_day` is the last day on which they can be spent; they lapse at the instant the next day begins, whatever clocks do
that night. Months are counted from the day itself: a month from 31 January is the last day of February, a year from
29 February is 28 February.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from regulars.kit import civil

Kind = Literal["never", "fixed", "rolling", "activity", "calendar_end"]
KINDS: tuple[Kind, ...] = ("never", "fixed", "rolling", "activity", "calendar_end")
Unit = Literal["month", "quarter", "half_year", "year"]
UNITS: tuple[Unit, ...] = ("month", "quarter", "half_year", "year")
#: The days from which the fewest are left by any policy: the last ones of months, through four years.
_ENDS_OF_MONTHS = tuple(civil.add_months(date(2027, 1, 31), month) for month in range(48))
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


@dataclass(frozen=True)
class Expiry:
    """One policy. *never*; *fixed*: all on the day `on`, what is earned later than it a year after it each; *rolling*:
    `months` and `days` after they were earned; *activity*: after their member last earned or spent points;
    *calendar_end*: at the end of the calendar `unit` that `months` after they were earned lie in."""

    kind: Kind = "never"
    months: int = 0
    days: int = 0
    on: date | None = None
    unit: Unit = "year"

    def __str__(self) -> str:
        parts = {
            "never": "",
            "fixed": f"/{self.on}",
            "rolling": f"/{self.months}m{self.days}d",
            "activity": f"/{self.months}m{self.days}d",
            "calendar_end": f"/{self.months}m/{self.unit}",
        }
        return f"{self.kind}{parts[self.kind]}"

    @staticmethod
    def by_activity(said: str) -> "Expiry":
        """The policy of lots that activity keeps, as a lot says it: `str` of it. Refuses no other; there are none."""
        months, days = said.removeprefix("activity/").removesuffix("d").split("m")
        return Expiry("activity", int(months), int(days))

    @lru_cache(maxsize=8192)  # noqa: B019 - the few policies there are may stay
    def last_day(self, earned_on: date) -> date | None:
        """The last day of what was earned, or last confirmed by activity, on that day. None: they stay."""
        if self.kind == "never":
            return None
        if self.kind == "fixed":
            assert self.on is not None
            day, years = self.on, 0
            while day < earned_on:
                years += 1
                day = civil.add_months(self.on, 12 * years)
            return day
        if self.kind == "calendar_end":
            return end_of(civil.add_months(earned_on, self.months), self.unit)
        return civil.add_months(earned_on, self.months) + timedelta(days=self.days)

    @property
    def least_days(self) -> int | None:
        """So many days after the one it was earned a point can be spent at least; None where none lapse, or where all
        do on one day, however short before that they were earned."""
        if self.kind in ("never", "fixed"):
            return None
        ends = ((day, self.last_day(day)) for day in _ENDS_OF_MONTHS)
        return min((last - day).days for day, last in ends if last is not None)

    def lasts_months(self, months: int) -> bool:
        """Whether each point can be spent for so many months after it was earned, at least."""
        if self.kind == "never" or not months:
            return True
        ends = ((day, self.last_day(day)) for day in _ENDS_OF_MONTHS)
        return self.kind != "fixed" and all(last is None or last >= civil.add_months(day, months) for day, last in ends)

    def extended(self, last_day: date | None, active_on: date) -> date | None:
        """The last day after something was done on `active_on`: never earlier than it was."""
        if self.kind != "activity" or last_day is None or last_day < active_on:
            return last_day
        later = self.last_day(active_on)
        return last_day if later is None else max(last_day, later)


def end_of(day: date, unit: Unit) -> date:
    """The last day of the calendar month, quarter, half-year or year it is in."""
    months = _MONTHS[unit]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return civil.add_months(first, months) - timedelta(days=1)


def lapses_at(last_day: date | None, zone: ZoneInfo) -> datetime | None:
    """The instant at which points with that last day can be spent no more, in UTC."""
    return None if last_day is None else civil.start_of_day(last_day + timedelta(days=1), zone)


def matures_at(since: datetime, days: int, zone: ZoneInfo) -> datetime:
    """When what was delivered (or paid, or placed) at `since` cannot be sent back any more: the beginning of the day
    after `days` whole days; at once where there are none."""
    if days == 0:
        return since
    return civil.start_of_day(civil.day_of(since, zone) + timedelta(days=days + 1), zone)
