"""What the history of an order shows: each change once, by whom and when."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from regulars.facts.commerce import goods_returns, orders, shipments
from regulars.facts.commerce.order_history import Change, once
from regulars.facts.commerce.shipments import ShipmentReport
from regulars.facts.commerce.tests.builders import DAY, MONDAY, THE_SHOP, an_order
from regulars.facts.commerce.tests.test_refunds_told import a_refund

HOUR = timedelta(hours=1)


def tell(*reports):
    for report in reports:
        if isinstance(report, goods_returns.ReturnReport):
            goods_returns.record(report=report, at=MONDAY, by=THE_SHOP)
        elif isinstance(report, ShipmentReport):
            shipments.record(report=report, at=MONDAY, by=THE_SHOP)
        else:
            orders.record(report=report, at=MONDAY, by=THE_SHOP, on_tie="further")
    return [
        (one.what, one.before_minor, one.after_minor)
        for one in orders.history(orders.by_ref(namespace="shop", ref="1001").id)
    ]


@pytest.mark.django_db
def test_a_refund_that_its_order_sums_up_too_is_shown_once():
    # As Medusa tells it: the order with the sum, the refund, and the refund again once its goods have come.
    paid = an_order(paid_minor=8000, state="placed", source_updated_at=MONDAY)
    told = tell(
        paid,
        replace(paid, refunded_minor=3000, source_updated_at=MONDAY + DAY),
        a_refund(lines=(), amount_minor=3000, source_updated_at=MONDAY + DAY),
        a_refund(lines=(("coat", "0.375", 3000, 1),), amount_minor=3000, source_updated_at=MONDAY + 2 * DAY),
    )
    assert told == [("placed", None, 8000), ("paid", 0, 8000), ("refunded", None, 3000)]


@pytest.mark.django_db
def test_a_sum_of_which_no_refund_is_known_is_shown():
    paid = an_order(paid_minor=8000, source_updated_at=MONDAY)
    told = tell(paid, replace(paid, refunded_minor=3000, source_updated_at=MONDAY + DAY))
    assert told[-1] == ("refunded", 0, 3000)


@pytest.mark.django_db
def test_a_sum_that_changed_with_the_state_is_told_by_the_state_alone():
    draft = an_order(state="draft", source_updated_at=MONDAY)
    placed = replace(draft, state="placed", shipping_minor=500, source_updated_at=MONDAY + HOUR)
    called_off = replace(
        placed, state="cancelled", cancelled_at=MONDAY + DAY, shipping_minor=0, source_updated_at=MONDAY + DAY
    )
    assert tell(draft, placed, called_off) == [
        ("drafted", None, 8000),
        ("placed", 8000, 8500),
        ("cancelled", 8500, 8000),
    ]


@pytest.mark.django_db
def test_a_parcel_on_its_way_is_sent_once():
    parcel = ShipmentReport(
        namespace="shop",
        ref="s",
        order_ref="1001",
        state="on_its_way",
        lines=[(1, Decimal(1))],
        source_updated_at=MONDAY,
    )
    later = [
        replace(parcel, state=state, source_updated_at=MONDAY + n * HOUR)
        for n, state in enumerate(("out", "attempted", "out", "delivered"), 1)
    ]
    assert [what for what, _, _ in tell(an_order(), parcel, *later)] == ["placed", "shipped", "delivered"]


@pytest.mark.parametrize(
    ("singles", "whole", "shown"),
    [
        ([], (0, 30), 1),
        ([(None, 30)], (0, 30), 0),
        ([(None, 10), (None, 20)], (0, 30), 0),
        ([(None, 10)], (0, 30), 1),
        # It came to nothing later; the sum of then is still told.
        ([(None, 30), (30, 0)], (0, 30), 0),
    ],
)
def test_what_single_refunds_tell_of_a_sum(singles, whole, shown):
    changes = [Change("refunded", MONDAY, before, after, "", "", MONDAY) for before, after in [*singles, whole]]
    kept = once(changes, whole=[*(False for _ in singles), True])
    assert len(kept) == len(singles) + shown
