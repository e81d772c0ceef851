"""Sources that send: a website, a till that has fallen silent, an app nobody gave a key; and what they sent."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from regulars.facts.events import intake, messages
from regulars.facts.events.messages import Envelope, Sender
from regulars.facts.sources import sources, traffic, write_keys
from regulars.facts.sources.sources import Source
from regulars.kit.actors import SYSTEM
from regulars.runtime.secrets import lookup

ADDRESS_CANARY = "ines.duarte@canary.example"
#: What Ines and a stranger's browser do, newest last.
DONE: tuple[dict[str, Any], ...] = (
    {"type": "page", "name": "Home", "anonymousId": "browser-7f3a"},
    {"type": "track", "event": "Products Searched", "anonymousId": "browser-7f3a", "properties": {"query": "tea"}},
    {"type": "track", "event": "Product Viewed", "userId": "c000", "properties": {"product_id": "tea-01"}},
    {"type": "identify", "userId": "c000", "traits": {"email": ADDRESS_CANARY, "club": "tea"}},
    {
        "type": "track",
        "event": "Product Added",
        "userId": "c000",
        "properties": {"product_id": "tea-01", "price": 12.5},
    },
    {"type": "track", "event": "Tea Brewed", "userId": "c001", "properties": {"minutes": 3}},
)
#: What cannot be taken.
BAD: tuple[dict[str, Any], ...] = (
    {"type": "track", "event": "Product Viewed", "messageId": "nobody-1", "traits": {"email": ADDRESS_CANARY}},
    {"type": "track", "userId": "c000", "messageId": "no-event-1"},
    {"event": "Product Viewed", "userId": "c000", "messageId": "no-type-1"},
)


def sent(source: Source, *told: dict[str, Any], at: datetime) -> None:
    """These messages arrive together at `at`."""
    sender = Sender(source.id, source.namespace, ZoneInfo(source.zone), lookup.key_of("events"))
    read = [
        messages.read(
            json.dumps({"messageId": f"m-{at.timestamp()}-{n}", "timestamp": at.isoformat(), **one}).encode(),
            envelope=Envelope({}, None, at),
            sender=sender,
        )
        for n, one in enumerate(told)
    ]
    intake.take_many(told=read, received_at=at, origin="live")


def sources_that_send() -> Source:
    """The website, in whose namespace the shop's members are known."""
    now = datetime.now(UTC)
    made = {"at": now - timedelta(days=9), "by": SYSTEM}
    web = sources.make(name="web-shop", kind="web", namespace="till", zone="Europe/London", is_order_feed=False, **made)
    till = sources.make(
        name="till.oxford", kind="till", namespace="till", zone="Europe/London", is_order_feed=True, **made
    )
    sources.make(name="app", kind="app", namespace="till", zone="Europe/London", **made)
    for one in (web, till):
        write_keys.make(source=one.id, **made)
    for hour in range(23, -1, -1):
        taken = 40 + (hour * 37) % 90 + (160 if 8 <= (now.hour - hour) % 24 <= 20 else 0)
        counts = {(web.id, "accepted"): taken, (web.id, "duplicate"): hour % 5, (web.id, "rejected"): 2 * (hour == 4)}
        traffic.count_many(counts=counts, at=now - timedelta(hours=hour))
    traffic.count_many(counts={(till.id, "accepted"): 31}, at=now - timedelta(days=3))
    sent(web, *DONE, *BAD, at=now - timedelta(seconds=20))
    return web
