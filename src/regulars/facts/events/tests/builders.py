"""A sensible message; a test says only what matters to it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from regulars.facts.events import messages
from regulars.facts.events.messages import Envelope, Message, Rejected, Sender

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
WEB = Sender(id=1, namespace="shop", zone=SHANGHAI, keyed=b"k" * 32)


def an_envelope(**more: Any) -> Envelope:
    return Envelope(**{"context": {}, "sent_at": None, "received_at": NOW, **more})


def viewed(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Product Viewed", "userId": "li-1", "messageId": "m-1", **more}


def read(told: Any, *, envelope: Envelope | None = None, sender: Sender = WEB) -> Message | Rejected:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return messages.read(raw, envelope=envelope or an_envelope(), sender=sender)


def good(told: Any, **more: Any) -> Message:
    found = read(told, **more)
    assert isinstance(found, Message), found
    return found


def bad(told: Any, **more: Any) -> Rejected:
    found = read(told, **more)
    assert isinstance(found, Rejected), found
    return found
