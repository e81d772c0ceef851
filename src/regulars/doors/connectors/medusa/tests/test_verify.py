"""Who is believed: whoever signs by the Standard Webhooks scheme with one of the keys, within a day."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.medusa.verify import verify
from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ABOUT = About(1, "teas", "teas", ZoneInfo("UTC"), "GB", {})
BODY = b'{"event": "order.placed", "at": "2026-03-02T11:59:58.000Z", "data": {"id": "order_1"}}'
PLAIN, ENCODED = "a long secret of the shop", "whsec_" + base64.b64encode(b"bytes of a secret").decode()


def signed(key: bytes = PLAIN.encode(), at: datetime = NOW, body: bytes = BODY, number: str = "msg_1") -> Hook:
    sent = str(int(at.timestamp()))
    code = hmac.digest(key, f"{number}.{sent}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(code).decode()
    return Hook(body, {"webhook-id": number, "webhook-timestamp": sent, "webhook-signature": signature})


def changed(hook: Hook, **headers: str) -> Hook:
    return Hook(hook.body, {**hook.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})


def test_a_good_message_says_its_event_and_when_it_happened():
    found = verify(signed(), [PLAIN], ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert (found.key, found.topic, found.told_at) == ("msg_1", "order.placed", NOW - timedelta(seconds=2))


@pytest.mark.parametrize(
    "hook",
    [
        signed(),
        signed(b"bytes of a secret"),
        changed(signed(), webhook_signature="v1,AAAA " + signed().headers["webhook-signature"]),
        signed(at=NOW - timedelta(hours=23)),
    ],
)
def test_who_is_believed(hook: Hook):
    assert isinstance(verify(hook, [ENCODED, PLAIN], ABOUT, NOW), Genuine)


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (Hook(BODY, {}), "unsigned"),
        (signed(b"another"), "bad_signature"),
        (Hook(BODY + b" ", signed().headers), "bad_signature"),
        (changed(signed(), webhook_id="msg_2"), "bad_signature"),
        (changed(signed(), webhook_timestamp="1"), "bad_signature"),
        (changed(signed(), webhook_signature="v1,\u00fc"), "bad_signature"),
        (signed(at=NOW - timedelta(days=2)), "too_old"),
        (signed(at=NOW + timedelta(hours=1)), "too_old"),
    ],
)
def test_who_is_not(hook: Hook, why: str):
    assert verify(hook, [PLAIN], ABOUT, NOW) == Forged(why)


def test_a_signed_body_that_is_no_json_is_kept_to_be_looked_at():
    found = verify(signed(body=b"oh"), [PLAIN], ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert found.topic == ""


def test_an_event_of_half_a_character_has_a_topic_that_can_be_kept():
    found = verify(signed(body=b'{"event": "\\ud800"}'), [PLAIN], ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert found.topic.encode() == "\ufffd".encode()
