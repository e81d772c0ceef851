"""Status quarter by quarter: who moved where, and what had been foretold against what came."""

from datetime import UTC, date, datetime

import pytest

from regulars.levers.loyalty import programme_files, tier_history
from regulars.levers.loyalty.tests.builders import key
from regulars.levers.loyalty.tests.test_earning import an_order

pytestmark = pytest.mark.django_db
TEXT = """
programme: tried
money: GBP
tiers:
  - id: status
    period: {kind: calendar_quarter, keeps: 1}
    levels:
      - {id: silver, all: [{what: spend, at_least: 100}]}
      - {id: gold, all: [{what: spend, at_least: 300}]}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


def buys(who: str, amount: str, *days: str) -> None:
    for day in days:
        at = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)
        an_order(key(), customer=who, at=at, lines=(("coat", "1", amount),), origin="history")


def test_who_moved_where_what_was_foretold_and_what_came():
    buys("stays", "120.00", "2025-01-10", "2025-05-10", "2025-08-10", "2025-11-10")
    buys("goes", "320.00", "2025-02-10")
    buys("late", "150.00", "2025-02-10", "2025-08-20")
    buys("rises", "200.00", "2025-05-01", "2025-06-01")
    found = programme_files.read(TEXT, currency="GBP", zone="Europe/London")
    [tiers] = found.tiers
    told = tier_history.by_quarter(found, tiers, since=date(2025, 1, 1), until=date(2026, 1, 1))
    assert [one.since for one in told] == [date(2025, month, 1) for month in (1, 4, 7, 10)]
    assert [dict(one.on) for one in told] == [
        {},
        {"silver": 2, "gold": 1},
        {"silver": 2, "gold": 2},
        {"silver": 2, "gold": 1},
    ]
    # Reached in the first quarter and kept through the second: it would go on the first day of the third.
    assert [one.foretold for one in told] == [0, 0, 2, 1]
    assert [(one.count(tiers, 1), one.count(tiers, -1)) for one in told] == [(3, 0), (1, 0), (0, 1), (0, 1)]
    # She who comes back in August fell in July, and is on it again by the end of September.
    assert [(one.fell, one.besides, one.forecast) for one in told] == [
        (0, 0, None),
        (0, 0, None),
        (1, 0, None),
        (1, 0, 0),
    ]
    assert all(sum(one.moved.values()) >= sum(one.on.values()) for one in told)
    table = tier_history.written(found, tiers, told)
    assert "| 2025 Q3 | 2 | 2 | 0 | 1 | 2 | 1 | – |" in table
