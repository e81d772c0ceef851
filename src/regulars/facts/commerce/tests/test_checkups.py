"""What the doctor says of orders and returns."""

import pytest

from regulars.facts.commerce import checkups, goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnReport
from regulars.facts.commerce.models import GoodsReturn, Order
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, an_order
from regulars.facts.customers import customers, identity
from regulars.facts.customers.identity import Reason

pytestmark = pytest.mark.django_db


def found() -> dict[str, str]:
    return {one.what: one.state for look in checkups.CHECKUPS for one in look()}


@pytest.fixture
def joined() -> tuple[int, int]:
    """Priya and the record of her card, one person, with an order each."""
    for ref, customer in (("1001", "priya"), ("1002", "card-9")):
        orders.record(report=an_order(ref, customer=customer), at=MONDAY, by=MAREK)
    (priya,), (card,) = (customers.find_by_ref(ref=ref) for ref in ("priya", "card-9"))
    identity.join(one=priya, other=card, why=Reason.ASKED, key="one", at=MONDAY + DAY, by=MAREK)
    return min(priya, card), max(priya, card)


def test_after_a_join_everything_stands_with_the_person(joined):
    assert found() == dict.fromkeys(
        ("Orders", "Returns", "Waiting refunds", "Sums of orders", "Sales told twice"), "fine"
    )


def test_an_order_left_with_a_joined_record_is_found(joined):
    _, record = joined
    assert Order.objects.filter(came_with=record).update(customer=record, came_with=None) == 1
    assert found()["Orders"] == "wrong"


def test_an_order_that_came_with_a_record_of_somebody_else_is_found(joined):
    person, _ = joined
    stranger = customers.resolve_many(namespace="shop", refs=["mo"], at=MONDAY, by=MAREK, origin="live")["mo"]
    Order.objects.filter(customer=person, came_with=None).update(customer=person, came_with=stranger)
    assert found()["Orders"] == "wrong"


def test_a_refund_that_missed_its_order_is_found():
    report = ReturnReport("shop", "r1", MONDAY, "GBP", order_ref="1001", money_minor=5)
    goods_returns.record(report=report, at=MONDAY, by=MAREK)
    assert found()["Waiting refunds"] == "fine"
    orders.record(report=an_order(), at=MONDAY, by=MAREK)
    GoodsReturn.objects.update(order=None)
    assert found()["Waiting refunds"] == "wrong"
