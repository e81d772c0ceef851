"""Orders through the door: told again, told wrongly, refunded, cancelled."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from regulars.doors.api.tests.builders import COAT_AND_HATS, Program, problem
from regulars.facts.commerce import orders

pytestmark = pytest.mark.django_db

COAT = COAT_AND_HATS["lines"][0]


def trail_lines():
    with connection.cursor() as cursor:
        cursor.execute("SELECT by_kind || ':' || by_id, verb, why FROM trail_line ORDER BY id")
        return cursor.fetchall()


def test_priyas_order_comes_back_as_it_was_told():
    till = Program()
    told = till.record()
    assert re.fullmatch(r"ord_[0-9a-z]{26}", told["id"])
    assert re.fullmatch(r"cus_[0-9a-z]{26}", told["customer"])
    assert {name: told[name] for name in ("goods", "discount", "total", "currency", "kind", "placed_at")} == {
        "goods": "99.99",
        "discount": "0.00",
        "total": "99.99",
        "currency": "GBP",
        "kind": "purchase",
        "placed_at": "2026-03-02T10:00:00Z",
    }
    assert told["lines"][1] == {
        "number": 2,
        "product_ref": "hat",
        "title": "",
        "quantity": "2.000",
        "unit_price": "9.995000",
        "amount": "19.99",
        "discount": "0.00",
        "returned_quantity": "0.000",
        "variant_ref": "",
        "sku": "",
        "tax": None,
        "is_gift_card": False,
        "personalisation": [],
    }
    assert till.get(f"orders/{told['id']}").json() == told


def test_the_same_order_told_again_is_the_same_order_and_leaves_no_second_line():
    till = Program()
    first = till.record()
    before = trail_lines()
    assert till.record() == first
    assert till.post("orders", COAT_AND_HATS, key="7f3c").json() == first
    assert trail_lines() == before


def test_other_content_needs_a_later_update_time():
    till = Program()
    till.record()
    other = COAT_AND_HATS | {"lines": [COAT]}
    assert problem(till.post("orders", other)) == (409, "orders.conflict", "ref")
    newer = till.record(lines=[COAT], source_updated_at="2026-03-03T10:00:00Z")
    assert newer["goods"] == "80.00"
    older = COAT_AND_HATS | {"source_updated_at": "2026-03-02T11:00:00Z"}
    assert problem(till.post("orders", older)) == (409, "orders.stale", "source_updated_at")


def test_the_trail_names_the_key_that_did_it():
    till = Program()
    told = till.record()
    till.post(f"orders/{told['id']}/refunds", {"lines": [{"number": 1, "quantity": "1"}], "why": "too_small"}, key="r1")
    till.post(f"orders/{told['id']}/cancel", {"why": "changed_mind"})
    by_key = [(verb, why) for by, verb, why in trail_lines() if by == f"api:{till.key.id}"]
    assert {verb for verb, _ in by_key} >= {
        "commerce.orders.record",
        "commerce.goods_returns.record",
        "commerce.orders.cancel",
    }
    assert ("commerce.goods_returns.record", "too_small") in by_key
    assert ("commerce.orders.cancel", "changed_mind") in by_key


def test_a_refund_is_paid_once_for_a_key_and_never_more_than_is_left():
    till = Program()
    order = till.record(discount="10.00")["id"]
    coat = {"lines": [{"number": 1, "quantity": "1"}]}
    first = till.post(f"orders/{order}/refunds", coat, key="rma-1")
    assert first.status_code == 200
    assert first.json()["amount"] == "72.00"
    assert re.fullmatch(r"ret_[0-9a-z]{26}", first.json()["id"])
    assert till.post(f"orders/{order}/refunds", coat, key="rma-1").json() == first.json()
    hats = {"lines": [{"number": 2, "quantity": "2"}]}
    assert problem(till.post(f"orders/{order}/refunds", hats, key="rma-1"))[1] == "returns.key_used_elsewhere"
    assert problem(till.post(f"orders/{order}/refunds", coat, key="rma-2")) == (409, "returns.over_refund", "lines")
    rest = till.post(f"orders/{order}/refunds", key="rma-3")
    assert rest.json()["amount"] == "17.99"
    assert problem(till.post(f"orders/{order}/refunds", key="rma-4"))[:2] == (409, "returns.nothing_left")


def test_a_refund_needs_its_key():
    till = Program()
    order = till.record()["id"]
    assert problem(till.post(f"orders/{order}/refunds")) == (422, "request.invalid", "Idempotency-Key")
    long = till.post(f"orders/{order}/refunds", key="x" * 121)
    assert problem(long) == (422, "request.invalid", "Idempotency-Key")


def test_a_key_that_refunded_another_order_is_refused():
    till = Program()
    one, two = till.record()["id"], till.record(ref="1002")["id"]
    till.post(f"orders/{one}/refunds", key="rma-1")
    assert problem(till.post(f"orders/{two}/refunds", key="rma-1"))[:2] == (409, "returns.key_used_elsewhere")


def test_cancelling_twice_keeps_the_first_instant():
    till = Program()
    order = till.record()["id"]
    first = till.post(f"orders/{order}/cancel").json()
    assert first["cancelled_at"]
    assert till.post(f"orders/{order}/cancel").json() == first


def test_a_guests_order_has_no_customer():
    assert Program().record(customer_ref=None)["customer"] is None


def test_yen_have_no_decimals_and_dinars_three():
    till = Program()
    assert till.record(ref="y", currency="JPY", lines=[COAT | {"unit_price": "8000"}])["total"] == "8000"
    assert till.record(ref="k", currency="KWD", lines=[COAT | {"unit_price": "8.125"}])["total"] == "8.125"
    assert till.record(ref="t", currency="GBP", shipping="5.5000")["shipping"] == "5.50"


def test_an_order_of_a_store_is_one_of_the_store_channel():
    told = Program().record(store="leeds-1")
    assert (told["channel"], told["store"]) == ("store", "leeds-1")


def line(**changes):
    return {"lines": [COAT | changes]}


BAD = [
    # exactness
    (line(quantity=1), "request.invalid", "lines.0.quantity"),
    (line(quantity=1.5), "request.invalid", "lines.0.quantity"),
    (line(unit_price=80.0), "request.invalid", "lines.0.unit_price"),
    (line(unit_price=True), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="1e3"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="1,50"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="-1.00"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="NaN"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="１２"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="1.0000001"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="1\n"), "request.invalid", "lines.0.unit_price"),
    (line(unit_price="1" * 13), "request.invalid", "lines.0.unit_price"),
    (line(quantity="0.0001"), "request.invalid", "lines.0.quantity"),
    (line(quantity="0"), "orders.no_quantity", "lines.0.quantity"),
    (line(quantity="999999999", unit_price="999999999999"), "number.too_large", "lines.0"),
    (line(amount="80.001"), "number.too_fine", "lines.0.amount"),
    ({"discount": "0.001"}, "number.too_fine", "discount"),
    ({"currency": "JPY", "total": "80.5"}, "number.too_fine", "total"),
    ({"shipping": 3}, "request.invalid", "shipping"),
    ({"tax": None}, "request.invalid", "tax"),
    # currencies, codes, references
    ({"currency": "XXX"}, "money.unknown_currency", "currency"),
    ({"currency": "gbp"}, "money.unknown_currency", "currency"),
    ({"currency": 826}, "request.invalid", "currency"),
    ({"country": "uk"}, "request.invalid", "country"),
    ({"namespace": "My Shop"}, "customers.bad_namespace", "namespace"),
    ({"customer_ref": "guest"}, "customers.unusable_ref", "customer"),
    ({"ref": ""}, "request.invalid", "ref"),
    ({"ref": "   "}, "request.invalid", "ref"),
    ({"ref": "x" * 201}, "request.invalid", "ref"),
    ({"ref": "a\x00b"}, "request.invalid", "ref"),
    ({"ref": "\ud800"}, "request.invalid", "ref"),
    ({"ref": 1001}, "request.invalid", "ref"),
    ({"channel": "c" * 65}, "request.invalid", "channel"),
    (line(title="a\u202eb"), "request.invalid", "lines.0.title"),
    (line(category="c" * 201), "request.invalid", "lines.0.category"),
    # instants
    ({"placed_at": "2026-03-02"}, "request.invalid", "placed_at"),
    ({"placed_at": "2026-03-02T10:00:00"}, "request.invalid", "placed_at"),
    ({"placed_at": "2026-02-30T10:00:00Z"}, "request.invalid", "placed_at"),
    ({"placed_at": "1970-01-01T00:00:00Z"}, "request.invalid", "placed_at"),
    ({"placed_at": "0001-01-01T00:00:00+14:00"}, "request.invalid", "placed_at"),
    ({"placed_at": "9999-12-31T23:59:59-14:00"}, "request.invalid", "placed_at"),
    ({"placed_at": "2099-01-01T00:00:00Z"}, "orders.in_the_future", "placed_at"),
    ({"placed_at": 1772445600}, "request.invalid", "placed_at"),
    ({"source_updated_at": "2099-01-01T00:00:00Z"}, "orders.in_the_future", "source_updated_at"),
    # shape
    ({"lines": []}, "request.invalid", "lines"),
    ({"lines": "coat"}, "request.invalid", "lines"),
    ({"lines": ["coat"]}, "request.invalid", "lines.0"),
    ({"lines": [COAT] * 501}, "request.invalid", "lines"),
    ({"lines": [COAT | {"number": 1}, COAT | {"number": 1}]}, "orders.bad_line_numbers", "lines"),
    ({"lines": [COAT | {"number": 1}, COAT]}, "orders.bad_line_numbers", "lines"),
    (line(number=0), "request.invalid", "lines.0.number"),
    (line(number="1"), "request.invalid", "lines.0.number"),
    ({"points": 100}, "request.invalid", "points"),
    ({"id": "ord_00000000000000000000000000"}, "request.invalid", "id"),
    ({"origin": "history"}, "request.invalid", "origin"),
    ({"customer_id": 1}, "request.invalid", "customer_id"),
    (line(returned_quantity="1"), "request.invalid", "lines.0.returned_quantity"),
]


@pytest.mark.parametrize(("changes", "code", "field"), BAD)
def test_a_bad_order_is_refused_with_its_field_and_nothing_is_written(changes, code, field):
    till = Program()
    before = trail_lines()
    assert problem(till.post("orders", COAT_AND_HATS | changes)) == (422, code, field)
    assert trail_lines() == before
    assert orders.by_ref(namespace="shop", ref="1001") is None


@pytest.mark.parametrize("name", ["ref", "placed_at", "currency", "lines"])
def test_what_is_missing_is_named(name):
    told = {key: value for key, value in COAT_AND_HATS.items() if key != name}
    assert problem(Program().post("orders", told)) == (422, "request.invalid", name)


def test_every_fault_is_named_at_once_without_its_value():
    answer = Program().post("orders", COAT_AND_HATS | {"country": "secret", "ref": 7, "tax": 1})
    told = json.loads(answer.content)
    assert {error["field"] for error in told["errors"]} == {"ref", "country", "tax"}
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]]",
        b"\xff\xfe{}",
        b'{"ref": NaN}',
        b'{"ref": Infinity}',
        b'{"ref": "a", "ref": "b"}',
        b"[" * 100_000,
        b'{"ref": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_a_400(raw):
    assert problem(Program().post("orders", raw=raw))[:2] == (400, "request.bad_json")


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"order"', b"7", b""])
def test_json_that_is_no_object_is_refused(raw):
    assert problem(Program().post("orders", raw=raw))[:2] == (422, "request.invalid")


def test_clocks_may_run_ahead_a_little():
    ahead = (datetime.now(UTC) + timedelta(minutes=5)).isoformat(timespec="seconds")
    assert Program().record(placed_at=ahead)["id"]


BAD_REFUNDS = [
    ({"lines": []}, "lines"),
    ({"lines": [{"number": 1, "quantity": 1}]}, "lines.0.quantity"),
    ({"lines": [{"number": 1, "quantity": "0"}]}, "lines.0.quantity"),
    ({"lines": [{"number": 1, "quantity": "1"}, {"number": 1, "quantity": "1"}]}, "lines"),
    ({"lines": [{"number": 1, "quantity": "1", "amount": "99.00"}]}, "lines.0.amount"),
    ({"amount": "99.00"}, "amount"),
    ({"why": "Mail priya@example.com"}, "why"),
]


@pytest.mark.parametrize(("body", "field"), BAD_REFUNDS)
def test_a_bad_refund_is_refused(body, field):
    till = Program()
    order = till.record()["id"]
    status, _, at = problem(till.post(f"orders/{order}/refunds", body, key="rma-1"))
    assert (status, at) == (422, field)


def test_a_line_that_is_not_there_cannot_come_back():
    till = Program()
    order = till.record()["id"]
    answer = till.post(f"orders/{order}/refunds", {"lines": [{"number": 9, "quantity": "1"}]}, key="rma-1")
    assert problem(answer) == (409, "returns.over_refund", "lines")


def test_orders_are_listed_by_when_they_were_placed_of_one_source_and_by_their_reference():
    till = Program()
    for ref, day, space in (("a", 3, "shop"), ("b", 5, "shop"), ("a", 4, "till"), ("c", 1, "shop")):
        till.post(
            "orders",
            COAT_AND_HATS
            | {"ref": ref, "namespace": space, "placed_at": f"2026-03-0{day}T10:00:00Z", "number": f"#{ref}{day}"},
        )

    def listed(asked: str) -> list[tuple[str, str]]:
        return [(one["namespace"], one["ref"]) for one in till.get(f"orders?{asked}").json()["items"]]

    assert listed("") == [("shop", "b"), ("till", "a"), ("shop", "a"), ("shop", "c")]
    first = till.get("orders?limit=3").json()
    assert [one["ref"] for one in till.get(f"orders?limit=3&cursor={first['next']}").json()["items"]] == ["c"]
    assert listed("ref=a") == [("till", "a"), ("shop", "a")]
    assert listed("ref=a&namespace=shop") == [("shop", "a")]
    assert listed("ref=%23b5") == [("shop", "b")]
    assert listed("kind=draft") == []
