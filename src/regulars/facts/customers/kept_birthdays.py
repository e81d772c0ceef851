"""Whose birthday is kept on a day. Birthdays are sealed, so every profile that has one is opened, page by page, for the
machine alone; nothing of them leaves but whose it is."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from regulars.facts.customers import birthdays, profiles
from regulars.facts.customers.birthdays import LeapDay
from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit import civil

PAGE = 5_000
_PEOPLE = """
SELECT customer_id FROM customers_profile
 WHERE (birthday IS NOT NULL OR lunar_birthday IS NOT NULL) AND customer_id > %(after)s
   AND (%(since)s::timestamptz IS NULL OR described_at >= %(since)s) ORDER BY customer_id LIMIT %(size)s
"""
_WITH_BIRTHDAYS = f"""
SELECT profile.customer_id, COALESCE(record.person_id, record.id), record.first_seen_at
  FROM customers_profile AS profile JOIN {CUSTOMERS} AS record ON record.id = profile.customer_id
 WHERE (profile.birthday IS NOT NULL OR profile.lunar_birthday IS NOT NULL) AND profile.customer_id > %s
 ORDER BY profile.customer_id LIMIT %s
"""  # noqa: S608 - of a constant


@dataclass(frozen=True)
class Page:
    """Of some people, those whose birthday is kept on the day, each with the year it is kept for: of a lunar birthday
    the Chinese year. `last` is the last of them, None where there are no more."""

    found: Mapping[int, int]
    last: int | None


def kept_on(
    day: date,
    *,
    after: int = 0,
    size: int = PAGE,
    since: datetime | None = None,
    leap_day: LeapDay = "february",
) -> Page:
    """Of the next people after `after`; with `since` of those alone of whom something was told since. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"after": after, "since": since, "size": size})
        people = [number for (number,) in cursor.fetchall()]
    found = {}
    for person, told in profiles.opened(people, ["birthday", "lunar_birthday"]).items() if people else ():
        year = year_of(told.get("birthday", ""), told.get("lunar_birthday", ""), day, leap_day)
        if year is not None:
            found[person] = year
    return Page(found, people[-1] if people else None)


@dataclass(frozen=True, slots=True)
class KeptOn:
    """A person's birthday on a day, and the year it is kept for."""

    person: int
    day: date
    year: int


def between(
    first: date | None, until: date, *, zone: ZoneInfo, size: int = PAGE, leap_day: LeapDay = "february"
) -> Iterator[KeptOn]:
    """Every birthday that is kept from the first day until before the other, in any order, by what is told now; of each
    from the day on which they were first seen in that zone, and none of who was not where no first day is told. Two
    queries for so many people."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_WITH_BIRTHDAYS, [after, size])
            rows = cursor.fetchall()
        told = profiles.opened([record for record, *_ in rows], ["birthday", "lunar_birthday"]) if rows else {}
        for record, person, seen_at in rows:
            days = [first] if first is not None else []
            days += [civil.day_of(seen_at, zone)] if seen_at is not None else []
            mine = told.get(record, {}) if days else {}
            solar, lunar = mine.get("birthday", ""), mine.get("lunar_birthday", "")
            for day, year in _kept(solar, lunar, max(days, default=until), until, leap_day):
                yield KeptOn(person, day, year)
        if len(rows) < size:
            return
        after = rows[-1][0]


def _kept(solar: str, lunar: str, first: date, until: date, leap_day: LeapDay) -> Iterator[tuple[date, int]]:
    """Each day on which it is kept, with the year it is kept for. Who tells both keeps the lunar one."""
    if lunar:
        told = birthdays.lunar(lunar, date.max)
        for year in range(first.year - 1, until.year + 1):
            if first <= (day := birthdays.solar_of(told, year)) < until:
                yield day, year
    elif solar:
        day = birthdays.next_solar(solar, first, leap_day=leap_day)
        while day < until:
            yield day, day.year
            day = birthdays.next_solar(solar, day + timedelta(days=1), leap_day=leap_day)


def near(asked: Collection[tuple[int, date]], *, days: int, leap_day: LeapDay = "february") -> set[tuple[int, date]]:
    """Of customers and days, those where the customer's birthday is kept at most so many days before or after. By what
    is told now; who told none has none. One query."""
    opened = profiles.opened(sorted({who for who, _ in asked}), ["birthday", "lunar_birthday"]) if asked else {}
    return {
        (who, day)
        for who, day in asked
        if (told := opened.get(who)) is not None
        and is_near(told.get("birthday", ""), told.get("lunar_birthday", ""), day, days, leap_day)
    }


def is_near(solar: str, lunar: str, day: date, days: int, leap_day: LeapDay = "february") -> bool:
    """Whether a birthday is kept at most so many days before or after a day. Who tells both keeps the lunar one."""
    first, last = day - timedelta(days=days), day + timedelta(days=days)
    if lunar:
        return birthdays.next_lunar(birthdays.lunar(lunar, date.max), first) <= last
    return bool(solar) and birthdays.next_solar(solar, first, leap_day=leap_day) <= last


def year_of(solar: str, lunar: str, day: date, leap_day: LeapDay = "february") -> int | None:
    """For which year a birthday is kept on that day; None where it is not. Who tells both keeps the lunar one."""
    if lunar:
        told = birthdays.lunar(lunar, day)
        years = (day.year - 1, day.year)
        return next((year for year in years if birthdays.solar_of(told, year) == day), None)
    return day.year if solar and birthdays.next_solar(solar, day, leap_day=leap_day) == day else None
