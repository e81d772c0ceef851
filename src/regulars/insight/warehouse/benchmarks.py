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
from django.db import connection

from regulars.insight.warehouse import filling, publishing
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database
from regulars.runtime.database.published import PublishedStream, PublishedTable

#: What is compared: what grows with the shop.
_GROWING = ("customers", "orders", "lines", "events", "event_products", "visitors")


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
    filling.begin(customers=customers)
    filling.add(customers=customers, orders=(1, orders), events=(1, events))
    facts: dict[str, float] = {"orders": orders, "events": events}
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        home = Path(folder)
        facts["whole_seconds"] = _seconds(lambda: _publish(home))
        facts["by_hand_seconds"] = _seconds(lambda: _by_hand(home))
        last = {"orders": orders + orders // filling.DAYS, "events": events + events // filling.DAYS}
        filling.add(
            customers=customers, orders=(orders + 1, last["orders"]), events=(events + 1, last["events"]), days=1
        )
        facts["a_day_seconds"] = _seconds(lambda: _publish(home))
        facts["nothing_new_seconds"] = _seconds(lambda: _publish(home))
    facts["times_by_hand"] = round(facts["whole_seconds"] / facts["by_hand_seconds"], 2)
    facts["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return facts | {"load": round(os.getloadavg()[0], 1)}


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
