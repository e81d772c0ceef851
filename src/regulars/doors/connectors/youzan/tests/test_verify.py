"""Who is believed: whoever signs as Youzan does, for this shop, with one of the keys."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Ping
from regulars.doors.connectors.youzan.verify import verify

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ABOUT = About(1, "teas", "teas", ZoneInfo("UTC"), "CN", {"kdt_id": "55000", "client_id": "a1"})
DOC = {
    "type": "trade_TradeClose",
    "msg": "%7B%7D",
    "msg_id": "m1",
    "kdt_id": 55001,
    "root_kdt_id": 55000,
    "id": "E1",
    "version": 1772452800,
}


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def by_header(key: str = "new", **more: Any) -> Hook:
    body = json.dumps(DOC | more)
    return Hook(body.encode(), {"event-sign": md5(f"a1{body}{key}"), "event-type": "trade_TradeClose"})


def by_body(key: str = "new", **more: Any) -> Hook:
    doc: dict[str, Any] = DOC | more
    said = doc["msg"] if isinstance(doc["msg"], str) else json.dumps(doc["msg"], separators=(",", ":"))
    return Hook(json.dumps(doc | {"sign": md5(f"a1{said}{key}")}).encode(), {})


@pytest.mark.parametrize(
    "hook",
    [
        by_header(),
        by_header("old"),
        by_body(),
        by_body("old"),
        by_body(msg={"tid": "E1"}),
        by_header(kdt_id=55000, root_kdt_id=0),
        Hook(by_header().body, {"event-sign": by_header().headers["event-sign"].upper()}),
    ],
)
def test_who_is_believed(hook: Hook):
    found = verify(hook, ["new", "old"], ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert (found.key, found.topic, found.told_at) == ("m1", "trade_TradeClose", NOW)


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (Hook(json.dumps(DOC).encode(), {}), "unsigned"),
        (Hook(b"oh", {}), "unsigned"),
        (by_header("another"), "bad_signature"),
        (by_body("another"), "bad_signature"),
        (Hook(by_header().body + b" ", by_header().headers), "bad_signature"),
        # A good signature in the body does not mend a wrong one in the header.
        (Hook(by_body().body, {"event-sign": "0" * 32}), "bad_signature"),
        (by_header(kdt_id=1, root_kdt_id=2), "other_shop"),
    ],
)
def test_who_is_not(hook: Hook, why: str):
    assert verify(hook, ["new", "old"], ABOUT, NOW) == Forged(why)


def test_a_test_message_is_a_ping():
    assert verify(by_header(test=True), ["new"], ABOUT, NOW) == Ping()


@pytest.mark.parametrize(
    ("version", "at"),
    [
        (1772452800, NOW),
        (1772452800000, NOW),
        (99999999999999999999, None),
        ("soon", None),
        (None, None),
        # A clock that is wrong is not written down.
        (1972452800, None),
    ],
)
def test_when_it_was_made(version: object, at: datetime | None):
    found = verify(by_header(version=version), ["new"], ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert found.told_at == at
