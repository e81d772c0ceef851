"""Youzan is connected, its history read, its messages come badly, and a poll makes good what they missed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
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
    recorded_shipments,
    recorded_stock,
    send_badly,
)
from regulars.doors.connectors.youzan import client
from regulars.doors.connectors.youzan.tests.shopfront import CLIENT, ROOT, SECRET, Shopfront
from regulars.facts.sources import connections
from regulars.facts.sources.connections import Connection


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "127.0.0.1")
    # So few things make pages and windows that are halved, too; of one second there are never so many.
    monkeypatch.setattr(client, "SIZE", 7)
    monkeypatch.setattr(client, "MOST_PAGES", 3)


def connected(address: str, name: str) -> Connection:
    return connections.connect(
        name=name,
        kind="youzan",
        # Whatever the connection's zone is: Youzan's times are of Shanghai.
        zone="Europe/London",
        credentials={"client_secret": SECRET},
        settings={"address": address, "kdt_id": ROOT, "client_id": CLIENT, "opened_on": "2026-02-01"},
        at=LONG_AGO,
        by=MAREK,
    )


def told(front: Shopfront, connection: Connection) -> dict[str, Any]:
    """How the shop stands, in our words."""
    forms = {
        f"{product}-{form['sku_id']}" if form is not one else str(product): form
        for product, one in front.goods.items()
        for form in one["skus"] or [one]
    }
    return {
        "orders": {tid: order(front, one) for tid, one in front.orders.items()},
        "shipments": {
            f"{tid}-{min(numbers)}": (
                {0: "delivered", 1: "collected", 2: "delivered"}[one["express_type"]]
                if one["status"] == "TRADE_SUCCESS"
                else {0: "on_its_way", 1: "ready", 2: "on_its_way"}[one["express_type"]],
                {number: one["lines"][number - 1]["num"] for number in numbers},
                "顺丰速运",
                parcel["express_no"],
            )
            for tid, one in front.orders.items()
            for parcel in one["parcels"]
            for numbers in [[n for n, line in enumerate(one["lines"], 1) if line["oid"] in parcel["oids"]]]
        },
        "stock": {(ref, connection.namespace): form["quantity"] for ref, form in forms.items()},
        "prices": {ref: (form["price"], None) for ref, form in forms.items()},
        "people": {who: one["name"] for who, one in front.people.items()},
    }


def order(front: Shopfront, one: dict[str, Any]) -> dict[str, Any]:
    whole = int(front.paid(one) * 100)
    done = "captured" if one["pay_time"] else "voided" if one["status"] == "TRADE_CLOSED" else "pending"
    return {
        "number": one["tid"],
        "customer": one["buyer"],
        "total": whole,
        "currency": "CNY",
        "kind": "purchase",
        "is_cancelled": one["status"] == "TRADE_CLOSED",
        "paid": whole if one["pay_time"] else 0,
        "back": None,
        "refunds": sorted(
            (back["refund_id"], int(back["refund_fee"] * 100))
            for back in front.refunds.values()
            if back["tid"] == one["tid"] and back["status"] == "SUCCESS"
        ),
        "lines": [(str(line["item_id"]), line["num"], int(line["payment"] * 100)) for line in one["lines"]],
        "tenders": [(one["flow"] if one["pay_time"] else "payment", done, whole)],
        "differs": 0,
    }


def recorded(front: Shopfront, connection: Connection) -> dict[str, Any]:
    space = connection.namespace
    forms = [
        f"{product}-{form['sku_id']}" if form is not one else str(product)
        for product, one in front.goods.items()
        for form in one["skus"] or [one]
    ]
    return {
        "orders": recorded_orders(space, front.orders, front.people),
        "shipments": recorded_shipments(space, front.orders),
        "stock": recorded_stock(space, forms, front.now),
        "prices": recorded_prices(space, forms, "CNY", front.now),
        "people": recorded_people(space, front.people, "display_name"),
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
        front.failures, front.too_often = [503], 2
        # The token that we have ends early.
        front.token = "another"
        with measured("messages", is_long):
            send_badly(connection, front.sent, seed)

        front.pass_time(7 * 3600)
        with measured("poll", is_long):
            poll(connection, front.now)
        assert differences(recorded(front, connection), told(front, connection)) == []
        found = gaps(connection)
        assert front.tokens == 2

        # And once more, for nothing: all is known.
        front.pass_time(7 * 3600)
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
    live_through(seed, past=12, acts=24)


@pytest.mark.skipif(not LONG_PAST, reason="long: make shopfronts")
def test_long_form_ten_thousand_orders_of_the_past(fresh_database: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "SIZE", 50)
    monkeypatch.setattr(client, "MOST_PAGES", 20)
    live_through(seed=2026, past=LONG_PAST, acts=400, is_long=True)
