"""Refunds as shops tell them: in any sequence, before their order, of goods or of money alone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from regulars.facts.commerce import goods_returns, order_list, orders, return_reports
from regulars.facts.commerce.goods_returns import ReturnLineReport, ReturnReport
from regulars.facts.commerce.order_list import OrderFilter
from regulars.facts.commerce.return_reports import Parts
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, THE_SHOP, a_batch, an_order


def a_refund(ref="r1", *, order="1001", lines=(("coat", "1", 8000, 1),), at=MONDAY + DAY, **more) -> ReturnReport:
    return ReturnReport(
        namespace="shop",
        ref=ref,
        order_ref=order,
        returned_at=at,
        currency="GBP",
        lines=[ReturnLineReport(product, Decimal(n), amount, of_line) for product, n, amount, of_line in lines],
        **more,
    )


def refund(*args, **named):
    return goods_returns.record(report=a_refund(*args, **named), at=MONDAY, by=THE_SHOP)


def order(*args, **named):
    return orders.record(report=an_order(*args, **named), at=MONDAY, by=THE_SHOP, on_tie="further")


@pytest.mark.django_db
def test_a_refund_before_its_order_waits_and_is_taken_when_it_comes():
    early = refund()
    assert (early.order_id, early.customer_id, early.order_ref, early.matched_minor) == (None, None, "1001", 0)
    sale = order()
    taken = goods_returns.get(early.id)
    assert (taken.order_id, taken.customer_id, taken.matched_minor) == (sale.id, sale.customer_id, 8000)
    assert orders.get(sale.id).lines[0].returned_quantity == 1
    assert [change.what for change in orders.history(sale.id)] == ["placed", "refunded"]


@pytest.mark.django_db
def test_a_refund_before_a_whole_batch_of_history_is_taken_too():
    early = refund(order="2")
    batch = a_batch(*(an_order(str(n), at=MONDAY + n * DAY) for n in range(4)))
    orders.record_many(batch=batch, at=MONDAY, by=THE_SHOP)
    assert goods_returns.get(early.id).matched_minor == 8000


@pytest.mark.django_db
def test_money_alone_and_shipping_go_back_and_count_as_what_they_are():
    sale = order(shipping_minor=500)
    refund("ship", lines=(), shipping_minor=500)
    refund("sorry", lines=(), amount_minor=1000, reason="late")
    stands = orders.standing(sale.id)
    assert (stands.paid_minor, stands.refunded_minor, stands.kept_minor) == (8500, 1500, 7000)
    assert (stands.goods_minor, stands.goods_back_minor, stands.goods_kept_minor) == (8000, 1000, 7000)
    assert (stands.word, stands.is_paid_told, stands.counts) == ("part_refunded", False, True)


@pytest.mark.django_db
def test_what_its_source_says_has_gone_back_counts_where_a_refund_was_missed():
    sale = order(paid_minor=8000, refunded_minor=3000)
    refund(lines=(("coat", "0.25", 2000, 1),))
    assert orders.standing(sale.id).refunded_minor == 3000
    refund("r2", lines=(), money_minor=2000)
    assert orders.standing(sale.id).refunded_minor == 4000


@pytest.mark.django_db
def test_goods_that_came_back_in_exchange_for_others_of_their_order_are_no_money():
    sale = order(lines=(("coat", "1", "80.00"), ("hat", "1", "60.00")), paid_minor=8000)
    assert orders.standing(sale.id).word == "part_paid"
    back = refund(paid_back_minor=0, reason="exchange")
    assert (back.amount_minor, back.paid_back_minor, back.matched_minor) == (8000, 0, 8000)
    stands = orders.standing(sale.id)
    assert (stands.paid_minor, stands.refunded_minor, stands.kept_minor) == (8000, 0, 8000)
    assert (stands.goods_minor, stands.goods_back_minor, stands.goods_kept_minor) == (14000, 8000, 6000)
    assert (stands.word, stands.set_off_minor, stands.over_refunded_minor) == ("paid", 8000, 0)
    assert [one.id for one in order_list.page(OrderFilter(state="unpaid")).items] == []
    assert [one.id for one in order_list.page(OrderFilter(state="refunded")).items] == []

    # What the new goods are cheaper by goes back as money, and takes no more goods off.
    refund("rest", lines=(), amount_minor=0, paid_back_minor=2000)
    stands = orders.standing(sale.id)
    assert (stands.paid_minor, stands.refunded_minor, stands.kept_minor) == (8000, 2000, 6000)
    assert (stands.goods_kept_minor, stands.set_off_minor, stands.word) == (6000, 6000, "part_refunded")
    assert [(one.what, one.after_minor) for one in orders.history(sale.id)][-2:] == [
        ("returned", 8000),
        ("refunded", 2000),
    ]


@pytest.mark.django_db
def test_orders_that_came_in_exchange_are_known_of_the_one_they_replace():
    first, other = order(), order("2001")
    order("1001-x", number="#17", exchange_of="1001", lines=(("hat", "1", "60.00"),), at=MONDAY + DAY)
    found = orders.exchanged_for([first, other])
    assert [(one.name, one.total_minor) for one in found[first.id]] == [("#17", 6000)]
    assert found[other.id] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("told", "refunds", "more"),
    [
        ({"paid_minor": 5000}, [6000], 1000),
        ({}, [8000, 500], 500),
        ({"paid_minor": 5000, "refunded_minor": 5200}, [], 200),
        ({"paid_minor": 5000, "refunded_minor": 5200}, [5100], 200),
        ({"paid_minor": 8000}, [8000], 0),
        # Nobody says that anything was paid, so what went back is all there was.
        ({"state": "cancelled"}, [8000], 0),
        ({"state": "cancelled", "paid_minor": 0}, [8000], 8000),
    ],
)
def test_more_that_went_back_than_was_paid_is_flagged_with_the_difference(told, refunds, more):
    for ref, comes_first in (("a", True), ("b", False)):
        if comes_first:
            order(ref, **told)
        for n, amount in enumerate(refunds):
            refund(f"{ref}{n}", order=ref, lines=(), amount_minor=amount)
        sale = order(ref, **told)
        assert (sale.over_refunded_minor, orders.standing(sale.id).over_refunded_minor) == (more, more)
        assert sale.id in [one.id for one in order_list.page(OrderFilter(is_flagged=True)).items] or not more
        assert sale.id in [one.id for one in orders.page(differs=True).items] or not more
    # Once more is told of what was paid, it is right again.
    mended = order("a", **(told | {"paid_minor": 9000, "source_updated_at": MONDAY + DAY}))
    assert mended.over_refunded_minor == 0


@pytest.mark.django_db
def test_a_refund_that_came_to_nothing_takes_itself_back():
    sale = order()
    refund(source_updated_at=MONDAY)
    void = refund(source_updated_at=MONDAY + DAY, is_void=True)
    assert (void.is_void, void.amount_minor, void.matched_minor) == (True, 0, 0)
    assert orders.standing(sale.id).kept_minor == 8000
    assert orders.get(sale.id).lines[0].returned_quantity == 0
    assert refund(source_updated_at=MONDAY).is_void


@pytest.mark.django_db
def test_it_comes_back_to_another_store():
    order(store="riverside", channel="store")
    assert refund(store="station").store == "station"


@pytest.mark.django_db
def test_a_refund_follows_its_order_to_whoever_bought_it():
    order(customer=None, source_updated_at=MONDAY)
    back = refund()
    assert back.customer_id is None
    sale = order(customer="priya", source_updated_at=MONDAY + DAY)
    assert sale.customer_id == goods_returns.get(back.id).customer_id is not None


@pytest.mark.django_db
def test_what_came_back_at_one_moment_is_matched_by_reference_not_by_arrival():
    seen = []
    for ref in ("a", "b"):
        sale = order(ref)
        for name in ("x", "y") if ref == "a" else ("y", "x"):
            refund(f"{ref}{name}", order=ref, lines=(("coat", "1", {"x": 8000, "y": 5000}[name], None),))
        seen.append([back.matched_minor for back in sorted(goods_returns.of_order(sale.id), key=lambda one: one.ref)])
    assert seen == [[8000, 0], [8000, 0]]


@pytest.mark.django_db
def test_a_refund_of_a_cancelled_test_or_draft_order_counts_nowhere():
    for ref, more in (("t", {"is_test": True}), ("d", {"state": "draft"}), ("c", {"state": "cancelled"})):
        sale = order(ref, **more)
        back = refund(ref, order=ref, money_minor=5)
        assert (back.matched_minor, orders.standing(sale.id).counts) == (0, False)
        assert orders.standing(sale.id).goods_kept_minor == 0


@pytest.mark.django_db
def test_a_refund_asked_for_here_and_those_told_share_what_was_paid():
    sale = order(lines=[("coat", "2", "80.00")])
    refund(lines=(("coat", "1", 8000, 1),), shipping_minor=100)
    rest = goods_returns.refund(order=sale.id, key="rma", at=MONDAY + DAY, by=MAREK)
    assert rest.amount_minor == 8000
    assert [(change.what, change.source) for change in orders.history(sale.id)][-1] == ("refunded", "operator:7")


@pytest.mark.django_db
def test_strictly_told_an_older_or_other_refund_is_refused():
    order()
    newer = a_refund(source_updated_at=MONDAY + DAY)
    goods_returns.record(report=newer, at=MONDAY, by=THE_SHOP)
    for report, code in (
        (replace(newer, source_updated_at=MONDAY, amount_minor=1), "returns.stale"),
        (replace(newer, amount_minor=1), "returns.conflict"),
        (replace(newer, reason="It did not fit Anna"), "returns.bad_field"),
    ):
        with pytest.raises(goods_returns.Refusal) as no:
            goods_returns.record(report=report, at=MONDAY, by=THE_SHOP, on_tie="listed")
        assert no.value.code == code
        assert "Anna" not in no.value.message


TWO = (("coat", "1", 6000, 1), ("hat", "1", 2000, 2))


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ({}, Parts([6000, 2000], 0, 0, 0, 0)),
        ({"amount_minor": 8000}, Parts([6000, 2000], 0, 0, 0, 0)),
        ({"amount_minor": 8500, "shipping_minor": 500}, Parts([6000, 2000], 500, 0, 0, 0)),
        ({"amount_minor": 9000}, Parts([6000, 2000], 0, 0, 1000, 1000)),
        ({"amount_minor": 7600}, Parts([5700, 1900], 0, 0, 0, -400)),
        ({"amount_minor": 7600, "money_minor": 300}, Parts([5925, 1975], 0, 0, 0, -700 + 0)),
        ({"amount_minor": 100, "shipping_minor": 50, "tax_minor": 70}, Parts([0, 0], 50, 50, 0, -8020)),
        ({"amount_minor": 0, "shipping_minor": 50}, Parts([0, 0], 0, 0, 0, -8050)),
    ],
)
def test_the_parts_of_a_refund_add_up_to_what_went_back(told, made):
    found = return_reports.parts(a_refund(lines=TWO, **told))
    assert sum(found.lines) + found.shipping + found.tax + found.money == told.get("amount_minor", 8000)
    if told.get("money_minor") is None:
        assert found == made


def test_money_alone_is_no_difference():
    assert return_reports.parts(a_refund(lines=(), amount_minor=700)) == Parts([], 0, 0, 700, 0)


@pytest.mark.django_db
def test_a_hundred_refunds_cost_what_one_costs(django_assert_max_num_queries):
    told = [a_refund(str(n), order=str(n), at=MONDAY + timedelta(hours=n)) for n in range(100)]
    orders.record_all(reports=[an_order(str(n)) for n in range(100)], at=MONDAY, by=THE_SHOP, origin="history")
    with django_assert_max_num_queries(45):
        done = goods_returns.record_all(reports=told, at=MONDAY, by=THE_SHOP, origin="history")
    again = goods_returns.record_all(reports=[told[3], told[3]], at=MONDAY, by=THE_SHOP, origin="history")
    assert (done.new, again.same) == (100, 2)
