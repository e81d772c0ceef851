"""Messages that wait are taken many at a time, and each as if it had come alone."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from regulars.doors.connectors import taking
from regulars.doors.connectors.calling import CallFailed
from regulars.doors.connectors.generic.tests.test_story import connected, level, post
from regulars.doors.connectors.tests.shopkeeping import SETTING, caller, opened, recorded_prices, send
from regulars.doors.connectors.woocommerce.client import WooCommerceClient
from regulars.doors.connectors.woocommerce.tests.shopfront import Shopfront
from regulars.doors.connectors.woocommerce.tests.test_story import connected as woocommerce
from regulars.facts.commerce import orders, stock
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.customers import customers
from regulars.facts.sources import inbox
from regulars.facts.sources.connections import Connection


def order(ref: str, *, total: str = "12.50", **more: object) -> dict[str, object]:
    line = {"number": 1, "product_ref": "tea", "quantity": 1, "unit_price": total}
    return {
        "type": "order",
        "ref": ref,
        "placed_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-02T10:00:00Z",
        "currency": "GBP",
        "customer_ref": "priya",
        "lines": [line],
        "total": total,
        **more,
    }


def person(ref: str, first_seen_at: str) -> dict[str, object]:
    at = "2026-03-02T10:00:00Z"
    return {"type": "customer", "ref": ref, "updated_at": at, "first_seen_at": first_seen_at, "family_name": "Li"}


def told(connection: Connection, *items: dict[str, object], key: str) -> int:
    assert post(connection, json.dumps({"items": list(items)}).encode(), key)[0] == 200
    return inbox.search(connection=connection.id, limit=1)[0].id


def states(connection: Connection) -> list[tuple[str, dict[str, int]]]:
    return [(one.state, dict(one.came)) for one in reversed(inbox.search(connection=connection.id, limit=200))]


def test_a_hundred_messages_cost_hardly_more_statements_than_ten(db: None):
    counts = []
    for name, many in (("warm", 2), ("few-till", 10), ("many-till", 100)):
        connection = connected(name)
        for n in range(many):
            told(connection, order(f"{name}-{n}"), key=f"{name}-{n}")
        with CaptureQueriesContext(database) as asked:
            assert taking.take_waiting(connection=connection.id) == many
        counts.append(len(asked))
        assert all(came == ("done", {"new": 1}) for came in states(connection))
    assert counts[2] < counts[1] + 10


def test_each_is_told_what_became_of_it_whatever_else_was_taken_with_it(db: None):
    connection = connected("same-till")
    told(connection, order("a"), key="1")
    told(connection, order("a"), order("b"), key="2")
    told(connection, order("a"), key="3")
    told(connection, order("a", total="9.00", updated_at="2026-03-02T11:00:00Z"), key="4")
    told(connection, order("a", total="1.00", updated_at="2026-03-02T08:00:00Z"), key="5")
    assert taking.take_waiting(connection=connection.id) == 5
    assert states(connection) == [
        ("done", {"new": 1}),
        ("done", {"new": 1, "same": 1}),
        ("repeated", {"same": 1}),
        ("done", {"changed": 1}),
        ("repeated", {"stale": 1}),
    ]
    found = orders.by_ref(namespace=connection.namespace, ref="a")
    assert found is not None
    assert found.total_minor == 900


def test_one_that_is_refused_among_many_is_found_by_halves(db: None, monkeypatch: pytest.MonkeyPatch):
    connection = connected("halves-till")
    for n in range(40):
        told(connection, level(f"tea-{n}", store="x" * 150 if n == 23 else "leeds"), key=str(n))
    tries: list[int] = []
    record_many = stock.record_many

    def counted(**asked: Any) -> Outcome:
        tries.append(1)
        return record_many(**asked)

    monkeypatch.setattr(stock, "record_many", counted)
    assert taking.take_waiting(connection=connection.id) == 40
    assert [n for n, (state, _) in enumerate(states(connection)) if state == "not_understood"] == [23]
    assert len(tries) < 20


def test_what_several_hint_at_is_asked_for_once(db: None, monkeypatch: pytest.MonkeyPatch):
    front = Shopfront(seed=3)
    front.fill(1)
    [number] = front.orders
    front.messages()
    monkeypatch.setenv(SETTING, "127.0.0.1")
    with opened(front) as address:
        connection = woocommerce(address)
        for status in ("on-hold", "processing", "completed"):
            front.pass_time(5)
            front.move(number, status)
            for message in front.messages():
                if "order" in message.headers["X-WC-Webhook-Topic"]:
                    assert send(connection, message) == 200
        before = front.asked
        assert taking.take_waiting(connection=connection.id, caller=caller()) == 3
    # The order, and its refunds.
    assert front.asked - before <= 2
    assert [state for state, _ in states(connection)] == ["done", "repeated", "repeated"]


def told_of_each(front: Shopfront, address: str) -> Connection:
    """A connection where a message about each order waits."""
    front.messages()
    for number in front.orders:
        front.tell("order.updated", number)
    connection = woocommerce(address)
    for message in front.messages():
        assert send(connection, message) == 200
    return connection


def test_a_slow_shop_is_asked_on_in_the_next_transaction(db: None, monkeypatch: pytest.MonkeyPatch):
    front = Shopfront(seed=3)
    front.fill(8)
    # There is time for the first of each transaction only.
    monkeypatch.setattr(taking, "ASKS_FOR", -1.0)
    monkeypatch.setenv(SETTING, "127.0.0.1")
    with opened(front) as address:
        connection = told_of_each(front, address)
        assert taking.take_waiting(connection=connection.id, caller=caller()) == 8
    assert {state for state, _ in states(connection)} == {"done"}


def test_a_shop_of_which_one_order_cannot_be_asked_for_is_asked_for_the_others(
    db: None, monkeypatch: pytest.MonkeyPatch
):
    front = Shopfront(seed=3)
    front.fill(4)
    monkeypatch.setattr(taking, "ASKS_FOR", -1.0)
    monkeypatch.setenv(SETTING, "127.0.0.1")
    with opened(front) as address:
        connection = told_of_each(front, address)
        ill = sorted(front.orders)[0]
        one = WooCommerceClient.one

        def broken(self: WooCommerceClient, stream: str, ref: str) -> object:
            if ref == str(ill):
                raise CallFailed("status_500", "it is ill")
            return one(self, stream, ref)

        monkeypatch.setattr(WooCommerceClient, "one", broken)
        assert taking.take_waiting(connection=connection.id, caller=caller()) == 3
    assert sorted(state for state, _ in states(connection)) == ["done", "done", "done", "waiting"]


def test_a_round_that_gets_no_further_is_the_last(db: None, monkeypatch: pytest.MonkeyPatch):
    connection = connected("stuck-till")
    told(connection, order("a"), key="1")
    rounds: list[int] = []

    def stuck(held: object, whose: object, caller: object) -> object:
        rounds.append(1)
        assert len(rounds) < 5
        return taking._Done(last=0, goes_on=True, is_late=True)

    monkeypatch.setattr(taking, "_take_held", stuck)
    assert taking.take_waiting(connection=connection.id) == 0
    assert rounds == [1]


def test_a_job_takes_what_came_after_it_along_and_the_jobs_of_those_find_nothing(db: None):
    connection = connected("busy-till")
    numbers = [told(connection, order(f"o{n}"), key=str(n)) for n in range(3)]
    assert taking.take_from(numbers[1]) == 2
    assert [state for state, _ in states(connection)] == ["waiting", "done", "done"]
    assert (taking.take_from(numbers[2]), taking.take_from(numbers[0]), taking.take_from(10**9)) == (0, 1, 0)


def test_who_was_a_customer_before_is_history_beside_somebody_new(db: None):
    connection = connected("old-and-new")
    told(connection, person("old", "2020-01-01T00:00:00Z"), key="1")
    told(connection, person("new", "2026-03-02T09:00:00Z"), key="2")
    assert taking.take_waiting(connection=connection.id) == 2
    numbers = customers.find_many(namespace=connection.namespace, refs=["old", "new"])
    with database.cursor() as cursor:
        cursor.execute("SELECT id, origin FROM customers_customer WHERE id = ANY(%s)", [list(numbers.values())])
        origins = dict(cursor.fetchall())
    assert {ref: origins[number] for ref, number in numbers.items()} == {"old": "history", "new": "live"}


def test_prices_of_several_moments_that_come_together_all_stand(db: None):
    connection, form = connected("price-till"), {"product_ref": "tea", "variant_ref": "tea-1"}
    for n, (hour, amount) in enumerate(((8, "5.00"), (10, "5.00"), (9, "4.00"))):
        at = f"2026-03-02T{hour:02}:00:00Z"
        told(
            connection,
            {"type": "price", **form, "currency": "GBP", "price": amount, "valid_from": at},
            key=str(n),
        )
        if not n:
            taking.take_waiting(connection=connection.id)
    taking.take_waiting(connection=connection.id)
    found = recorded_prices(connection.namespace, ["tea-1"], "GBP", datetime(2026, 3, 2, 12, tzinfo=UTC))
    assert found == {"tea-1": (500, None)}
