"""`regulars bench identity`: joining two people with many orders, beside a plain update of their rows."""

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import click
import polars as pl
from django.db import connections, transaction

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LINES, ORDERS, OrderBatch
from regulars.facts.customers import customers, identity
from regulars.facts.customers.identity import Reason
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database

JOIN_GOAL_SECONDS = 1.0
BATCH = 2_500
START = datetime(2024, 1, 1, tzinfo=UTC)

BY_HAND = "UPDATE commerce_order SET customer_id = %s, came_with_id = %s WHERE customer_id = %s"


@without_database
@click.command("identity")
@click.option(
    "--orders", "each", type=click.IntRange(10), default=10_000, show_default=True, help="Of each of the two."
)
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def identity_(each: int, here: bool, as_json: bool) -> None:
    """Joining and parting two people with many orders each."""
    if not here:
        arguments = ["--orders", str(each), *(["--json"] if as_json else [])]
        scratch.run(["bench", "identity", "--here", *arguments])
        return
    with ready.database_ready(say=_say):
        facts = measure_joins(each)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure_joins(each: int, times: int = 5) -> dict[str, object]:
    """Seconds of `identity.join` and of taking it back, for two people with `each` orders of two lines."""
    found = customers.resolve_many(namespace="shop", refs=["one", "other"], at=START, by=SYSTEM, origin="history")
    for who in found:
        for start in range(0, each, BATCH):
            orders.record_many(batch=_batch(who, start, min(each, start + BATCH)), at=START, by=SYSTEM)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    one, other = found["one"], found["other"]
    joined, parted, by_hand = [], [], []
    for turn in range(times):
        at = START + timedelta(days=turn)
        join = partial(identity.join, one=one, other=other, why=Reason.ASKED, key=f"j{turn}", at=at, by=SYSTEM)
        part = partial(identity.undecide, one=one, other=other, why=Reason.ASKED, key=f"p{turn}", at=at, by=SYSTEM)
        joined.append(_seconds(join))
        parted.append(_seconds(part))
        by_hand.append(_by_hand(one, other))
    return {
        "orders_each": each,
        "join_seconds": round(statistics.median(joined), 3),
        "part_seconds": round(statistics.median(parted), 3),
        "by_hand_seconds": round(statistics.median(by_hand), 3),
        "join_goal_seconds": JOIN_GOAL_SECONDS,
    }


def _by_hand(one: int, other: int) -> float:
    with transaction.atomic(), connections["default"].cursor() as cursor:
        spent = _seconds(lambda: cursor.execute(BY_HAND, [one, other, other]))
        transaction.set_rollback(True)
    return spent


def _batch(who: str, start: int, end: int) -> OrderBatch:
    heads = [
        {
            "ref": f"{who}-{n}",
            "customer_ref": who,
            "placed_at": START + timedelta(minutes=n),
            "placed_on": (START + timedelta(minutes=n)).date(),
            "currency": "GBP",
        }
        for n in range(start, end)
    ]
    lines = [
        {
            "ref": f"{who}-{n}",
            "number": number,
            "product_ref": f"p{n * number % 500}",
            "quantity": Decimal(1),
            "unit_price": Decimal(8),
            "amount_minor": 800,
            "discount_minor": 0,
        }
        for n in range(start, end)
        for number in (1, 2)
    ]
    return OrderBatch("shop", pl.DataFrame(heads, schema=ORDERS), pl.DataFrame(lines, schema=LINES), "history")


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _say(words: str) -> None:
    click.echo(words, err=True)


def _told(facts: dict[str, object]) -> str:
    return (
        f"identity: two people with {facts['orders_each']:,} orders each joined in {facts['join_seconds']} s, parted in"
        f" {facts['part_seconds']} s (goal: {JOIN_GOAL_SECONDS:.0f} s; a plain update of the rows:"
        f" {facts['by_hand_seconds']} s)"
    )


BENCHMARKS = (identity_,)
