"""Several processes tell the same things at the same moment, as a shop system does that sends again too soon."""

import random
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from regulars.facts.commerce import goods_returns, orders, shipments
from regulars.facts.commerce.goods_returns import ReturnReport
from regulars.facts.commerce.shipments import ShipmentReport
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, THE_SHOP, a_batch, a_return_batch, an_order
from regulars.facts.customers import customers, identity, persons
from regulars.facts.customers.identity import Reason
from regulars.runtime.trail import trail


def together(act: Callable[[], Any], times: int = 6) -> list[Any]:
    answers, troubles, start = [], [], threading.Barrier(times)

    def work() -> None:
        try:
            start.wait()
            answers.append(act())
        except Exception as trouble:
            troubles.append(trouble)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    return answers


def verbs(actor):
    return [line.verb for line in trail.by_actor(actor)]


def test_one_order_told_by_six_at_once_is_one_order(fresh_database):
    told = together(lambda: orders.record(report=an_order(), at=MONDAY, by=THE_SHOP))
    assert len(told) == 6
    assert all(view == told[0] for view in told)
    assert verbs(THE_SHOP).count("commerce.orders.record") == 1


def test_a_batch_imported_by_six_at_once_is_there_once(fresh_database):
    batch = a_batch(*(an_order(str(n), at=MONDAY + n * DAY) for n in range(20)))
    done = together(lambda: orders.record_many(batch=batch, at=MONDAY, by=THE_SHOP))
    assert sum(outcome.new for outcome in done) == 20
    assert all(outcome.ids == done[0].ids for outcome in done)


def test_returns_imported_by_six_at_once_are_there_once(fresh_database):
    batch = a_return_batch(("r1", "priya", None, MONDAY, [("coat", "1", 8000)]))
    done = together(lambda: goods_returns.record_many(batch=batch, at=MONDAY, by=THE_SHOP))
    assert sum(outcome.new for outcome in done) == 1


def test_one_refund_asked_for_by_six_at_once_is_paid_once(fresh_database):
    order = orders.record(report=an_order(), at=MONDAY, by=THE_SHOP).id
    told = together(lambda: goods_returns.refund(order=order, lines={1: Decimal(1)}, key="rma-1", at=MONDAY, by=MAREK))
    assert all(view == told[0] for view in told)
    assert orders.get(order).lines[0].returned_quantity == 1
    assert verbs(MAREK) == ["commerce.goods_returns.record"]


def test_batches_about_the_same_customers_the_other_way_round_do_not_wait_in_a_circle(fresh_database):
    turns = iter(range(6))

    def tell():
        turn = next(turns)
        who = ["priya", "tomas"] if turn % 2 else ["tomas", "priya"]
        reports = [an_order(f"{turn}-{n}", customer=who[n % 2], at=MONDAY + n * DAY) for n in range(30)]
        return orders.record_many(batch=a_batch(*reports, origin="live"), at=MONDAY, by=THE_SHOP)

    assert sum(outcome.new for outcome in together(tell)) == 180


def test_orders_refunds_and_shipments_told_at_once_find_each_other_while_their_buyers_are_joined(fresh_database):
    """Six tell of the same twelve orders, each in another sequence; meanwhile their two buyers become one person."""
    found = customers.resolve_many(namespace="shop", refs=["priya", "tomas"], at=MONDAY, by=THE_SHOP, origin="live")
    turns = iter(range(6))

    def tell():
        turn = next(turns)
        if turn == 5:
            identity.join(
                one=found["priya"], other=found["tomas"], why=Reason.ASKED, key="one", at=MONDAY + DAY, by=MAREK
            )
            return
        named = [str(n) for n in range(12)]
        random.Random(turn).shuffle(named)
        sales = [an_order(ref, customer=["priya", "tomas"][int(ref) % 2]) for ref in named]
        back = [ReturnReport("shop", f"r{ref}", MONDAY + DAY, "GBP", order_ref=ref, money_minor=500) for ref in named]
        sent = [ShipmentReport("shop", f"s{ref}", ref, "on_its_way") for ref in named]
        steps = [
            lambda: orders.record_all(reports=sales, at=MONDAY, by=THE_SHOP, origin="live"),
            lambda: goods_returns.record_all(reports=back, at=MONDAY, by=THE_SHOP, origin="live"),
            lambda: shipments.record_all(reports=sent, at=MONDAY, by=THE_SHOP, origin="live"),
        ]
        for step in steps[turn % 3 :] + steps[: turn % 3]:
            step()

    together(tell)
    sales = [orders.by_ref(namespace="shop", ref=str(n)) for n in range(12)]
    assert {sale.customer_id for sale in sales} == {min(found.values())}
    assert {orders.standing(sale.id).refunded_minor for sale in sales} == {500}
    assert [[back.customer_id for back in goods_returns.of_order(sale.id)] for sale in sales] == [
        [sale.customer_id] for sale in sales
    ]
    assert all(len(found) == 1 for found in shipments.of_orders([sale.id for sale in sales]).values())


def test_orders_of_a_customer_who_is_written_about_elsewhere_do_not_wait(fresh_database):
    with transaction.atomic():
        priya = customers.resolve_many(namespace="shop", refs=["priya"], at=MONDAY, by=THE_SHOP, origin="live")["priya"]
    holds, done = threading.Event(), threading.Event()

    def another_order() -> None:
        with transaction.atomic():
            persons.held([priya])
            holds.set()
            done.wait(10)
        connection.close()

    other = threading.Thread(target=another_order)
    other.start()
    holds.wait(10)
    try:
        with transaction.atomic():
            persons.held([priya])
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
            noted = customers.note_many(first_seen={priya: MONDAY - DAY}, countries={priya: "CN"}, at=MONDAY, by=MAREK)
    finally:
        done.set()
        other.join()
    assert noted == 1
