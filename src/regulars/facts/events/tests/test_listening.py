"""Stories of sources that fall silent or send other than planned, as the job that looks every few minutes sees them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from regulars.facts.events import following, intake, listening, stream
from regulars.facts.events.tests.shoppers import a_source, sent, viewed
from regulars.facts.sources import alarms, plan, sources, traffic
from regulars.facts.sources.sources import Source
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.database import horizon
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MAREK = Actor("operator", "3")
#: A Saturday in Shanghai.
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def rang(source: Source, start: datetime, until: datetime, *, each: int = 60) -> None:
    """The till rings while the shop is open: ten to eight, not on Sundays."""
    while start < until:
        local = start + timedelta(hours=8)
        if 10 <= local.hour < 20 and local.weekday() != 6:
            traffic.count_many(counts={(source.id, "accepted"): each}, at=start + timedelta(minutes=58))
        start += HOUR


def kinds() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM notices_notice WHERE kind LIKE 'sources.%' ORDER BY id")
        return [kind.removeprefix("sources.") for (kind,) in cursor.fetchall()]


def test_a_till_that_falls_silent_on_saturday_noon_is_alarmed_until_it_rings_again() -> None:
    till = a_source("till.xuhui")
    rang(till, NOON - timedelta(weeks=8), NOON)
    assert listening.look(at=NOON + timedelta(minutes=5))
    assert alarms.going_on() == []

    listening.look(at=NOON + 2 * HOUR + timedelta(minutes=5))
    listening.look(at=NOON + 2 * HOUR + timedelta(minutes=10))

    (alarm,) = alarms.going_on()
    assert (alarm.kind, alarm.since_at) == ("silence", NOON - timedelta(minutes=2))
    assert (alarm.facts["expected"], alarm.facts["got"], alarm.facts["hours"]) == (120.0, 0, 2)
    assert kinds() == ["fell_silent"]

    rang(till, NOON + 3 * HOUR, NOON + 4 * HOUR)
    listening.look(at=NOON + 4 * HOUR + timedelta(minutes=5))

    assert alarms.going_on() == []
    assert kinds() == ["fell_silent", "spoke_again"]
    listening.look(at=NOON + 4 * HOUR + timedelta(minutes=10))
    assert alarms.going_on() == [], "what was silent before it spoke again is over"
    assert [entry.verb for entry in trail.of(f"source:{till.id}")][:2] == ["alarms.end", "alarms.raise"]


def test_a_shop_that_is_closed_on_sundays_is_not_alarmed() -> None:
    till = a_source("till.jingan")
    rang(till, NOON - timedelta(weeks=8), NOON + 8 * HOUR)

    for hours in range(9, 46, 3):
        listening.look(at=NOON + hours * HOUR)

    assert alarms.going_on() == []


def test_a_holiday_that_was_meant_stays_quiet_and_counts_as_custom() -> None:
    till = a_source("till.pudong")
    rang(till, NOON - timedelta(weeks=8), NOON)
    listening.look(at=NOON + 3 * HOUR)
    (alarm,) = alarms.going_on()

    noted = alarms.note(alarm=alarm.id, was_meant=True, at=NOON + 3 * HOUR, by=MAREK)
    again = alarms.note(alarm=alarm.id, was_meant=True, at=NOON + 4 * HOUR, by=MAREK)

    assert noted == again
    assert noted.ended_at is not None
    for hours in range(4, 96, 5):
        listening.look(at=NOON + hours * HOUR)
    assert alarms.going_on() == []
    with pytest.raises(alarms.UnknownAlarm):
        alarms.note(alarm=0, was_meant=True, at=NOON, by=MAREK)


def test_one_who_saw_it_ends_nothing() -> None:
    till = a_source("till.minhang")
    rang(till, NOON - timedelta(weeks=8), NOON)
    listening.look(at=NOON + 3 * HOUR)
    (alarm,) = alarms.going_on()

    alarms.note(alarm=alarm.id, was_meant=False, at=NOON + 3 * HOUR, by=MAREK)

    (noted,) = alarms.going_on(till.id)
    assert noted.noted_at == NOON + 3 * HOUR
    sources.retire(source=till.id, at=NOON + 4 * HOUR, by=MAREK)
    listening.look(at=NOON + 5 * HOUR)
    assert alarms.going_on() == []
    assert [one.id for one in alarms.recent(till.id)] == [alarm.id]


def test_while_what_came_is_not_counted_nobody_is_called_silent() -> None:
    till = a_source("till.hongkou")
    stream.register(following.READERS)
    rang(till, NOON - timedelta(weeks=8), NOON)
    sent(till, viewed("li"))
    later = datetime.now(UTC) + HOUR

    assert not listening.look(at=later)
    following.follow_everything()
    assert horizon.last_number(intake.SEQUENCE)
    assert listening.look(at=later)


def test_a_deploy_that_renames_an_event_is_alarmed_until_the_plan_is_mended() -> None:
    web = a_source("web")
    sent(web, *[viewed(f"u-{number}") for number in range(30)], at=NOON)
    following.follow_everything()
    plan.accept(source=web.id, at=NOON, by=MAREK)

    sent(web, *[viewed("li", event="product viewed") for _ in range(9)], at=NOON + HOUR)
    following.follow_everything()
    alarms.look(at=NOON + HOUR, by=SYSTEM)
    assert alarms.going_on() == [], "nine may be one client's slip"
    sent(web, *[viewed("li", event="product viewed") for _ in range(9)], at=NOON + HOUR)
    following.follow_everything()
    alarms.look(at=NOON + HOUR, by=SYSTEM)

    (alarm,) = alarms.going_on()
    assert (alarm.kind, alarm.since_at, alarm.facts) == ("plan", NOON + HOUR, {"messages": 18, "blocked": 0})
    assert kinds() == ["plan_broken"]
    (differing,) = plan.deviations(source=web.id, since=NOON.date())
    assert (differing.event, differing.said, differing.count) == (("track", "product viewed"), "Product Viewed", 18)

    plan.expect_event(source=web.id, event=("track", "product viewed"), at=NOON + 2 * HOUR, by=MAREK)
    alarms.look(at=NOON + 2 * HOUR, by=SYSTEM)
    assert alarms.going_on() == []
