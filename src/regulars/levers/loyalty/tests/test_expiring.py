"""On which day points lapse, and at which instant."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit import civil
from regulars.levers.loyalty._ledger.resting import later
from regulars.levers.loyalty.expiring import Expiry, end_of, lapses_at, matures_at

LONDON = civil.zone("Europe/London")
A_YEAR = Expiry("rolling", months=12)


@pytest.mark.parametrize(
    ("policy", "earned", "last"),
    [
        (Expiry("never"), date(2027, 1, 31), None),
        (A_YEAR, date(2027, 1, 31), date(2028, 1, 31)),
        (A_YEAR, date(2028, 2, 29), date(2029, 2, 28)),
        (A_YEAR, date(2027, 2, 28), date(2028, 2, 28)),
        (Expiry("rolling", months=1), date(2027, 1, 31), date(2027, 2, 28)),
        (Expiry("rolling", months=1), date(2028, 1, 31), date(2028, 2, 29)),
        (Expiry("rolling", months=1), date(2027, 12, 31), date(2028, 1, 31)),
        (Expiry("rolling", days=90), date(2027, 12, 31), date(2028, 3, 30)),
        (Expiry("fixed", on=date(2027, 12, 31)), date(2027, 12, 31), date(2027, 12, 31)),
        (Expiry("fixed", on=date(2027, 12, 31)), date(2028, 1, 1), date(2028, 12, 31)),
        (Expiry("fixed", on=date(2028, 2, 29)), date(2028, 3, 1), date(2029, 2, 28)),
        (Expiry("fixed", on=date(2028, 2, 29)), date(2029, 3, 1), date(2030, 2, 28)),
        (Expiry("calendar_end", months=12, unit="year"), date(2027, 3, 3), date(2028, 12, 31)),
        (Expiry("calendar_end", unit="quarter"), date(2027, 3, 3), date(2027, 3, 31)),
        (Expiry("calendar_end", months=1, unit="month"), date(2028, 1, 31), date(2028, 2, 29)),
        (Expiry("calendar_end", unit="half_year"), date(2027, 7, 1), date(2027, 12, 31)),
    ],
)
def test_last_days(policy, earned, last):
    assert policy.last_day(earned) == last


def test_activity_keeps_points_longer_and_never_shorter():
    idle = Expiry("activity", months=12)
    assert idle.last_day(date(2027, 1, 31)) == date(2028, 1, 31)
    assert idle.extended(date(2028, 1, 31), date(2027, 6, 1)) == date(2028, 6, 1)
    assert idle.extended(date(2028, 6, 1), date(2027, 2, 1)) == date(2028, 6, 1)
    # What had lapsed by then stays so, and other policies know no activity.
    assert idle.extended(date(2028, 1, 31), date(2028, 2, 1)) == date(2028, 1, 31)
    assert A_YEAR.extended(date(2028, 1, 31), date(2027, 6, 1)) == date(2028, 1, 31)


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Shanghai", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"])
def test_a_last_day_is_whole_whatever_clocks_do_in_its_night(zone):
    clocks = civil.zone(zone)
    for day in (date(2026, 3, 28), date(2026, 10, 24), date(2027, 12, 31), date(2028, 2, 29), date(2026, 4, 23)):
        lapse = lapses_at(day, clocks)
        assert civil.day_of(lapse - timedelta(microseconds=1), clocks) == day
        assert civil.day_of(lapse, clocks) == day + timedelta(days=1)


def test_the_night_without_a_midnight():
    # In Cairo clocks go from 24 April 0:00 to 1:00: that day begins at 1:00, and only then is the day before over.
    assert lapses_at(date(2026, 4, 23), civil.zone("Africa/Cairo")) == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_what_was_delivered_matures_after_whole_days():
    delivered = datetime(2026, 3, 20, 18, tzinfo=UTC)
    # In London clocks go forward in between.
    assert matures_at(delivered, 14, LONDON) == datetime(2026, 4, 3, 23, tzinfo=UTC)
    assert matures_at(delivered, 0, LONDON) == delivered


def test_ends():
    assert end_of(date(2028, 2, 1), "month") == date(2028, 2, 29)
    assert end_of(date(2028, 5, 1), "year") == date(2028, 12, 31)


@given(
    since=st.integers(0, 17_000),
    rests=st.timedeltas(timedelta(0), timedelta(days=700)),
    left=st.integers(0, 400),
    zone=st.sampled_from(["Europe/London", "Asia/Shanghai", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia"]),
)
def test_no_lot_ever_has_less_time_left_than_it_had(since, rests, left, zone):
    clock, since = civil.zone(zone), datetime(2026, 1, 1, 0, 30, tzinfo=UTC) + timedelta(hours=since)
    on, at = civil.day_of(since, clock) + left * timedelta(days=1), since + rests
    until = civil.start_of_day(on + timedelta(days=1), clock)
    day, ends_at = later(on, until, since=since, at=at, zone=clock)
    assert ends_at == civil.start_of_day(day + timedelta(days=1), clock)
    assert until - since <= ends_at - at <= until - since + timedelta(hours=49)
    assert day - on >= civil.day_of(at, clock) - civil.day_of(since, clock)
