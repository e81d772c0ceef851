from datetime import UTC, date, datetime, timedelta

import pytest

from regulars.facts.customers import birthdays, customers, kept_birthdays, profiles
from regulars.facts.customers.birthdays import BadBirthday, LunarDay
from regulars.facts.customers.profiles import Profile
from regulars.kit import civil
from regulars.kit.actors import SYSTEM

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("1990-12-31", "1990-12-31"), ("--02-29", "--02-29"), ("--12-31", "--12-31"), ("2026-03-02", "2026-03-02")],
)
def test_a_solar_birthday_may_lack_its_year(text: str, kept: str) -> None:
    assert birthdays.solar(text, TODAY) == kept


@pytest.mark.parametrize(
    "text", ["1990-02-29", "--02-30", "2026-03-03", "1899-12-31", "31.12.1990", "", "--1-1", "-12-31"]
)
def test_what_is_no_solar_birthday_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(BadBirthday) as refused:
        birthdays.solar(text, TODAY)
    assert refused.value.facts["value"] == "(hidden)"


@pytest.mark.parametrize(
    ("text", "on", "due"),
    [
        ("1990-12-31", TODAY, date(2026, 12, 31)),
        ("1990-03-02", TODAY, TODAY),
        ("1990-03-01", TODAY, date(2027, 3, 1)),
        ("--02-29", date(2026, 2, 28), date(2026, 2, 28)),
        ("--02-29", date(2027, 12, 1), date(2028, 2, 29)),
        ("2000-02-29", date(2028, 2, 29), date(2028, 2, 29)),
        ("2000-02-29", date(2026, 3, 1), date(2027, 2, 28)),
    ],
)
def test_the_next_solar_birthday(text: str, on: date, due: date) -> None:
    assert birthdays.next_solar(text, on) == due


@pytest.mark.parametrize(
    ("text", "on", "due"),
    [
        # The mid-autumn festival, 15th of the eighth month, and new year's day, as almanacs print them.
        ("1990-08-15", TODAY, date(2026, 9, 25)),
        ("--08-15", date(2025, 10, 7), date(2026, 9, 25)),
        ("--08-15", date(2025, 10, 6), date(2025, 10, 6)),
        ("1988-01-01", date(2025, 12, 31), date(2026, 2, 17)),
        ("1988-01-01", date(2026, 2, 17), date(2026, 2, 17)),
        ("1988-01-01", date(2026, 2, 18), date(2027, 2, 6)),
        # 2025 has a sixth month twice: who was born in such a one keeps it then, others in the first.
        ("1987-L06-15", date(2025, 7, 1), date(2025, 8, 8)),
        ("1987-06-15", date(2025, 7, 1), date(2025, 7, 9)),
        ("1987-L06-15", date(2026, 1, 1), date(2026, 7, 28)),
        # The twelfth month of 2025 has 29 days only.
        ("1990-12-30", date(2026, 1, 20), date(2026, 2, 16)),
    ],
)
def test_the_next_lunar_birthday(text: str, on: date, due: date) -> None:
    assert birthdays.next_lunar(birthdays.lunar(text, on), on) == due


@pytest.mark.parametrize("text", ["1990-L06-15", "1990-13-01", "1990-08-31", "2030-01-01", "15/8", "1899-01-01"])
def test_what_is_no_lunar_birthday_is_refused(text: str) -> None:
    with pytest.raises(BadBirthday, match="write it like 1990-08-15"):
        birthdays.lunar(text, TODAY)


def test_a_lunar_birthday_is_written_as_it_is_read() -> None:
    for text in ("1990-08-15", "1987-L06-15", "--08-15", "---08-15"[1:]):
        assert str(birthdays.lunar(text, TODAY)) == text
    assert birthdays.lunar("--08-15", TODAY) == LunarDay(None, 8, 15, is_leap=False)


@pytest.mark.parametrize(
    ("solar", "lunar", "day"),
    [
        ("2014-06-01", "", date(2014, 6, 1)),
        ("", "2014-L09-10", date(2014, 11, 2)),
        ("", "2014-12-30", date(2015, 2, 18)),
        # 2014 has no leap month of this number: born in that Chinese year at the latest.
        ("", "2014-L08-10", date(2015, 2, 20)),
        ("2014-06-01", "2015-05-01", date(2015, 6, 16)),
        ("--06-01", "--05-01", None),
        ("", "", None),
    ],
)
def test_the_youngest_somebody_can_be(solar: str, lunar: str, day: date | None) -> None:
    assert birthdays.youngest(solar, lunar) == day


@pytest.mark.parametrize(
    ("solar", "lunar", "day", "days", "is_near"),
    [
        ("1990-03-10", "", date(2026, 3, 10), 0, True),
        ("1990-03-10", "", date(2026, 3, 11), 0, False),
        ("1990-03-10", "", date(2026, 3, 7), 3, True),
        ("1990-03-10", "", date(2026, 3, 13), 3, True),
        ("1990-03-10", "", date(2026, 3, 14), 3, False),
        ("--12-31", "", date(2027, 1, 2), 2, True),
        ("--01-01", "", date(2026, 12, 30), 2, True),
        ("--01-01", "", date(2026, 12, 29), 2, False),
        ("1992-02-29", "", date(2026, 2, 28), 0, True),
        ("1992-02-29", "", date(2026, 3, 1), 0, False),
        ("1992-02-29", "", date(2028, 2, 29), 0, True),
        ("1992-02-29", "", date(2028, 2, 28), 0, False),
        # The Chinese New Year of 2026 is on 17 February; who tells both keeps that one.
        ("1990-08-01", "--01-01", date(2026, 2, 15), 2, True),
        ("1990-08-01", "--01-01", date(2026, 8, 1), 2, False),
        # The last day of a Chinese year of which the next has no 30th of its twelfth month.
        ("", "--12-30", date(2026, 2, 16), 0, True),
        ("", "--12-30", date(2027, 2, 5), 0, True),
        ("", "", date(2026, 2, 16), 31, False),
    ],
)
def test_how_near_a_birthday_is(solar: str, lunar: str, day: date, days: int, is_near: bool) -> None:
    assert kept_birthdays.is_near(solar, lunar, day, days) is is_near


@pytest.mark.django_db
def test_the_birthdays_of_a_time_are_those_of_each_of_its_days() -> None:
    """By the day on which each is looked for; of who was first seen in the middle of it, from then on."""
    first, until, zone = date(2024, 2, 1), date(2026, 3, 2), civil.zone("Asia/Shanghai")
    told = [("1990-03-10", ""), ("1992-02-29", ""), ("", "--12-30"), ("1980-01-01", "1987-L06-15"), ("--02-01", "")]
    people = {}
    for place, (solar, lunar) in enumerate(told):
        # At noon in London it is the evening of the same day there.
        seen_at = datetime(2024, 1, 1, 12, tzinfo=UTC) if place else datetime(2025, 3, 10, 12, tzinfo=UTC)
        ref = f"c{place}"
        people[place] = customers.resolve_many(namespace="shop", refs=[ref], at=seen_at, by=SYSTEM, origin="live")[ref]
        profile = Profile(birthday=solar or None, lunar_birthday=lunar or None)
        profiles.describe(customer=people[place], profile=profile, key=ref, at=seen_at, by=SYSTEM)
    for leap_day in birthdays.LEAP_DAYS:
        by_day = {
            (person, day, year)
            for day in (first + timedelta(days=more) for more in range((until - first).days))
            for person, year in kept_birthdays.kept_on(day, leap_day=leap_day).found.items()
            if person != people[0] or day >= date(2025, 3, 10)
        }
        found = [
            (one.person, one.day, one.year)
            for one in kept_birthdays.between(first, until, zone=zone, size=2, leap_day=leap_day)
        ]
        assert len(found) == len(set(found)) == 1 + 3 + 3 + 2 + 3
        assert set(found) == by_day
