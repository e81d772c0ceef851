"""Tracking plans and alarms, as a program sees them."""

from datetime import UTC, datetime, timedelta

import pytest

from regulars.doors.api.tests.builders import Program
from regulars.facts.sources import alarms, plan, shapes, sources, traffic
from regulars.facts.sources.plan import Came
from regulars.facts.sources.sources import Source
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture
def web() -> Source:
    made = sources.make(
        name="web", kind="web", namespace="shop", zone="Europe/London", at=NOW - timedelta(days=60), by=SYSTEM
    )
    plan.observe(
        told=[
            Came(number, made.id, ("track", "Product Viewed"), shapes.of({"price": number}), NOW)
            for number in range(30)
        ]
    )
    return made


def test_a_plan_is_accepted_edited_watched_and_blocks(web):
    till = Program()
    where = f"sources/{web.public_id}/plan"
    assert till.patch(where, {"mode": "blocking"}).status_code == 409

    told = till.post(f"{where}/accept").json()
    assert told["mode"] == "watching"
    (event,) = told["events"]
    assert (event["name"], event["expected"], event["came"]) == ("Product Viewed", "expected", 30)
    assert event["properties"][0]["expected"] == {"presence": "required", "kinds": ["number"]}

    viewed = {"name": "Product Viewed"}
    till.post(f"{where}/properties", {**viewed, "path": "price", "presence": "optional", "kinds": ["integer"]})
    till.post(f"{where}/events", {"name": "Debug", "forbidden": True})
    odd = Came(99, web.id, ("track", "product viewed"), shapes.of({}), datetime.now(UTC))
    plan.observe(told=[odd])
    (differing,) = till.get(f"sources/{web.public_id}/deviations").json()["items"]
    assert (differing["code"], differing["said"], differing["example"]) == ("unexpected_event", "Product Viewed", 99)

    told = till.post(f"{where}/drop", {**viewed, "path": "price"}).json()
    assert till.post(f"{where}/drop", {**viewed, "path": "price"}).status_code == 404
    assert till.post(f"{where}/drop", {"name": "a\x00"}).status_code == 404
    assert {one["name"]: one["expected"] for one in told["events"]} == {
        "Debug": "forbidden",
        "Product Viewed": "expected",
        "product viewed": None,
    }
    assert till.patch(where, {"mode": "blocking"}).json()["mode"] == "blocking"
    assert till.patch(where, {"mode": "learning"}).json()["events"] == []
    assert Program("sources.read", name="reader").post(f"{where}/accept").status_code == 403


def test_alarms_are_listed_and_noted(web):
    for hours in range(24 * 7 * 4, 5, -1):
        traffic.count_many(counts={(web.id, "accepted"): 50}, at=NOW - timedelta(hours=hours))
    alarms.look(at=NOW, by=SYSTEM)
    till = Program()

    (alarm,) = till.get("alarms").json()["items"]
    assert (alarm["source"], alarm["kind"], alarm["facts"]["got"]) == (web.public_id, "silence", 0)
    noted = till.post(f"alarms/{alarm['number']}/note", {"was_meant": True}).json()
    assert noted["was_meant"]
    assert noted["ended_at"]
    assert till.get("alarms").json()["items"] == []
    assert till.post("alarms/999999/note", {}).status_code == 404
