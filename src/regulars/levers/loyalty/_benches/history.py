"""`regulars bench backfill`: the history of a shop's orders posted under a programme, by the verb that does it."""

import json
import os
import resource
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
from django.db import connections

from regulars.facts.commerce import goods_returns, order_reports, orders, return_reports
from regulars.facts.commerce.order_reports import OrderBatch
from regulars.facts.commerce.return_reports import ReturnBatch
from regulars.facts.company import company
from regulars.kit.actors import SYSTEM
from regulars.levers.loyalty import backfilling, checkups, programme_files, programmes
from regulars.levers.loyalty.earning import Posted
from regulars.runtime.database import clock, ready, scratch
from regulars.runtime.database.needs import without_database

GOAL = 20_000
BATCH = 20_000
DAYS = 900
PRODUCTS = 800
#: Of a hundred orders so many send something back.
RETURNED = 4


@without_database
@click.command("backfill")
@click.option("--orders", "count", type=click.IntRange(1_000), default=200_000, show_default=True)
@click.option("--processes", type=click.IntRange(1, 64), default=backfilling.PROCESSES, show_default=True)
@click.option("--programme", default="classic", show_default=True, help="One that comes with Regulars, or a file.")
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def backfill(count: int, processes: int, programme: str, here: bool, as_json: bool) -> None:
    """A history of orders posted under a programme, its rules evaluated, all of it written and durable."""
    if not here:
        told = ["--orders", str(count), "--processes", str(processes), "--programme", programme]
        scratch.run(["bench", "backfill", "--here", *told, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=_say):
        facts = measure(count, processes, programme)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(count: int, processes: int, programme: str) -> dict[str, Any]:
    """Awards a second of wall time, and what one costs the processes and the database; that again nothing changes."""
    now = clock.now()
    _sell(count, now)
    code = _activate(programme, now)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    began, own, database = time.perf_counter(), own_seconds(), database_seconds()
    done = _post(code, now, processes)
    seconds, own, database = time.perf_counter() - began, own_seconds() - own, database_seconds() - database
    entries = _count("loyalty_entry")
    again_began = time.perf_counter()
    again = _post(code, now, processes)
    again_seconds = time.perf_counter() - again_began
    with connections["owner"].cursor() as cursor:
        # Autovacuum comes by once a minute; of tables that are full since a moment ago plans for empty ones take hours.
        cursor.execute("ANALYZE")
    return {
        "orders": done.decided,
        "programme": code,
        "rules": len(programmes.active(now)[0].programme.of_orders),
        "awards": done.awards,
        "entries": entries,
        "lots": _count("loyalty_lot"),
        "processes": processes,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "seconds": round(seconds, 2),
        "per_second": round(done.awards / seconds),
        "orders_per_second": round(done.decided / seconds),
        "own_cpu_us": round(own / done.awards * 1e6, 1),
        "database_cpu_us": round(database / done.awards * 1e6, 1),
        "goal": GOAL,
        "again_changed": (again != Posted()) + abs(_count("loyalty_entry") - entries),
        "again_seconds": round(again_seconds, 2),
        "broken": len(list(checkups.broken())),
    }


def _post(code: str, now: datetime, processes: int) -> Posted:
    return backfilling.all_of_it(programme=code, at=now, by=SYSTEM, processes=processes)


def _activate(programme: str, now: datetime) -> str:
    made = programmes.draft(text=programme_files.text_of(programme), at=now, by=SYSTEM)
    programmes.approve(programme=made.programme, version=made.number, cost=0, at=now, by=SYSTEM, why="a benchmark")
    programmes.activate(programme=made.programme, version=made.number, at=now, by=SYSTEM)
    return made.programme


def _sell(count: int, now: datetime) -> None:
    """Orders much like a shop's: some buy once, some a hundred times; one to six lines; a few come back."""
    chance = np.random.default_rng(20_260_101)
    often = chance.gamma(0.6, size=max(count // 8, 50))
    who = chance.choice(len(often), count, p=often / often.sum())
    begins = np.datetime64(now.replace(tzinfo=None)) - np.timedelta64(DAYS, "D")
    when = begins + np.sort((chance.random(count) * (DAYS - 1) * 86_400).astype("int64")).astype("timedelta64[s]")
    for start in range(0, count, BATCH):
        end = min(start + BATCH, count)
        refs = [f"o{n}" for n in range(start, end)]
        lines = _lines(refs, chance)
        placed = pl.Series(when[start:end].astype("datetime64[us]")).dt.replace_time_zone("UTC")
        heads = pl.DataFrame(
            {
                "ref": refs,
                "customer_ref": [f"c{one}" for one in who[start:end]],
                "placed_at": placed,
                "placed_on": placed.dt.date(),
                "currency": company.shop().currency,
                "channel": chance.choice(["web", "store"], end - start),
                "shipping_minor": chance.choice([0, 395], end - start),
            }
        )
        batch = OrderBatch("bench", _as(heads, order_reports.ORDERS), lines, "history")
        orders.record_many(batch=batch, at=now, by=SYSTEM)
        _send_back(heads, lines, chance, now)


def _as(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())


def _lines(refs: list[str], chance: np.random.Generator) -> pl.DataFrame:
    many = chance.integers(1, 7, len(refs)) // 2 + 1
    of = np.repeat(refs, many)
    quantity, price = chance.integers(1, 4, len(of)), chance.integers(199, 9_999, len(of))
    found = pl.DataFrame(
        {
            "ref": of,
            "number": np.concatenate([np.arange(1, n + 1) for n in many]),
            "product_ref": [f"p{n}" for n in chance.integers(0, PRODUCTS, len(of))],
            "quantity": quantity,
            "unit_price": [Decimal(int(one)) / 100 for one in price],
            "amount_minor": quantity * price,
            "discount_minor": 0,
        }
    )
    return _as(found, order_reports.LINES)


def _send_back(heads: pl.DataFrame, lines: pl.DataFrame, chance: np.random.Generator, now: datetime) -> None:
    some = heads.filter(pl.Series(chance.integers(0, 100, len(heads)) < RETURNED))
    back = some.select(
        "customer_ref",
        "currency",
        ref=pl.concat_str(pl.lit("r"), "ref"),
        order_ref="ref",
        returned_at=pl.min_horizontal(pl.col("placed_at") + timedelta(days=9), pl.lit(now)),
    ).with_columns(returned_on=pl.col("returned_at").dt.date())
    goods = (
        lines.filter(pl.col("number") == 1)
        .join(some.select("ref"), on="ref", how="semi")
        .with_columns(ref=pl.concat_str(pl.lit("r"), "ref"))
    )
    returns = _as(back, return_reports.RETURNS)
    batch = ReturnBatch("bench", returns, _as(goods, return_reports.LINES), "history")
    goods_returns.record_many(batch=batch, at=now, by=SYSTEM)


def own_seconds() -> float:
    """Seconds of the processor that this process and those it waited for have had."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def database_seconds() -> float:
    """What the database's processes have had, all of them; nothing where it runs on another machine."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(session,)] = cursor.fetchall()
    own = _stat(session)
    if own is None:
        return 0.0
    keeper = int(own[1])
    told = _stat(keeper)
    ticks = sum(int(one) for one in (told or [])[11:15])
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields is not None and int(fields[1]) == keeper:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[str] | None:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        # Ended since its folder was listed: what it used is in its parent's sum by now.
        return None


def _count(table: str) -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
        return int(cursor.fetchone()[0])


def _say(words: str) -> None:
    click.echo(words, err=True)


def _told(facts: dict[str, Any]) -> str:
    return (
        f"backfill: {facts['orders']:,} orders under {facts['programme']} ({facts['rules']} rules) in"
        f" {facts['seconds']} s by {facts['processes']} processes on {facts['cores']} cores at load {facts['load']}:"
        f" {facts['per_second']:,} awards a second (goal: {GOAL:,}), {facts['orders_per_second']:,} orders;"
        f" {facts['awards']:,} awards, {facts['entries']:,} entries; of the processor {facts['own_cpu_us']} µs an award"
        f" here and {facts['database_cpu_us']} in the database. Again: {facts['again_changed']} changed, in"
        f" {facts['again_seconds']} s. Books that do not agree: {facts['broken']}"
    )
