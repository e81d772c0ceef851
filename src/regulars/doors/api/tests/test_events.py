"""What happened, through the API: newest first, in pages, without anything personal, amounts as text."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.events import intake, messages, orders
from regulars.facts.events.following import Follower
from regulars.facts.events.messages import Envelope, Sender
from regulars.facts.events.orders import Told
from regulars.facts.sources import sources
from regulars.kit import paging
from regulars.runtime.secrets import lookup
from regulars.runtime.trail import trail

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


@pytest.mark.django_db
def test_events_of_orders_that_failed_are_listed_and_tried_again():
    feed = sources.make(name="till", kind="till", namespace="shop", zone="UTC", is_order_feed=True, at=NOW, by=MAREK)
    events = [
        Told(11, feed.id, "Order Completed", NOW, "live", {"order_id": "5001", "currency": "GBP"}, "priya"),
        Told(12, feed.id, "Order Cancelled", NOW, "live", {"order_id": "4000"}, "priya"),
    ]
    orders.apply(events=events, at=NOW, by=MAREK)
    li = Program()
    first = li.get("order-events?limit=1").json()
    rest = li.get(f"order-events?source={feed.public_id}&cursor={first['next']}").json()
    seen = [(one["event"], one["state"], one["code"]) for one in first["items"] + rest["items"]]
    assert seen == [(12, "waiting", "order_unknown"), (11, "failed", "no_products")]
    assert [one["order_ref"] for one in li.get("order-events?state=failed").json()["items"]] == ["5001"]
    li.record(ref="4000")
    assert li.post("order-events/12/retry").json()["state"] == "applied"
    assert li.post("order-events/11/retry").json()["problem"].startswith("products: ")
    assert problem(li.post("order-events/13/retry"))[:2] == (404, "events.not_an_order_event")
    assert problem(Program("quarantine.read", name="short").post("order-events/11/retry"))[0] == 403
    tried = li.post(f"sources/{feed.public_id}/order-events/retry").json()
    assert tried == {"applied": 0, "waiting": 0, "failed": 1, "left": 0}


@pytest.mark.django_db
def test_orders_of_before_the_source_was_the_feed_are_counted_and_begun():
    shop = sources.make(name="server", kind="server", namespace="shop", zone="UTC", at=NOW, by=MAREK)
    li, path = Program(), f"sources/{shop.public_id}/past-order-events"
    assert li.get(path).json() == {"events": 0, "first_at": None, "last_at": None}
    assert problem(li.post(f"{path}/apply"))[:2] == (409, "events.not_the_order_feed")
    li.patch(f"sources/{shop.public_id}", {"is_order_feed": True})
    assert li.post(f"{path}/apply").json() == {"said": "begun"}
    assert trail.of(f"source:{shop.id}")[0].verb == "events.orders.apply_past"


@pytest.mark.django_db
def test_events_of_orders_that_nobody_waits_for_are_set_aside():
    feed = sources.make(name="till", kind="till", namespace="shop", zone="UTC", is_order_feed=True, at=NOW, by=MAREK)
    li = Program()
    empty = [Told(n, feed.id, "Order Completed", NOW, "live", {"order_id": f"{n}"}, None) for n in (11, 12, 13)]
    orders.apply(events=empty, at=NOW, by=MAREK)

    assert li.post("order-events/12/set-aside", {"why": "cannot_be_done"}).json()["state"] == "set_aside"
    assert [one["event"] for one in li.get("order-events").json()["items"]] == [13, 11]
    assert [one["event"] for one in li.get("order-events?state=set_aside").json()["items"]] == [12]
    path = f"sources/{feed.public_id}/order-events/set-aside"
    assert li.post(path, {"why": "cannot_be_done", "code": "no_price"}).json() == {"set_aside": 0}
    assert li.post(path, {"why": "cannot_be_done"}).json() == {"set_aside": 2}
    assert problem(li.post(path, {"why": "because"}))[0] == 422
    assert li.get("order-events").json()["items"] == []
