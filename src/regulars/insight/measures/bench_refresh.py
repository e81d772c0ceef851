"""`regulars bench refresh`: `regulars insight refresh` from nothing, killed and taken up, of a day more, of nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
from django.conf import settings

from regulars.insight.warehouse import filling
from regulars.kit.refusals import Refusal
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database
from regulars.runtime.postgres import embedded

#: Seconds, and megabytes of the command and the database's processes that work for it.
GOALS = {"whole_seconds": 120, "a_day_seconds": 20, "megabytes": 6_144}
_LOOKS_EVERY = 0.1
_TICK = os.sysconf("SC_CLK_TCK")


class WentWrong(Refusal):
    """A refresh did not come to its end, or did when it should not."""

    code = "insight.bench_went_wrong"


@dataclass(frozen=True)
class Took:
    """Seconds on the clock; of the processor, of the command and of the database; the most megabytes of each: resident
    of the command, its own (beside what is shared) of the database's processes together."""

    seconds: float
    cpu: float
    database_cpu: float
    megabytes: int
    database_megabytes: int


@without_database
@click.command("refresh")
@click.option("--customers", type=click.IntRange(100), default=50_000, show_default=True)
@click.option("--orders", type=click.IntRange(1_000), default=500_000, show_default=True, help="Of two lines each.")
@click.option("--here", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def bench_refresh(customers: int, orders: int, here: bool, as_json: bool) -> None:
    """A refresh from nothing, one that is killed and taken up, one of a day's orders, one of nothing new."""
    if not here:
        size = ["--customers", str(customers), "--orders", str(orders)]
        scratch.run(["bench", "refresh", "--here", *size, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=lambda words: click.echo(words, err=True)):
        facts = measure(customers, orders)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(customers: int, orders: int) -> dict[str, float]:
    filling.begin(customers=customers, with_visitors=False)
    # Up to yesterday: with a day more, all is seen from another day.
    filling.add(customers=customers, orders=(1, orders), ago=1)
    facts: dict[str, float] = {"customers": customers, "orders": orders}
    return facts | measure_filled(customers, orders)


def measure_filled(customers: int, orders: int) -> dict[str, float]:
    """In a database that has so many already."""
    warehouse = Path(settings.REGULARS_HOME) / "warehouse"
    shutil.rmtree(warehouse, ignore_errors=True)
    whole = _refreshed()
    _say("from nothing", whole)
    shutil.rmtree(warehouse)
    # Half of the time it took may be all of it, where others use the machine less by now.
    killed = _refreshed(kill_after=whole.seconds / 4)
    taken_up = _refreshed()
    _say(f"taken up after it was killed at {killed.seconds} s", taken_up)
    more = max(orders // filling.DAYS, 1)
    filling.add(customers=customers, orders=(orders + 1, orders + more), days=1)
    a_day = _refreshed()
    _say("a day more", a_day)
    nothing = _refreshed()
    _say("nothing new", nothing)
    every = (whole, taken_up, a_day, nothing)
    return {
        "whole_seconds": whole.seconds,
        "whole_cpu": whole.cpu,
        "whole_database_cpu": whole.database_cpu,
        "killed_at_seconds": killed.seconds,
        "taken_up_seconds": taken_up.seconds,
        "a_day_orders": more,
        "a_day_seconds": a_day.seconds,
        "a_day_cpu": a_day.cpu,
        "nothing_new_seconds": nothing.seconds,
        "megabytes": max(one.megabytes + one.database_megabytes for one in every),
        "database_megabytes": max(one.database_megabytes for one in every),
        "load": round(os.getloadavg()[0], 1),
    }


def _refreshed(*, kill_after: float | None = None) -> Took:
    command = [sys.executable, "-m", "regulars", "insight", "refresh", "--json"]
    environment = os.environ | {"REGULARS_HOME": str(settings.REGULARS_HOME)}
    running = None if ready.is_external() else embedded.facts(Path(settings.REGULARS_HOME))
    began, before = time.monotonic(), 0.0 if running is None else _tree(running.server)[0]
    cpu, most, of_database = 0.0, 0, 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:  # noqa: S603 - ourselves
        while child.poll() is None:
            spent, held = _tree(child.pid)
            cpu, most = max(cpu, spent), max(most, held)
            if running is not None:
                of_database = max(of_database, _tree(running.server, own=True)[1])
            if kill_after is not None and time.monotonic() - began > kill_after:
                child.send_signal(signal.SIGKILL)
            time.sleep(_LOOKS_EVERY)
    if (child.returncode == 0) != (kill_after is None):
        raise WentWrong(f"the refresh ended with {child.returncode}; see what it said above")
    after = 0.0 if running is None else _tree(running.server)[0]
    seconds = time.monotonic() - began
    return Took(round(seconds, 1), round(cpu, 1), round(after - before, 1), most >> 20, of_database >> 20)


def _tree(pid: int, *, own: bool = False) -> tuple[float, int]:
    """CPU seconds of a process and all below it, living and ended, and the bytes they hold now; `own`: without what
    processes share, such as the database's buffers."""
    below: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(folder.name))
        spent[int(folder.name)] = sum(int(ticks) for ticks in fields[11:15]) / _TICK
    cpu, held, wanted = 0.0, 0, [pid]
    while wanted:
        one = wanted.pop()
        cpu += spent.get(one, 0.0)
        held += _held(one, own=own)
        wanted += below.get(one, [])
    return cpu, held


def _held(pid: int, *, own: bool) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    wanted = "RssAnon:" if own else "VmRSS:"
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(wanted))


def _say(what: str, took: Took) -> None:
    click.echo(
        f"  {what}: {took.seconds} s, CPU {took.cpu} s and {took.database_cpu} of the database, at most"
        f" {took.megabytes} MB and {took.database_megabytes} of the database's own",
        err=True,
    )


def _told(facts: dict[str, float]) -> str:
    return (
        f"{facts['customers']:,.0f} customers and {facts['orders']:,.0f} orders refreshed from nothing in"
        f" {facts['whole_seconds']} s (goal: below {GOALS['whole_seconds']} at 1,000,000 and 10,000,000; CPU"
        f" {facts['whole_cpu']} s and {facts['whole_database_cpu']} of the database); killed after"
        f" {facts['killed_at_seconds']} s and taken up, {facts['taken_up_seconds']} s more; a day of"
        f" {facts['a_day_orders']:,.0f} orders {facts['a_day_seconds']} s (goal: below {GOALS['a_day_seconds']}),"
        f" nothing new {facts['nothing_new_seconds']} s; at most {facts['megabytes']:,.0f} MB (goal: below"
        f" {GOALS['megabytes']:,}); load {facts['load']}."
    )
