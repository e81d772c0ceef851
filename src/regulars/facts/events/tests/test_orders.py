"""Orders as the order feed tells of them: whatever is repeated, late or odd, each sale counts once."""

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from regulars.facts.commerce import goods_returns
from regulars.facts.commerce import orders as on_record
from regulars.facts.customers import customers
from regulars.facts.events import orders
from regulars.facts.events.messages import DECODER
from regulars.facts.events.models import OrderEvent
from regulars.facts.events.orders import Done, Told
from regulars.facts.events.tests.builders import NOW
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail
from tests.often import LONGER

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Statements that each live order takes of its own.
PER_ORDER = 5
NUMBERS = itertools.count(1)
COAT = {"product_id": "coat", "price": 80, "quantity": 1, "name": "Coat"}
HATS = {"product_id": "hat", "price": "19.90", "quantity": 2}


@pytest.fixture
def shop() -> Source:
    return a_source("server", is_order_feed=True)


@pytest.fixture
def web() -> Source:
    return a_source("web")


def a_source(name: str, **more: Any) -> Source:
    return sources.make(name=name, kind="server", namespace="shop", zone="UTC", at=NOW, by=SYSTEM, **more)


def told(source: Source, name: str = "Order Completed", *, at: datetime = MONDAY, **more: Any) -> Told:
    user, origin, event = more.pop("user", "li-1"), more.pop("origin", "live"), more.pop("event", None)
    properties: Mapping[str, Any] = {"order_id": "5001", "currency": "GBP", **more}
    if name in ("Order Completed", "Order Updated", "Till Sale"):
        properties = {"products": [COAT, HATS], **properties}
    properties = {field: value for field, value in properties.items() if value is not None}
    exact = DECODER.decode(json.dumps(properties).encode())
    return Told(next(NUMBERS) if event is None else event, source.id, name, at, origin, exact, user)


def apply(*events: Told) -> list[Done]:
    return orders.apply(events=events, at=NOW, by=SYSTEM)


def sold(ref: str = "5001") -> on_record.OrderView:
    found = on_record.by_ref(namespace="shop", ref=ref)
    assert found is not None
    return found


def test_a_sale_told_by_the_feed_is_an_order(shop):
    (done,) = apply(told(shop, total=132.8, shipping=5, tax=8, discount=0, channel="app"))

    order = sold()
    assert (done.state, done.why, done.order) == ("applied", "", order.id)
    assert (order.goods_minor, order.shipping_minor, order.tax_minor, order.total_minor) == (11980, 500, 800, 13280)
    assert (order.currency, order.channel, order.placed_at) == ("GBP", "app", MONDAY)
    assert [(line.number, line.product_ref, line.amount_minor) for line in order.lines] == [
        (1, "coat", 8000),
        (2, "hat", 3980),
    ]
    assert order.customer_id in customers.find_by_ref(ref="li-1", namespace="shop")


def test_one_sale_told_by_the_browser_and_by_the_feed_counts_once(shop, web):
    done = apply(told(web), told(shop), told(web))

    assert len(done) == 1
    assert len(on_record.of_customer(sold().customer_id or 0)) == 1


def test_a_source_that_is_no_feed_never_makes_an_order(web):
    assert apply(told(web), told(web, "Till Sale"), told(web, "Order Refunded")) == []
    assert on_record.by_ref(namespace="shop", ref="5001") is None


def test_a_repeat_changes_nothing(shop):
    sale, refund = told(shop), told(shop, "Order Refunded", products=[{"product_id": "hat", "quantity": 1}])

    first, again = apply(sale, refund), apply(refund, sale)

    assert first == again
    (back,) = goods_returns.of_order(sold().id)
    assert back.amount_minor == 1990


def test_the_thank_you_page_loaded_again_next_day_moves_nothing(shop):
    apply(told(shop))
    apply(told(shop, at=MONDAY + 24 * HOUR))

    assert sold().placed_at == MONDAY
    assert sold().goods_minor == 11980


#: All that happened to one order, as (name, hours after Monday nine o'clock, properties).
LIFE = [
    ("Order Completed", 0, {}),
    ("Order Updated", 1, {"products": [COAT, {**HATS, "quantity": 4}]}),
    ("Order Refunded", 2, {"products": [{"product_id": "hat", "quantity": 1}]}),
    ("Order Refunded", 3, {"products": [{"product_id": "hat", "quantity": 2}]}),
]


@pytest.mark.parametrize("order_of_arrival", list(itertools.permutations(range(4))))
def test_the_order_of_arrival_makes_no_difference(shop, order_of_arrival):
    for place in order_of_arrival:
        name, hours, more = LIFE[place]
        apply(told(shop, name, at=MONDAY + hours * HOUR, **more))

    order = sold()
    assert (order.placed_at, order.goods_minor) == (MONDAY, 8000 + 4 * 1990)
    assert [line.returned_quantity for line in order.lines] == [0, 3]
    assert sum(back.amount_minor for back in goods_returns.of_order(order.id)) == 3 * 1990
    assert [one.state for one in orders.of_order(namespace="shop", ref="5001")] == ["applied"] * 4
    assert orders.problems() == []


def test_many_orders_at_once_are_as_one_by_one(shop):
    events = [told(shop, order_id=f"{n}") for n in range(20)]
    events[7] = told(shop, order_id="7", products=[])
    events[9] = told(shop, order_id="9", currency="XXX")

    done = apply(*events)

    assert {one.ref: one.state for one in done} == {str(n): "failed" if n in (7, 9) else "applied" for n in range(20)}
    assert sold("19").total_minor == 11980


def test_a_refund_before_its_order_waits_for_it(shop):
    (refund,) = apply(told(shop, "Order Refunded", at=MONDAY + HOUR))

    assert (refund.state, refund.code) == ("waiting", "order_unknown")
    assert [one.event for one in orders.problems()] == [refund.event]

    apply(told(shop))

    (back,) = goods_returns.of_order(sold().id)
    assert (back.amount_minor, back.returned_at) == (11980, MONDAY + HOUR)
    assert orders.problems() == []


def test_a_refund_that_names_nothing_is_of_the_whole_order(shop):
    apply(told(shop, total=124.8, shipping=5), told(shop, "Order Refunded", at=MONDAY + HOUR, total=124.8))

    assert [line.returned_quantity for line in sold().lines] == [1, 2]


@pytest.mark.parametrize("more", [{"total": 5}, {"revenue": 5}, {"amount": "5.00"}, {"refund_amount": 5}])
def test_a_refund_of_some_money_for_nothing_named_is_money_and_no_goods(shop, more):
    sale, refund = told(shop), told(shop, "Order Refunded", at=MONDAY + HOUR, **more)
    _, done = apply(sale, refund)
    again = apply(refund)

    (back,) = goods_returns.of_order(sold().id)
    assert (done.state, again[0].state) == ("applied", "applied")
    assert done.why == "total: 5.00 GBP went back and no products are named; it is money for no goods"
    assert (back.amount_minor, back.money_minor, back.matched_minor, len(back.lines)) == (500, 500, 500, 0)
    assert [line.returned_quantity for line in sold().lines] == [0, 0]


def test_money_and_then_the_rest_come_to_what_was_paid_in_any_order(shop):
    some = told(shop, "Order Refunded", at=MONDAY + HOUR, total=5)
    more = told(shop, "Order Refunded", at=MONDAY + 2 * HOUR, total=10)
    hat = told(shop, "Order Refunded", at=MONDAY + 3 * HOUR, products=[{"product_id": "hat", "quantity": 1}])
    rest = told(shop, "Order Refunded", at=MONDAY + 4 * HOUR)
    last = told(shop, "Order Refunded", at=MONDAY + 5 * HOUR, total=119.8)
    for number, arrival in enumerate(itertools.permutations([some, more, hat, rest, last])):
        # In the suite each of them comes first once.
        if number % (24 // LONGER):
            continue
        with transaction.atomic():
            done = apply(told(shop), *arrival[:2]) + apply(*arrival[2:])
            amounts = [back.amount_minor for back in goods_returns.of_order(sold().id)]
            transaction.set_rollback(True)

        assert {one.state for one in done} == {"applied"}, [one.why for one in done]
        assert sum(amounts) == 11980


def test_what_goes_back_for_more_than_goods_is_said(shop):
    more = {"products": [{"product_id": "coat"}], "total": 85}
    _, refund = apply(told(shop, total=124.8, shipping=5), told(shop, "Order Refunded", at=MONDAY + HOUR, **more))

    assert refund.state == "applied"
    assert refund.why == "total: 85.00 GBP went back, 80.00 GBP of it for these goods, 5.00 GBP apart"
    assert [one.event for one in orders.problems(state="applied")] == [refund.event]


def test_a_part_after_the_whole_finds_nothing_left(shop):
    *_, whole, part = apply(
        told(shop),
        told(shop, "Order Refunded", at=MONDAY + HOUR),
        told(shop, "Order Refunded", at=MONDAY + 2 * HOUR, products=[{"product_id": "hat", "quantity": 1}]),
    )

    assert (whole.state, part.state) == ("applied", "applied")
    assert "nothing was left" in part.why


def test_a_cancelled_order_counts_no_more_whatever_else_is_told(shop):
    for arrival in itertools.permutations(
        [
            told(shop),
            told(shop, "Order Cancelled", at=MONDAY + HOUR, products=None),
            told(shop, "Order Refunded", at=MONDAY + 2 * HOUR),
        ]
    ):
        ref = f"c-{next(NUMBERS)}"
        for one in arrival:
            again = {**one.properties, "order_id": ref}
            apply(Told(next(NUMBERS), one.source, one.name, one.occurred_at, one.origin, again, one.user))

        assert sold(ref).cancelled_at == MONDAY + HOUR
        assert {one.state for one in orders.of_order(namespace="shop", ref=ref)} == {"applied"}


def test_a_hundred_sales_take_hardly_more_statements_than_one(shop):
    def statements(*events: Told) -> int:
        with CaptureQueriesContext(connection) as asked:
            apply(*events)
        return len(asked)

    apply(told(shop, order_id="first"))
    one = statements(told(shop, order_id="one"))
    hundred = statements(*(told(shop, order_id=f"h-{n}") for n in range(100)))

    # One notice and its line in the trail for each order, and the savepoints of those.
    assert hundred - one <= 99 * PER_ORDER
    assert one < 60


#: What is told of an order for goods of 119.80, the total on record, and what is remarked.
SUMS: dict[str, tuple[dict[str, Any], int, int, str]] = {
    "nothing but the lines": ({}, 11980, 0, ""),
    "all of it": ({"total": 119.8, "revenue": 119.8}, 11980, 0, ""),
    "a discount": ({"total": "109.80", "discount": 10}, 10980, 1000, ""),
    "a discount below zero": ({"total": "109.80", "discount": -10}, 10980, 1000, ""),
    "a discount that is in the prices": ({"total": 119.8, "discount": 10}, 11980, 0, ""),
    "tax on top": ({"total": 127.8, "tax": 8}, 12780, 0, ""),
    "tax in the prices": ({"total": 119.8, "tax": 8}, 11980, 0, ""),
    "revenue without shipping and tax": ({"revenue": 109.8, "discount": 10, "shipping": 5, "tax": 8}, 12280, 1000, ""),
    "no total": ({"discount": 10, "shipping": 5}, 11480, 1000, ""),
    "a total that is apart": (
        {"total": 100, "shipping": 5},
        10000,
        0,
        "total: 100.00 GBP is told, goods less discount with shipping and tax come to 124.80 GBP, 24.80 GBP apart",
    ),
    "a revenue that is apart": (
        {"revenue": 100},
        11980,
        0,
        "revenue: 100.00 GBP is told, goods less discount come to 119.80 GBP, 19.80 GBP apart",
    ),
    "a discount of more than all": (
        {"discount": 200},
        0,
        11980,
        "discount: 200.00 GBP is more than the goods' 119.80 GBP; theirs was taken",
    ),
    "noise of binary numbers": ({"total": 119.80000000000001}, 11980, 0, ""),
    "no currency": ({"currency": None}, 11980, 0, "currency: it is missing; the shop's CNY was taken"),
    "a coupon nobody can read": ({"coupon": {"a": 1}}, 11980, 0, "coupon: send text"),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums(shop, name):
    more, total, discount, why = SUMS[name]

    (done,) = apply(told(shop, **more))

    assert (done.state, done.why) == ("applied", why)
    assert (sold().total_minor, sold().discount_minor) == (total, discount)


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        ({"order_id": None}, "no_order_id", "order_id: it is missing"),
        ({"products": []}, "no_products", "products: order '5001' names none"),
        ({"products": [{"product_id": "coat"}]}, "no_price", "products[0].price: it is missing for 'coat'"),
        ({"products": [{"price": 5}]}, "no_product", "products[0].product_id: it is missing"),
        ({"products": [{**COAT, "price": "a lot"}]}, "unreadable", "products[0].price: 'a lot'; send a number"),
        ({"products": [{**COAT, "price": -1}]}, "negative_amount", "products[0].price: -1 is below zero"),
        ({"products": [{**COAT, "quantity": 0}]}, "bad_quantity", "products[0].quantity: 0 is not above zero"),
        ({"total": -5}, "negative_total", "total: -5 is below zero"),
        ({"shipping": -5}, "negative_amount", "shipping: -5 is below zero"),
        ({"currency": "RMB"}, "money.unknown_currency", "currency: 'RMB' is unknown"),
        ({"store_id": "x" * 150}, "company", ""),
    ],
)
def test_what_makes_no_order_is_listed_with_its_reason(shop, more, code, why):
    (done,) = apply(told(shop, **more))

    assert done.state == "failed"
    assert done.code.startswith(code)
    assert done.why.startswith(why)
    assert orders.problems() == [done]


def test_what_failed_can_be_tried_again_when_its_reason_is_gone(shop):
    (done,) = apply(told(shop, currency="RMB"))

    assert orders.retry(event=done.event, at=NOW, by=SYSTEM) == done
    with pytest.raises(orders.NotAnOrderEvent):
        orders.retry(event=999_999, at=NOW, by=SYSTEM)


def test_lines_are_known_by_product_and_position(shop):
    red, blue = {**COAT, "position": 7, "variant": "red"}, {**COAT, "position": 9, "variant": "blue", "quantity": 3}
    apply(told(shop, products=[blue, red]))
    assert [(line.number, line.quantity) for line in sold().lines] == [(7, 1), (9, 3)]

    apply(told(shop, "Order Refunded", products=[{"product_id": "coat", "position": 9, "quantity": 1}]))
    assert [line.returned_quantity for line in sold().lines] == [0, 1]

    apply(told(shop, "Order Refunded", products=[{"product_id": "coat", "quantity": 2}]))
    assert [line.returned_quantity for line in sold().lines] == [1, 2]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"products": [{"product_id": "scarf"}]}, "not_on_order"),
        ({"products": [{"product_id": "hat", "quantity": 3}]}, "over_refund"),
        ({"refund_amount": "5 pounds"}, "unreadable"),
        ({"products": [{"product_id": "hat", "quantity": -1}]}, "bad_quantity"),
        ({"currency": "USD"}, "other_currency"),
        ({"order_id": None}, "no_order_id"),
    ],
)
def test_a_refund_that_cannot_be(shop, more, code):
    _, refund = apply(told(shop), told(shop, "Order Refunded", at=MONDAY + HOUR, **more))

    assert (refund.state, refund.code) == ("failed", code)
    assert goods_returns.of_order(sold().id) == []


def test_a_user_who_is_an_address_is_found_again_and_stands_nowhere_readable(shop):
    apply(told(shop, at=MONDAY + HOUR, user="li@example.com"))
    apply(told(shop, at=MONDAY, user=None))

    assert sold().placed_at == MONDAY
    assert sold().customer_id is None  # Whose it was is sealed with the event, which here never was.
    apply(told(shop, at=MONDAY + 2 * HOUR, user="li@example.com"))
    assert [sold().customer_id] == customers.find_by_ref(ref="li@example.com", namespace="shop")


def test_a_guests_order_is_the_customers_once_somebody_says_so(shop):
    apply(told(shop, user=None))
    assert sold().customer_id is None

    apply(told(shop, "Order Updated", at=MONDAY + HOUR, user="li-1"))
    assert [sold().customer_id] == customers.find_by_ref(ref="li-1", namespace="shop")


def test_a_till_sells_and_takes_back(shop):
    sale = {"order_id": None, "receipt_id": "r-77", "store_id": "xuhui"}
    apply(told(shop, "Till Sale", **sale))
    assert (sold("r-77").channel, sold("r-77").store) == ("store", "xuhui")

    apply(told(shop, "Till Return", order_id=None, receipt_id="r-77", products=[{"product_id": "hat", "quantity": 1}]))
    assert [line.returned_quantity for line in sold("r-77").lines] == [0, 1]


def test_a_return_without_a_receipt_is_matched_to_what_was_bought(shop):
    apply(told(shop))
    (done,) = apply(told(shop, "Till Return", at=MONDAY + HOUR, order_id=None, products=[{**HATS, "quantity": 1}]))

    (back,) = goods_returns.of_customer(sold().customer_id or 0)
    assert (done.state, back.amount_minor, back.matched_minor) == ("applied", 1990, 1990)
    assert apply(told(shop, "Till Return", event=done.event)) == [done]


def test_history_greets_nobody(shop):
    apply(
        told(shop, origin="history"),
        told(shop, "Order Refunded", at=MONDAY + HOUR, origin="history"),
        told(shop, "Order Cancelled", at=MONDAY + 2 * HOUR, origin="history", products=None),
    )

    assert sold().cancelled_at == MONDAY + 2 * HOUR


def test_an_order_on_record_from_elsewhere_later_stays(shop):
    apply(told(shop, at=MONDAY + HOUR))
    # Another door has a newer version.
    report = on_record.OrderReport(
        namespace="shop",
        ref="5001",
        placed_at=MONDAY,
        currency="GBP",
        lines=[on_record.LineReport(1, "coat", DECODER.decode(b"1.0"), DECODER.decode(b"70.0"))],
        source_updated_at=MONDAY + 10 * HOUR,
    )
    on_record.record(report=report, at=NOW, by=SYSTEM)

    (done,) = apply(told(shop, "Order Updated", at=MONDAY + 2 * HOUR))

    assert (done.state, done.code) == ("failed", "newer_on_record")
    assert sold().goods_minor == 7000


def test_what_was_set_aside_leaves_the_lists_until_somebody_tries_it_again(shop):
    (lost,) = apply(told(shop, products=[]))
    done = orders.set_aside(event=lost.event, why="cannot_be_done", at=NOW, by=SYSTEM)

    assert (done.state, done.code) == ("set_aside", "no_products")
    assert orders.set_aside(event=lost.event, why="no_longer_needed", at=NOW, by=SYSTEM) == done
    assert (orders.problems(), orders.open_each()) == ([], {})
    assert orders.problems(state="set_aside") == [done]
    (line,) = trail.of(f"event:{lost.event}")
    assert (line.verb, line.why) == ("events.orders.set_aside", "cannot_be_done")
    assert orders.retry(event=lost.event, at=NOW, by=SYSTEM).state == "failed"


def test_an_order_does_not_bring_back_the_refund_that_was_set_aside(shop):
    (back,) = apply(told(shop, "Order Refunded", at=MONDAY + HOUR))
    orders.set_aside(event=back.event, why="mended_otherwise", at=NOW, by=SYSTEM)
    apply(told(shop))

    assert [one.state for one in orders.of_order(namespace="shop", ref="5001")] == ["applied", "set_aside"]
    assert goods_returns.of_order(sold().id) == []
    assert orders.retry(event=back.event, at=NOW, by=SYSTEM).state == "applied"
    with pytest.raises(orders.OnRecord):
        orders.set_aside(event=back.event, why="mended_otherwise", at=NOW, by=SYSTEM)


def test_all_that_is_open_of_a_source_is_tried_again_and_all_that_failed_set_aside(shop):
    other = a_source("till", is_order_feed=True)
    apply(told(other, order_id="9", products=[]))
    waiting, bad, mended = apply(
        told(shop, "Order Refunded", order_id="1"), told(shop, order_id="2", products=[]), told(shop, order_id="3")
    )
    OrderEvent.objects.filter(event=mended.event).update(state="failed", code="money.unknown_currency")

    assert orders.retry_all(source=shop.id, at=NOW, by=SYSTEM) == orders.Tried(1, 1, 1, left=0)
    assert orders.retry_all(source=shop.id, limit=1, at=NOW, by=SYSTEM) == orders.Tried(0, 1, 0, left=1)
    assert orders.set_aside_all(source=shop.id, code="no_price", why="cannot_be_done", at=NOW, by=SYSTEM) == 0
    assert orders.set_aside_all(source=shop.id, why="cannot_be_done", at=NOW, by=SYSTEM) == 1
    assert [one.event for one in orders.problems(source=shop.id)] == [waiting.event]
    assert orders.of_order(namespace="shop", ref="2")[0].event == bad.event
    assert orders.open_each()[other.id] == 1


def test_a_wholesaler_orders_thousands_of_products_and_sends_half_of_them_back(shop):
    products = [{"product_id": f"p-{n}", "price": "1.25", "quantity": 2} for n in range(2_500)]

    (done,) = apply(told(shop, products=products))
    (back,) = apply(
        told(shop, "Order Refunded", at=MONDAY + HOUR, products=[{**one, "quantity": 1} for one in products])
    )

    assert (done.state, back.state) == ("applied", "applied")
    assert (sold().goods_minor, len(sold().lines)) == (625_000, 2_500)
    assert [one.amount_minor for one in goods_returns.of_order(sold().id)] == [312_500]
