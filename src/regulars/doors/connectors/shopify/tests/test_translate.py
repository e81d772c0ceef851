"""What Shopify writes, in our words. The samples are our own writing, in the shape its documents give."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import NotUnderstood
from regulars.doors.connectors.reports import (
    Ask,
    CustomerTold,
    Deleted,
    OrderTold,
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
)
from regulars.doors.connectors.shopify.orders import NO_PRODUCT
from regulars.doors.connectors.shopify.translate import TOPICS, translate
from regulars.facts.commerce.order_reports import TenderReport

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
SETTINGS = {"shop": "leafy-teas.myshopify.com", "currency": "GBP", "stores": "655441491=oxford"}
ABOUT = About(1, "teas", "teas", ZoneInfo("Europe/London"), "GB", SETTINGS)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def sample(name: str, **more: Any) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_text()) | more


def told(topic: str, doc: Any, about: About = ABOUT) -> list[Report]:
    return list(translate(topic, json.dumps(doc).encode(), NOON, about))


def test_an_order_comes_in_the_buyers_currency_with_the_rate_that_was_captured():
    order, refund, shipment = told("orders/updated", sample("order"))
    assert isinstance(order, OrderTold)
    report = order.report
    assert (report.ref, report.number, report.customer_ref) == ("820982911946154508", "#1042", "115310627314723954")
    assert (report.currency, report.shop_currency, report.rate) == ("EUR", "USD", Decimal("1.1"))
    assert report.placed_at == datetime(2026, 3, 2, 8, 59, 58, tzinfo=UTC)
    assert report.source_updated_at == datetime(2026, 3, 3, 7, 15, tzinfo=UTC)
    assert (report.total_minor, report.tax_minor, report.shipping_minor, report.discount_minor) == (6090, 940, 450, 0)
    assert not report.prices_include_tax
    assert (report.paid_minor, report.refunded_minor, report.state) == (6090, 2675, "placed")
    assert report.tenders == (TenderReport("shopify_payments", "card", "captured", 6090),)
    # By the age of the lines: their numbers stay when others come.
    tea, wrapping = report.lines
    assert (tea.number, tea.product_ref, tea.variant_ref, tea.sku) == (1, "632910392", "808950810", "TEA-7")
    assert (tea.quantity, tea.unit_price, tea.discount_minor, tea.tax_minor) == (2, Decimal("25.00"), 500, 850)
    assert wrapping.product_ref == NO_PRODUCT
    # What the buyer wrote stays outside, and that they could is known.
    assert wrapping.personalisation == ("card_text",)
    assert "love" not in repr(report)

    assert isinstance(refund, RefundTold)
    assert (refund.report.ref, refund.report.order_ref, refund.report.amount_minor) == ("509562969", report.ref, 2675)
    [back] = refund.report.lines
    assert (back.of_line, back.quantity, back.amount_minor, back.restock) == (1, 1, 2250, True)
    assert (refund.report.tax_minor, refund.report.store) == (425, "teas-487838322")

    assert isinstance(shipment, ShipmentTold)
    assert (shipment.report.state, shipment.report.carrier, shipment.report.store) == ("on_its_way", "DHL", "oxford")
    assert list(shipment.report.lines) == [(1, 2), (2, 1)]


@pytest.mark.parametrize(
    ("status", "paid", "state"),
    [
        ("pending", 0, "pending"),
        ("authorized", 0, "pending"),
        ("voided", 0, "voided"),
        ("paid", 6090, "captured"),
        ("refunded", 6090, "captured"),
        ("partially_paid", 4090, "captured"),
        ("PAID", 6090, "captured"),
    ],
)
def test_what_was_paid_follows_from_the_order_never_from_counting_messages(status, paid, state):
    doc = sample("order", financial_status=status, total_outstanding="20.00")
    [order, *_] = told("orders/paid", doc)
    assert isinstance(order, OrderTold)
    assert order.report.paid_minor == paid
    assert [tender.state for tender in order.report.tenders] == [state]


def test_an_order_paid_in_two_ways_is_asked_for():
    doc = sample("order", payment_gateway_names=["gift_card", "shopify_payments"])
    assert told("orders/create", doc) == [Ask(stream="orders", ref="820982911946154508")]


def test_an_order_of_which_nothing_personal_may_be_seen_is_whole_all_the_same():
    doc = sample("order", customer=None, shipping_address=None)
    for line in doc["line_items"]:
        line["properties"] = None
    [order, *_] = told("orders/create", doc)
    assert isinstance(order, OrderTold)
    assert (order.report.customer_ref, order.report.country, order.report.total_minor) == (None, None, 6090)


def test_an_order_of_a_till_is_its_stores():
    [order, *_] = told("orders/create", sample("order", source_name="pos", location_id=655441491))
    assert isinstance(order, OrderTold)
    assert (order.report.channel, order.report.store, order.report.fulfilment) == ("store", "oxford", "carry_out")


def test_test_orders_and_cancelled_ones_say_so():
    doc = sample("order", test=True, cancelled_at="2026-03-02T12:00:00Z")
    [order, *_] = told("orders/cancelled", doc)
    assert isinstance(order, OrderTold)
    assert (order.report.is_test, order.report.state, order.report.cancelled_at) == (True, "cancelled", NOON)


def test_a_refund_of_money_alone_and_one_that_failed():
    doc = deepcopy(sample("order")["refunds"][0])
    doc["refund_line_items"] = []
    [refund] = told("refunds/create", doc)
    assert isinstance(refund, RefundTold)
    assert (refund.report.amount_minor, refund.report.lines, refund.report.is_void) == (2675, [], False)
    doc["transactions"][0]["status"] = "failure"
    [failed] = told("refunds/create", doc)
    assert isinstance(failed, RefundTold)
    assert (failed.report.amount_minor, failed.report.is_void) == (0, True)


def test_a_customer_with_the_answers_on_record():
    [person] = told("customers/update", sample("customer"))
    assert isinstance(person, CustomerTold)
    assert (person.profile.given_name, person.profile.email) == ("Priya", "priya@mail.example")
    assert person.profile.address == "4 Leaf Lane, OX1 1AA, Oxford, United Kingdom"
    assert [(one.channel, one.is_granted, one.at.day) for one in person.consents] == [("email", True, 3)]


def test_what_is_hidden_of_a_customer_changes_nothing():
    hidden = dict.fromkeys(["first_name", "last_name", "email", "phone", "default_address", "email_marketing_consent"])
    [person] = told("customers/update", sample("customer", **hidden))
    assert isinstance(person, CustomerTold)
    assert {getattr(person.profile, name) for name in ("given_name", "family_name", "email", "phone")} == {None}
    assert person.consents == []


def test_a_product_with_its_forms_and_reduced_prices():
    product, plain, reduced = told("products/update", sample("product"))
    assert isinstance(product, ProductTold)
    assert isinstance(plain, PriceTold)
    assert isinstance(reduced, PriceTold)
    assert (product.status, [form.title for form in product.variants]) == ("discontinued", ["", "100 g"])
    assert (plain.list_minor, plain.sale_minor, plain.currency) == (2500, None, "GBP")
    assert (reduced.list_minor, reduced.sale_minor) == (1000, 800)


@pytest.mark.parametrize(
    ("topic", "doc", "report"),
    [
        ("orders/delete", {"id": 7}, Deleted(what="order", ref="7", told_at=NOON)),
        ("products/delete", {"id": 7}, Deleted(what="product", ref="7", told_at=NOON)),
        ("orders/edited", {"order_edit": {"id": 1, "order_id": 7}}, Ask(stream="orders", ref="7")),
        ("fulfillments/update", {"id": 1, "order_id": 7}, Ask(stream="orders", ref="7")),
        ("inventory_levels/update", {"inventory_item_id": 7, "location_id": 8}, Ask(stream="stock", ref="7:8")),
        ("customers_marketing_consent/update", {"customer_id": 7}, Ask(stream="customers", ref="7")),
    ],
)
def test_what_a_message_only_hints_at(topic, doc, report):
    assert told(topic, doc) == [report]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"id": None}, "no_ref"),
        ({"id": 8.2e17}, "bad_ref"),
        ({"currency": None, "presentment_currency": None}, "no_currency"),
        ({"presentment_currency": "XBT"}, "bad_currency"),
        ({"updated_at": "2024-09-16T03:50:1500:00"}, "bad_time"),
        ({"updated_at": None}, "no_time"),
        ({"line_items": {"0": "not a list"}}, "not_a_list"),
        ({"line_items": ["not an object"]}, "not_an_object"),
        ({"presentment_currency": "GBP"}, "mixed_currencies"),
    ],
)
def test_what_is_wrong_is_named(more, code):
    with pytest.raises(NotUnderstood) as refused:
        told("orders/create", sample("order", **more))
    assert refused.value.code == code


def test_every_topic_we_ask_for_is_read():
    for topic in TOPICS:
        with pytest.raises(NotUnderstood) as refused:
            translate(topic, b"[]", NOON, ABOUT)
        assert refused.value.code == "not_an_object"
