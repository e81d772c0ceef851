"""When it happened: what clocks say, and what is made of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.events import times
from regulars.facts.events.tests.builders import NOW, SHANGHAI
from regulars.facts.events.times import Why

MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
#: What was told as the original time and as the sending, the time that counts, and why. It arrived on the 20th at 9:00.
CASES = {
    "told, sent at once": ("2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z", MORNING, Why.TOLD),
    "told, no sentAt": ("2026-11-20T08:00:00.000Z", None, MORNING, Why.TOLD),
    "the way here took seconds": ("2026-11-20T08:00:00Z", "2026-11-20T08:59:56Z", MORNING, Why.TOLD),
    "with an offset": ("2026-11-20T16:00:00+08:00", None, MORNING, Why.TOLD),
    "a clock an hour fast": ("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", MORNING, Why.CLOCK_CORRECTED),
    "a clock a year slow": ("2025-11-20T08:00:00Z", "2025-11-20T09:00:00Z", MORNING, Why.CLOCK_CORRECTED),
    "a phone never set": ("1970-01-01T00:10:00Z", "1970-01-01T01:10:00Z", MORNING, Why.CLOCK_CORRECTED),
    "a phone never set, no sentAt": ("1970-01-01T00:10:00Z", None, NOW, Why.WAS_BEFORE_2000),
    "set between happening and sending": ("1970-01-01T00:10:00Z", "2026-11-20T09:00:00Z", NOW, Why.WAS_BEFORE_2000),
    "offline for a week": (
        "2026-11-13T09:00:00Z",
        "2026-11-20T09:00:00Z",
        datetime(2026, 11, 13, 9, tzinfo=UTC),
        Why.TOLD,
    ),
    "offline for a week with a clock a day fast": (
        "2026-11-14T09:00:00Z",
        "2026-11-21T09:00:00Z",
        datetime(2026, 11, 13, 9, tzinfo=UTC),
        Why.CLOCK_CORRECTED,
    ),
    "told of 2019 by a clock that is right": (
        "2019-03-01T12:00:00Z",
        "2026-11-20T09:00:00Z",
        datetime(2019, 3, 1, 12, tzinfo=UTC),
        Why.TOLD,
    ),
    "told of 2019 by a clock that is wrong": (
        "2019-03-01T12:00:00Z",
        "2026-11-20T10:00:00Z",
        datetime(2019, 3, 1, 12, tzinfo=UTC),
        Why.TOLD,
    ),
    "sent before it happened": ("2026-11-20T09:05:00Z", "2026-11-20T09:00:00Z", NOW, Why.WAS_IN_THE_FUTURE),
    "sent before it happened, wrong clock": (
        "2026-11-20T10:05:00Z",
        "2026-11-20T10:00:00Z",
        NOW,
        Why.WAS_IN_THE_FUTURE,
    ),
    "sent a second before it happened": ("2026-11-20T09:00:01Z", "2026-11-20T09:00:00Z", NOW, Why.TOLD),
    "sent in the year 1": ("9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z", NOW, Why.WAS_IN_THE_FUTURE),
    "without an offset": ("2026-11-20T16:00:00", None, MORNING, Why.WITHOUT_ZONE),
    "a blank for the T": ("2026-11-20 16:00:00", None, MORNING, Why.WITHOUT_ZONE),
    "a day alone": ("2026-11-20", None, datetime(2026, 11, 19, 16, tzinfo=UTC), Why.WITHOUT_ZONE),
    "seconds": (1795161600, None, MORNING, Why.TOLD),
    "milliseconds": (1795161600000, None, MORNING, Why.TOLD),
    "seconds with a fraction": (
        Decimal("1795161600.25"),
        None,
        MORNING + timedelta(milliseconds=250),
        Why.TOLD,
    ),
    "milliseconds as text": ("1795161600000", None, MORNING, Why.TOLD),
    "nothing": (None, "2026-11-20T08:00:00Z", NOW, Why.NOTHING_TOLD),
    "empty": ("", None, NOW, Why.NOTHING_TOLD),
    "as HTTP writes it": ("Fri, 20 Nov 2026 08:00:00 GMT", None, MORNING, Why.TOLD),
    "UTC in letters": ("2026-11-20 08:00:00 UTC", None, MORNING, Why.TOLD),
    "a double offset": ("2024-09-16T03:50:1500:00", None, NOW, Why.UNREADABLE),
    "words": ("yesterday", None, NOW, Why.UNREADABLE),
    "a long text": ("2026-11-20T08:00:00Z" * 100, None, NOW, Why.UNREADABLE),
    "a truth": (True, None, NOW, Why.UNREADABLE),
    "an object": ({"$date": 5}, None, NOW, Why.UNREADABLE),
    "a number beyond all years": (10**40, None, NOW, Why.UNREADABLE),
    "an unreadable sentAt": ("2026-11-20T08:00:00Z", "2024-09-16T03:50:1500:00", MORNING, Why.TOLD),
}


def settle(original: object, sent: object) -> times.Settled:
    return times.Clock(received_at=NOW, zone=SHANGHAI).settle(original, sent)


def test_messages_of_one_batch_are_sent_when_each_says():
    clock = times.Clock(received_at=NOW, zone=SHANGHAI)
    for _ in range(2):
        for name in CASES:
            original, sent, counts, why = CASES[name]
            settled = clock.settle(original, sent)
            assert (settled.occurred_at, settled.why) == (counts, why)
            assert settled.sent_at == times.read(sent, SHANGHAI)[0]


@pytest.mark.parametrize("name", CASES)
def test_the_time_that_counts(name):
    original, sent, counts, why = CASES[name]

    settled = settle(original, sent)

    assert (settled.occurred_at, settled.why) == (counts, why)


def test_what_was_told_is_kept_beside_what_counts():
    settled = settle("1970-01-01T00:10:00Z", "1970-01-01T01:10:00Z")

    assert settled.original_at == datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
    assert settled.sent_at == datetime(1970, 1, 1, 1, 10, tzinfo=UTC)


def test_an_hour_that_comes_twice_or_never_is_an_hour():
    """In the night the clocks of London change."""
    london = times.read("2026-10-25T01:30:00", times.ZoneInfo("Europe/London"))
    never = times.read("2026-03-29T01:30:00", times.ZoneInfo("Europe/London"))

    assert london == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True)
    assert never == (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), True)


ANY_TIME = st.one_of(
    st.none(),
    st.text(max_size=45),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.datetimes().map(datetime.isoformat),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.floats(allow_nan=False),
)


@given(original=ANY_TIME, sent=ANY_TIME)
def test_whatever_is_told_happened_between_2000_and_now(original, sent):
    settled = settle(original, sent)

    assert times.EARLIEST <= settled.occurred_at <= NOW


@given(
    waited=st.timedeltas(timedelta(), timedelta(days=50)),
    wrong_by=st.timedeltas(timedelta(days=-9000), timedelta(days=9000)),
)
def test_a_wrong_clock_does_not_show(waited, wrong_by):
    real = NOW - waited
    settled = settle((real + wrong_by).isoformat(), (NOW + wrong_by).isoformat())

    assert abs(settled.occurred_at - real) <= times.NEAR
