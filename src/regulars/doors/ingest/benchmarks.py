"""`regulars bench ingest` and `bench profile-stream`: events through the real server, and how soon people show them."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from django.conf import settings
from django.db import connections

from regulars.doors.ingest import _sender, live_audiences
from regulars.facts.sources import sources, write_keys
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database
from regulars.runtime.postgres import embedded

#: What taking events in writes.
TABLES = ("events_seen", "events_event", "events_hidden", "events_batch")
#: What following them writes beside.
FOLLOWED = ("events_visitor", "events_evidence", "events_parked", "sources_traffic", "sources_quarantined")
GOAL = 0.6
GOAL_SECONDS = 1.0
BATCH = 100
#: Visitors of whom every third is a customer with a past.
PAST_VISITS = 3_000
#: Connections that send batches, and that send one by one.
SENDERS, SINGLES = 8, 32
#: Seconds between looks at how far the followers are: what is told is so much too late at most, and the looks take from
#: the same machine.
LOOKS_EVERY = 0.02
_BLOCK = 1 << 16
_TICK = os.sysconf("SC_CLK_TCK")
BY = Actor("system", "bench")


class NotEmpty(Refusal):
    """The database has events, which the benchmark would remove."""

    code = "ingest.bench_not_empty"


class WentWrong(Refusal):
    """Something did not come up, or did not take what it was sent."""

    code = "ingest.bench_went_wrong"


def _say(words: str) -> None:
    click.echo(words, err=True)


@without_database
@click.command("ingest")
@click.option("--events", type=click.IntRange(1_000), default=60_000, show_default=True, help="In batches, each round.")
@click.option("--singles", type=click.IntRange(100), default=5_000, show_default=True, help="One by one, each round.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="The one in the middle counts.")
@click.option("--here", is_flag=True, help="In the database of REGULARS_HOME, which must have no events.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def bench_ingest(events: int, singles: int, rounds: int, here: bool, as_json: bool) -> None:
    """Events taken in for good through the web server, beside COPY of the same rows into the same tables."""
    if not here:
        size = ["--events", str(events), "--singles", str(singles), "--rounds", str(rounds)]
        scratch.run(["bench", "ingest", "--here", *size, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=_say):
        facts = measure(events, singles, rounds)
    click.echo(json.dumps(facts) if as_json else _told(facts))


@without_database
@click.command("profile-stream")
@click.option("--per-second", type=click.IntRange(10), default=2_000, show_default=True, help="Events offered.")
@click.option("--seconds", type=click.IntRange(1), default=30, show_default=True)
@click.option("--size", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Events of one request.")
@click.option("--audiences", type=click.IntRange(0, 500), default=0, show_default=True, help="Live ones, followed too.")
@click.option("--past", type=click.IntRange(0, 2_000), default=0, show_default=True, help="Events of each customer's.")
@click.option("--here", is_flag=True, help="In the database of REGULARS_HOME, which must have no events.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def bench_stream(
    per_second: int, seconds: int, size: int, audiences: int, past: int, here: bool, as_json: bool
) -> None:
    """From an event that was taken to what it says standing on the visitor and the member, while more come in; with
    live audiences, to who it lets in and out of them as well."""
    if not here:
        size_ = ["--per-second", str(per_second), "--seconds", str(seconds), "--size", str(size)]
        size_ += ["--audiences", str(audiences), "--past", str(past)]
        scratch.run(["bench", "profile-stream", "--here", *size_, *(["--json"] if as_json else [])])
        return
    with ready.database_ready(say=_say):
        facts = measure_stream(per_second, seconds, size, audiences, past)
    click.echo(json.dumps(facts) if as_json else _stream_told(facts))


def measure(events: int, singles: int, rounds: int) -> dict[str, object]:
    """Server and COPY by turns, each into empty tables. The round in the middle counts, because one that was lucky on
    one side alone says nothing; all rounds' ratios are told."""
    key = _prepare()
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder, _server() as (port, web):
        # Caches, connections and the month's partition are there before anything is counted.
        _sent(port, key, "warm", 4_000, BATCH, SENDERS, 0, web)
        _empty()
        batched = [_round(port, key, f"b{n}", events, BATCH, SENDERS, web, Path(folder)) for n in range(rounds)]
        single = [_round(port, key, f"s{n}", singles, 1, SINGLES, web, Path(folder)) for n in range(rounds)]
    return {
        "batches": _middle(batched),
        "one_by_one": _middle(single),
        "goal": GOAL,
        "batch": BATCH,
        "rounds": rounds,
        "load": round(os.getloadavg()[0], 1),
    }


def measure_stream(per_second: int, seconds: int, size: int, audiences: int, past: int = 0) -> dict[str, Any]:
    """Events a second offered; milliseconds from a transaction's beginning until its events stand on their visitors,
    and until everybody they concern was looked at for the audiences.

    With audiences twice: at first everybody is new, comes for one visit and into many audiences at once; then the same
    people come back, each event another one's, as in a shop that has its customers. That is told as `again`. With a
    `past` of so many events each some of them come back once more, as `long`.
    """
    key = _prepare()
    live_audiences.make(audiences, by=BY)
    readers = ("profile", *(("audiences",) if audiences else ()))
    with contextlib.ExitStack() as running:
        port, web = running.enter_context(_server())
        followers = [running.enter_context(_follower("follow_events"))]
        if audiences:
            followers.append(running.enter_context(_follower("follow_audiences")))
        _wait_for_readers(readers)
        _sent(port, key, "warm", 2_000, BATCH, SENDERS, 0, web)
        _wait_for_followers(readers)

        def steadily(run: str, again: tuple[str, int] | None) -> dict[str, Any]:
            return _followed(
                readers,
                [one.pid for one in followers],
                lambda: _sent(port, key, run, per_second * seconds, size, SINGLES, per_second / size, web, again),
            )

        told = steadily("steady", None)
        if audiences:
            visits = per_second * seconds // _sender.VISIT
            told["again"] = steadily("back", ("steady", visits))
            if past:
                visits = min(visits, PAST_VISITS)
                live_audiences.give_past("steady", visits=visits, events=past)
                told["long"] = steadily("long", ("steady", visits))
    return told | {"offered_per_second": per_second, "size": size, "load": round(os.getloadavg()[0], 1)}


def _followed(readers: Sequence[str], pids: Sequence[int], send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is sent, and how the readers, each the process of its place, came after it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT max(id) FROM events_batch")
        (before,) = cursor.fetchone() or (0,)
    seen: dict[str, list[tuple[float, int]]] = {reader: [] for reader in readers}
    stop = threading.Event()
    watching = threading.Thread(target=_watch, args=(seen, stop))
    watching.start()
    moved = live_audiences.moved()
    cpu, database = [_cpu(pid) for pid in pids], _database_cpu()
    told = send()
    late = _wait_for_followers(readers)
    spent = [now - was for now, was in zip(map(_cpu, pids), cpu, strict=True)]
    # Of the whole time: what followers cost the database comes after what is sent too.
    told["database_cpu_us"] = _each(_database_cpu() - database, told["events"])
    stop.set()
    watching.join()
    for name, seconds in zip(readers, spent, strict=True):
        told["follower_cpu_us" if name == "profile" else f"{name}_cpu_us"] = _each(seconds, told["events"])
    told |= {"visible_ms": _visible(before, seen["profile"]), "seconds_behind_at_the_end": round(late, 3)}
    if "audiences" in readers:
        told |= {"in_audience_ms": _visible(before, seen["audiences"]), **live_audiences.facts()}
        told["came_or_went"] = live_audiences.moved() - moved
    return told


def _prepare() -> str:
    """A write key of a source of its own, in a database without events."""
    if _count("events_event") or _count("events_seen"):
        raise NotEmpty("database: it has events; take an empty one, the benchmark removes what it makes")
    now = datetime.now(UTC)
    made = sources.make(name="bench", kind="web", namespace="bench", zone="UTC", at=now, by=BY)
    return write_keys.make(source=made.id, per_second=1_000_000, at=now, by=BY).token


def _round(
    port: int, key: str, run: str, events: int, size: int, senders: int, web: int, folder: Path
) -> dict[str, Any]:
    told = _sent(port, key, run, events, size, senders, 0, web)
    told["events_a_commit"] = round(events / max(1, _count("events_batch")), 1)
    rows = sum(_keep(table, folder) for table in TABLES)
    _empty()
    cpu, began = _database_cpu(), time.perf_counter()
    for table in TABLES:
        _copy(table, folder)
    seconds = time.perf_counter() - began
    told |= {"rows": rows, "copy_seconds": round(seconds, 3), "copy_per_second": round(events / seconds)}
    told["copy_database_cpu_us"] = _each(_database_cpu() - cpu, events)
    _empty()
    _say(f"  {told['per_second']:,} events/s in requests of {size} beside {told['copy_per_second']:,} of COPY")
    return told


def _middle(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The round with the ratio in the middle, the lower one of two; beside it all ratios, and the best of each side,
    which need not be of one round."""
    ratios = sorted((one["per_second"] / one["copy_per_second"], place) for place, one in enumerate(rounds))
    ratio, middle = ratios[(len(ratios) - 1) // 2]
    return rounds[middle] | {
        "ratio": round(ratio, 2),
        "ratios": [round(one, 2) for one, _ in ratios],
        "best_per_second": max(one["per_second"] for one in rounds),
        "best_copy_per_second": max(one["copy_per_second"] for one in rounds),
    }


def _sent(
    port: int,
    key: str,
    run: str,
    events: int,
    size: int,
    senders: int,
    per_second: float,
    web: int,
    again: tuple[str, int] | None = None,
) -> dict[str, Any]:
    """What the client saw, and what the work cost everybody, in microseconds of CPU for each event."""
    wanted = {"port": port, "key": key, "run": run, "events": events, "size": size, "again": again}
    with subprocess.Popen(
        [sys.executable, "-m", "regulars.doors.ingest._sender"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(json.dumps(wanted | {"connections": senders, "per_second": per_second}) + "\n")
        client.stdin.flush()
        ready_ = json.loads(client.stdout.readline())
        server, database = _cpu(web), _database_cpu()
        client.stdin.write("go\n")
        client.stdin.flush()
        told = json.loads(client.stdout.readline() or "null")
        server, database = _cpu(web) - server, _database_cpu() - database
    if told is None or told["accepted"] != events or told["not_200"]:
        raise WentWrong(f"the server took {told and told['accepted']} of {events} events; see what it said above")
    return {
        "events": events,
        "bytes_each": round(ready_["bytes"] / events),
        "seconds": round(told["seconds"], 3),
        "per_second": round(events / told["seconds"]),
        "ms": _percentiles([(ms, 1) for ms in told["ms"]]),
        "client_cpu_us": _each(told["cpu"], events),
        "server_cpu_us": _each(server, events),
        "database_cpu_us": _each(database, events),
    }


def _percentiles(values: list[tuple[float, int]]) -> dict[str, float]:
    """Of values that each count so often."""
    values = sorted(values)
    whole = sum(count for _, count in values)
    found = {}
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0)):
        passed = 0
        for value, count in values:
            passed += count
            if passed >= share * whole:
                found[name] = round(value, 1)
                break
    return found


def _each(seconds: float, events: int) -> float:
    return round(seconds / events * 1e6, 1)


@contextlib.contextmanager
def _server() -> Iterator[tuple[int, int]]:
    """The web server as `regulars up` starts it, on a port of its own: the port, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    static = Path(settings.REGULARS_HOME) / "static"
    static.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "regulars.main.web", "127.0.0.1", str(port), str(static)]
    with _running(command) as web:
        until = time.monotonic() + 60
        while not _answers(port):
            if web.poll() is not None or time.monotonic() > until:
                raise WentWrong("the web server did not come up; see what it said above")
            time.sleep(0.1)
        yield port, web.pid


@contextlib.contextmanager
def _follower(command: str) -> Iterator["subprocess.Popen[bytes]"]:
    with _running([sys.executable, "-m", "regulars", "manage", command]) as follower:
        yield follower


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    environment = os.environ | {"REGULARS_HOME": str(settings.REGULARS_HOME)}
    with subprocess.Popen(command, env=environment) as child:  # noqa: S603 - ourselves
        try:
            yield child
        finally:
            child.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as asking:
            asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return asking.recv(5) == b"HTTP/"
    except OSError:
        return False


def _watch(seen: dict[str, list[tuple[float, int]]], stop: threading.Event) -> None:
    """When the followers came how far: seconds since 1970, and the place of each reader."""
    try:
        with connections["default"].cursor() as cursor:
            while not stop.wait(LOOKS_EVERY):
                cursor.execute("SELECT name, position FROM events_reader WHERE name = ANY(%s)", [list(seen)])
                for name, position in cursor.fetchall():
                    if not seen[name] or position > seen[name][-1][1]:
                        seen[name].append((time.time(), position))
    finally:
        connections["default"].close()


def _visible(before: int, seen: list[tuple[float, int]]) -> dict[str, float]:
    """Milliseconds between the beginning of a batch's transaction and a look that found it read, over all events."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT ((id + 1) << 14) - 1, extract(epoch FROM recorded_at)::float8, events FROM events_batch"
            " WHERE id > %s AND events > 0 ORDER BY id",
            [before],
        )
        batches = cursor.fetchall()
    found: list[tuple[float, int]] = []
    looks = iter(seen)
    at, position = next(looks)
    for end, began, events in batches:
        # The place is in the last batch, or at its end.
        while position < end - ((1 << 14) - 1) + events - 1:
            at, position = next(looks)
        found.append(((at - began) * 1000, events))
    return _percentiles(found)


def _wait_for_readers(readers: Sequence[str]) -> None:
    """Until they are there: a new reader begins with what comes next."""
    began = time.monotonic()
    with connections["owner"].cursor() as cursor:
        while time.monotonic() - began < 60:
            cursor.execute("SELECT count(*) FROM events_reader WHERE name = ANY(%s)", [list(readers)])
            if cursor.fetchone() == (len(readers),):
                return
            time.sleep(LOOKS_EVERY)
    raise WentWrong("the followers did not come up within a minute; see what they said above")


def _wait_for_followers(readers: Sequence[str]) -> float:
    """Until they have read everything. Seconds that took."""
    began = time.monotonic()
    with connections["owner"].cursor() as cursor:
        while time.monotonic() - began < 120:
            cursor.execute(
                "SELECT coalesce((SELECT max(id) << 14 FROM events_batch), 0)"
                " <= coalesce((SELECT min(position) FROM events_reader WHERE name = ANY(%s)), -1)",
                [list(readers)],
            )
            if (cursor.fetchone() or (False,))[0]:
                return time.monotonic() - began
            time.sleep(LOOKS_EVERY)
    raise WentWrong("the followers did not read everything within two minutes")


def _database_cpu() -> float:
    """CPU seconds of the embedded server and everything under it; 0 for a server of your own, which is elsewhere."""
    if ready.is_external():
        return 0.0
    running = embedded.facts(Path(settings.REGULARS_HOME))
    return 0.0 if running is None else _cpu(running.server)


def _cpu(pid: int) -> float:
    """CPU seconds of a process and all below it, living and ended."""
    below: dict[int, list[int]] = {}
    spent: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            number = int(folder.name)
            below.setdefault(int(fields[1]), []).append(number)
            spent[number] = sum(int(ticks) for ticks in fields[11:15])
    found, wanted = 0, [pid]
    while wanted:
        one = wanted.pop()
        found += spent.get(one, 0)
        wanted += below.get(one, [])
    return found / _TICK


def _count(table: str) -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - one of TABLES
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def _empty() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join((*TABLES, *FOLLOWED))}")


def _keep(table: str, folder: Path) -> int:
    """The table's rows as COPY writes them. A table in parts is no table to COPY."""
    with (
        (folder / table).open("wb") as file,
        connections["owner"].cursor() as cursor,
        cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as source,  # noqa: S608 - one of TABLES
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


def _told(facts: dict[str, Any]) -> str:
    lines = []
    for name, words in (("batches", f"in batches of {facts['batch']}"), ("one_by_one", "one by one")):
        one = facts[name]
        ms, ratios = one["ms"], one["ratios"]
        lines.append(
            f"{words}: {one['per_second']:,} events/s of {one['bytes_each']} bytes beside {one['copy_per_second']:,} of"
            f" COPY, {one['ratio']} of it ({ratios[0]} to {ratios[-1]} in {facts['rounds']} rounds; the best of each"
            f" {one['best_per_second']:,} and {one['best_copy_per_second']:,}); p50 {ms['p50']}, p95 {ms['p95']}, p99"
            f" {ms['p99']} ms; CPU µs an event: server {one['server_cpu_us']}, database {one['database_cpu_us']} (COPY"
            f" {one['copy_database_cpu_us']}), client {one['client_cpu_us']}; {one['events_a_commit']} events a commit"
        )
    return "\n".join([*lines, f"goal for batches: {facts['goal']} at least; load of the machine {facts['load']}"])


def _stream_told(facts: dict[str, Any]) -> str:
    seen, ms = facts["visible_ms"], facts["ms"]
    goal = f"goal: p99 below {GOAL_SECONDS * 1000:.0f}"
    lines = [
        f"{facts['offered_per_second']:,} events/s offered, {facts['per_second']:,} taken; visible after"
        f" {_spread(seen)} ms ({goal}); answered after p50 {ms['p50']}, p99 {ms['p99']} ms; CPU µs an event: server"
        f" {facts['server_cpu_us']}, follower {facts['follower_cpu_us']}, database {facts['database_cpu_us']};"
        f" load of the machine {facts['load']}"
    ]
    for words, one in (
        ("everybody new", facts),
        ("the same people back", facts.get("again", {})),
        ("some of them, whose customers have a past", facts.get("long", {})),
    ):
        if "in_audience_ms" in one:
            lines.append(
                f"{words}: looked at for {one['audiences']} audiences after {_spread(one['in_audience_ms'])} ms;"
                f" {one['came_or_went']:,} times somebody came or went, {one['members']:,} members; visible after"
                f" {_spread(one['visible_ms'])} ms; CPU µs an event: audiences {one['audiences_cpu_us']}, follower"
                f" {one['follower_cpu_us']}, server {one['server_cpu_us']}, database {one['database_cpu_us']}"
            )
    return "\n".join(lines)


def _spread(ms: dict[str, float]) -> str:
    return f"p50 {ms['p50']}, p95 {ms['p95']}, p99 {ms['p99']}, at most {ms['most']}"


BENCHMARKS: tuple[click.Command, ...] = (bench_ingest, bench_stream)
