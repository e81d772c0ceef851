"""`regulars bench identity`: joining two people with many orders and many awards of points, beside a plain update of
their rows. It is here because no room above this one keeps facts of customers, and none below may know points."""

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import click
import polars as pl
from django.db import connections, transaction

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LINES, ORDERS, OrderBatch
from regulars.facts.customers import customers, identity
from regulars.facts.customers.identity import Reason
from regulars.kit.actors import SYSTEM
from regulars.levers.loyalty import checkups, points
from regulars.levers.loyalty.points import NewLot
from regulars.levers.loyalty.points import Reason as Because
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database

JOIN_GOAL_SECONDS = 1.0
BATCH = 2_500
START = datetime(2024, 1, 1, tzinfo=UTC)

ORDERS_BY_HAND = "UPDATE commerce_order SET customer_id = %s, came_with_id = %s WHERE customer_id = %s"
LOTS_BY_HAND = """
UPDATE loyalty_lot SET account_id = (SELECT id FROM loyalty_account WHERE customer_id = %s)
 WHERE account_id = (SELECT id FROM loyalty_account WHERE customer_id = %s)
"""


@without_database
@click.command("identity")
@click.option(
    "--orders", "each", type=click.IntRange(10), default=10_000, show_default=True, help="Of each of the two."
)
@click.option(
    "--lots", type=click.IntRange(0), default=10_000, show_default=True, help="Awards of points of each of the two."
)
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def identity_(each: int, lots: int, here: bool, as_json: bool) -> None:
    """Joining and parting two people with many orders and many awards of points each."""
    if not here:
        arguments = ["--orders", str(each), "--lots", str(lots), *(["--json"] if as_json else [])]
        scratch.run(["bench", "identity", "--here", *arguments])
        return
    with ready.database_ready(say=_say):
        facts = measure_joins(each, lots)
    click.echo(json.dumps(facts) if as_json else _told(facts))


@dataclass(frozen=True)
class Took:
    """Seconds: by the clock, and of the processor by this process and by its session of the database."""

    clock: float
    own: float
    database: float


def measure_joins(each: int, lots: int, times: int = 5) -> dict[str, object]:
    """`identity.join` and taking it back, for two people with `each` orders of two lines and so many lots."""
    found = customers.resolve_many(namespace="shop", refs=["one", "other"], at=START, by=SYSTEM, origin="history")
    for who, number in found.items():
        for start in range(0, each, BATCH):
            orders.record_many(batch=_batch(who, start, min(each, start + BATCH)), at=START, by=SYSTEM)
        for start in range(0, lots, BATCH):
            _award(number, start, min(lots, start + BATCH))
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    one, other = found["one"], found["other"]
    joined, parted, by_hand = [], [], []
    for turn in range(times):
        at = START + timedelta(days=turn)
        join = partial(identity.join, one=one, other=other, why=Reason.ASKED, key=f"j{turn}", at=at, by=SYSTEM)
        part = partial(identity.undecide, one=one, other=other, why=Reason.ASKED, key=f"p{turn}", at=at, by=SYSTEM)
        joined.append(_took(join))
        parted.append(_took(part))
        by_hand.append(_by_hand(one, other))
    return {
        "orders_each": each,
        "lots_each": lots,
        **_middle("join", joined),
        **_middle("part", parted),
        **_middle("by_hand", by_hand),
        "join_goal_seconds": JOIN_GOAL_SECONDS,
        "broken": len(list(checkups.broken())),
    }


def _middle(name: str, rounds: Sequence[Took]) -> dict[str, float]:
    return {
        f"{name}_seconds": round(statistics.median(one.clock for one in rounds), 3),
        f"{name}_own_cpu": round(statistics.median(one.own for one in rounds), 3),
        f"{name}_database_cpu": round(statistics.median(one.database for one in rounds), 3),
    }


def _by_hand(one: int, other: int) -> Took:
    with transaction.atomic(), connections["default"].cursor() as cursor:
        took = _took(partial(_update, cursor, one, other))
        transaction.set_rollback(True)
    return took


def _update(cursor: Any, one: int, other: int) -> None:
    cursor.execute(ORDERS_BY_HAND, [one, other, other])
    cursor.execute(LOTS_BY_HAND, [one, other])


def _award(customer: int, start: int, end: int) -> None:
    """A lot of each order: each day's end its own, every fourth without one."""
    until = [START + timedelta(days=3_000 + n % 365) for n in range(start, end)]
    lots = [
        NewLot(
            customer,
            1 + n % 90,
            Because("awarded"),
            expires_on=None if n % 4 == 0 else until[n - start].date(),
            expires_at=None if n % 4 == 0 else until[n - start],
            subject=f"order:{customer}-{n}",
            rule="spend",
            rule_version=1,
        )
        for n in range(start, end)
    ]
    points.award_many(lots=lots, key=f"{customer}-{start}", at=START, by=SYSTEM, origin="history")


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


def _took(act: Callable[[], object]) -> Took:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(session,)] = cursor.fetchall()
    began, own, database = time.perf_counter(), time.process_time(), _processor_of(session)
    act()
    return Took(time.perf_counter() - began, time.process_time() - own, _processor_of(session) - database)


def _processor_of(process: int) -> float:
    """Nothing where the database runs on another machine."""
    told = Path(f"/proc/{process}/stat")
    if not told.exists():
        return 0.0
    fields = told.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _say(words: str) -> None:
    click.echo(words, err=True)


def _told(facts: dict[str, object]) -> str:
    return (
        f"identity: two people with {facts['orders_each']:,} orders and {facts['lots_each']:,} awards of points each"
        f" joined in {facts['join_seconds']} s (of the processor {facts['join_own_cpu']} s here and"
        f" {facts['join_database_cpu']} in the database), parted in {facts['part_seconds']} s"
        f" ({facts['part_own_cpu']} and {facts['part_database_cpu']}); goal: {JOIN_GOAL_SECONDS:.0f} s; a plain update"
        f" of the rows: {facts['by_hand_seconds']} s ({facts['by_hand_database_cpu']} in the database); books that do"
        f" not agree: {facts['broken']}"
    )
