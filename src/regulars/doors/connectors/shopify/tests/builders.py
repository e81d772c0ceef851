"""A connection to the shop on this machine, and what stands on record of it."""

import random
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.test import RequestFactory

from regulars.doors.connectors import calling, polling
from regulars.doors.connectors.calling import SETTING, Caller
from regulars.doors.connectors.receiving import receive
from regulars.doors.connectors.shopify.tests.shopfront import DOMAIN, SECRET, TOKEN, Message, Shopfront
from regulars.facts.commerce import goods_returns, orders, prices, stock, variants
from regulars.facts.company import stores
from regulars.facts.customers import consent, customers, profiles
from regulars.facts.sources import connections, cursors
from regulars.facts.sources.connections import Connection
from regulars.kit.actors import Actor

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
MAREK = Actor("operator", "7")
OWN = ("127.0.0.1",)
__all__ = ("SETTING",)


def connected(address: str = "", name: str = "teas", *, at: datetime = LONG_AGO, **more: Any) -> Connection:
    settings = {"shop": DOMAIN, "api_version": "2026-07", "currency": "USD"}
    return connections.connect(
        name=name,
        kind="shopify",
        zone="Europe/London",
        credentials={"client_secret": SECRET, "access_token": TOKEN} | more.pop("credentials", {}),
        settings=settings | ({"address": address} if address else {}) | more,
        at=at,
        by=MAREK,
    )


def patiently(monkeypatch: Any, front: Shopfront) -> None:
    """Calls to this machine are allowed, and nobody really waits: the shop's bucket fills all the same."""
    monkeypatch.setenv(SETTING, "127.0.0.1")
    monkeypatch.setattr(calling, "time", SimpleNamespace(sleep=front.rest, monotonic=time.monotonic))
    monkeypatch.setattr(calling, "PATIENCE", 10.0**6)


def caller(front: Shopfront | None = None) -> Caller:
    """One that calls this machine, and does not really wait; the shop's bucket fills all the same."""
    return Caller(own=OWN, patience=10**6, sleep=(lambda seconds: None) if front is None else front.rest)


def send(connection: Connection, message: Message, **headers: str) -> int:
    """Hand it to the view behind our door; the status it is answered with."""
    told = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (message.headers | headers).items()}
    posted = RequestFactory().post("/hooks/…", data=message.body, content_type="application/json", **told)
    return receive(posted, connection.kind, connection.public_id).status_code  # type: ignore[return-value]  # wrapped


def backfill(connection: Connection, front: Shopfront) -> None:
    polling.begin_backfill(connection=connection, at=front.now)
    walk_all(connection, front)


def poll(connection: Connection, front: Shopfront) -> None:
    polling.begin_polls(connection=connection, at=front.now)
    walk_all(connection, front)


def walk_all(connection: Connection, front: Shopfront) -> None:
    """Every walk under way to its end."""
    for _ in range(200):
        left = [one.stream for one in cursors.of(connection.id) if one.walk]
        if not left:
            return
        for stream in ("stores", "products", "stock", "customers", "orders"):
            if stream in left:
                with caller(front) as asking:
                    polling.walk(connection=connection.id, stream=stream, caller=asking)
    raise AssertionError(cursors.of(connection.id))


def badly(messages: list[Message], seed: int, lost: float = 0.05) -> list[Message]:
    """As they may arrive: some lost, some twice, in any order."""
    chance = random.Random(seed)
    kept = [message for message in messages if chance.random() >= lost]
    kept += [message for message in kept if chance.random() < 0.2]
    chance.shuffle(kept)
    return kept


def told(front: Shopfront, connection: Connection) -> dict[str, Any]:
    """How the shop stands, in our words."""
    code = connection.namespace
    return {
        "orders": {
            str(number): {
                "number": order["name"],
                # A trial is nobody's.
                "customer": str(order["customer"]) if order["customer"] and not order["test"] else None,
                "total": minor(front.total(order)),
                "currency": front.presentment,
                "is_cancelled": order["cancelled_at"] is not None,
                "is_test": order["test"],
                "store": f"{code}-{order['place']}" if order["source"] == "pos" else "",
                "paid": 0 if order["status"] in {"PENDING", "VOIDED"} else minor(front.total(order)),
                "back": minor(sum(amount for one in order["refunds"] for _, amount in one["lines"].values())),
                "refunds": sorted(
                    (str(one["id"]), minor(sum(amount for _, amount in one["lines"].values())))
                    for one in order["refunds"]
                ),
                "lines": [(str(line["product"]), line["quantity"]) for line in order["lines"]],
                "tenders": sorted(
                    (payment["gateway"], minor(front.total(order) - order["gift"]))
                    if payment["gateway"] != "gift_card"
                    else ("gift_card", minor(order["gift"]))
                    for payment in front.payments(order, front.total(order))
                    if payment["kind"] != "VOID"
                ),
            }
            for number, order in front.orders.items()
        },
        "stock": {
            (str(variant["id"]), f"{code}-{place}"): front.levels[variant["item"], place]["available"]
            for product in front.products.values()
            for variant in product["variants"]
            for place in front.locations
        },
        "prices": {
            str(variant["id"]): (
                minor(variant["compare_at"] or variant["price"]),
                minor(variant["price"]) if variant["compare_at"] else None,
            )
            for product in front.products.values()
            for variant in product["variants"]
        },
        "people": {
            str(number): (one["last"], {"SUBSCRIBED": True, "UNSUBSCRIBED": False}.get(one["state"]))
            for number, one in front.customers.items()
        },
    }


def minor(amount: Any) -> int:
    return int(amount * 100)


def recorded(front: Shopfront, connection: Connection) -> dict[str, Any]:
    """What is on record of it, by the same names."""
    space = connection.namespace
    people = customers.find_many(namespace=space, refs=[str(number) for number in front.customers])
    names = {number: ref for ref, number in people.items()}
    found: dict[str, Any] = {"orders": {}, "stock": {}, "prices": {}, "people": {}}
    for number in front.orders:
        view = orders.by_ref(namespace=space, ref=str(number))
        if view is None:
            continue
        back = goods_returns.of_order(view.id)
        found["orders"][str(number)] = {
            "number": view.number,
            "customer": names.get(view.customer_id) if view.customer_id else None,
            "total": view.total_minor,
            "currency": view.currency,
            "is_cancelled": view.cancelled_at is not None,
            "is_test": view.kind == "test",
            "store": view.store,
            "paid": view.paid_minor,
            "back": view.refunded_minor,
            "refunds": sorted((one.ref, one.amount_minor) for one in back),
            "lines": [(line.product_ref, int(line.quantity)) for line in view.lines],
            "tenders": sorted((one.ref, one.amount_minor) for one in view.tenders),
        }
    wanted = {str(variant["id"]) for product in front.products.values() for variant in product["variants"]}
    forms = variants.find_many(namespace=space, refs=sorted(wanted))
    codes = {one.id: one.code for one in stores.every()}
    levels = stock.levels_of([number for number, _ in forms.values()], at=front.now)
    for ref, (form, product) in forms.items():
        for level in levels[form]:
            found["stock"][ref, codes[level.store]] = int(level.on_hand)
        price = prices.at(product=product, currency="USD", at=front.now + timedelta(days=1), variant=form)
        found["prices"][ref] = None if price is None else (price.list_minor, price.sale_minor)
    shown = profiles.opened(sorted(people.values()), ["family_name"])
    answers = {line.record: line for number in people.values() for line in reversed(consent.history(customer=number))}
    for ref, number in people.items():
        answer = answers.get(number)
        found["people"][ref] = (shown[number].get("family_name"), None if answer is None else answer.is_granted)
    return found
