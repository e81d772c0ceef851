"""From a message to an order on record, through intake and stream."""

import pytest

from regulars.facts.commerce import orders as on_record
from regulars.facts.customers import customers
from regulars.facts.events import _past, orders, past_orders
from regulars.facts.events.following import follow_everything
from regulars.facts.events.models import OrderEvent
from regulars.facts.events.tests.shoppers import MONDAY, a_source, sent
from regulars.facts.sources import sources
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db


def ordered(who: str | None, order: str = "5001", **more: object) -> dict[str, object]:
    told: dict[str, object] = {
        "type": "track",
        "event": "Order Completed",
        "properties": {
            "order_id": order,
            "currency": "GBP",
            "total": 19.9,
            "products": [{"product_id": "hat", "price": 19.90}],
        },
    }
    return told | ({} if who is None else {"userId": who}) | more


def buyer(order: str) -> list[int | None]:
    found = on_record.by_ref(namespace="shop", ref=order)
    return [] if found is None else [found.customer_id]


def test_the_browser_and_the_server_tell_of_one_sale():
    web, server = a_source("web"), a_source("server", is_order_feed=True)

    sent(web, ordered("li-1", anonymousId="browser-9"))
    sent(server, ordered("li-1", anonymousId="browser-9"), ordered(None, "5002", anonymousId="browser-9"))
    follow_everything()

    assert buyer("5001") == customers.find_by_ref(ref="li-1", namespace="shop")
    assert buyer("5002") == [None]
    assert orders.problems() == []


def test_a_user_who_is_an_address_keeps_the_order_when_more_is_told_of_it():
    server = a_source("server", is_order_feed=True)

    sent(server, ordered("li@example.com", timestamp="2026-11-16T08:00:00Z"))
    follow_everything()
    sent(server, ordered(None, anonymousId="browser-9", timestamp="2026-11-16T07:00:00Z"))
    follow_everything()

    assert buyer("5001") == customers.find_by_ref(ref="li@example.com", namespace="shop")
    assert len(buyer("5001")) == 1


def test_other_names_of_the_same_are_followed_and_nothing_else():
    server = a_source("server", is_order_feed=True)

    sent(server, ordered("li-1", "1", event="completed_order"), ordered("li-1", "2", event="Product Viewed"))
    follow_everything()

    assert (len(buyer("1")), buyer("2")) == (1, [])


def test_orders_that_a_source_told_of_before_it_was_the_feed_are_counted_and_put_on_record_as_history():
    shop, other = a_source("server"), a_source("other")
    sent(other, ordered("wu", "9"))
    sent(shop, ordered("li@example.com", "1"), ordered("li-1", "2"), ordered("li-1", "3", event="Product Viewed"))
    follow_everything()
    assert past_orders.count(source=shop.id) == past_orders.Past(2, MONDAY, MONDAY)
    with pytest.raises(_past.NotTheFeed):
        past_orders.begin(source=shop.id, at=MONDAY, by=SYSTEM)

    sources.change(source=shop.id, is_order_feed=True, at=MONDAY, by=SYSTEM)
    sent(shop, ordered("li-1", "4"))
    follow_everything()
    assert past_orders.apply(source=shop.id, at=MONDAY, by=SYSTEM) == 2

    assert [len(buyer(ref)) for ref in "12349"] == [1, 1, 0, 1, 0]
    assert buyer("1") == customers.find_by_ref(ref="li@example.com", namespace="shop")
    origins = dict(OrderEvent.objects.values_list("ref", "origin"))
    assert origins == {"1": "history", "2": "history", "4": "live"}
    assert past_orders.count(source=shop.id, patience_seconds=5).events == 0
    assert past_orders.apply(source=shop.id, at=MONDAY, by=SYSTEM) == 0


def test_past_orders_go_on_record_in_lots(monkeypatch):
    shop = a_source("server")
    sent(shop, *[ordered("li-1", str(n)) for n in range(5)])
    follow_everything()
    sources.change(source=shop.id, is_order_feed=True, at=MONDAY, by=SYSTEM)
    monkeypatch.setattr(_past, "_LOT", 2)

    assert past_orders.apply(source=shop.id, at=MONDAY, by=SYSTEM) == 5
    assert all(len(buyer(str(n))) == 1 for n in range(5))
