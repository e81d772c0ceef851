"""`regulars bench identity`: joining two people with many orders, beside a plain update of their rows; and finding
somebody among very many by anything they are known by.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import click
import polars as pl
from django.db import connections, transaction

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LINES, ORDERS, OrderBatch
from regulars.facts.customers import customers, identity, persons, profiles
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database

JOIN_GOAL_SECONDS = 1.0
READ_GOAL_MS = 10.0
#: People who told who they are, spread over all of them; they are the ones that are looked for.
NAMED = 2_000
BATCH = 2_500
START = datetime(2024, 1, 1, tzinfo=UTC)

CUSTOMERS = (
    "INSERT INTO customers_customer (origin, country) SELECT 'history', 'GB' FROM generate_series(1, %(members)s)"
)
REFERENCES = """
INSERT INTO customers_identifier (customer_id, namespace, kind, value, since_at)
SELECT id, 'bench', 'external', 'c' || id, now() FROM customers_customer
"""
CONTACTS = """
INSERT INTO customers_identifier (customer_id, namespace, kind, digest, since_at)
SELECT id, '', 'email', sha256(('e' || id)::bytea), now() FROM customers_customer
"""
BY_HAND = "UPDATE commerce_order SET customer_id = %s, came_with_id = %s WHERE customer_id = %s"


@without_database
@click.command("identity")
@click.option("--members", type=click.IntRange(10_000), default=1_000_000, show_default=True)
@click.option(
    "--orders", "each", type=click.IntRange(10), default=10_000, show_default=True, help="Of each of the two."
)
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def identity_(members: int, each: int, here: bool, as_json: bool) -> None:
    """Joining and parting two people with many orders each; finding somebody by anything they are known by."""
    if not here:
        arguments = ["--members", str(members), "--orders", str(each), *(["--json"] if as_json else [])]
        scratch.run(["bench", "identity", "--here", *arguments])
        return
    with ready.database_ready(say=_say):
        facts = {**measure_reads(members), **measure_joins(each)}
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


def measure_reads(members: int, times: int = 3_000) -> dict[str, object]:
    """Milliseconds to find a person by a reference, an address, a number, and read what may be shown of them."""
    with connections["default"].cursor() as cursor:
        for statement in (CUSTOMERS, REFERENCES, CONTACTS):
            cursor.execute(statement, {"members": members})
            _say(f"  {cursor.rowcount:,} rows")
        cursor.execute(
            "SELECT id FROM customers_customer WHERE id %% %s = 0 LIMIT %s", [max(1, members // NAMED), NAMED]
        )
        chosen = [number for (number,) in cursor.fetchall()]
    profiles.describe_many(
        profiles={
            number: Profile(display_name=f"Willow {number}", email=f"w{number}@mail.example", phone=_phone(number))
            for number in chosen
        },
        key="bench",
        at=datetime.now(UTC),
        by=SYSTEM,
    )
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    ways: list[Callable[[int], Sequence[int]]] = [
        lambda number: customers.find_by_ref(ref=f"c{number}", namespace="bench"),
        lambda number: profiles.find_by_email(f"w{number}@mail.example"),
        lambda number: profiles.find_by_phone(_phone(number)),
    ]
    spent: list[float] = []
    for turn in range(times):
        number = chosen[turn * 7919 % len(chosen)]
        spent.append(1000 * _seconds(partial(_read, ways[turn % len(ways)], number)))
    return {
        "members": members,
        "reads": times,
        "p50_ms": round(statistics.median(spent), 2),
        "p99_ms": round(statistics.quantiles(spent, n=100, method="inclusive")[-1], 2),
        "read_goal_ms": READ_GOAL_MS,
    }


def _read(way: Callable[[int], Sequence[int]], wanted: int) -> None:
    found = way(wanted)
    if list(found) != [wanted]:
        raise AssertionError(f"asked for customer {wanted}, found {list(found)[:3]}")
    customers.get(found[0])
    persons.records_of(found[0])
    profiles.masked(found)


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


def _phone(number: int) -> str:
    return f"+86138{number % 10**8:08d}"


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
        f" {facts['by_hand_seconds']} s)\n"
        f"identity: somebody among {facts['members']:,} found by reference, address or number and read: p50"
        f" {facts['p50_ms']} ms, p99 {facts['p99_ms']} ms (goal: {READ_GOAL_MS:.0f} ms)"
    )


BENCHMARKS = (identity_,)
