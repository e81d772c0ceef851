"""A shop is connected, its history read, its messages come badly, and a poll makes good what they missed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from regulars.doors.connectors.woocommerce import client
from regulars.doors.connectors.woocommerce.tests.shopfront import KEY, KEY_SECRET, SECRET, Shopfront
from regulars.facts.sources import connections
from regulars.facts.sources.connections import Connection


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "127.0.0.1")
    # So that a small shop has many pages.
    monkeypatch.setattr(client, "PER_PAGE", 5)


def connected(address: str, name: str = "teas", **more: str) -> Connection:
    return connections.connect(
        name=name,
        kind="woocommerce",
        zone="Europe/London",
        credentials={"secret": SECRET, "consumer_key": KEY, "consumer_secret": KEY_SECRET},
        settings={"address": address, "currency": "GBP", **more},
        at=LONG_AGO,
        by=MAREK,
    )


def told(front: Shopfront, connection: Connection) -> dict[str, Any]:
    """How the shop stands, in our words."""
    forms = {str(form): one for product in front.products.values() for form, one in product["forms"].items()}
    return {
        "orders": {str(number): _order(front, number, order) for number, order in front.orders.items()},
        "stock": {(form, connection.namespace): one["stock"] for form, one in forms.items()},
        "prices": {
            form: (minor(one["price"]), None if one["sale"] is None else minor(one["sale"]))
            for form, one in forms.items()
        },
        "people": {str(number): one["last"] for number, one in front.customers.items()},
    }


def _order(front: Shopfront, number: int, order: dict[str, Any]) -> dict[str, Any]:
    total, status = minor(front.total(order)), order["status"]
    is_cancelled = status in {"cancelled", "failed", "trash"}
    tender = (
        "captured" if order["paid_at"] else "failed" if status == "failed" else "voided" if is_cancelled else "pending"
    )
    return {
        "number": str(number),
        "customer": str(order["customer"]) if order["customer"] else None,
        "total": total,
        "currency": "GBP",
        "kind": "draft" if status == "checkout-draft" else "purchase",
        "is_cancelled": is_cancelled,
        "paid": total if order["paid_at"] else 0,
        "back": minor(sum((one["amount"] for one in order["refunds"]), Decimal(0))),
        "refunds": sorted((str(one["id"]), minor(one["amount"])) for one in order["refunds"]),
        "lines": [
            (str(line["product"]), line["quantity"], minor(line["price"] * line["quantity"] - line["discount"]))
            for line in order["lines"]
        ],
        "tenders": [(order["method"], tender, total)],
        "differs": 0,
    }


def minor(amount: Decimal) -> int:
    return int(amount * 100)


def recorded(front: Shopfront, connection: Connection) -> dict[str, Any]:
    space = connection.namespace
    forms = [str(form) for product in front.products.values() for form in product["forms"]]
    return {
        "orders": recorded_orders(space, map(str, front.orders), map(str, front.customers)),
        "stock": recorded_stock(space, forms, front.now),
        "prices": recorded_prices(space, forms, "GBP", front.now),
        "people": recorded_people(space, map(str, front.customers)),
    }


def live_through(seed: int, past: int, acts: int, *, is_old: bool, is_gross: bool, is_long: bool = False) -> None:
    front = Shopfront(seed=seed, is_old=is_old, is_gross=is_gross)
    front.fill(past)
    with opened(front) as address, kept(is_long):
        connection = connected(address, f"teas-{seed}")
        front.pass_time(120)
        # It goes on living while it is read; what changes is found afterwards.
        front.meanwhile = lambda: front.live(1)
        with measured("back-fill", is_long):
            backfill(connection, front.now)
        front.meanwhile = None

        front.pass_time(5)
        front.live(acts)
        front.failures = [503]
        with measured("messages", is_long):
            send_badly(connection, front.messages(), seed)

        front.pass_time(7 * 3600)
        front.failures = [429, 500]
        with measured("poll", is_long):
            poll(connection, front.now)
        assert differences(recorded(front, connection), told(front, connection)) == []
        before = gaps(connection)

        # What is thrown away for good stays known, and is cancelled.
        wanted = told(front, connection)["orders"]
        front.empty_trash()
        send_badly(connection, front.messages(), seed, lost=0)
        left = recorded_orders(connection.namespace, map(str, front.gone), map(str, front.customers))
        assert all(one["is_cancelled"] for one in left.values())
        assert left == {ref: one for ref, one in wanted.items() if int(ref) in front.gone}

        # And once more, for nothing: all is known.
        front.pass_time(7 * 3600)
        with measured("poll for nothing", is_long):
            poll(connection, front.now)
        assert gaps(connection) == before


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES <= 3)
@given(seed=st.integers(1, 10**9), is_old=st.booleans(), is_gross=st.booleans())
def test_the_end_is_the_shops_own_state_whatever_was_lost_doubled_or_shuffled(
    db: None, seed: int, is_old: bool, is_gross: bool
) -> None:
    live_through(seed, past=18, acts=20, is_old=is_old, is_gross=is_gross)


@pytest.mark.skipif(not LONG_PAST, reason="long: make shopfronts")
def test_long_form_ten_thousand_orders_of_the_past(
    fresh_database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PER_PAGE", 100)
    live_through(seed=2026, past=LONG_PAST, acts=400, is_old=False, is_gross=True, is_long=True)
