"""What Stripe's signature and events say, without a database."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook
from regulars.doors.connectors.reading import NotUnderstood
from regulars.doors.connectors.reports import Ignored, MembershipPaymentTold
from regulars.doors.connectors.stripe.shop import check
from regulars.doors.connectors.stripe.translate import translate
from regulars.doors.connectors.stripe.verify import verify
from regulars.facts.sources.connections import BadConnection

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ABOUT = About(1, "billing", "billing", ZoneInfo("UTC"), "GB", {})
SECRET, OLD = "whsec_new", "whsec_old"


def signature(body: bytes, *, at: datetime = NOW, secret: str = SECRET) -> str:
    t = str(int(at.timestamp()))
    return f"t={t},v1={hmac.new(secret.encode(), t.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def an_event(kind: str, told: dict[str, Any], **more: Any) -> bytes:
    data = {"object": told, **more.pop("data", {})}
    return json.dumps({"id": "evt_1", "type": kind, "livemode": True, "data": data, **more}).encode()


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (lambda body: signature(body), None),
        (lambda body: signature(body, secret=OLD), None),
        (lambda body: signature(body) + ",v1=00,v0=11", None),
        (lambda body: signature(body, at=NOW - timedelta(minutes=4)), None),
        (lambda body: signature(body, at=NOW - timedelta(minutes=6)), "too_old"),
        (lambda body: signature(body, at=NOW + timedelta(minutes=6)), "too_early"),
        (lambda body: signature(body + b" "), "bad_signature"),
        (lambda body: signature(body, secret="whsec_other"), "bad_signature"),
        (lambda body: signature(body).replace("v1=", "v0="), "unsigned"),
        (lambda body: "", "unsigned"),
        (lambda body: "t=x,v1=é", "bad_time"),
    ],
)
def test_a_message_is_believed_by_its_signature_alone(header, why):
    body = an_event("invoice.paid", {"id": "in_1"})
    verdict = verify(Hook(body, {"stripe-signature": header(body)}), [SECRET, OLD], ABOUT, NOW)
    if why is None:
        assert isinstance(verdict, Genuine)
        assert (verdict.key, verdict.topic) == ("evt_1", "invoice.paid")
    else:
        assert verdict == Forged(why)


OURS = {"metadata": {"membership": "mbs_1"}}
INVOICE = {"id": "in_1", "currency": "gbp", "amount_paid": 990, "amount_due": 990, "attempt_count": 2}
CHARGE = {"id": "ch_1", "currency": "gbp", "amount": 990, "amount_refunded": 500, "refunded": False, "invoice": "in_1"}


@pytest.mark.parametrize(
    ("kind", "told", "reported"),
    [
        ("invoice.paid", INVOICE | OURS, ("mbs_1", "in_1", "paid", 990, "GBP", "")),
        (
            "invoice.paid",
            INVOICE | {"parent": {"subscription_details": OURS}},
            ("mbs_1", "in_1", "paid", 990, "GBP", ""),
        ),
        ("invoice.paid", INVOICE | {"subscription_details": OURS}, ("mbs_1", "in_1", "paid", 990, "GBP", "")),
        ("invoice.paid", INVOICE | {"lines": {"data": [{}, OURS]}}, ("mbs_1", "in_1", "paid", 990, "GBP", "")),
        ("invoice.paid", INVOICE | OURS | {"currency": "jpy"}, ("mbs_1", "in_1", "paid", 990, "JPY", "")),
        (
            "invoice.paid",
            INVOICE | OURS | {"currency": "isk", "amount_paid": 99000},
            ("mbs_1", "in_1", "paid", 990, "ISK", ""),
        ),
        ("invoice.payment_failed", INVOICE | OURS, ("mbs_1", "in_1.2", "failed", 990, "GBP", "")),
        ("charge.refunded", CHARGE, ("", "ch_1.500", "refunded", 500, "GBP", "in_1")),
        ("charge.refunded", CHARGE | OURS | {"invoice": None}, ("mbs_1", "ch_1.500", "refunded", 500, "GBP", "ch_1")),
        ("invoice.paid", INVOICE, "other_money"),
        ("invoice.paid", INVOICE | OURS | {"amount_paid": 0}, "nothing_paid"),
        ("customer.created", {"id": "cus_1"}, "other_event"),
    ],
)
def test_what_events_tell(kind, told, reported):
    [one] = translate(kind, an_event(kind, told), NOW, ABOUT)
    if isinstance(reported, str):
        assert one == Ignored(why=reported)
    else:
        assert isinstance(one, MembershipPaymentTold)
        assert (one.membership, one.payment, one.state, one.minor, one.currency, one.of) == reported


def test_of_what_goes_back_in_parts_each_part_counts_and_test_money_only_where_it_may():
    body = an_event("charge.refunded", CHARGE | {"amount_refunded": 990, "refunded": True})
    again = json.loads(body)
    again["data"]["previous_attributes"] = {"amount_refunded": 500}
    [one] = translate("charge.refunded", json.dumps(again).encode(), NOW, ABOUT)
    assert isinstance(one, MembershipPaymentTold)
    assert (one.payment, one.minor, one.is_part) == ("ch_1.990", 490, False)
    test = an_event("invoice.paid", INVOICE | OURS, livemode=False)
    assert translate("invoice.paid", test, NOW, ABOUT) == [Ignored(why="test_mode")]
    about = About(1, "billing", "billing", ZoneInfo("UTC"), "GB", dict(check({"test": "yes"})))
    assert isinstance(translate("invoice.paid", test, NOW, about)[0], MembershipPaymentTold)
    for wrong in ({"test": "maybe"}, {"mode": "live"}):
        with pytest.raises(BadConnection):
            check(wrong)


@pytest.mark.parametrize(
    ("kind", "told", "code"),
    [
        ("charge.refunded", CHARGE | {"invoice": None}, "no_membership"),
        ("invoice.paid", INVOICE | OURS | {"amount_paid": "990"}, "bad_amount"),
        ("invoice.paid", INVOICE | OURS | {"amount_paid": -1}, "bad_amount"),
        ("invoice.paid", INVOICE | OURS | {"currency": "isk"}, "bad_amount"),
        ("invoice.paid", INVOICE | OURS | {"currency": "xyz"}, "bad_currency"),
    ],
)
def test_what_nobody_can_understand_is_kept_with_its_reason(kind, told, code):
    with pytest.raises(NotUnderstood) as problem:
        translate(kind, an_event(kind, told), NOW, ABOUT)
    assert problem.value.code == code
