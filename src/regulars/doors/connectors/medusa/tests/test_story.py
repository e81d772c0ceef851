"""Medusa is connected, its history read, its messages come badly, and a poll makes good what they missed."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from regulars.doors.connectors.medusa import client
from regulars.doors.connectors.medusa.tests.shopfront import KEY, PLACES, SECRET, Shopfront
from regulars.doors.connectors.tests.shopkeeping import (
    EXAMPLES,
    LONG_AGO,
    LONG_PAST,
    MAREK,
    SETTING,
    backfill,
    differences,
    gaps,
    kept,
    measured,
    opened,
    poll,
    recorded_orders,
    recorded_people,
    recorded_prices,
    recorded_stock,
    send_badly,
)
from regulars.facts.sources import connections
from regulars.facts.sources.connections import Connection

FIRST = dict(client.FIRST)


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "127.0.0.1")
    # So few things make pages, too, and some of them are all of one moment.
    for stream, few in {"orders": 5, "products": 3, "customers": 3, "stock": 3, "payments": 4, "variants": 3}.items():
        monkeypatch.setitem(client.FIRST, stream, few)


def connected(address: str, name: str) -> Connection:
    return connections.connect(
        name=name,
        kind="medusa",
        zone="Europe/London",
        credentials={"api_key": KEY, "secret": SECRET},
        settings={"address": address},
        at=LONG_AGO,
        by=MAREK,
    )


def forms(front: Shopfront) -> list[dict[str, Any]]:
    return [variant for product in front.products.values() for variant in product["variants"]]


def told(front: Shopfront, connection: Connection) -> dict[str, Any]:
    """How the shop stands, in our words."""
    return {
        "orders": {number: order(front, one) for number, one in front.orders.items()},
        "stock": {
            (variant["id"], f"{connection.namespace}-{place}"): front.levels[variant["item"], place]["stocked_quantity"]
            for variant in forms(front)
            for place in front.locations
        },
        "prices": {
            (variant["id"], price["currency_code"]): (minor(price["amount"], price["currency_code"]), None)
            for variant in forms(front)
            for price in variant["prices"]
        },
        "people": {number: one["last_name"] for number, one in front.customers.items()},
    }


def order(front: Shopfront, one: dict[str, Any]) -> dict[str, Any]:
    code, payment = one["currency_code"], one["payment"]
    state = "captured" if payment["captures"] else "voided" if payment["canceled_at"] else "pending"
    return {
        "number": str(one["display_id"]),
        "customer": one["customer_id"],
        "total": minor(front.total(one), code),
        "differs": 0,
        "currency": code.upper(),
        "kind": "purchase",
        "is_cancelled": one["canceled_at"] is not None,
        "paid": sum(minor(capture["amount"], code) for capture in payment["captures"]),
        "back": sum(minor(refund["amount"], code) for refund in payment["refunds"]),
        "refunds": sorted((refund["id"], minor(refund["amount"], code)) for refund in payment["refunds"]),
        "lines": [
            (item["product_id"], item["quantity"], minor(item["unit_price"] * item["quantity"] - item["off"], code))
            for item in one["items"]
        ],
        "tenders": [(payment["id"], state, minor(payment["amount"], code))],
    }


def minor(amount: Decimal, code: str) -> int:
    return int(amount.scaleb(PLACES[code]).quantize(Decimal(1), ROUND_HALF_UP))


def recorded(front: Shopfront, connection: Connection) -> dict[str, Any]:
    """What is on record of it, by the same names."""
    space, refs = connection.namespace, [variant["id"] for variant in forms(front)]
    tomorrow = front.now + timedelta(days=1)
    return {
        "orders": recorded_orders(space, front.orders, front.customers),
        "stock": recorded_stock(space, refs, tomorrow),
        "prices": {
            (ref, code): price
            for code in PLACES
            for ref, price in recorded_prices(space, refs, code.upper(), tomorrow).items()
        },
        "people": recorded_people(space, front.customers),
    }


def live_through(seed: int, past: int, acts: int, *, is_long: bool = False) -> None:
    front = Shopfront(seed=seed)
    front.fill(past)
    with opened(front) as address, kept(is_long):
        connection = connected(address, f"teas-{seed}")
        front.pass_time(120)
        with measured("back-fill", is_long):
            backfill(connection, front.now)
        assert differences(recorded(front, connection), told(front, connection)) == []

        front.pass_time(5)
        front.live(acts)
        front.failures = [503]
        with measured("messages", is_long):
            send_badly(connection, front.sent, seed)

        front.pass_time(600)
        with measured("poll", is_long):
            poll(connection, front.now)
        assert differences(recorded(front, connection), told(front, connection)) == []
        found = gaps(connection)

        # And once more, for nothing: all is known.
        front.pass_time(600)
        with measured("poll for nothing", is_long):
            poll(connection, front.now)
        assert gaps(connection) == found


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=EXAMPLES <= 3,
    # A seed cannot be made smaller.
    phases=[Phase.generate],
)
@given(seed=st.integers(1, 10**9))
def test_the_end_is_the_shops_own_state_whatever_was_lost_doubled_or_shuffled(db: None, seed: int):
    live_through(seed, past=8, acts=20)


@pytest.mark.skipif(not LONG_PAST, reason="long: make shopfronts")
def test_long_form_ten_thousand_orders_of_the_past(
    fresh_database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream, usual in FIRST.items():
        monkeypatch.setitem(client.FIRST, stream, usual)
    live_through(seed=2026, past=LONG_PAST, acts=400, is_long=True)
