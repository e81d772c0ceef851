from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window

SHANGHAI, LONDON, HAVANA, BEIRUT, CAIRO, APIA, TORONTO, ST_JOHNS, KATHMANDU = map(
    civil.zone,
    [
        "Asia/Shanghai",
        "Europe/London",
        "America/Havana",
        "Asia/Beirut",
        "Africa/Cairo",
        "Pacific/Apia",
        "America/Toronto",
        "America/St_Johns",
        "Asia/Kathmandu",
    ],
)
#: Zones whose clocks were not put back across midnight in the years tested, so days are windows without remainder.
ZONES = st.sampled_from(
    [SHANGHAI, LONDON, HAVANA, BEIRUT, CAIRO, KATHMANDU, ZoneInfo("UTC"), ZoneInfo("Australia/Lord_Howe")]
)
instants = st.datetimes(datetime(1995, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
days = st.dates(date(1995, 1, 2), date(2036, 12, 30))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def the_day(day: date, zone: ZoneInfo) -> Window[datetime]:
    return civil.days_window(Window(day, day + timedelta(days=1)), zone)


@pytest.mark.parametrize(
    ("day", "zone", "start", "hours"),
    [
        (date(2026, 3, 4), SHANGHAI, "2026-03-03T16:00", 24),
        (date(2026, 3, 29), LONDON, "2026-03-29T00:00", 23),
        (date(2026, 10, 25), LONDON, "2026-10-24T23:00", 25),
        # Midnight does not exist: clocks go from 00:00 to 01:00.
        (date(2024, 3, 31), BEIRUT, "2024-03-30T22:00", 23),
        (date(2024, 4, 26), CAIRO, "2024-04-25T22:00", 23),
        # The gap began half an hour before midnight: 23:30 to 00:30.
        (date(1919, 3, 31), TORONTO, "1919-03-31T04:30", 23.5),
        # Midnight happens twice; the first begins the day.
        (date(2024, 11, 3), HAVANA, "2024-11-03T04:00", 25),
        # Samoa skipped a day.
        (date(2011, 12, 29), APIA, "2011-12-29T10:00", 24),
        (date(2011, 12, 30), APIA, "2011-12-30T10:00", 0),
        (date(2011, 12, 31), APIA, "2011-12-30T10:00", 24),
    ],
)
def test_days_begin_where_their_clocks_say(day: date, zone: ZoneInfo, start: str, hours: float) -> None:
    window = the_day(day, zone)
    assert window.start == civil.start_of_day(day, zone) == utc(start)
    assert window.end - window.start == timedelta(hours=hours)
    assert window.start.tzinfo is UTC


def test_a_day_put_back_across_midnight_starts_at_its_first_midnight() -> None:
    # 00:01 on 7 November 2010 became 23:01 on the 6th: the 7th began, stopped, and began again.
    start = civil.start_of_day(date(2010, 11, 7), ST_JOHNS)
    assert civil.day_of(start, ST_JOHNS) == date(2010, 11, 7)
    assert civil.day_of(start - timedelta(seconds=1), ST_JOHNS) == date(2010, 11, 6)
    assert civil.day_of(start + timedelta(minutes=2), ST_JOHNS) == date(2010, 11, 6)


@pytest.mark.parametrize(
    ("day", "clock", "instant"),
    [
        (date(2026, 3, 29), time(1, 30), "2026-03-29T01:30"),  # in the gap: what became 02:30
        (date(2026, 10, 25), time(1, 30), "2026-10-25T00:30"),  # twice: the first
        (date(2026, 7, 1), time(12, 0), "2026-07-01T11:00"),
    ],
)
def test_gaps_and_folds_in_london(day: date, clock: time, instant: str) -> None:
    assert civil.instant_of(day, clock, LONDON) == utc(instant)


@pytest.mark.parametrize(
    ("day", "months", "found"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-05-05", 0, "2026-05-05"),
    ],
)
def test_months_end_where_they_end(day: str, months: int, found: str) -> None:
    assert civil.add_months(date.fromisoformat(day), months) == date.fromisoformat(found)


def test_the_calendar_has_ends() -> None:
    with pytest.raises(Refusal, match="outside the years 1 to 9999"):
        civil.add_months(date(2026, 1, 1), 12 * 9000)


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("Asia/Shangai", "did you mean Asia/Shanghai"),
        ("Mars/Olympus", "IANA"),
        ("", "IANA"),
        ("../etc/passwd", "IANA"),
        ("/etc/passwd", "IANA"),
        ("Asia", "did you mean|IANA"),
    ],
)
def test_unknown_zones_are_refused_with_their_mend(name: str, mend: str) -> None:
    with pytest.raises(Refusal, match=mend):
        civil.zone(name)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(Refusal, match="has no zone"):
        civil.day_of(datetime(2026, 3, 4), SHANGHAI)  # noqa: DTZ001 - that is the point


@given(instants, ZONES)
def test_an_instant_lies_in_the_window_of_its_day(instant: datetime, zone: ZoneInfo) -> None:
    assert instant in the_day(civil.day_of(instant, zone), zone)


@given(days, ZONES)
def test_a_day_starts_at_its_first_instant_and_neighbours_touch(day: date, zone: ZoneInfo) -> None:
    window = the_day(day, zone)
    assert civil.day_of(window.start, zone) == day
    assert civil.day_of(window.start - timedelta(microseconds=1), zone) < day
    assert window.end == civil.start_of_day(day + timedelta(days=1), zone)


@given(days, ZONES, st.times())
def test_a_clock_face_is_read_back_unless_it_never_was(day: date, zone: ZoneInfo, clock: time) -> None:
    shown = civil.instant_of(day, clock, zone).astimezone(zone)
    assert (
        shown.replace(tzinfo=None, fold=0) == datetime.combine(day, clock) or shown.time() > clock or shown.date() > day
    )


@given(days, st.integers(-600, 600))
def test_months_move_by_exactly_so_many(day: date, months: int) -> None:
    moved = civil.add_months(day, months)
    assert (moved.year - day.year) * 12 + moved.month - day.month == months
    assert moved.day == day.day or (moved + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("name", "days", "expected"),
    [
        ("Asia/Shanghai", (date(2026, 1, 1), date(2027, 1, 1)), [("2025-12-31T16:00", "2026-12-31T16:00", 8)]),
        (
            "Europe/London",
            (date(2026, 1, 1), date(2027, 1, 1)),
            [
                ("2026-01-01T00:00", "2026-03-29T01:00", 0),
                ("2026-03-29T01:00", "2026-10-25T01:00", 1),
                ("2026-10-25T01:00", "2027-01-01T00:00", 0),
            ],
        ),
        ("Europe/London", (date(2026, 1, 1), date(2026, 1, 1)), []),
    ],
)
def test_how_far_clocks_are_ahead(name, days, expected):
    found = civil.offsets(Window(*days), civil.zone(name))
    told = [
        (f"{w.start:%Y-%m-%dT%H:%M}", f"{w.end:%Y-%m-%dT%H:%M}", ahead.total_seconds() / 3600) for w, ahead in found
    ]
    assert told == expected
