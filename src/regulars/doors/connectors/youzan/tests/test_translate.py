"""What Youzan's documents tell, by table. The order of `samples/full_order_info.json` is our own."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

import pytest

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import NotUnderstood, document
from regulars.doors.connectors.reports import (
    Ask,
    CustomerTold,
    Ignored,
    OrderTold,
    PersonRedacted,
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
    StockTold,
    StoreTold,
)
from regulars.doors.connectors.youzan.shop import check
from regulars.doors.connectors.youzan.translate import read, translate
from regulars.facts.commerce.order_reports import OrderReport
from regulars.facts.sources.connections import BadConnection

ABOUT = About(1, "teas", "teas", ZoneInfo("Europe/London"), "CN", {"kdt_id": "55000", "client_id": "a1"})
SAMPLE = Path(__file__).parent.parent / "samples" / "full_order_info.json"
TID = "E20260302180000000000017"


def sample() -> dict[str, Any]:
    return deepcopy(dict(document(SAMPLE.read_bytes())))


def told(doc: dict[str, Any]) -> OrderReport:
    [found] = [one.report for one in read("orders", doc, ABOUT) if isinstance(one, OrderTold)]
    return found


def test_an_order():
    order = told(sample())
    assert (order.ref, order.currency, order.state, order.customer_ref) == (TID, "CNY", "completed", "yzAbc1")
    assert (order.total_minor, order.shipping_minor, order.paid_minor) == (11700, 800, 11700)
    assert [(line.product_ref, line.quantity, line.amount_minor, line.discount_minor) for line in order.lines] == [
        ("412345678901234567", 2, 10900, 1000),
        ("2800000000000000009", 1, 0, 0),
    ]
    assert [(one.ref, one.kind, one.state) for one in order.tenders] == [("260302180109000017", "wallet", "captured")]
    assert (order.fulfilment, order.store, order.taken_by) == ("same_city", "teas-55001", "4711")
    assert order.lines[0].personalisation == ("buyer_message",)


def test_times_are_of_shanghai_whatever_the_connections_zone():
    order = told(sample())
    assert order.placed_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert order.source_updated_at == datetime(2026, 3, 5, 1, 30, 11, tzinfo=UTC)


def test_a_present_costs_nothing_and_of_goods_without_forms_the_product_is_the_form():
    bought, present = told(sample()).lines
    assert (present.unit_price, present.variant_ref) == (Decimal(0), "2800000000000000009")
    assert bought.variant_ref == "412345678901234567-36123456"


@pytest.mark.parametrize(
    ("phone", "known"),
    [
        ("13800000001", "13800000001"),
        ("138****0001", None),
        ("$eTS8t8hAECdXKg==$1$", None),
        ("", None),
        (None, None),
    ],
)
def test_a_phone_that_is_masked_or_encrypted_says_nothing(phone: str | None, known: str | None):
    doc = sample()
    doc["buyer_info"]["buyer_phone"] = phone
    [buyer] = [one for one in read("orders", doc, ABOUT) if isinstance(one, CustomerTold)]
    assert (buyer.ref, buyer.profile.phone) == ("yzAbc1", known)


def test_a_branch_is_a_store_and_the_headquarters_is_none():
    doc = sample()
    assert [one for one in read("orders", doc, ABOUT) if isinstance(one, StoreTold)] == [
        StoreTold(code="teas-55001", name="清水河店")
    ]
    doc["order_info"]["node_kdt_id"] = 55000
    assert told(doc).store is None


@pytest.mark.parametrize(
    ("payments", "shipping", "differs"),
    [
        # The lines and the postage come to what was paid.
        (["109.00", "0.00"], 800, 0),
        # As another document has it: the lines alone do.
        (["117.00", "0.00"], 0, 0),
        (["110.00", "0.00"], 800, -100),
    ],
)
def test_postage_is_counted_once(payments: list[str], shipping: int, differs: int):
    doc = sample()
    for line, amount in zip(reversed(doc["orders"]), payments, strict=True):
        line["payment"] = amount
    order = told(doc)
    goods = sum(line.amount_minor or 0 for line in order.lines)
    assert order.total_minor is not None
    assert (order.shipping_minor, order.total_minor - goods - order.shipping_minor) == (shipping, differs)


@pytest.mark.parametrize(
    ("doc", "amount"),
    [
        ({"status": "SUCCESS", "refund_fee": "12.50"}, 1250),
        ({"status": "WAIT_SELLER_AGREE", "refund_fee": "12.50"}, None),
        ({"status": "CLOSED", "refund_fee": "12.50"}, None),
    ],
)
def test_only_a_refund_that_succeeded_is_one(doc: dict[str, Any], amount: int | None):
    base = {"refund_id": "R1", "tid": TID, "created": "2026-03-04 08:00:00", "modified": "2026-03-04 09:00:00"}
    [one] = read("refunds", base | doc, ABOUT)
    if amount is None:
        assert one == Ignored(why="refund_under_way")
    else:
        assert isinstance(one, RefundTold)
        assert (one.report.amount_minor, one.report.order_ref) == (amount, TID)


def message(kind: str, said: object, **more: object) -> Any:
    return json.dumps({"type": kind, "id": TID, "msg": said, **more}).encode()


ORDERS, REFUNDS = Ask(stream="orders", ref=TID), Ask(stream="refunds", ref="R1")
GOODS = Ask(stream="products", ref="2800000000000000009", gone="product")


@pytest.mark.parametrize(
    ("kind", "said", "found"),
    [
        ("trade_TradeClose", quote(json.dumps({"tid": TID})), [ORDERS]),
        ("trade_TradeClose", quote_plus(json.dumps({"tid": TID, "close_reason": "a b"})), [ORDERS]),
        ("trade_TradeClose", json.dumps({"tid": TID}), [ORDERS]),
        # A message that says nothing of it: its envelope does.
        ("trade_TradeSuccess", quote("{}"), [ORDERS]),
        ("trade_refund_RefundSuccess", quote(json.dumps({"tid": TID, "refund_id": "R1"})), [REFUNDS, ORDERS]),
        ("youzan_trade_RefundSuccess", {"tid": TID, "refund_id": "R1"}, [REFUNDS, ORDERS]),
        ("POINTS", quote("{}"), [Ignored(why="not_read")]),
        ("ITEM_STATE", {"data": {"item_id": 2800000000000000009}}, [GOODS]),
        ("ITEM_INFO", quote(json.dumps({"itemId": 2800000000000000009})), [GOODS]),
        # One whose words nobody reads: what is around them says which it is.
        ("ITEM_SKU_INFO", "%7B", [Ask(stream="products", ref=TID, gone="product")]),
        ("youzan_item_SkuStockChanged", {"item_id": "2800000000000000009"}, [GOODS]),
        ("SCRM_CUSTOMER_EVENT", quote(json.dumps({"yz_open_id": "yzA"})), [Ask(stream="customers", ref="yzA")]),
        (
            "SCRM_CUSTOMER_EVENT",
            quote(json.dumps({"account_type": "YzOpenId", "account_id": "yzA"})),
            [Ask(stream="customers", ref="yzA")],
        ),
        (
            "SCRM_CUSTOMER_EVENT",
            quote(json.dumps({"account_type": "Mobile", "account_id": "13800000001"})),
            [Ignored(why="other_id")],
        ),
    ],
)
def test_messages_say_what_to_ask_for(kind: str, said: object, found: list[Report]):
    assert translate(kind, message(kind, said), None, ABOUT) == found


def test_a_message_with_the_whole_order_tells_it_too():
    said = quote(json.dumps({"full_order_info": sample()}, default=str))
    reports = translate("trade_TradeBuyerPay", message("trade_TradeBuyerPay", said), None, ABOUT)
    assert [type(one) for one in reports] == [StoreTold, CustomerTold, OrderTold, Ask]


@pytest.mark.parametrize(
    ("kind", "said", "code"),
    [
        ("coupon_New", quote("{}"), "unknown_topic"),
        ("trade_TradeClose", "%7Btid", "not_json"),
        ("trade_TradeClose", 17, "no_message"),
        ("trade_refund_RefundSuccess", quote(json.dumps({"tid": TID})), "no_ref"),
    ],
)
def test_messages_nobody_understands(kind: str, said: object, code: str):
    with pytest.raises(NotUnderstood) as refused:
        translate(kind, message(kind, said), None, ABOUT)
    assert refused.value.code == code


def test_who_closed_their_account_wants_to_be_forgotten():
    said = quote(json.dumps({"yz_open_id": "yzA", "is_log_off": True}))
    at = datetime(2026, 3, 4, tzinfo=UTC)
    [asked] = translate("SCRM_CUSTOMER_EVENT", message("SCRM_CUSTOMER_EVENT", said), at, ABOUT)
    assert asked == PersonRedacted(kind="redact", ref="yzA", asked_at=at, key="log_off:yzA")


ITEM: dict[str, Any] = {
    "item_id": 2800000000000000009,
    "title": "明前龙井",
    "is_listing": True,
    "item_tags": [{"name": ""}, {"name": "茶叶"}],
    "price": 5950,
    "quantity": 9,
    "created": "2026-03-01 08:00:00",
    "asked_at": "2026-03-04T02:00:30Z",
    "update_time": "2026-03-04 09:00:00",
    "skus": [
        {
            "sku_id": 77,
            "item_no": "LJ-250",
            "price": 5950,
            "quantity": 4,
            "modified": "2026-03-03 08:00:00",
            "properties_name_json": '[{"kid": "1", "vid": "2", "k": "规格", "v": "250克"}]',
        }
    ],
}


def test_goods_with_a_form():
    product, price, stock = read("products", ITEM, ABOUT)
    assert isinstance(product, ProductTold)
    assert (product.ref, product.category, product.status) == ("2800000000000000009", "茶叶", "active")
    assert product.told_at == datetime(2026, 3, 4, 1, tzinfo=UTC)
    [form] = product.variants
    assert (form.ref, form.sku, form.options) == ("2800000000000000009-77", "LJ-250", {"规格": "250克"})
    assert isinstance(price, PriceTold)
    assert isinstance(stock, StockTold)
    assert (price.variant_ref, price.list_minor, price.currency) == (form.ref, 5950, "CNY")
    assert (stock.variant_ref, stock.on_hand, stock.store) == (form.ref, 4, "teas")
    assert stock.told_at == datetime(2026, 3, 4, 2, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("skus", [[], None, [{"sku_id": 0}]])
def test_goods_without_forms_are_their_own_and_what_is_taken_down_is_a_draft(skus: object):
    product, price, stock = read("products", ITEM | {"skus": skus, "is_listing": False}, ABOUT)
    assert isinstance(product, ProductTold)
    assert isinstance(price, PriceTold)
    assert isinstance(stock, StockTold)
    assert (product.status, [one.ref for one in product.variants]) == ("draft", ["2800000000000000009"])
    assert (price.variant_ref, stock.variant_ref, stock.on_hand) == (product.ref, product.ref, 9)


def test_goods_of_which_no_list_says_when_they_changed_are_as_new_as_their_latest_part():
    [product, *_] = read("products", ITEM | {"update_time": None}, ABOUT)
    assert isinstance(product, ProductTold)
    assert product.told_at == datetime(2026, 3, 3, tzinfo=UTC)


def test_a_price_is_whole_fen():
    with pytest.raises(NotUnderstood) as refused:
        read("stock", ITEM | {"skus": [], "price": "59.5"}, ABOUT)
    assert refused.value.code == "bad_amount"


@pytest.mark.parametrize(
    ("said", "name", "told_at", "is_as_read"),
    [
        ({"name": "李静"}, "李静", "2026-03-04T02:00:30Z", True),
        ({"name": "", "show_name": "静静"}, "静静", "2026-03-04T02:00:30Z", True),
        # Hidden from the app.
        ({"name": "李**"}, None, "2026-03-04T02:00:30Z", True),
        ({"name": "$eTS8t8hAECdXKg==$1$"}, None, "2026-03-04T02:00:30Z", True),
        # Documents say both, seconds and thousandths.
        ({"name": "李静", "updated_at": 1772503200}, "李静", "2026-03-03T02:00:00Z", False),
        ({"name": "李静", "updated_at": "1772503200000"}, "李静", "2026-03-03T02:00:00Z", False),
    ],
)
def test_a_customer(said: dict[str, Any], name: str | None, told_at: str, is_as_read: bool):
    doc = {"yz_open_id": "yzA", "created_at": 1772330400, "asked_at": "2026-03-04T02:00:30Z", **said}
    [one] = read("customers", doc, ABOUT)
    assert isinstance(one, CustomerTold)
    assert (one.ref, one.profile.display_name, one.is_as_read) == ("yzA", name, is_as_read)
    assert one.told_at == datetime.fromisoformat(told_at)
    assert one.first_seen_at == datetime(2026, 3, 1, 2, tzinfo=UTC)


def test_parcels_carry_the_lines_that_left_in_them():
    doc = sample()
    doc["order_info"] |= {"consign_time": "2026-03-04 10:00:00", "success_time": "2026-03-05 09:30:11"}
    doc["address_info"] = {"delivery_start_time": "2026-03-04 14:00:00", "delivery_end_time": "soon"}
    way = {"express_info": {"express_id": 7, "express_no": "SF1"}}
    doc["delivery_order"] = [
        {"express_state": 1, "oids": [{"oid": "2800000000000000001"}], "dists": [way]},
        {"express_state": 0, "oids": [{"oid": "2800000000000000002"}]},
        {"express_state": 1, "oids": []},
    ]
    doc["carriers"] = {"7": "顺丰速运"}
    [sent] = [one.report for one in read("orders", doc, ABOUT) if isinstance(one, ShipmentTold)]
    assert (sent.ref, sent.state, sent.mode, sent.lines) == (f"{TID}-1", "delivered", "same_city", [(1, 2)])
    assert (sent.carrier, sent.tracking) == ("顺丰速运", "SF1")
    assert sent.promised_from == datetime(2026, 3, 4, 6, tzinfo=UTC)
    assert sent.promised_until is None
    assert sent.arrived_at == datetime(2026, 3, 5, 1, 30, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"client_id": "a1"}, "kdt_id"),
        ({"kdt_id": "55000"}, "client_id"),
        ({"kdt_id": "55000", "client_id": "a1", "opened_on": "May"}, "opened_on"),
        ({"kdt_id": "55000", "client_id": "a1", "colour": "green"}, "colour"),
        ({"kdt_id": "55000", "client_id": "a1", "deliveries": "some"}, "deliveries"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], field: str):
    with pytest.raises(BadConnection) as refused:
        check(settings)
    assert refused.value.facts["field"] == field
