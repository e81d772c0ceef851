"""Which messages are the shop's, and which of them are one."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from regulars.doors.connectors.protocol import Forged, Genuine, Hook, Ping, Verdict
from regulars.doors.connectors.woocommerce.tests.builders import about
from regulars.doors.connectors.woocommerce.verify import verify

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
BODY = b'{"id": 5, "date_modified_gmt": "2026-03-30T08:59:59"}'


def signature(body: bytes, secret: str = "now") -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def told(body: bytes = BODY, signed: str | None = None, delivery: str = "d1") -> Verdict:
    headers = {"x-wc-webhook-topic": "Order.Updated", "x-wc-webhook-id": "5", "x-wc-webhook-delivery-id": delivery}
    if signed is None or signed:
        headers["x-wc-webhook-signature"] = signature(body) if signed is None else signed
    return verify(Hook(body, headers), ["now", "before"], about(), NOW)


def test_the_first_ping_is_an_unsigned_form():
    assert isinstance(told(b"webhook_id=5", ""), Ping)
    assert told(b"webhook_id=5&order=6", "") == Forged("unsigned")


def test_both_secrets_are_good_while_one_is_replaced():
    assert isinstance(told(), Genuine)
    assert isinstance(told(signed=signature(BODY, "before")), Genuine)


@pytest.mark.parametrize("signed", [signature(BODY, "long ago"), signature(BODY + b" "), "no base64!", "AAAA"])
def test_a_wrong_signature_is_not_believed(signed: str):
    assert told(signed=signed) == Forged("bad_signature")


def test_two_orders_of_one_second_share_a_delivery_id_and_stay_apart():
    one, other = told(), told(BODY.replace(b"5,", b"6,"))

    assert isinstance(one, Genuine)
    assert isinstance(other, Genuine)
    assert one.key == "5:5:2026-03-30T08:59:59" != other.key
    assert told(delivery="d2") == Genuine(
        one.key, "order.updated", None, {**one.headers, "x-wc-webhook-delivery-id": "d2"}
    )


def test_two_deletions_of_one_order_are_told_apart_by_their_second():
    first, again = told(b'{"id": 5}'), told(b'{"id": 5}', delivery="d2")

    assert isinstance(first, Genuine)
    assert isinstance(again, Genuine)
    assert first.key != again.key
