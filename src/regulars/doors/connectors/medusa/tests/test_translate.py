"""What Medusa's documents tell, by table. The order of `samples/order.json` is our own, in the shape a shop was seen to
give: two small and one large tea by post, paid, one small one sent, brought back and paid back."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.medusa.shop import check
from regulars.doors.connectors.medusa.translate import EVENTS, read, translate
from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import NotUnderstood, document
from regulars.doors.connectors.reports import Ask, Deleted, Ignored, OrderTold, RefundTold, ShipmentTold, StockTold
from regulars.facts.commerce.order_reports import OrderReport
from regulars.facts.commerce.return_reports import ReturnReport
from regulars.facts.sources.connections import BadConnection

ABOUT = About(1, "teas", "teas", ZoneInfo("UTC"), "GB", {"address": "https://shop.example"})
SAMPLES = Path(__file__).parent.parent / "samples"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def sample() -> dict[str, Any]:
    return deepcopy(dict(document((SAMPLES / "order.json").read_bytes())))


def told(doc: dict[str, Any]) -> tuple[OrderReport, list[ReturnReport]]:
    reports = read("orders", doc, ABOUT)
    [order] = [one.report for one in reports if isinstance(one, OrderTold)]
    return order, [one.report for one in reports if isinstance(one, RefundTold)]


def test_an_order_is_told_as_it_was_sold_with_what_went_back_apart():
    order, [back] = told(sample())
    assert (order.number, order.currency, order.country, order.state) == ("17", "GBP", "GB", "placed")
    assert [(line.quantity, line.amount_minor) for line in order.lines] == [(2, 1998), (1, 1910)]
    assert (order.shipping_minor, order.tax_minor, order.total_minor) == (450, 0, 4358)
    assert (order.paid_minor, order.refunded_minor, order.version) == (4358, 999, 6)
    assert [(one.ref, one.state, one.amount_minor) for one in order.tenders] == [("pay_1", "captured", 4358)]
    assert (back.ref, back.amount_minor, back.order_ref) == ("ref_1", 999, "order_1")
    assert [(line.of_line, line.quantity, line.amount_minor) for line in back.lines] == [(1, 1, 999)]


def test_the_latest_time_of_its_parts_is_an_orders_version():
    # Its own is of 10:14: the refund came afterwards, and moved only the payments.
    order, _ = told(sample())
    assert order.source_updated_at == datetime(2026, 3, 2, 10, 20, 39, 589000, tzinfo=UTC)


def test_a_shipment_has_its_lines_and_its_number():
    [sent] = [one.report for one in read("orders", sample(), ABOUT) if isinstance(one, ShipmentTold)]
    assert (sent.state, sent.tracking, sent.store, sent.lines) == ("delivered", "RM123", "teas-sloc_1", [(1, 1)])


@pytest.mark.parametrize(
    "written",
    [
        {"unit_price": Decimal("19.1")},
        {"unit_price": "19.10"},
        {"unit_price": {"value": "19.1", "precision": 20}},
        {"unit_price": {"numeric": Decimal("19.1")}},
        # A computed number that was rounded on its way; its exact twin is believed.
        {"unit_price": Decimal("19.099999999999998"), "raw_unit_price": {"value": "19.1", "precision": 20}},
    ],
)
def test_an_amount_may_be_written_in_many_ways(written: dict[str, Any]):
    doc = sample()
    doc["items"][1].pop("raw_unit_price", None)
    doc["items"][1] |= written
    order, _ = told(doc)
    assert order.lines[1].unit_price == Decimal("19.1")
    assert order.lines[1].amount_minor == 1910


@pytest.mark.parametrize(
    ("inclusive", "rate", "off", "off_inclusive", "amounts", "tax", "total"),
    [
        (True, 20, None, False, [1998, 1910], 726, 4358),
        (False, 20, None, False, [1998, 1910], 872, 5230),
        # A tenth of a penny here and there is not lost.
        (False, Decimal("8.25"), None, False, [1998, 1910], 360, 4718),
        (False, 20, Decimal("1.00"), False, [1898, 1910], 852, 5110),
        # A discount told with its tax.
        (False, 20, Decimal("1.20"), True, [1898, 1910], 852, 5110),
        (True, 20, Decimal("1.00"), False, [1878, 1910], 706, 4238),
        (True, 20, Decimal("1.00"), True, [1898, 1910], 710, 4258),
    ],
)
def test_taxes_and_discounts(
    inclusive: bool, rate: Any, off: Any, off_inclusive: bool, amounts: list[int], tax: int, total: int
):
    doc = sample()
    for one in (*doc["items"], *doc["shipping_methods"]):
        one["is_tax_inclusive"], one["tax_lines"] = inclusive, [{"id": "t", "rate": rate}]
        one.pop("total", None)
    doc.pop("total")
    if off is not None:
        doc["items"][0]["adjustments"] = [{"id": "a", "amount": off, "is_tax_inclusive": off_inclusive}]
    order, _ = told(doc)
    assert [line.amount_minor for line in order.lines] == amounts
    assert (order.tax_minor, order.prices_include_tax) == (tax, inclusive)
    parts = sum(amounts) + order.shipping_minor + (0 if inclusive else order.tax_minor)
    assert parts == total


def test_credit_that_only_keeps_medusas_books_straight_pays_nothing():
    doc = sample()
    doc["credit_lines"] = [
        {"id": "ordcl_1", "reference": "payment_collection", "amount": 2, "created_at": "2026-03-02T10:21:00Z"},
        {"id": "ordcl_2", "reference": "store_credit", "amount": 5, "created_at": "2026-03-02T10:00:00Z"},
    ]
    doc["total"], doc["credit_line_total"] = Decimal("26.59"), 7
    order, _ = told(doc)
    assert order.total_minor == 4358
    assert [(one.ref, one.kind, one.amount_minor) for one in order.tenders] == [
        ("pay_1", "other", 4358),
        ("ordcl_2", "store_credit", 500),
    ]


@pytest.mark.parametrize(
    ("exchange", "difference"),
    [
        # The tea that came back cost 9.99; the one that went out for it 6.00, and the rest went back as money.
        ({"id": "oexc_1", "additional_items": [{"item_id": "ordli_3", "quantity": 1}]}, 399),
        ({"id": "oexc_1", "additional_items": [{"item_id": "ordli_2", "quantity": 1}]}, 0),
        ({"id": "oexc_1"}, 0),
    ],
)
def test_goods_in_exchange_are_told_without_money(exchange: dict[str, Any], difference: int):
    doc = sample()
    doc["items"].append(
        deepcopy(doc["items"][0])
        | {"id": "ordli_3", "created_at": "2026-03-02T10:14:16.000Z"}
        | dict.fromkeys(("quantity", "raw_quantity"), 1)
        | dict.fromkeys(("unit_price", "raw_unit_price", "total"), 6)
    )
    doc["returns"][0]["exchange"] = exchange
    _, back = told(doc)
    assert [(one.ref, one.amount_minor, one.paid_back_minor, len(one.lines), one.reason) for one in back] == [
        ("return_1", None, 0, 1, "exchange"),
        ("ref_1", 999 - difference, 999, 0, ""),
    ]
    assert sum(line.amount_minor for line in back[0].lines) == 999


def test_a_claim_is_told_as_one_with_goods_sent_instead_or_with_money():
    doc = sample()
    doc["items"].append(
        deepcopy(doc["items"][0])
        | {"id": "ordli_3", "created_at": "2026-03-02T10:14:16.000Z"}
        | dict.fromkeys(("quantity", "raw_quantity"), 1)
    )
    sent = [{"item_id": "ordli_3", "quantity": 1}]
    doc["returns"][0]["claim"] = {"id": "claim_1", "type": "replace", "additional_items": sent}
    _, back = told(doc)
    assert [(one.ref, one.paid_back_minor, len(one.lines), one.reason) for one in back] == [
        ("return_1", 0, 1, "claim"),
        ("ref_1", 999, 0, ""),
    ]
    doc["returns"][0] |= {"claim": {"id": "claim_1", "type": "refund", "additional_items": []}, "claim_id": "claim_1"}
    _, [back] = told(doc)
    assert (back.ref, back.paid_back_minor, len(back.lines), back.reason) == ("ref_1", 999, 1, "claim")


def test_money_that_went_back_before_the_goods_came_is_for_them_once_nothing_is_owed():
    doc = sample()
    doc["returns"][0]["received_at"] = "2026-03-02T11:00:00.000Z"
    _, [back] = told(doc)
    assert len(back.lines) == 1
    doc["summary"]["raw_pending_difference"] = {"value": "-9.99", "precision": 20}
    _, [back] = told(doc)
    assert len(back.lines) == 0


@pytest.mark.parametrize(
    ("fields", "state", "is_cancelled"),
    [
        ({"status": "canceled", "canceled_at": "2026-03-02T10:14:35Z"}, "cancelled", True),
        ({"status": "canceled", "canceled_at": None}, "cancelled", True),
        ({"status": "archived"}, "completed", False),
        ({"status": "draft"}, "draft", False),
        ({"is_draft_order": True}, "draft", False),
        ({"status": "requires_action"}, "placed", False),
        ({"status": "something new"}, "placed", False),
    ],
)
def test_states(fields: dict[str, Any], state: str, is_cancelled: bool):
    order, _ = told(sample() | fields)
    assert (order.state, order.cancelled_at is not None) == (state, is_cancelled)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"currency_code": None}, "no_currency"),
        ({"id": None}, "no_ref"),
        ({"updated_at": None}, "no_time"),
        ({"updated_at": "yesterday"}, "bad_time"),
        ({"items": "two teas"}, "not_a_list"),
    ],
)
def test_what_cannot_be_understood_says_why(wrong: dict[str, Any], code: str):
    with pytest.raises(NotUnderstood) as refused:
        told(sample() | wrong)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("event", "data", "asked"),
    [
        ("order.placed", {"id": "order_1"}, Ask(stream="orders", ref="order_1")),
        ("payment.refunded", {"id": "pay_1", "order_id": "order_1"}, Ask(stream="orders", ref="order_1")),
        ("order.return_received", {"order_id": "order_1", "return_id": "r"}, Ask(stream="orders", ref="order_1")),
        ("product-variant.updated", {"id": "v", "product_id": "prod_1"}, Ask(stream="products", ref="prod_1")),
        ("inventory-level.updated", {"id": "l", "inventory_item_id": "i"}, Ask(stream="stock", ref="i")),
        ("customer.updated", {"id": "cus_1"}, Ask(stream="customers", ref="cus_1")),
        ("customer.deleted", {"id": "cus_1"}, Deleted(what="customer", ref="cus_1", told_at=NOON)),
        ("product.deleted", {"id": "prod_1"}, Deleted(what="product", ref="prod_1", told_at=NOON)),
        ("order-edit.requested", {"order_id": "order_1"}, Ignored(why="settled_otherwise")),
    ],
)
def test_messages_are_hints(event: str, data: dict[str, Any], asked: object):
    assert translate(event, json.dumps({"event": event, "data": data}).encode(), NOON, ABOUT) == [asked]


@pytest.mark.parametrize(
    ("event", "body", "code"),
    [
        ("cart.created", b'{"data": {"id": "cart_1"}}', "unknown_topic"),
        ("order.placed", b'{"data": {}}', "no_ref"),
        ("order.placed", b'{"data": {"id": 1.5}}', "bad_ref"),
        ("order.placed", b"order_1", "not_json"),
    ],
)
def test_messages_nobody_understands(event: str, body: bytes, code: str):
    with pytest.raises(NotUnderstood) as refused:
        translate(event, body, NOON, ABOUT)
    assert refused.value.code == code


def test_stock_is_of_each_variant_at_each_place():
    doc = {
        "id": "iitem_1",
        "variants": [{"id": "variant_1", "product_id": "prod_1", "allow_backorder": True}],
        "location_levels": [
            {
                "location_id": "sloc_1",
                "raw_stocked_quantity": {"value": "7"},
                "raw_reserved_quantity": {"value": "2"},
                "updated_at": "2026-03-02T10:00:00Z",
            }
        ],
    }
    [level] = read("stock", doc, ABOUT)
    assert isinstance(level, StockTold)
    assert (level.variant_ref, level.store, level.may_oversell) == ("variant_1", "teas-sloc_1", True)
    assert (level.on_hand, level.reserved) == (7, 2)
    assert read("stock", {**doc, "variants": []}, ABOUT) == [Ignored(why="no_variant")]


def test_the_module_in_the_shop_listens_to_what_is_understood():
    module = Path(__file__).parents[6] / "extras" / "medusa-subscriber" / "regulars.ts"
    written = module.read_text(encoding="utf-8")
    assert [event for event in EVENTS if f'"{event}"' not in written] == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "address"),
        ({"address": "shop.example"}, "address"),
        ({"address": "https://me:pw@shop.example"}, "address"),
        ({"address": "https://shop.example", "payment_days": "0"}, "payment_days"),
        ({"address": "https://shop.example", "colour": "green"}, "colour"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], field: str):
    with pytest.raises(BadConnection) as refused:
        check(settings)
    assert refused.value.facts["field"] == field
