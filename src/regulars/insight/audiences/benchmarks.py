"""`regulars bench audiences`: exact previews of everyone beside SQL written by hand for the same people."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from regulars.facts.customers import fields as of_customers
from regulars.facts.events import fields as of_events
from regulars.insight.audiences import _world, everyone
from regulars.insight.audiences.asking import Asking, Watch
from regulars.insight.warehouse import generating
from regulars.insight.warehouse.session import Session
from regulars.kit.conditions import reading
from regulars.kit.conditions.nodes import Condition
from regulars.kit.conditions.together import Together
from regulars.kit.conditions.vocabulary import Asked, Collection, Vocabulary
from regulars.runtime.database.needs import without_database

#: A little after the last of the generated events.
AT = datetime(2026, 6, 30, tzinfo=UTC)
#: Seconds.
GOALS = {"traits": 1.0, "windows": 5.0}
_COLUMNS = {"name": Asked("name", "text", "name"), "product": Asked("product", "text", "product")}
WORDS = Vocabulary(
    fields={"customers.country": Asked("customers.country", "text", "country")},
    collections={"events.events": Collection("events.events", "events", "did something", _COLUMNS)},
    currency="GBP",
)
_VIEWED: Mapping[str, Any] = {"did": "events.events", "where": [{"column": "name", "is": "Product Viewed"}]}
_ADDED: Mapping[str, Any] = {"did": "events.events", "where": [{"column": "name", "is": "Product Added"}]}
#: What is asked: traits, and windows of events: viewed often and put nothing into the cart.
ASKED: Mapping[str, Mapping[str, Any]] = {
    "traits": {"field": "customers.country", "is": "CN"},
    "windows": {
        "all": [
            {**_VIEWED, "during": {"last": {"days": 30}}, "distinct": "product", "amount": {"at_least": 2}},
            {"not": {**_ADDED, "during": {"last": {"days": 7}}}},
        ]
    },
}
_DID = (
    "FROM events AS event JOIN visitors AS visitor USING (visitor_id) JOIN customers AS customer USING (customer_id)"
    " WHERE NOT visitor.is_shared AND event.name = '{name}' AND event.occurred_at < TIMESTAMP '2026-06-30'"
    " AND event.occurred_at >= TIMESTAMP '2026-06-30' - INTERVAL {days} DAY"
)
BY_HAND: Mapping[str, str] = {
    "traits": "SELECT customer_id AS person FROM customers WHERE country = 'CN' AND person_id = customer_id",
    "windows": "SELECT person FROM (SELECT customer.person_id AS person "  # noqa: S608 - of constants
    + _DID.format(name="Product Viewed", days=30)
    + " GROUP BY 1 HAVING count(DISTINCT event.product) >= 2) AS viewed"
    + " ANTI JOIN (SELECT customer.person_id AS person "
    + _DID.format(name="Product Added", days=7)
    + ") AS added USING (person)",
}


@without_database
@click.command("audiences")
@click.option("--customers", type=click.IntRange(100), default=100_000, show_default=True)
@click.option("--events", type=click.IntRange(1_000), default=2_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="The best one counts.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def bench_audiences(customers: int, events: int, rounds: int, as_json: bool) -> None:
    """Who a condition holds for among everyone, as a preview finds it, beside SQL by hand for the same people."""
    facts: dict[str, Any] = {"customers": customers, "events": events}
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        generating.generate(Path(folder), customers=customers, events=events)
        for name, node in ASKED.items():
            condition = reading.read({"version": 1, "zone": "UTC", "if": node}, WORDS)
            with Session.from_published(Path(folder)) as session:
                facts[name] = _beside(session, condition, BY_HAND[name], rounds) | {"goal_seconds": GOALS[name]}
    facts["load"] = round(os.getloadavg()[0], 1)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def _beside(session: Session, condition: Condition, by_hand: str, rounds: int) -> dict[str, Any]:
    """By turns, so that what else the machine does meets both. Both must find the same people."""
    fields = {one.name: one for one in of_customers.FIELDS}
    collections = {one.name: one for one in of_events.COLLECTIONS}
    asking = Asking((), fields, collections, {}, Together(()), Watch(()))

    def ours() -> pa.Table:
        world = _world.world(session, [condition], asking)
        return session.arrow(everyone.whom(condition, world, at=AT))

    def theirs() -> pa.Table:
        return session.sql(by_hand)

    one, other = _best(ours, theirs, rounds)
    found, expected = (set(made().column("person").to_pylist()) for made in (ours, theirs))
    if found != expected:
        raise AssertionError(f"the two do not find the same people: {len(found ^ expected)} of {len(expected)} differ")
    return {
        "members": len(found),
        "seconds": round(one, 3),
        "by_hand_seconds": round(other, 3),
        "ratio": round(one / other, 2),
    }


def _best(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, seconds in ((ours, took[0]), (theirs, took[1])):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    return min(took[0]), min(took[1])


def _told(facts: Mapping[str, Any]) -> str:
    lines = [
        f"{name}: {one['seconds']} s (goal: below {one['goal_seconds']}) beside {one['by_hand_seconds']} s of SQL"
        f" written by hand, {one['ratio']} times; the same {one['members']:,} people"
        for name, one in facts.items()
        if name in GOALS
    ]
    return "\n".join([*lines, f"{facts['customers']:,} customers, {facts['events']:,} events; load {facts['load']}"])


BENCHMARKS: tuple[click.Command, ...] = (bench_audiences,)
