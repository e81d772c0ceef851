from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window

MONDAY, FRIDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 6), date(2026, 3, 8)
days = st.dates(date(1990, 1, 1), date(2040, 1, 1))
windows = st.tuples(days, days).map(lambda pair: Window(min(pair), max(pair)))


def test_the_end_is_outside() -> None:
    week = Window(MONDAY, SUNDAY)
    assert MONDAY in week
    assert SUNDAY not in week
    assert not week.overlaps(Window(SUNDAY, SUNDAY + timedelta(days=7)))
    assert week.intersect(Window(FRIDAY, date(2026, 4, 1))) == Window(FRIDAY, SUNDAY)
    assert Window(MONDAY, MONDAY).is_empty


@pytest.mark.parametrize(
    ("start", "end", "mend"),
    [
        (SUNDAY, MONDAY, "swap them"),
        (MONDAY, datetime(2026, 3, 8, tzinfo=UTC), "two days or two instants"),
        (datetime(2026, 3, 2), datetime(2026, 3, 8), "has no zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_what_is_no_window_is_refused(start: date, end: date, mend: str) -> None:
    with pytest.raises(Refusal, match=mend):
        Window(start, end)


def test_the_hour_that_happens_twice_has_an_order() -> None:
    london = ZoneInfo("Europe/London")
    first = datetime(2026, 10, 25, 1, 40, tzinfo=london)
    second = datetime(2026, 10, 25, 1, 20, fold=1, tzinfo=london)
    assert first.replace(tzinfo=None) > second.replace(tzinfo=None), "the clock faces are the wrong way round"
    hour = Window(first, second)
    assert hour.end - hour.start == timedelta(minutes=40)


@given(windows, windows, days)
def test_the_shared_part_is_what_lies_in_both(one: Window[date], other: Window[date], day: date) -> None:
    shared = one.intersect(other)
    assert (shared is not None and day in shared) is (day in one and day in other)
    assert one.overlaps(other) is other.overlaps(one) is (shared is not None)
