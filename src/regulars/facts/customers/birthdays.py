"""Birthdays of both calendars: how they are written, and when the next one is. Pure: no database.

Solar: `1990-12-31`, or `--12-31` where nobody told the year. Lunar: `1990-08-15`, a leap month as `1990-L06-15`, and
`--08-15` without a year.
"""

import re
from calendar import isleap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal

from django.utils.translation import gettext as _
from lunar_python import LunarYear, Solar

from regulars.kit.refusals import Refusal

FIRST_YEAR: Final = 1900
#: When a birthday on the 29th of February is kept in years without it: the day before, or the day after.
LeapDay = Literal["february", "march"]
LEAP_DAYS: tuple[LeapDay, ...] = ("february", "march")
#: Years that may pass until the next lunar birthday, however its month falls.
_AHEAD = 2
#: No Chinese year lasts longer than until this day of the next.
_LAST_NEW_YEAR: Final = (2, 20)
_SOLAR = re.compile(r"(\d{4}|-)-(\d{2})-(\d{2})", re.ASCII)
_LUNAR = re.compile(r"(\d{4}|-)-(L?)(\d{2})-(\d{2})", re.ASCII)


class BadBirthday(Refusal):
    """Not a day of a living person's birth."""

    code = "customers.bad_birthday"


@dataclass(frozen=True)
class LunarDay:
    """A day of the Chinese calendar. `year` is None where nobody told it; a leap month comes after its twin."""

    year: int | None
    month: int
    day: int
    is_leap: bool

    def __str__(self) -> str:
        year = "-" if self.year is None else f"{self.year:04}"
        return f"{year}-{'L' if self.is_leap else ''}{self.month:02}-{self.day:02}"


def solar(text: str, on: date) -> str:
    """A birthday of the common calendar, checked. `on` is today: nobody is born later. Refuses with BadBirthday."""
    found = _SOLAR.fullmatch(text.strip())
    try:
        if found is None or found[1] != "-":
            day = date.fromisoformat(text.strip())
            if not date(FIRST_YEAR, 1, 1) <= day <= on:
                raise ValueError
            return day.isoformat()
        return f"--{date(2000, int(found[2]), int(found[3])):%m-%d}"
    except ValueError:
        # The value stays out of the message: it is personal, and messages end up in logs.
        raise BadBirthday(
            _("birthday: not a day from 1900 until now; write it like 1990-12-31, or --12-31 without the year"),
            field="birthday",
            value="(hidden)",
        ) from None


def lunar(text: str, on: date) -> LunarDay:
    """A birthday of the Chinese calendar, checked against its months. Refuses with BadBirthday."""
    found = _LUNAR.fullmatch(text.strip())
    if found is not None:
        year = None if found[1] == "-" else int(found[1])
        told = LunarDay(year, int(found[3]), int(found[4]), bool(found[2]))
        if 1 <= told.month <= 12 and 1 <= told.day <= 30 and _is_there(told, on):
            return told
    raise BadBirthday(
        _(
            "lunar_birthday: no day of the Chinese calendar from 1900 until now; write it like 1990-08-15, a leap"
            " month like 1990-L05-15, or --08-15 without the year"
        ),
        field="lunar_birthday",
        value="(hidden)",
    )


def youngest(solar_text: str, lunar_text: str) -> date | None:
    """The latest day on which somebody who told this, as it is kept, can be born; None without a year.

    Where the Chinese calendar has no such day, it is the last day of that Chinese year.
    """
    told = [date.fromisoformat(solar_text)] if solar_text and not solar_text.startswith("-") else []
    year = lunar_text[:4]
    if year.isascii() and year.isdecimal():
        try:
            day = lunar(lunar_text, date.max)
            told.append(solar_of(day, int(year)))
        except BadBirthday:
            told.append(date(int(year) + 1, *_LAST_NEW_YEAR))
    return max(told, default=None)


def solar_of(day: LunarDay, year: int) -> date:
    """The day of the common calendar on which the birthday is kept in the Chinese year `year`.

    Born in a leap month, it is kept in the month's twin in years without it; on the 30th, on the last day of a month of
    29.
    """
    months = _months(year)
    first, days = months[-day.month if day.is_leap and -day.month in months else day.month]
    return first + timedelta(min(day.day, days) - 1)


def next_lunar(day: LunarDay, on: date) -> date:
    """The next day on which a lunar birthday is kept, `on` itself included."""
    return min(found for year in range(on.year - 1, on.year + _AHEAD) if (found := solar_of(day, year)) >= on)


def next_solar(text: str, on: date, *, leap_day: LeapDay = "february") -> date:
    """The next birthday of a checked solar day, `on` itself included; the 29th of February is kept on the last of
    February, or in years without it on the first of March."""
    month, day = int(text[-5:-3]), int(text[-2:])
    kept = (_in_year(year, month, day, leap_day) for year in (on.year, on.year + 1))
    return next(found for found in kept if found >= on)


def _in_year(year: int, month: int, day: int, leap_day: LeapDay) -> date:
    if (month, day) == (2, 29):
        first = date(year, 3, 1)
        return first if leap_day == "march" and not isleap(year) else first - timedelta(1)
    return date(year, month, day)


def _is_there(told: LunarDay, on: date) -> bool:
    if told.year is None:
        return True
    if not FIRST_YEAR <= told.year <= on.year:
        return False
    _first, days = _months(told.year).get(-told.month if told.is_leap else told.month, (None, 0))
    return told.day <= days and solar_of(told, told.year) <= on


@lru_cache(maxsize=256)
def _months(year: int) -> Mapping[int, tuple[date, int]]:
    """Each month of a Chinese year, the leap one negative: its first day, and how many it has. Slow: kept."""
    chinese = LunarYear.fromYear(year)
    leap = int(chinese.getLeapMonth())
    found: dict[int, tuple[date, int]] = {}
    for number in [*range(1, 13), *([-leap] if leap else [])]:
        month = chinese.getMonth(number)
        first = Solar.fromJulianDay(month.getFirstJulianDay())
        found[number] = (date(first.getYear(), first.getMonth(), first.getDay()), int(month.getDayCount()))
    return found
