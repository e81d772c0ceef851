"""Orders and returns as conditions ask for them."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from regulars.facts.commerce import asking, goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnLineReport, ReturnReport
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, an_order
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.runtime.database.offered import Wanted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_pounds() -> None:
    company.settle(name="Till", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=MAREK)


def _whose(ref: str) -> int:
    (found,) = customers.find_by_ref(ref=ref)
    return found


def _record(*reports: orders.OrderReport) -> None:
    for report in reports:
        orders.record(report=report, at=MONDAY, by=MAREK)


def test_orders_are_told_with_their_lines(django_assert_num_queries):
    _record(
        an_order("1", lines=(("coat", "2", "40.00"), ("bag", "1", "0")), channel="web", shipping_minor=500),
        an_order("2", at=MONDAY + DAY, customer="marek"),
    )
    priya, marek = _whose("priya"), _whose("marek")

    with django_assert_num_queries(3):
        found = asking.orders([priya, marek, 10**12], Wanted())

    (coat,) = found[priya]
    assert coat.at == MONDAY
    assert coat.values == {
        "placed_on": date(2026, 3, 2),
        "channel": "web",
        "currency": "GBP",
        "origin": "live",
        "total": 8500,
        "goods": 8000,
        "discount": 0,
        "shipping": 500,
        "tax": 0,
    }
    assert [(line["product"], line["quantity"], line["amount"]) for line in coat.parts["lines"]] == [
        ("coat", Decimal(2), 8000),
        ("bag", Decimal(1), 0),
    ]
    assert set(found) == {priya, marek}


def test_what_does_not_count_is_no_order_and_foreign_money_is_unknown():
    _record(
        an_order("1"),
        an_order("2", lines=(("gift", "1", "0"),)),
        an_order("3", cancelled_at=MONDAY + DAY),
        replace(an_order("4", at=MONDAY + DAY), currency="EUR"),
    )
    found = sorted(asking.orders([_whose("priya")], Wanted())[_whose("priya")], key=lambda row: row.at)
    assert [row.values.get("total") for row in found] == [8000, None]
    assert found[1].values["currency"] == "EUR"
    assert "amount" not in found[1].parts["lines"][0]


def test_only_what_is_wanted_is_brought():
    _record(an_order("1", channel="web"), an_order("2", at=MONDAY + DAY, channel="app"))
    priya = _whose("priya")
    late = asking.orders([priya], Wanted(since=MONDAY + timedelta(hours=1)))
    assert [row.values["channel"] for row in late[priya]] == ["app"]
    web = asking.orders([priya], Wanted(only={"channel": frozenset({"web"}), "title": frozenset({"Coat"})}))
    assert [row.values["channel"] for row in web[priya]] == ["web"]


def test_returns_are_told_and_void_ones_are_none():
    _record(an_order("1", channel="web"))
    for ref, is_void in (("r1", False), ("r2", True)):
        goods_returns.record(
            report=ReturnReport(
                namespace="shop",
                ref=ref,
                order_ref="1",
                returned_at=MONDAY + DAY,
                currency="GBP",
                lines=[ReturnLineReport("coat", Decimal(1), 8000)],
                reason="too_small",
                is_void=is_void,
            ),
            at=MONDAY,
            by=MAREK,
        )
    priya = _whose("priya")
    (back,) = asking.returns([priya], Wanted())[priya]
    assert back.at == MONDAY + DAY
    assert back.values == {
        "returned_on": date(2026, 3, 3),
        "channel": "web",
        "currency": "GBP",
        "reason": "too_small",
        "amount": 8000,
    }
    assert [(line["product"], line["amount"]) for line in back.parts["lines"]] == [("coat", 8000)]
    assert asking.reasons() == ["too_small"]
