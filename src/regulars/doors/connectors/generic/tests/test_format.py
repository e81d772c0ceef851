"""What our own format takes, and what it answers to the rest."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from standardwebhooks import Webhook

from regulars.doors.connectors.generic.translate import reply, translate
from regulars.doors.connectors.generic.verify import verify
from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook
from regulars.doors.connectors.reading import NotUnderstood
from regulars.doors.connectors.reports import (
    CustomerTold,
    Ignored,
    OrderTold,
    PriceTold,
    RefundTold,
    ShipmentTold,
    StockTold,
)

ABOUT = About(1, "ours", "ours", ZoneInfo("Europe/London"), "GB", {})
ITEMS: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "samples" / "items.json").read_text())["items"]
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
#: After all that the samples tell.
SENT = datetime(2026, 3, 6, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def sample(kind: str, **other: object) -> dict[str, Any]:
    [found] = [one for one in ITEMS if one["type"] == kind]
    return deepcopy(found) | other


def body(*items: object) -> bytes:
    return json.dumps({"items": items}).encode()


def answered(*items: object) -> tuple[int, dict[str, Any]]:
    answer = reply(body(*items), SENT, ABOUT)
    return answer.status, json.loads(answer.body)


def test_every_kind_of_item_is_taken():
    told = translate("items", body(*ITEMS), None, ABOUT)

    assert answered(*ITEMS) == (200, {"taken": 8, "refused": []})
    [order] = [one.report for one in told if isinstance(one, OrderTold)]
    assert (order.ref, order.total_minor, order.paid_minor, order.tax_minor) == ("820982911946154508", 2348, 2348, 391)
    assert order.source_updated_at == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
    [customer] = [one for one in told if isinstance(one, CustomerTold)]
    assert customer.told_at == datetime(2026, 3, 2, 2, tzinfo=UTC)
    assert [one.amount_minor for one in (told[5].report,) if isinstance(told[5], RefundTold)] == [949]
    assert [(one.list_minor, one.sale_minor) for one in told if isinstance(one, PriceTold)] == [(1250, 999)]
    assert [one.on_hand for one in told if isinstance(one, StockTold)] == [Decimal(40)]
    assert [one.report.lines for one in told if isinstance(one, ShipmentTold)] == [[(1, Decimal(2))]]


LINE = ITEMS[4]["lines"][0]


@pytest.mark.parametrize(
    ("item", "field", "value", "mend"),
    [
        ("a text", "", "a text", "send an object"),
        ({"type": "basket"}, "type", "basket", "send one of order, refund,"),
        (sample("order", ref=5), "ref", 5, "send a text in quotes"),
        (sample("order", ref=""), "ref", "", "length"),
        ({k: v for k, v in sample("order").items() if k != "currency"}, "currency", None, "send it"),
        (sample("order", curency="GBP"), "curency", "GBP", "leave it out; known are"),
        (sample("order", currency="XXQ"), "currency", "XXQ", "such as CNY or GBP"),
        (sample("order", placed_at="2026-03-02T09:00:00"), "placed_at", "2026-03-02T09:00:00", "with its offset"),
        (sample("order", placed_at="yesterday"), "placed_at", "yesterday", "with its offset"),
        (sample("order", placed_at="0001-01-01T00:00:00+08:00"), "placed_at", "0001-01-01T00:00:00+08:00", "a year"),
        (sample("order", state="done"), "state", "done", "draft, placed, completed, cancelled"),
        (sample("order", total="12.345"), "total", "12.345", "at most 2 places"),
        (sample("order", total="a lot"), "total", "a lot", "send a number"),
        (sample("order", shipping="-1.00"), "shipping", "-1.00", "zero or more"),
        (sample("order", placed_at="2199-01-01T00:00:00Z"), "placed_at", "2199-01-01T00:00:00+00:00", "the future"),
        (sample("stock", updated_at="2026-03-07T12:00:01Z"), "updated_at", "2026-03-07T12:00:01+00:00", "the clocks"),
        (
            sample("customer", consents=[{"channel": "sms", "is_granted": False, "at": "2036-01-01T00:00:00Z"}]),
            *("consents[0].at", "2036-01-01T00:00:00+00:00", "the future"),
        ),
        (sample("price", price="-1"), "price", "-1", "zero or more"),
        (sample("price", store="leeds", channel="web"), "channel", "web", "each by itself"),
        (sample("order", is_test="no"), "is_test", "no", "true or false"),
        (sample("order", lines={}), "lines", "{}", "send a list"),
        (sample("order", lines=[LINE | {"quantity": "two"}]), "lines[0].quantity", "two", "send a number"),
        (sample("order", lines=[LINE | {"quantity": 0}]), "lines[0].quantity", "0", "how many"),
        (sample("order", lines=[LINE | {"colour": "red"}]), "lines[0].colour", "red", "number, product_ref"),
        (sample("order", lines=[LINE, LINE]), "lines[1].number", 1, "each once"),
        (sample("order", lines=[]), "lines", "820982911946154508", "send at least one"),
        (sample("refund", reason="It was too strong."), "reason", "It was too strong.", "text"),
        (sample("price", sale_price="13.00"), "sale_price", "13.00", "at most the usual one"),
        (sample("shipment", state="lost"), "state", "lost", "pending, packed"),
        (sample("customer", consents=[{"channel": "fax"}]), "consents[0].channel", "fax", "email, sms"),
        (sample("stock", on_hand="NaN"), "on_hand", "NaN", "number"),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_the_mend(item: object, field: str, value: object, mend: str):
    status, told = answered(sample("customer"), item)

    assert (status, told["taken"]) == (200, 1)
    [refused] = told["refused"]
    assert (refused["item"], refused["field"], refused["value"]) == (1, field, value)
    assert mend in refused["mend"]
    # The good one goes through, the other is counted.
    assert translate("items", body(sample("customer"), item), SENT, ABOUT)[1:] == [Ignored(why="refused")]


def test_where_nothing_is_good_nothing_is_taken_and_what_somebody_wrote_is_not_kept_in_the_reason():
    status, told = answered(sample("customer", given_name=["Priya"]))

    assert (status, told["taken"], told["refused"][0]["value"]) == (422, 0, "['Priya']")
    with pytest.raises(NotUnderstood) as refused:
        translate("items", body(sample("customer", given_name=["Priya"])), None, ABOUT)
    assert "Priya" not in refused.value.why


@pytest.mark.parametrize(
    "told",
    [b"no JSON", b"[]", b'{"items": []}', b'{"items": [{}], "more": 1}', json.dumps({"items": [1] * 501}).encode()],
)
def test_what_is_no_message_is_answered_400(told: bytes):
    answer = reply(told, SENT, ABOUT)

    assert answer.status == 400
    assert json.loads(answer.body)["refused"][0]["field"] == "body"


def signed(secret: str = SECRET, at: datetime = NOW, told: bytes = b"{}", **other: str) -> Hook:
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, told.decode()),
    }
    return Hook(told, headers | {name.replace("_", "-"): value for name, value in other.items()})


def test_the_librarys_signature_is_good_with_either_secret():
    other = "whsec_" + "b" * 32
    found = verify(signed(), [other, SECRET], ABOUT, NOW)

    assert isinstance(found, Genuine)
    assert found.key == "msg_1"
    both = f"{signed(other).headers['webhook-signature']} {signed().headers['webhook-signature']}"
    assert isinstance(verify(signed(webhook_signature=both), [SECRET], ABOUT, NOW), Genuine)


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (signed(webhook_signature=""), "unsigned"),
        (signed(webhook_id="msg_2"), "bad_signature"),
        (signed(webhook_timestamp="1772445601"), "bad_signature"),
        (signed(webhook_timestamp="now"), "bad_time"),
        (signed("whsec_" + "b" * 32), "bad_signature"),
        (signed(webhook_signature="v1a,AAAA"), "bad_signature"),
        (signed(webhook_signature="v1,é"), "bad_signature"),
        (signed(at=NOW.replace(hour=9)), "too_old"),
        (signed(at=NOW.replace(hour=11)), "too_early"),
    ],
)
def test_everything_else_is_not_believed(hook: Hook, why: str):
    assert verify(hook, [SECRET], ABOUT, NOW) == Forged(why)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"type": "\ud800"}, "type"),
        (sample("stock") | {"a\ud800": 1}, "a\ud800"),
        (sample("stock") | {"a\0b": 1}, "a\0b"),
        (sample("product", title="Tea\ud83d"), "title"),
        (sample("stock", version=2**70), "version"),
        (sample("order", version=-(2**63)), "version"),
        (sample("stock", on_hand="0.0001"), "on_hand"),
        (
            sample("refund", lines=[{"product_ref": "tea", "quantity": "1e-30", "amount": "1"}], amount=None),
            "lines[0].quantity",
        ),
        (sample("price", currency="CLF", price="900000000000"), "price"),
    ],
)
def test_what_cannot_be_kept_is_answered_by_field_with_a_mend(item: dict[str, Any], field: str):
    status, told = answered(item, sample("stock"))

    assert (status, told["taken"]) == (200, 1)
    [refused] = told["refused"]
    assert (refused["item"], refused["field"]) == (0, field)
    assert refused["mend"].startswith("send ")
