"""Orders and returns in one row, whatever the page size."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.kit.actors import Actor
from regulars.kit.paging import BadCursor
from regulars.oversight.timeline import timeline

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
MAREK = Actor("operator", "7")


def priya_buys(ref: str, at: datetime) -> orders.OrderView:
    report = OrderReport(
        namespace="shop",
        ref=ref,
        customer_ref="priya",
        placed_at=at,
        currency="GBP",
        lines=[LineReport(1, "coat", Decimal(2), Decimal("40.00"), title="Wool coat")],
    )
    return orders.record(report=report, at=at, by=MAREK)


def all_of(customer: int, size: int) -> list[tuple[str, str]]:
    found, cursor = [], None
    while True:
        page = timeline.of(customer, cursor, size=size)
        found += [(moment.what, moment.ref) for moment in page.items]
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_every_page_size_tells_the_same_story(size):
    first = priya_buys("1", MONDAY)
    # Both of these at one instant, so that paging must part an order from a return.
    later = MONDAY + timedelta(days=3)
    goods_returns.refund(order=first.id, at=later, by=MAREK, key="rma-1")
    priya_buys("2", later)
    priya_buys("3", later)

    story = all_of(first.customer_id, size)

    assert story == [("purchase", "3"), ("purchase", "2"), ("return", "refund:rma-1"), ("purchase", "1")]


def test_a_page_costs_four_queries(django_assert_num_queries):
    first = priya_buys("1", MONDAY)
    goods_returns.refund(order=first.id, at=MONDAY + timedelta(days=3), by=MAREK, key="rma-1")
    with django_assert_num_queries(4):
        timeline.of(first.customer_id)


def test_lines_tell_what_came_back_and_a_cancelled_order_says_so():
    coat = priya_buys("1", MONDAY)
    goods_returns.refund(order=coat.id, lines={1: Decimal(1)}, at=MONDAY + timedelta(days=1), by=MAREK, key="rma-1")
    other = priya_buys("2", MONDAY - timedelta(days=1))
    orders.cancel(order=other.id, at=MONDAY, by=MAREK)

    back, kept, cancelled = timeline.of(coat.customer_id).items

    assert (back.what, back.total_minor) == ("return", 4000)
    assert (kept.lines[0].title, kept.lines[0].returned) == ("Wool coat", Decimal(1))
    assert cancelled.is_cancelled


def test_a_strange_cursor_is_refused():
    with pytest.raises(BadCursor):
        timeline.of(1, "nonsense")
