"""Who comes by after the window has ended."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from regulars.simulator.living import Regulars, next_order
from regulars.simulator.people import customer_ref
from regulars.simulator.world import Plan, World, make

NOON = datetime(2026, 11, 1, 4, tzinfo=UTC)  # 12:00 in Shanghai
NIGHT = datetime(2026, 10, 31, 18, tzinfo=UTC)  # 02:00 in Shanghai


@pytest.fixture(scope="module")
def world() -> World:
    return make(Plan(shoppers=400, until=date(2026, 11, 1), seed="live"))


def some_orders(world: World, start: datetime, count: int = 300):
    regulars = Regulars.of(world)
    return [
        next_order(world=world, regulars=regulars, namespace="demo", at=start + timedelta(seconds=n))
        for n in range(count)
    ]


def test_only_those_still_with_us_come_and_frequent_ones_more_often(world: World):
    found = Counter(order.customer_ref for order in some_orders(world, NOON))
    truth = world.shoppers
    here = {customer_ref(n) for n in range(truth.rate.size) if truth.gone_on[n] < 0 and not truth.is_guest[n]}
    assert set(found) <= here
    rate = {customer_ref(n): truth.rate[n] for n in range(truth.rate.size)}
    frequent = sorted(here, key=lambda ref: -rate[ref])[: len(here) // 4]
    assert sum(found[ref] for ref in frequent) > sum(found.values()) / 2


def test_stores_are_closed_at_night(world: World):
    assert {order.channel for order in some_orders(world, NIGHT, 50)} == {"web"}
    assert {order.channel for order in some_orders(world, NOON, 50)} == {"web", "store"}


def test_an_order_is_one_a_till_could_report(world: World):
    for order in some_orders(world, NOON, 50):
        assert order.lines
        assert [line.number for line in order.lines] == list(range(1, len(order.lines) + 1))
        assert all(0 <= line.discount_minor < line.quantity * line.unit_price * 100 for line in order.lines)
        assert (order.store is None) == (order.channel == "web")


def test_every_moment_has_its_own_order(world: World):
    refs = [order.ref for order in some_orders(world, NOON, 50)]
    assert len(set(refs)) == 50
    assert refs == [order.ref for order in some_orders(world, NOON, 50)]
