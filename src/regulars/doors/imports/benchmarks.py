"""`regulars bench import`: an order file brought in, beside COPY of the very rows it made into the very same tables."""

import json
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import polars as pl
from django.db import connections, transaction

from regulars.doors.imports import orders
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database

#: What an import writes, in the order of its foreign keys.
TABLES = (
    *("company_channel", "company_store", "customers_customer", "customers_identifier", "commerce_product"),
    *("commerce_order", "commerce_line", "commerce_return", "commerce_return_line", "commerce_return_match"),
)
GOAL = 0.4
_BLOCK = 1 << 16


class NotEmpty(Refusal):
    """The database has something in the tables that the benchmark empties."""

    code = "imports.bench_not_empty"


def _say(words: str) -> None:
    click.echo(words, err=True)


def write_orders(path: Path, lines: int) -> None:
    """An order file much like a year of a gift shop's: 24 lines an order, few customers a day, some returns."""
    chance = np.random.default_rng(20_101_201)
    order = np.sort(chance.integers(0, max(lines // 24, 1), lines))
    is_return = chance.random(lines) < 0.017
    day = np.datetime64("2023-01-01T08:00") + (order * (365 * 24 * 60) // (order.max() + 1)).astype("timedelta64[m]")
    customer = chance.integers(10_000, 10_000 + max(lines // 120, 1), int(order.max()) + 1)[order]
    guest = chance.random(int(order.max()) + 1)[order] < 0.2
    pl.DataFrame(
        {
            "order": np.where(is_return, order + 10_000_000, order + 1),
            "placed_at": day.astype("datetime64[us]"),
            "customer": np.where(guest, "", customer.astype(str)),
            "product": (chance.zipf(1.3, lines) % 4_000).astype(str),
            "title": "a thing of no great importance",
            "country": "United Kingdom",
            "quantity": np.where(is_return, -1, chance.integers(1, 24, lines)),
            "unit_price": np.round(chance.gamma(2.0, 2.0, lines), 2) + 0.01,
            "currency": "GBP",
        }
    ).write_parquet(path)


@without_database
@click.command("import")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--lines", type=click.IntRange(1_000), default=300_000, show_default=True, help="Size without FILE.")
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True, help="The best one of each counts.")
@click.option(
    "--here",
    is_flag=True,
    help="In the database of REGULARS_DATABASE_URL or REGULARS_HOME, which must be empty and is emptied again;"
    " without it in one of its own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def bench_import(file: Path | None, lines: int, rounds: int, here: bool, as_json: bool) -> None:
    """An order file brought in, beside COPY of the same rows into the same tables, keys and indexes included."""
    if not here:
        scratch.run(["bench", "import", "--here", *_again(file, lines, rounds, as_json)])
        return
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        if file is None:
            file = Path(folder) / "orders.parquet"
            write_orders(file, lines)
        with ready.database_ready(say=_say):
            facts = measure(file, Path(folder), rounds)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(file: Path, folder: Path, rounds: int) -> dict[str, object]:
    """Import and COPY by turns, each into empty tables; the best of each. Seconds, and their ratio."""
    if full := [table for table in TABLES if _count(table)]:
        raise NotEmpty(
            f"database: it has rows in {', '.join(full)}; take an empty one, the benchmark empties it again",
            field="database",
            value=full[0],
        )
    imported, copied, client = [], [], []
    rows = 0
    for number in range(rounds):
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        orders.import_orders(file, None, at=datetime.now(UTC), by=Actor("system", "bench"), reject_file=folder / "no")
        imported.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_SELF)
        client.append(after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime)
        if number == 0:
            rows = sum(_keep(table, folder) for table in TABLES)
        _empty()
        began = time.perf_counter()
        for table in TABLES:
            _copy(table, folder)
        copied.append(time.perf_counter() - began)
        _empty()
    return {
        "file": file.name,
        "rows_written": rows,
        "import_seconds": round(min(imported), 3),
        "client_cpu_seconds": round(min(client), 3),
        "copy_seconds": round(min(copied), 3),
        "ratio": round(min(copied) / min(imported), 2),
        "goal": GOAL,
        "rounds": rounds,
    }


def _again(file: Path | None, lines: int, rounds: int, as_json: bool) -> list[str]:
    size = [str(file.resolve())] if file else ["--lines", str(lines)]
    return [*size, "--rounds", str(rounds), *(["--json"] if as_json else [])]


def _told(facts: dict[str, object]) -> str:
    return (
        f"import: {facts['import_seconds']} s ({facts['client_cpu_seconds']} s of it the client's CPU) beside"
        f" {facts['copy_seconds']} s of COPY for the same {facts['rows_written']:,} rows of {facts['file']}:"
        f" {facts['ratio']} of it (goal: {facts['goal']} at least)"
    )


def _count(table: str) -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - one of TABLES
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def _empty() -> None:
    """Tables that are never emptied hang on these; nobody has written to them, and they would refuse all the same."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        # 32: fired by TRUNCATE.
        cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgtype & 32 > 0")
        guarded = [table for (table,) in cursor.fetchall()]
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _keep(table: str, folder: Path) -> int:
    """The table's rows as COPY writes them."""
    with (
        (folder / table).open("wb") as file,
        connections["owner"].cursor() as cursor,
        cursor.copy(f"COPY {table} TO STDOUT") as source,
    ):
        for block in source:
            file.write(block)
    return _count(table)


def _copy(table: str, folder: Path) -> None:
    with (
        (folder / table).open("rb") as file,
        connections["owner"].cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN") as sink,
    ):
        while block := file.read(_BLOCK):
            sink.write(block)


BENCHMARKS: tuple[click.Command, ...] = (bench_import,)
