"""Who falls silent is missed; who is closed, rare or erratic is not."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regulars.facts.sources import silence
from regulars.facts.sources.silence import HOUR, Heard

SHANGHAI, LONDON = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
#: Saturday noon in Shanghai.
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
Rate = Callable[[datetime], float]


def a_past(rate: Rate, *, until: datetime, weeks: int = 8, zone: ZoneInfo = SHANGHAI, seed: int = 7) -> Heard:
    """`rate` messages an hour by the local clock, with chance, up to `until`."""
    chance = random.Random(seed)
    start = until - timedelta(weeks=weeks)
    hours: dict[datetime, int] = {}
    while start < until:
        mean = rate(start.astimezone(zone))
        if (count := max(0, round(chance.gauss(mean, mean**0.5)))) > 0:
            hours[start] = count
        start += HOUR
    return Heard(hours, min(hours) + HOUR, max(hours) + HOUR - timedelta(minutes=1), zone)


def judged(heard: Heard, at: datetime) -> silence.Silence | None:
    return silence.judge(heard, at=at, listens_from=heard.first_at)


def till(local: datetime) -> float:
    """A shop that is open from ten to eight, and closed on Sundays."""
    return 40.0 if 10 <= local.hour < 20 and local.weekday() != 6 else 0.0


def test_a_till_that_falls_silent_on_saturday_noon_is_missed_and_told_since_when() -> None:
    heard = a_past(till, until=NOON)

    assert judged(heard, NOON) is None
    assert judged(heard, NOON + timedelta(minutes=59)) is None, "the hour is not over"
    found = judged(heard, NOON + timedelta(minutes=65))
    assert found is None or found.hours == 1
    found = judged(heard, NOON + timedelta(minutes=125))
    assert found is not None
    assert (found.hours, found.got, found.since_at) == (2, 0, heard.last_at)
    assert 70 < found.expected < 90


def test_a_shop_that_is_closed_on_sundays_and_at_night_is_not() -> None:
    until = NOON + 8 * HOUR
    heard = a_past(till, until=until)

    for hours in range(39):
        assert judged(heard, until + hours * HOUR) is None
    monday = datetime(2026, 11, 23, 5, 5, tzinfo=UTC)
    assert judged(heard, monday) is not None, "it did not open on Monday"


@pytest.mark.parametrize(
    ("rate", "hours", "is_missed"),
    [
        (lambda _: 1000.0, 1, True),
        (lambda _: 200.0, 1, True),
        (lambda _: 5.0, 1, False),
        (lambda _: 5.0, 24, True),
        (lambda _: 0.05, 24, False),
        (lambda _: 0.5, 168, True),
    ],
)
def test_the_rarer_the_longer(rate: Rate, hours: int, is_missed: bool) -> None:
    heard = a_past(rate, until=NOON)

    assert (judged(heard, NOON + hours * HOUR) is not None) is is_missed


def test_two_weeks_are_the_least() -> None:
    assert judged(a_past(till, until=NOON, weeks=1), NOON + 6 * HOUR) is None
    assert judged(a_past(till, until=NOON, weeks=3), NOON + 6 * HOUR) is not None


def test_a_source_that_comes_in_bursts_is_given_time() -> None:
    def nightly(local: datetime) -> float:
        return 5000.0 if local.hour == 3 and local.toordinal() % 3 == 0 else 0.0

    heard = a_past(nightly, until=NOON)

    for hours in range(24):
        assert judged(heard, NOON + hours * HOUR) is None


def test_a_trickle_is_silence_too() -> None:
    heard = a_past(lambda _: 400.0, until=NOON)
    trickling = Heard(
        {**heard.hours, **{NOON + step * HOUR: 3 for step in range(3)}},
        heard.first_at,
        NOON + 3 * HOUR,
        SHANGHAI,
    )

    found = judged(trickling, NOON + 3 * HOUR)

    assert found is not None
    assert found.got > 0
    assert found.since_at == NOON + (3 - found.hours) * HOUR, "it fell then, though it never stopped"


def test_an_outage_of_last_week_does_not_teach_that_outages_are_usual() -> None:
    heard = a_past(till, until=NOON)
    begin, end = NOON - timedelta(weeks=1), NOON - timedelta(weeks=1) + 6 * HOUR
    hours = {hour: count for hour, count in heard.hours.items() if not begin <= hour < end}

    deaf = judged(Heard(hours, heard.first_at, heard.last_at, SHANGHAI), NOON + 2 * HOUR)
    knowing = judged(Heard(hours, heard.first_at, heard.last_at, SHANGHAI, [(begin, end)]), NOON + 2 * HOUR)

    assert knowing is not None
    assert deaf is None or deaf.chance > knowing.chance


def test_clocks_that_are_put_back_shift_the_past_with_them() -> None:
    """Sunday, 25 October 2026: in London nine o'clock is an hour later than the week before."""

    def office(local: datetime) -> float:
        return 300.0 if 9 <= local.hour < 17 else 0.0

    monday = datetime(2026, 10, 26, 9, 0, tzinfo=UTC)
    heard = a_past(office, until=monday, zone=LONDON)

    assert judged(heard, monday) is None, "in UTC it would be an hour late by now"
    assert judged(heard, monday + HOUR) is not None


def test_who_sends_as_usual_speaks_and_who_sends_a_drop_does_not() -> None:
    heard = a_past(lambda _: 400.0, until=NOON)

    def says(count: int) -> bool:
        hours = {**heard.hours, NOON + 5 * HOUR: count}
        return silence.speaks(
            Heard(hours, heard.first_at, heard.last_at, SHANGHAI), at=NOON + 5 * HOUR + timedelta(minutes=50)
        )

    assert [says(count) for count in (0, 1, 20, 390)] == [False, False, False, True]


@pytest.mark.parametrize("expected", [0.5, 3.0, 40.0, 900.0])
@pytest.mark.parametrize("shape", [0.3, 4.0, 20.0])
@pytest.mark.parametrize("got", [0, 1, 7, 300])
def test_the_chance_is_the_sum_of_the_textbooks_terms(got: int, expected: float, shape: float) -> None:
    p = shape / (shape + expected)
    known = math.fsum(
        math.exp(
            math.lgamma(count + shape)
            - math.lgamma(shape)
            - math.lgamma(count + 1)
            + shape * math.log(p)
            + count * math.log1p(-p)
        )
        for count in range(got + 1)
    )

    assert silence.at_most(got, expected, shape) == pytest.approx(known, rel=1e-9)


def test_nothing_expected_is_no_silence() -> None:
    assert silence.at_most(0, 0.0, 4.0) == 1.0


def test_false_alarms_are_rare_where_weeks_differ_as_they_do() -> None:
    """Fifteen sources of every size, each week about a quarter busier or quieter: nobody is called silent."""
    for number in range(15):
        chance = random.Random(number)
        mean = 10 ** chance.uniform(-1, 3)
        weekly = {week: chance.lognormvariate(0, 0.25) for week in range(60)}

        def rate(local: datetime, mean: float = mean, weekly: dict[int, float] = weekly) -> float:
            return mean * weekly[local.isocalendar().week] * (1.0 if 8 <= local.hour < 22 else 0.1)

        heard = a_past(rate, until=NOON, weeks=10, seed=number)
        for day in range(7):
            at = NOON - timedelta(days=day, hours=number % 24)
            kept = {hour: count for hour, count in heard.hours.items() if hour < at}
            assert judged(Heard(kept, heard.first_at, max(kept) + HOUR, SHANGHAI), at) is None
