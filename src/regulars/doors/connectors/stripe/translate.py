"""From Stripe's events to money of memberships. Pure.

Whose it is says `membership` in the metadata of the subscription, which Stripe copies to its invoices, or of the
invoice or charge itself. A payment is called by its invoice, where it has one. Amounts are in the currency's smallest
unit, but for two currencies that Stripe counts in hundredths of a unit that has none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import Document, NotUnderstood, currency, document, got, ref
from regulars.doors.connectors.reports import Ignored, MembershipPaymentTold, Report

#: Of docs.stripe.com/currencies: two places there, none in ISO 4217.
_HUNDREDTHS = {"ISK", "UGX"}
#: Where metadata of the subscription is: since the API of March 2025, and before.
_SUBSCRIBED = (("parent", "subscription_details", "metadata"), ("subscription_details", "metadata"))


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What an event tells of a membership's money. Other events, and money of anything else, are ignored."""
    event = document(body)
    told, kind = got(event, "data", "object"), str(event.get("type", ""))
    if event.get("livemode") is False and not about.settings.get("test"):
        return [Ignored(why="test_mode")]
    if not isinstance(told, dict):
        raise NotUnderstood("not_an_object", "data.object: there is none")
    if kind == "invoice.paid":
        return _of_invoice(told, "paid", "amount_paid")
    if kind == "invoice.payment_failed":
        return _of_invoice(told, "failed", "amount_due")
    if kind == "charge.refunded":
        return _refunded(told, got(event, "data", "previous_attributes", "amount_refunded"))
    return [Ignored(why="other_event")]


def _of_invoice(told: Document, state: Any, field: str) -> Sequence[Report]:
    whose = _whose(told)
    if not whose:
        return [Ignored(why="other_money")]
    number, minor, code = ref(told.get("id"), "id"), *_money(told, field)
    if state == "paid" and not minor:
        # A trial's invoice, or one that credit covered: nothing was paid.
        return [Ignored(why="nothing_paid")]
    if state == "failed":
        # Of one invoice each attempt fails by itself.
        number = f"{number}.{told.get('attempt_count') or 1}"
    return [MembershipPaymentTold(membership=whose, payment=number, state=state, minor=minor, currency=code)]


def _refunded(told: Document, before: object) -> Sequence[Report]:
    """Of a charge: `amount_refunded` is all that went back so far, `before` what that was before this."""
    whose, invoice = _whose(told), told.get("invoice")
    charge, whole, code = ref(told.get("id"), "id"), *_money(told, "amount_refunded")
    earlier = _money({"amount": before or 0, "currency": told.get("currency")}, "amount")[0]
    if not whose and not isinstance(invoice, str):
        raise NotUnderstood(
            "no_membership", "charge: neither its metadata nor an invoice says whose it is; give it metadata.membership"
        )
    if whole <= earlier:
        return [Ignored(why="nothing_back")]
    return [
        MembershipPaymentTold(
            membership=whose,
            payment=f"{charge}.{whole}",
            state="refunded",
            minor=whole - earlier,
            currency=code,
            of=invoice if isinstance(invoice, str) else charge,
            is_part=told.get("refunded") is False,
        )
    ]


def _whose(told: Document) -> str:
    lines = got(told, "lines", "data")
    places = [told.get("metadata"), *(got(told, *path) for path in _SUBSCRIBED)]
    places += [line.get("metadata") for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    named = (place.get("membership") for place in places if isinstance(place, dict))
    return next((str(one)[:60] for one in named if one), "")


def _money(told: Document, field: str) -> tuple[int, str]:
    amount, code = told.get(field), currency(str(told.get("currency", "")).upper(), "currency")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise NotUnderstood("bad_amount", f"{field}: not a whole number of zero or more")
    if code not in _HUNDREDTHS:
        return amount, code
    if amount % 100:
        raise NotUnderstood("bad_amount", f"{field}: {code} has no smaller unit")
    return amount // 100, code
