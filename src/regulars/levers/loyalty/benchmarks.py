"""`regulars bench ledger`: verbs one by one beside pgbench, and awards in bulk. `regulars bench expiry`: a sweep of
lots that lapsed, and how long spends wait meanwhile. `regulars bench backfill` is in
`_benches/history.py`, `regulars bench identity` in `_benches/joins.py`, `regulars bench tiers` in
`_benches/requalified.py`."""

import json
import multiprocessing
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import click
from django.conf import settings
from django.db import connections

from regulars.facts.customers import customers
from regulars.kit.actors import SYSTEM
from regulars.levers.loyalty import checkups, points
from regulars.levers.loyalty._benches.history import backfill
from regulars.levers.loyalty._benches.joins import identity_
from regulars.levers.loyalty._benches.requalified import tiers_
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.points import NewLot, Reason
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.binaries import find_binaries

GOAL = 0.25
BULK_GOAL = 20_000
SWEEP_GOAL_SECONDS = 600.0
START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = 2_000
BATCH = 5_000
ROUNDS = 3
_TPS = re.compile(r"tps = ([0-9.]+)")


@without_database
@click.command("ledger")
@click.option("--seconds", type=click.IntRange(1), default=5, show_default=True, help="Of each turn.")
@click.option("--clients", type=click.IntRange(1), default=2, show_default=True)
@click.option("--bulk", type=click.IntRange(BATCH), default=100_000, show_default=True, help="Awards in bulk.")
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def ledger(seconds: int, clients: int, bulk: int, here: bool, as_json: bool) -> None:
    """Awards and redemptions one by one beside pgbench on the same server, by turns; awards in bulk."""
    if not here:
        arguments = ["--seconds", str(seconds), "--clients", str(clients), "--bulk", str(bulk)]
        scratch.run(["bench", "ledger", "--here", *arguments, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=_say):
        facts = measure_verbs(seconds, clients) | measure_bulk(bulk)
    click.echo(json.dumps(facts) if as_json else _told(facts))


@without_database
@click.command("expiry")
@click.option("--lots", type=click.IntRange(BATCH), default=1_000_000, show_default=True)
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def expiry(lots: int, here: bool, as_json: bool) -> None:
    """Booking lots that lapsed, while the same people go on spending."""
    if not here:
        scratch.run(["bench", "expiry", "--here", "--lots", str(lots), *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=_say):
        facts = measure_sweep(lots)
    click.echo(json.dumps(facts) if as_json else _told_of_sweep(facts))


def measure_verbs(seconds: int, clients: int) -> dict[str, object]:
    """Transactions a second of pgbench's own script and of our verbs, by turns; the round in the middle counts."""
    people = _people(PEOPLE)
    _award([NewLot(one, 10**6, Reason("awarded")) for one in people], "furnish")
    _pgbench("-i", "-q", "-s", "10")
    rounds = []
    for turn in range(ROUNDS):
        beside = _pgbench("-n", "-c", str(clients), "-j", str(clients), "-T", str(seconds))
        done = _at_once(_spends_and_earns, [(people, f"{turn}-{n}", float(seconds)) for n in range(clients)])
        took = sorted(one for times in done for one in times)
        rounds.append((len(took) / seconds / beside, len(took) / seconds, beside, took))
    ratio, verbs, beside, took = sorted(rounds)[ROUNDS // 2]
    return {
        "clients": clients,
        "ratio": round(ratio, 3),
        "ratios": [round(one[0], 3) for one in sorted(rounds)],
        "verbs_per_second": round(verbs),
        "pgbench_tps": round(beside),
        "p50_ms": round(1000 * statistics.median(took), 2),
        "p99_ms": round(1000 * took[int(0.99 * len(took))], 2),
        "goal": GOAL,
        "broken": len(list(checkups.broken())),
    }


def measure_bulk(awards: int) -> dict[str, object]:
    """Awards a second where they are posted in batches, one act each."""
    people = _people(PEOPLE)
    lots = [
        NewLot(people[n % PEOPLE], 1 + n % 90, Reason("awarded"), subject=f"order:{n}", rule="spend", rule_version=1)
        for n in range(awards)
    ]
    began, processor = time.perf_counter(), time.process_time()
    for start in range(0, awards, BATCH):
        _award(lots[start : start + BATCH], f"bulk-{start}")
    seconds = time.perf_counter() - began
    return {
        "bulk_awards": awards,
        "bulk_per_second": round(awards / seconds),
        "bulk_own_cpu_us": round((time.process_time() - processor) / awards * 1e6, 1),
        "bulk_goal": BULK_GOAL,
    }


def measure_sweep(lots: int) -> dict[str, object]:
    """Seconds to book so many lapsed lots, ten of each account, and what a spend takes before and meanwhile."""
    people = _people(lots // 10)
    until = date(2026, 3, 31)
    ends = datetime(2026, 3, 31, 16, tzinfo=UTC)
    for start in range(0, lots, BATCH):
        _award(
            [
                NewLot(people[n // 10], 5, Reason("awarded"), expires_on=until, expires_at=ends)
                for n in range(start, min(lots, start + BATCH))
            ],
            f"sweep-{start}",
        )
    for start in range(0, len(people), BATCH):
        _award([NewLot(one, 1000, Reason("awarded")) for one in people[start : start + BATCH]], f"stay-{start}")
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    at = ends + timedelta(days=1)
    # Of somebody who is swept and of somebody who is not yet, a spend books what lapsed first.
    before = sorted(_spends(people, "before", 3.0, at))
    connections.close_all()
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    with context.Pool(1, initializer=_keep, initargs=(stop,)) as pool:
        waiting = pool.apply_async(_spends_until_told, (people, at))
        began = time.perf_counter()
        booked = clockwork.book_due(at=at, by=SYSTEM)
        seconds = time.perf_counter() - began
        stop.set()
        meanwhile = sorted(waiting.get())
    return {
        "lots": lots,
        "entries": booked["expire"],
        "seconds": round(seconds, 1),
        "lots_per_second": round(lots / seconds),
        "goal_seconds_of_a_million": SWEEP_GOAL_SECONDS,
        "spend_before_ms": _tail(before),
        "spend_meanwhile_ms": _tail(meanwhile),
        "spends_meanwhile": len(meanwhile),
        "broken": len(list(checkups.broken(_some_accounts()))),
    }


_STOP: list[Any] = []


def _keep(stop: Any) -> None:
    _STOP[:] = [stop]


def _spends_until_told(people: Sequence[int], at: datetime) -> list[float]:
    took: list[float] = []
    while not _STOP[0].is_set():
        took += _spends(people, f"meanwhile-{len(took)}", 0.5, at)
    connections.close_all()
    return took


def _spends(people: Sequence[int], name: str, seconds: float, at: datetime) -> list[float]:
    chance = Random(name)  # noqa: S311 - the same people every time
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        key = f"{name}-{len(took)}"
        points.redeem(customer=chance.choice(people), amount=1, key=key, at=at, by=SYSTEM)
        took.append(time.perf_counter() - began)
    return took


def _spends_and_earns(people: Sequence[int], name: str, seconds: float) -> list[float]:
    chance = Random(name)  # noqa: S311 - the same people every time
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        verb = (points.award, points.redeem)[len(took) % 2]
        verb(customer=chance.choice(people), amount=7, key=f"{name}-{len(took)}", at=START, by=SYSTEM)
        took.append(time.perf_counter() - began)
    connections.close_all()
    return took


def _at_once(work: Callable[..., Any], told: Sequence[tuple[Any, ...]]) -> list[Any]:
    """In a process each, with a session each."""
    connections.close_all()
    with multiprocessing.get_context("fork").Pool(len(told)) as pool:
        return pool.starmap(work, told)


def _people(count: int) -> list[int]:
    refs = [f"bench-{n}" for n in range(count)]
    found: dict[str, int] = {}
    for start in range(0, count, BATCH):
        batch = refs[start : start + BATCH]
        found |= customers.resolve_many(namespace="bench", refs=batch, at=START, by=SYSTEM, origin="history")
    return [found[ref] for ref in refs]


def _award(lots: Sequence[NewLot], key: str) -> None:
    points.award_many(lots=lots, key=key, at=START, by=SYSTEM, origin="history")


def _some_accounts() -> list[int]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT id FROM loyalty_account ORDER BY id LIMIT 2000")
        return [number for (number,) in cursor.fetchall()]


def _pgbench(*arguments: str) -> float:
    """Its transactions a second; nothing where it only fills its tables."""
    url = embedded.superuser_url(Path(settings.REGULARS_HOME))
    command = [find_binaries().program("pgbench"), *arguments, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - PostgreSQL's own
    if done.returncode:
        raise click.ClickException(done.stderr.strip())
    found = _TPS.search(done.stdout)
    return float(found[1]) if found else 0.0


def _tail(took: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(1000 * took[len(took) // 2], 1),
        "p99": round(1000 * took[int(0.99 * len(took))], 1),
        "most": round(1000 * took[-1], 1),
    }


def _say(words: str) -> None:
    click.echo(words, err=True)


def _told(facts: dict[str, Any]) -> str:
    return (
        f"ledger: {facts['verbs_per_second']:,} awards and redemptions a second by {facts['clients']} clients, one by"
        f" one; pgbench {facts['pgbench_tps']:,}: {facts['ratio']} of it (goal: {GOAL}; rounds {facts['ratios']}); p50"
        f" {facts['p50_ms']}, p99 {facts['p99_ms']} ms; books that do not agree: {facts['broken']}\n"
        f"in bulk {facts['bulk_per_second']:,} awards a second (goal: {BULK_GOAL:,}), {facts['bulk_own_cpu_us']} µs of"
        " the process's own CPU each"
    )


def _told_of_sweep(facts: dict[str, Any]) -> str:
    return (
        f"expiry: {facts['lots']:,} lapsed lots booked in {facts['seconds']} s, {facts['lots_per_second']:,} a second"
        f" (goal: a million in {SWEEP_GOAL_SECONDS:.0f} s); a spend took {facts['spend_before_ms']} ms before,"
        f" {facts['spend_meanwhile_ms']} meanwhile ({facts['spends_meanwhile']:,} of them)"
    )


BENCHMARKS = (ledger, expiry, backfill, identity_, tiers_)
