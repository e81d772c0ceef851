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
from regulars.doors.connectors.reports import Ask, CustomerTold, Ignored, OrderTold, RefundTold, Report, StoreTold
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


def test_a_present_costs_nothing_and_one_form_is_no_form():
    present = told(sample()).lines[1]
    assert (present.unit_price, present.variant_ref) == (Decimal(0), None)


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
        ("ITEM_STATE", {}, [Ignored(why="not_read")]),
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


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"client_id": "a1"}, "kdt_id"),
        ({"kdt_id": "55000"}, "client_id"),
        ({"kdt_id": "55000", "client_id": "a1", "opened_on": "May"}, "opened_on"),
        ({"kdt_id": "55000", "client_id": "a1", "colour": "green"}, "colour"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], field: str):
    with pytest.raises(BadConnection) as refused:
        check(settings)
    assert refused.value.facts["field"] == field
