"""`regulars bench tiers`: where everybody stands, worked out from what they kept; again; and of one who bought."""

import json
import os
import statistics
import time
from datetime import datetime
from typing import Any

import click
from django.db import connection

from regulars.insight.warehouse import filling
from regulars.kit.actors import SYSTEM
from regulars.levers.loyalty import programme_files, programmes, requalifying, tiers
from regulars.levers.loyalty._benches import history
from regulars.levers.loyalty.requalifying import Looked
from regulars.runtime.database import clock, ready, scratch
from regulars.runtime.database.needs import without_database

GOAL_SECONDS = 60.0
ONES = 200


@without_database
@click.command("tiers")
@click.option("--members", type=click.IntRange(1_000), default=100_000, show_default=True)
@click.option("--orders", type=click.IntRange(1_000), default=300_000, show_default=True)
@click.option("--processes", type=click.IntRange(1, 64), default=requalifying.PROCESSES, show_default=True)
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def tiers_(members: int, orders: int, processes: int, here: bool, as_json: bool) -> None:
    """Everybody's status under the classic programme, written and durable; again, when nothing changes; of one."""
    if not here:
        told = ["--members", str(members), "--orders", str(orders), "--processes", str(processes)]
        scratch.run(["bench", "tiers", "--here", *told, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=lambda words: click.echo(words, err=True)):
        facts = measure(members, orders, processes)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(members: int, orders: int, processes: int) -> dict[str, Any]:
    """Seconds of wall time, and what it costs the processes and the database."""
    filling.begin(customers=members, with_visitors=False)
    filling.add(customers=members, orders=(1, orders))
    now = clock.now()
    text = programme_files.text_of("classic").replace("programme: classic", "programme: classic\nmoney: CNY")
    made = programmes.draft(text=text, at=now, by=SYSTEM)
    programmes.approve(programme="classic", version=made.number, cost=0, at=now, by=SYSTEM, why="a benchmark")
    programmes.activate(programme="classic", version=made.number, at=now, by=SYSTEM)
    first, seconds, own, database = _everyone(now, processes)
    again, again_seconds, _, _ = _everyone(now, processes)
    one = _ones()
    return {
        "members": first.people,
        "orders": orders,
        "moves": first.moves,
        "on_levels": sum(sum(each.values()) for each in tiers.on_levels().values()),
        "processes": processes,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "seconds": round(seconds, 1),
        "goal_seconds_for_a_million": GOAL_SECONDS,
        "seconds_for_a_million": round(seconds / first.people * 1e6, 1),
        "own_cpu_us": round(own / first.people * 1e6, 1),
        "database_cpu_us": round(database / first.people * 1e6, 1),
        "again_moves": again.moves,
        "again_seconds": round(again_seconds, 1),
        "one_ms": round(one * 1000, 1),
    }


def _everyone(at: datetime, processes: int) -> tuple[Looked, float, float, float]:
    began, own, database = time.perf_counter(), history.own_seconds(), history.database_seconds()
    done = requalifying.everyone(at=at, by=SYSTEM, processes=processes)
    return done, time.perf_counter() - began, history.own_seconds() - own, history.database_seconds() - database


def _ones() -> float:
    """What it takes to settle one of them, half of the times."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT customer_id FROM loyalty_standing ORDER BY customer_id LIMIT %s", [ONES])
        people = [number for (number,) in cursor.fetchall()]
    took = []
    for person in people:
        began = time.perf_counter()
        tiers.requalify(customer=person, at=clock.now(), by=SYSTEM)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _told(facts: dict[str, Any]) -> str:
    return (
        f"tiers: {facts['members']:,} members with {facts['orders']:,} orders in {facts['seconds']} s by"
        f" {facts['processes']} processes on {facts['cores']} cores at load {facts['load']}:"
        f" {facts['seconds_for_a_million']} s for a million (goal: {facts['goal_seconds_for_a_million']:.0f});"
        f" {facts['moves']:,} moves, {facts['on_levels']:,} on a level; of the processor {facts['own_cpu_us']} µs a"
        f" member here and {facts['database_cpu_us']} in the database. Again: {facts['again_moves']} moves, in"
        f" {facts['again_seconds']} s. Of one: {facts['one_ms']} ms"
    )
