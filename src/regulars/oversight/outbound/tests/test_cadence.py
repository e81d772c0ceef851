"""When an export comes round, on the shop's clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from regulars.oversight.outbound.cadence import BadCadence, Cadence

LONDON, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "zone", "now", "due"),
    [
        (Cadence("hourly"), LONDON, "2026-03-02T10:59:59", "2026-03-02T11:00"),
        (Cadence("hourly"), LONDON, "2026-03-02T11:00", "2026-03-02T12:00"),
        (Cadence("daily", 3), SHANGHAI, "2026-03-02T18:59", "2026-03-02T19:00"),
        (Cadence("daily", 3), SHANGHAI, "2026-03-02T19:00", "2026-03-03T19:00"),
        # In London clocks show no half past one on 29 March 2026, and twice on 25 October: the first one counts.
        (Cadence("daily", 1), LONDON, "2026-03-28T02:00", "2026-03-29T01:00"),
        (Cadence("daily", 1), LONDON, "2026-10-24T12:00", "2026-10-25T00:00"),
        (Cadence("daily", 1), LONDON, "2026-10-25T00:00", "2026-10-26T01:00"),
        # 2 March 2026 is a Monday.
        (Cadence("weekly", 3, weekday=1), SHANGHAI, "2026-03-01T18:00", "2026-03-01T19:00"),
        (Cadence("weekly", 3, weekday=1), SHANGHAI, "2026-03-01T19:00", "2026-03-08T19:00"),
        (Cadence("weekly", 3, weekday=7), SHANGHAI, "2026-03-02T00:00", "2026-03-07T19:00"),
        (Cadence("monthly", 3, day=31), LONDON, "2026-01-31T03:00", "2026-02-28T03:00"),
        (Cadence("monthly", 3, day=31), LONDON, "2026-02-28T03:00", "2026-03-31T02:00"),
        (Cadence("monthly", 0, day=1), SHANGHAI, "2026-12-31T16:00", "2027-01-31T16:00"),
    ],
)
def test_it_comes_round(cadence, zone, now, due):
    assert cadence.after(utc(now), zone) == utc(due)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"hour": 24}, "hour"),
        ({"weekday": 0}, "weekday"),
        ({"day": 32}, "day"),
        ({"round": "yearly"}, "round"),
    ],
)
def test_a_time_that_is_none_is_refused(given, field):
    with pytest.raises(BadCadence) as refused:
        Cadence(**({"round": "daily"} | given))
    assert refused.value.facts["field"] == field
