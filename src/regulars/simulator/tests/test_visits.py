"""Who looks around on the shop's pages, and what is told of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from regulars.simulator import visits
from regulars.simulator.catalogue import PRODUCTS
from regulars.simulator.living import Regulars
from regulars.simulator.world import Plan, World, make

NOON = datetime(2026, 11, 1, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return make(Plan(shoppers=400, until=date(2026, 11, 1), seed="pages"))


def test_each_order_on_the_web_ends_a_visit_and_more_only_look(world: World):
    seen = visits.past(world)
    since = datetime(2026, 9, 1, 16, tzinfo=UTC).timestamp()  # midnight in Shanghai, sixty days before
    bought = [visit for visit in seen if visit.buys]
    assert len(bought) == int(((world.orders.at >= since) & (world.orders.store < 0)).sum()) > 20
    assert len(seen) - len(bought) == len(bought) * 150 // 100
    assert [visit.at for visit in seen] == sorted(visit.at for visit in seen)
    assert seen == visits.past(world)

    truth = world.shoppers
    alive = {f"M{n + 1:06d}" for n in range(truth.rate.size) if truth.gone_on[n] < 0 and not truth.is_guest[n]}
    assert {visit.who for visit in seen if not visit.buys} <= alive
    assert all(visit.who.startswith("browser-") for visit in seen if not visit.is_signed_in)


def test_a_visit_that_buys_tells_each_product_and_ends_with_the_checkout(world: World):
    wares = [PRODUCTS[0].ref, PRODUCTS[7].ref]
    visit = visits.before_order(customer_ref="M000007", products=wares, at=NOON)
    told = list(visits.told(visit))
    seen, taken = ["Product Viewed", "Product Added"], ["Product Viewed", "Product Added", "Checkout Started"]
    assert [one.get("event", one["type"]) for one in told] == ["page", "Product List Viewed", *seen, *taken]
    assert {one["userId"] for one in told} == {"M000007"}
    assert len({one["messageId"] for one in told}) == len(told)
    assert [one["properties"]["product_id"] for one in told if one.get("event") == "Product Added"] == wares
    last = datetime.fromisoformat(told[-1]["timestamp"])
    assert timedelta(0) < NOON - last < timedelta(minutes=2)


def test_who_only_looks_puts_nothing_into_the_cart_and_was_there_before_it_is_told(world: World):
    visit = visits.looking_around(world=world, regulars=Regulars.of(world), at=NOON)
    told = list(visits.told(visit))
    assert {one.get("event") for one in told} == {None, "Product List Viewed", "Product Viewed"}
    assert max(datetime.fromisoformat(one["timestamp"]) for one in told) < NOON


def test_a_shop_where_nobody_is_left_has_visits_of_its_orders_alone():
    made = make(Plan(shoppers=3, until=date(2026, 11, 1), seed="few"))
    gone = replace(made, shoppers=replace(made.shoppers, gone_on=np.zeros(3, dtype=np.int64)))
    assert all(visit.buys for visit in visits.past(gone))
