"""Which version of an order counts, and what follows from it: never the order in which they came."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise, permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.commerce import _settling, goods_returns, order_list, orders
from regulars.facts.commerce.order_list import OrderFilter
from regulars.facts.commerce.orders import LineReport, TenderReport
from regulars.facts.commerce.return_reports import ReturnReport
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, THE_SHOP, an_order

pytestmark = pytest.mark.django_db


def told(*reports, origin="live"):
    done = orders.record_all(reports=reports, at=MONDAY, by=THE_SHOP, origin=origin)
    return orders.get(done.ids[reports[0].ref])


def shown(view):
    return replace(view, id=0, public_id="", recorded_at=MONDAY, ref="")


#: Each beats the one before it, at one and the same moment.
TIES = [
    {"paid_minor": 100},
    {"paid_minor": 200},
    {"state": "placed"},
    {"state": "placed", "paid_minor": 8000},
    {"state": "completed"},
    {"state": "cancelled"},
    {"state": "placed", "refunded_minor": 1},
    {"state": "placed", "refunded_minor": 1, "paid_minor": 8000},
    {"state": "draft", "refunded_minor": 2},
]


@pytest.mark.parametrize(("less", "more"), pairwise(TIES))
def test_of_two_told_at_one_moment_the_one_further_along_counts(less, more):
    seen = []
    for ref, pair in (("a", (less, more)), ("b", (more, less))):
        seen.append(shown(told(*(an_order(ref, source_updated_at=MONDAY, **one) for one in pair))))
    assert seen[0] == seen[1]
    assert {name: getattr(seen[0], name) for name in more} == more


def test_where_nothing_decides_it_is_still_not_the_order_of_arrival():
    versions = [an_order(lines=[("coat", "1", f"{price}.00")]) for price in (80, 81, 82)]
    ends = set()
    for n, some in enumerate(permutations(versions)):
        ends.add(told(*(replace(one, ref=str(n)) for one in some)).total_minor)
    assert len(ends) == 1


def test_a_version_told_at_the_same_moment_decides_before_what_it_says():
    paid, unpaid = ({"version": 1, "paid_minor": 8000}, {"version": 2, "paid_minor": 0})
    for ref, pair in (("a", (paid, unpaid)), ("b", (unpaid, paid))):
        assert told(*(an_order(ref, source_updated_at=MONDAY, **one) for one in pair)).paid_minor == 0


def test_what_was_told_again_later_is_not_undone_by_what_was_told_between():
    first, between = an_order(source_updated_at=MONDAY), an_order(source_updated_at=MONDAY + DAY, paid_minor=8000)
    last = an_order(source_updated_at=MONDAY + 2 * DAY)
    for n, some in enumerate(permutations((first, between, last))):
        view = told(*(replace(one, ref=str(n)) for one in some))
        assert (view.paid_minor, view.source_updated_at) == (None, MONDAY + 2 * DAY)


def test_an_order_keeps_what_it_was_told_with():
    line = replace(
        an_order().lines[0],
        variant_ref="coat-m",
        sku="C-M",
        tax_minor=1333,
        is_gift_card=False,
        personalisation=("engraving", "gift_wrap"),
    )
    tenders = (
        TenderReport("t1", "gift_card", "captured", 3000, MONDAY),
        TenderReport("t2", "card", "captured", 5550),
        TenderReport("t3", "card", "failed", 5550),
    )
    report = replace(
        an_order(),
        lines=[line],
        number="#1001",
        state="completed",
        shipping_minor=500,
        fees_minor=50,
        tax_minor=1333,
        prices_include_tax=True,
        tenders=tenders,
        shop_currency="CNY",
        rate=Decimal("9.1234"),
        exchange_of="998",
        till="till-3",
        taken_by="staff-7",
        fulfilment="collect",
        version=4,
    )
    view = told(report)
    assert (view.number, view.state, view.kind, view.fulfilment) == ("#1001", "completed", "purchase", "collect")
    assert (view.total_minor, view.expected_minor, view.paid_minor) == (8550, 8550, 8550)
    assert (view.shop_currency, view.rate, view.exchange_of) == ("CNY", Decimal("9.1234"), "998")
    assert (view.till, view.taken_by, view.version) == ("till-3", "staff-7", 4)
    assert (view.lines[0].variant_ref, view.lines[0].sku, view.lines[0].tax_minor) == ("coat-m", "C-M", 1333)
    assert view.lines[0].personalisation == ("engraving", "gift_wrap")
    assert [(one.ref, one.kind, one.state, one.amount_minor) for one in view.tenders] == [
        (one.ref, one.kind, one.state, one.amount_minor) for one in tenders
    ]
    fewer = replace(report, tenders=tenders[:1], version=5)
    assert [one.ref for one in told(fewer).tenders] == ["t1"]


def test_sums_that_do_not_add_up_come_in_flagged_with_the_difference():
    view = told(an_order(total_minor=8123, shipping_minor=100))
    assert (view.total_minor, view.expected_minor, view.differs_minor) == (8123, 8100, 23)
    strict = an_order("2", discount_minor=9000)
    assert told(strict).differs_minor == 1000
    with pytest.raises(orders.BadAmount):
        orders.record(report=replace(strict, ref="3"), at=MONDAY, by=THE_SHOP)


def line(amount_minor, *, quantity="3", unit_price="3.33", discount_minor=0):
    return LineReport(1, "tea", Decimal(quantity), Decimal(unit_price), amount_minor, discount_minor)


@pytest.mark.parametrize(
    ("lines", "apart"),
    [
        ([line(999)], 0),
        # The price of one is rounded, and so may the line be.
        ([line(1000)], 0),
        ([line(1100)], 101),
        ([line(899, discount_minor=100)], 0),
        ([line(999, discount_minor=100)], 100),
        # What is too much on one line does not make up for what is missing on another.
        ([line(1499), replace(line(499), number=2)], 1000),
        ([line(100_000, quantity="1000", unit_price="1.004")], 0),
        ([line(500, quantity="0", unit_price="5.00")], 500),
    ],
)
def test_lines_that_are_not_quantity_times_price_are_flagged_with_the_difference(lines, apart):
    view = told(an_order(lines=[]), replace(an_order(version=2), lines=lines))
    assert (view.lines_differ_minor, view.is_flagged) == (apart, apart > 0)
    assert [one.id for one in order_list.page(OrderFilter(is_flagged=True)).items] == ([view.id] if apart else [])
    assert told(an_order(version=3)).lines_differ_minor == 0, "told rightly, it is right again"


@pytest.mark.parametrize(
    ("more", "captured", "apart"),
    [
        ({}, 8000, 0),
        ({"paid_minor": 8000}, 7000, -1000),
        ({"paid_minor": 7000}, 8000, 1000),
        # Nobody says what was paid but the tenders, of which there are too many.
        ({}, 9500, 1500),
        ({}, 4000, 0),
        ({"refunded_minor": 1500}, 9500, 0),
        ({"state": "cancelled"}, 9500, 0),
        ({"is_test": True}, 9500, 0),
    ],
)
def test_tenders_that_are_not_what_was_paid_are_flagged_with_the_difference(more, captured, apart):
    tenders = (
        TenderReport("t1", "card", "captured", captured - 1000),
        TenderReport("t2", "gift_card", "captured", 1000),
        TenderReport("t3", "card", "failed", 99_999),
    )
    fresh = told(an_order("fresh", tenders=tenders, **more))
    changed = told(an_order("changed"), an_order("changed", tenders=tenders, version=2, **more))
    assert (fresh.tenders_differ_minor, changed.tenders_differ_minor) == (apart, apart)
    if apart == 1500:
        goods_returns.record(
            report=ReturnReport("shop", "r", MONDAY, "GBP", order_ref="fresh", amount_minor=1500),
            at=MONDAY,
            by=THE_SHOP,
        )
        assert orders.get(fresh.id).tenders_differ_minor == 0, "what was too much went back"


def test_orders_from_before_there_were_flags_get_them_from_a_job_once():
    tenders = (TenderReport("t1", "card", "captured", 9000),)
    flagged = told(replace(an_order("old", tenders=tenders, refunded_minor=9999), lines=[line(1100)]))
    plain = told(an_order("plain"))
    assert (flagged.lines_differ_minor, flagged.tenders_differ_minor, flagged.over_refunded_minor) == (101, 0, 999)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE commerce_order SET lines_differ_minor = 0, over_refunded_minor = 0")
    assert _settling.settle(most=10, by=THE_SHOP)
    assert (orders.get(flagged.id), orders.get(plain.id)) == (flagged, plain)
    with CaptureQueriesContext(connection) as asked:
        assert _settling.settle(most=10, by=THE_SHOP)
    assert len(asked) == 1


def test_what_cannot_be_taken_is_listed_and_the_rest_goes_in():
    bad = replace(an_order("bad").lines[0], personalisation=("For Anna, with love",))
    done = orders.record_all(
        reports=[an_order("good"), replace(an_order("bad"), lines=[bad]), an_order("odd", shipping_minor=-1)],
        at=MONDAY,
        by=THE_SHOP,
        origin="live",
    )
    assert (list(done.ids), {ref: no.code for ref, no in done.refused.items()}) == (
        ["good"],
        {"bad": "orders.bad_field", "odd": "orders.bad_amount"},
    )
    assert "Anna" not in done.refused["bad"].message


@pytest.mark.parametrize(
    "more",
    [
        {"ref": ""},
        {"ref": "x" * 201},
        {"store": "two\nlines"},
        {"channel": "x" * 65},
        {"number": "x" * 65},
        {"placed_at": datetime(2026, 3, 2, 10, 0)},  # noqa: DTZ001 - a naive time is what must be refused
        {"version": 2**63},
        {"total_minor": 10**16 - 1, "shipping_minor": 10**16},
        {"currency": "gbp"},
        {"rate": Decimal(0), "shop_currency": "CNY"},
        {"state": "gone"},
        {"lines": [replace(an_order().lines[0], number=0)]},
        {"lines": [an_order().lines[0], an_order().lines[0]]},
        {"lines": [replace(an_order().lines[0], quantity=Decimal("NaN"))]},
        {"lines": [replace(an_order().lines[0], sku="x" * 101)]},
        {"lines": [replace(an_order().lines[0], product_ref=" ")]},
    ],
)
def test_one_that_cannot_be_does_not_take_the_others_down(more):
    odd = replace(an_order("odd"), **more)
    done = orders.record_all(reports=[an_order("good"), odd], at=MONDAY, by=THE_SHOP, origin="live")
    assert (list(done.ids), list(done.refused)) == (["good"], [odd.ref])


def test_digits_the_columns_do_not_hold_are_rounded():
    line = replace(an_order().lines[0], quantity=Decimal("0.33349"), unit_price=Decimal("9.99999999999"))
    [kept] = told(replace(an_order(), lines=[line])).lines
    assert (kept.quantity, kept.unit_price) == (Decimal("0.333"), 10)


def notices():
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM notices_notice WHERE kind LIKE 'commerce.order%%' ORDER BY id")
        return [kind.removeprefix("commerce.order_") for (kind,) in cursor.fetchall()]


def test_others_hear_of_an_order_once_it_counts():
    moment = iter(MONDAY + n * timedelta(hours=1) for n in range(9))
    for more in (
        {"state": "draft"},
        {"state": "placed", "paid_minor": 0},
        {"state": "placed", "paid_minor": 8000},
        {"state": "completed", "paid_minor": 8000},
        {"state": "cancelled", "paid_minor": 8000},
        {"state": "placed", "paid_minor": 8000},
    ):
        told(an_order(source_updated_at=next(moment), **more))
    told(an_order("test", is_test=True))
    assert notices() == ["recorded", "changed", "paid", "changed", "cancelled", "changed"]


def test_a_test_order_is_nobodys_and_a_draft_moves_nothing():
    view = told(an_order("test", is_test=True, customer="tess"))
    assert (view.kind, view.customer_id) == ("test", None)
    assert told(an_order("draft", state="draft")).kind == "draft"


def test_cancelled_here_stays_cancelled_whatever_its_source_says():
    for ref, hereafter in (("a", 0), ("b", 1), ("c", 2)):
        for n in range(3):
            if n == hereafter:
                view = orders.by_ref(namespace="shop", ref=ref) or told(an_order(ref, source_updated_at=MONDAY))
                orders.cancel(order=view.id, at=MONDAY + 9 * DAY, by=MAREK)
            state = ("placed", "cancelled", "placed")[n]
            told(an_order(ref, source_updated_at=MONDAY + (n + 1) * DAY, state=state))
        assert orders.by_ref(namespace="shop", ref=ref).cancelled_at == MONDAY + 9 * DAY
