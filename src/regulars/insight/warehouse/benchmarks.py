"""`regulars bench warehouse`: publishing from nothing and of a day, beside COPY and DuckDB written by hand."""

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import duckdb
from django.db import connection, connections

from regulars.facts.sources import sources
from regulars.insight.warehouse import publishing
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database
from regulars.runtime.database.published import PublishedStream, PublishedTable

#: What is compared: what grows with the shop.
_GROWING = ("customers", "orders", "lines", "events", "event_products", "visitors")
_DAYS = 700
_CUSTOMERS = (
    "INSERT INTO customers_customer (origin, country, first_seen_at)"
    " SELECT 'history', 'GB', now() - interval '700 days' FROM generate_series(1, %(customers)s)"
)
_PRODUCTS = (
    "INSERT INTO commerce_product (namespace, ref, title, category)"
    " SELECT 'bench', 'p' || n, 'Thing ' || n, 'Home > Kitchen' FROM generate_series(1, 1000) AS n"
)
_ORDERS = (
    "INSERT INTO commerce_order (namespace, ref, customer_id, channel_id, placed_at, placed_on, currency, kind,"
    " goods_minor, discount_minor, shipping_minor, tax_minor, total_minor, origin, fingerprint)"
    " SELECT 'bench', n::text, 1 + n * 7919 %% %(customers)s, (SELECT min(id) FROM company_channel), at, at::date,"
    " 'CNY', 'purchase', 5000, 0, 0, 0, 5000, 'history', '\\x00' FROM (SELECT n, now() - n * 6700417 %% 700"
    " * interval '1 day' AS at FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS made"
)
_LINES = (
    "INSERT INTO commerce_line (order_id, number, product_id, quantity, unit_price, amount_minor, discount_minor)"
    " SELECT sale.id, k, 1 + (sale.id * 7 + k * 13) %% 1000, 1, 25, 2500, 0 FROM commerce_order AS sale"
    " CROSS JOIN generate_series(1, 2) AS k WHERE sale.ref::bigint >= %(first)s"
)
_VISITORS = (
    "INSERT INTO events_visitor (id, namespace, kind, ref, customer_id, first_seen_at, last_seen_at, events, counts,"
    " products, last_source) SELECT md5('v' || n)::uuid, 'shop', 'user', n::text, n, now() - interval '700 days',"
    " now(), 10, '{}', '{}', 1 FROM generate_series(1, %(customers)s) AS n"
)
_EVENTS = """
INSERT INTO events_event (id, source, kind, name, visitor, user_ref, message_id, occurred_at, received_at, why_then,
       origin, data)
SELECT (1 + n / 1000) << 14 | n %% 1000, (SELECT min(id) FROM sources_source), CASE WHEN n %% 5 < 3 THEN 1 ELSE 3 END,
       CASE n %% 5 WHEN 0 THEN 'Product Viewed' WHEN 1 THEN 'Order Completed' WHEN 2 THEN 'Product Added'
       ELSE 'Home' END,
       md5('v' || (1 + n %% %(customers)s))::uuid, (1 + n %% %(customers)s)::text, n::text,
       now() - n * 6700417 %% 700 * interval '1 day', now(), 0, 'live', jsonb_build_object('context',
       jsonb_build_object('userAgent', 'Mozilla/5.0 (X11; Linux x86_64)', 'page', jsonb_build_object('path', '/a')),
       'properties', CASE n %% 5 WHEN 1 THEN jsonb_build_object('total', 50, 'products', jsonb_build_array(
           jsonb_build_object('product_id', 'p1', 'price', 3), jsonb_build_object('product_id', 'p2', 'quantity', 2)))
       ELSE jsonb_build_object('product_id', 'p' || n %% 1000, 'price', 9.5, 'category', 'Home', 'path', '/x') END)
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


@without_database
@click.command("warehouse")
@click.option("--orders", type=click.IntRange(1_000), default=100_000, show_default=True)
@click.option("--events", type=click.IntRange(1_000), default=100_000, show_default=True)
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def warehouse(orders: int, events: int, here: bool, as_json: bool) -> None:
    """Orders and events published from nothing, and one more day of them, beside COPY and DuckDB by hand."""
    if not here:
        size = ["--orders", str(orders), "--events", str(events)]
        scratch.run(["bench", "warehouse", "--here", *size, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=lambda words: click.echo(words, err=True)):
        facts = measure(orders, events)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(orders: int, events: int) -> dict[str, float]:
    """Seconds of each way over the same rows, and how far the process grew."""
    customers = max(orders // 10, 1)
    size = {"customers": customers}
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO company_channel (code, name, kind) VALUES ('web', 'web', 'web')")
        for back in range(_DAYS // 28 + 1):
            cursor.execute("SELECT events_make_month((now() - %s * interval '28 days')::date)", [back])
    sources.make(name="web", kind="web", namespace="shop", zone="UTC", at=datetime.now(UTC), by=SYSTEM)
    _run(size, _CUSTOMERS, _PRODUCTS, _VISITORS)
    _add(size, (1, orders), (1, events))
    facts: dict[str, float] = {"orders": orders, "events": events}
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        home = Path(folder)
        facts["whole_seconds"] = _seconds(lambda: _publish(home))
        facts["by_hand_seconds"] = _seconds(lambda: _by_hand(home))
        _add(size, (orders + 1, orders + orders // _DAYS), (events + 1, events + events // _DAYS))
        facts["a_day_seconds"] = _seconds(lambda: _publish(home))
        facts["nothing_new_seconds"] = _seconds(lambda: _publish(home))
    facts["times_by_hand"] = round(facts["whole_seconds"] / facts["by_hand_seconds"], 2)
    facts["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return facts | {"load": round(os.getloadavg()[0], 1)}


def _add(size: dict[str, int], orders: tuple[int, int], events: tuple[int, int]) -> None:
    _run(size | {"first": orders[0], "last": orders[1]}, _ORDERS, _LINES)
    _run(size | {"first": events[0], "last": events[1]}, _EVENTS)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT setval('events_batch_number', %s, true)", [1 + events[1] // 1000])
        cursor.execute("VACUUM (ANALYZE)")


def _run(values: dict[str, int], *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return round(time.perf_counter() - began, 2)


def _publish(home: Path) -> None:
    publishing.publish(home, at=datetime.now(UTC))


def _by_hand(home: Path) -> None:
    """Each table through one COPY into a file of CSV, and by DuckDB from there into Parquet: as a script would."""
    for name, sql in _queries():
        csv = home / f"{name}.csv"
        with csv.open("wb") as out, _copied(f"COPY ({sql}) TO STDOUT (FORMAT csv, HEADER)") as blocks:
            for block in blocks:
                out.write(block)
        with duckdb.connect() as engine:
            read = f"SELECT * FROM read_csv('{csv}', header = true, all_varchar = true)"  # noqa: S608 - our own file
            engine.execute(f"COPY ({read}) TO '{home / name}.parquet' (FORMAT parquet, COMPRESSION zstd)")


@contextmanager
def _copied(query: str) -> Iterator[Iterator[bytes | memoryview]]:
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        yield iter(copy)


def _queries() -> Iterator[tuple[str, str]]:
    for table in publishing.published_tables():
        if isinstance(table, PublishedStream):
            for name, sql in [(table.name, table.sql), *((part.name, part.sql) for part in table.parts)]:
                yield name, sql.replace("{rows}", "true")
        elif isinstance(table, PublishedTable) and table.name in _GROWING:
            yield table.name, table.sql


def _told(facts: dict[str, float]) -> str:
    return (
        f"{facts['orders']:,.0f} orders and {facts['events']:,.0f} events published from nothing in"
        f" {facts['whole_seconds']} s, {facts['times_by_hand']} times COPY and DuckDB by hand"
        f" ({facts['by_hand_seconds']} s); one more day in {facts['a_day_seconds']} s, nothing new in"
        f" {facts['nothing_new_seconds']} s; at most {facts['megabytes']:.0f} MB; load {facts['load']}."
    )


BENCHMARKS = (warehouse,)
