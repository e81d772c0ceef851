"""Which messages are believed: the signature over the raw bytes, by the secret now or the one before."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook
from regulars.doors.connectors.shopify.verify import verify

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
BODY = b'{"id":820982911946154508,"note":"caf\xc3\xa9"}'
ABOUT = About(1, "teas", "teas", ZoneInfo("UTC"), "GB", {"shop": "leafy-teas.myshopify.com"})


def signed(body: bytes, key: str = "new", **headers: str) -> Hook:
    digest = base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()
    told = {
        "x-shopify-hmac-sha256": digest,
        "x-shopify-topic": "orders/create",
        "x-shopify-shop-domain": "leafy-teas.myshopify.com",
        "x-shopify-webhook-id": "w-1",
        "x-shopify-event-id": "e-1",
        "x-shopify-triggered-at": "2026-03-02T09:59:58.123456789Z",
    }
    return Hook(body, told | {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("key", ["new", "old"])
def test_the_secret_now_and_the_one_before_are_believed(key):
    found = verify(signed(BODY, key), ("new", "old"), ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert (found.key, found.topic) == ("w-1", "orders/create")
    assert found.headers["x-shopify-webhook-id"] == "w-1"
    assert found.headers["x-shopify-event-id"] == "e-1"
    assert found.told_at == NOW - timedelta(seconds=2) + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (Hook(BODY, {}), "unsigned"),
        (signed(BODY, "another"), "bad_signature"),
        (Hook(BODY + b" ", signed(BODY).headers), "bad_signature"),
        # The same document written anew is not what was signed.
        (Hook(BODY.replace(b"caf\xc3\xa9", b"caf\\u00e9"), signed(BODY).headers), "bad_signature"),
        (signed(BODY, x_shopify_hmac_sha256="no base64 at all"), "bad_signature"),
        (signed(BODY, x_shopify_hmac_sha256="é"), "bad_signature"),
        (signed(BODY, x_shopify_hmac_sha256=hmac.new(b"new", BODY, hashlib.sha256).hexdigest()), "bad_signature"),
        # One app, one secret, several shops: the other's orders are not this one's.
        (signed(BODY, x_shopify_shop_domain="other.myshopify.com"), "other_shop"),
    ],
)
def test_the_rest_is_not(hook, why):
    assert verify(hook, ("new", "old"), ABOUT, NOW) == Forged(why)


def test_without_a_secret_nothing_is_believed():
    assert verify(signed(BODY, ""), (), ABOUT, NOW) == Forged("bad_signature")


@pytest.mark.parametrize("told", ["2026-03-02T11:00:00Z", "yesterday", ""])
def test_a_clock_that_is_wrong_is_not_written_down(told):
    found = verify(signed(BODY, x_shopify_triggered_at=told), ("new",), ABOUT, NOW)
    assert isinstance(found, Genuine)
    assert found.told_at is None
