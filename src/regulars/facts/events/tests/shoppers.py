"""People, what they do, and who reads it, for tests."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from regulars.facts.events import intake, messages
from regulars.facts.events.following import Follower
from regulars.facts.events.intake import Verdict
from regulars.facts.events.messages import Envelope, Sender
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit.actors import SYSTEM, Origin
from regulars.runtime.secrets import lookup

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
_NUMBERS = count(1)


def a_source(name: str = "web", *, namespace: str = "shop", is_order_feed: bool = False) -> Source:
    return sources.make(
        name=name,
        kind="web",
        namespace=namespace,
        zone="Asia/Shanghai",
        is_order_feed=is_order_feed,
        at=MONDAY,
        by=SYSTEM,
    )


def sender(source: Source) -> Sender:
    return Sender(source.id, source.namespace, ZoneInfo(source.zone), lookup.key_of("events"))


def sent(source: Source, *told: Mapping[str, Any], at: datetime = MONDAY, origin: Origin = "live") -> list[Verdict]:
    """These messages arrive together at `at`; they happened then unless they say otherwise."""
    envelope = Envelope({}, None, at)
    read = [
        messages.read(
            json.dumps({"messageId": f"m-{next(_NUMBERS)}", "timestamp": at.isoformat(), **one}).encode(),
            envelope=envelope,
            sender=sender(source),
        )
        for one in told
    ]
    return intake.take_many(told=read, received_at=at, origin=origin)


def viewed(who: str | None = None, product: str = "Monopoly", **more: object) -> dict[str, object]:
    told: dict[str, object] = {
        "type": "track",
        "event": "Product Viewed",
        "properties": {"product_id": product.lower(), "name": product},
    }
    return told | ({} if who is None else {"userId": who}) | more


def page(device: str, **more: object) -> dict[str, object]:
    return {"type": "page", "name": "Home", "anonymousId": device, **more}


def identify(who: str, traits: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"type": "identify", "userId": who, "traits": dict(traits), **more}


def followed() -> None:
    """Everything that was taken in, and committed, has reached visitors and customers."""
    assert Follower().drain(patience=20)
