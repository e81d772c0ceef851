"""What happened, through the API: newest first, in pages, without anything personal, amounts as text."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.events import intake, messages
from regulars.facts.events.following import Follower
from regulars.facts.events.messages import Envelope, Sender
from regulars.facts.sources import sources
from regulars.kit import paging
from regulars.runtime.secrets import lookup

NOW = datetime.now(UTC)


def told(*what: str, who: str = "priya") -> str:
    """The public id of a source that told these events, a minute apart."""
    web = sources.make(name="web-shop", kind="web", namespace="shop", zone="UTC", at=NOW, by=MAREK)
    sender = Sender(web.id, web.namespace, ZoneInfo("UTC"), lookup.key_of("events"))
    for number, name in enumerate(what):
        at = NOW - timedelta(minutes=len(what) - number)
        raw = json.dumps(
            {
                "type": "track",
                "event": name,
                "userId": who,
                "messageId": f"m-{number}",
                "timestamp": at.isoformat(),
                "properties": {"price": 12.5, "email": "priya@example.com"},
            }
        )
        read = messages.read(raw.encode(), envelope=Envelope({}, None, at), sender=sender)
        intake.take_many(told=[read], received_at=at)
    return web.public_id


@pytest.mark.django_db
def test_the_newest_events_in_pages_by_source_and_name():
    source = told("Cart Viewed", "Product Viewed", "Product Added")
    li = Program()
    first = li.get("events?limit=2").json()
    rest = li.get(f"events?limit=2&cursor={first['next']}").json()
    seen = [one["name"] for one in first["items"] + rest["items"]]
    assert seen == ["Product Added", "Product Viewed", "Cart Viewed"]
    assert rest["next"] is None
    [one] = li.get(f"events?source={source}&name=Cart%20Viewed").json()["items"]
    assert (one["data"]["properties"]["price"], one["why_then"], one["kind"]) == ("12.5", "told", "track")
    assert "priya@example.com" not in json.dumps(one)
    assert li.get(f"events/{one['number']}").json() == one
    assert problem(li.get("events/1"))[:2] == (404, "events.unknown")
    assert problem(li.get("events/9999999999999999999"))[0] == 422
    assert problem(li.get(f"events?cursor={paging.encode('events', (2**70,))}"))[:2] == (422, "paging.bad_cursor")
    assert problem(Program("members.read", name="short").get("events"))[0] == 403


@pytest.mark.usefixtures("fresh_database")
def test_a_customers_events_follow_each_other():
    told("Cart Viewed", "Product Viewed", "Product Added")
    assert Follower().drain(patience=20)
    li = Program()
    who = li.record(customer_ref="priya")["customer"]
    first = li.get(f"customers/{who}/events?limit=2").json()
    rest = li.get(f"customers/{who}/events?limit=2&cursor={first['next']}").json()
    assert [one["name"] for one in first["items"] + rest["items"]] == ["Product Added", "Product Viewed", "Cart Viewed"]
