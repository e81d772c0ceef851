"""`regulars export` and `regulars webhooks`: for whoever can reach the machine's shell."""

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import click

from regulars.insight.warehouse import exporting
from regulars.insight.warehouse.exporting import Kind
from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import deliveries, endpoints, exports
from regulars.oversight.outbound.cadence import ROUNDS, Cadence, Round
from regulars.oversight.outbound.endpoints import Endpoint, Waiting
from regulars.oversight.outbound.exports import Export, Run
from regulars.runtime.database import clock


@click.group("export")
def export() -> None:
    """Published tables, written to files by the clock: Parquet, or CSV that opens safely in a spreadsheet."""


@export.command("tables")
def list_tables() -> None:
    """The tables there are, a name a line."""
    click.echo("\n".join(exporting.names()))


@export.command("add")
@click.argument("name")
@click.option(
    "--table", "tables", multiple=True, metavar="TABLE", help="A table; again for more.  [default: all of them]"
)
@click.option("--kind", type=click.Choice(["csv", "parquet"]), default="parquet", show_default=True)
@click.option("--every", "round_", type=click.Choice(ROUNDS), default="daily", show_default=True)
@click.option("--hour", type=click.IntRange(0, 23), default=3, show_default=True, help="On the shop's clock.")
@click.option("--weekday", type=click.IntRange(1, 7), default=1, show_default=True, help="1 is Monday; for weekly.")
@click.option("--day", type=click.IntRange(1, 31), default=1, show_default=True, help="Of the month; for monthly.")
@click.option(
    "--keep",
    type=click.IntRange(1, exports.MOST_KEPT),
    default=exports.KEEP,
    show_default=True,
    help="Runs whose files are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def add(
    name: str,
    tables: tuple[str, ...],
    kind: str,
    round_: str,
    hour: int,
    weekday: int,
    day: int,
    keep: int,
    as_json: bool,
) -> None:
    """Make the export NAME. The same again changes nothing."""
    made = exports.make(
        name=name,
        tables=tables,
        kind=cast("Kind", kind),
        cadence=Cadence(cast("Round", round_), hour, weekday, day),
        keep=keep,
        at=clock.now(),
        by=SYSTEM,
    )
    if as_json:
        click.echo(json.dumps(_facts(made, None)))
        return
    click.echo(f"{name} is first written at {made.due_at:%Y-%m-%d %H:%M} UTC, to {exports.folder() / name}", err=True)


@export.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def list_exports(as_json: bool) -> None:
    """All exports, with how the last run of each went."""
    last = exports.last_runs()
    found = [_facts(one, last.get(one.id)) for one in exports.every()]
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        ran = one["last_run"]
        said = f"last run {ran['state']} {ran['folder'] or ran['problem']}".rstrip() if ran else "never written"
        click.echo(f"{one['name']}  {one['state']}  {one['kind']}  {one['every']}  next {one['due_at']}  {said}")


@export.command("run")
@click.argument("name")
@click.option("--key", help="Makes a repeat harmless.  [default: this second]")
@click.option("--here", is_flag=True, help="Write it here and now, rather than by the next free worker.")
def run(name: str, key: str | None, here: bool) -> None:
    """Have the export NAME written beside its clock."""
    now = clock.now()
    asked = exports.run_now(export=exports.by_name(name).id, key=key or f"{now:%Y-%m-%dT%H:%M:%SZ}", at=now, by=SYSTEM)
    if not here:
        click.echo(f"{name} is being written; see `regulars export list`.", err=True)
        return
    click.echo(str(exports.folder() / exports.write(asked.id).folder))


@export.command("pause")
@click.argument("name")
def pause(name: str) -> None:
    """The clock does not write NAME until it is resumed."""
    exports.pause(export=exports.by_name(name).id, at=clock.now(), by=SYSTEM)


@export.command("resume")
@click.argument("name")
def resume(name: str) -> None:
    """The clock writes NAME again, from its next time on."""
    exports.resume(export=exports.by_name(name).id, at=clock.now(), by=SYSTEM)


@export.command("retire")
@click.argument("name")
def retire(name: str) -> None:
    """NAME is not written any more, for good. Its files stay."""
    exports.retire(export=exports.by_name(name).id, at=clock.now(), by=SYSTEM)


def _facts(one: Export, last: Run | None) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "name": one.name,
        "tables": list(one.tables) or "all",
        "kind": one.kind,
        "every": one.cadence.round,
        "state": one.state,
        "due_at": f"{one.due_at:%Y-%m-%dT%H:%M:%SZ}",
        "folder": str(exports.folder() / one.name),
        "last_run": None if last is None else _run_facts(last),
    }


def _run_facts(run: Run) -> dict[str, Any]:
    return {
        "state": run.state,
        "folder": run.folder,
        "problem": run.problem,
        "files": {file.table: file.rows for file in run.files},
    }


@click.group("webhooks")
def webhooks() -> None:
    """Webhooks out: programs that hear, signed, what happens here."""


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def list_endpoints(as_json: bool) -> None:
    """All endpoints, with what waits at each and how the last try went."""
    every, waiting = endpoints.every(), endpoints.waiting()
    keys = endpoints.public_keys_of([one.id for one in every], clock.now())
    found = [_endpoint_facts(one, waiting.get(one.id, Waiting()), keys.get(one.id, [])) for one in every]
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        heard = ",".join(one["kinds"]) if one["kinds"] != "all" else "everything"
        said = f"last try {one['last_try_at']} {one['last_error'] or 'well'}" if one["last_try_at"] else "never tried"
        click.echo(f"{one['name']}  {one['state']}  {one['url']}  {heard}  {one['waiting']} waiting  {said}")


@webhooks.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="What to hear; again for more.  [default: all]")
@click.option("--description", default="", help="For people.")
@click.option("--history", is_flag=True, help="Hear of imports and back-fills, too.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def add_endpoint(name: str, url: str, kinds: tuple[str, ...], description: str, history: bool, as_json: bool) -> None:
    """Tell URL what happens from now on; prints the secret, this once. The same again changes nothing."""
    now = clock.now()
    made = endpoints.make(
        name=name, url=url, description=description, kinds=kinds, wants_history=history, at=now, by=SYSTEM
    )
    [key] = endpoints.public_keys_of([made.endpoint.id], now).get(made.endpoint.id, [""])[:1]
    if as_json:
        facts = _endpoint_facts(made.endpoint, Waiting(), [key])
        click.echo(json.dumps({**facts, "secret": made.secret or None}))
        return
    if made.secret:
        click.echo(made.secret)
    else:
        click.echo(f"{name} is there already; its secret was shown when it was made.", err=True)
    click.echo(f"Who checks with a public key (v1a): {key}", err=True)


@webhooks.command("send-test")
@click.argument("name")
@click.option("--wait", type=click.FloatRange(0, 300), default=15.0, show_default=True, help="Seconds for the answer.")
def send_test(name: str, wait: float) -> None:
    """Send NAME a message that says nothing but that messages arrive, and say what it answers. Leaves 1 where it fails.

    The running product sends it.
    """
    found = endpoints.by_name(name)
    told = deliveries.send_trial(endpoint=found.id, at=clock.now(), by=SYSTEM)
    until = time.monotonic() + wait
    while told.attempts == 0 and time.monotonic() < until:
        time.sleep(0.2)
        told = deliveries.get(endpoint=found.id, message_id=told.message_id)
    if told.attempts == 0:
        click.echo(f"{told.message_id} waits to be sent; does `regulars up` run, and is {name} on?", err=True)
        sys.exit(1)
    if told.state != "delivered":
        click.echo(f"{name} did not take it: {told.status or told.error}. It is tried again.", err=True)
        sys.exit(1)
    click.echo(f"{name} took {told.message_id} in {told.tries[-1].took_ms} ms: {told.status}")


@webhooks.command("replay")
@click.argument("name")
@click.option(
    "--since", required=True, type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ")), help="A day or a moment, of UTC."
)
def replay(name: str, since: datetime) -> None:
    """Send NAME everything again that was told since then, with the ids it had."""
    found = endpoints.by_name(name)
    deliveries.replay(endpoint=found.id, since=since.replace(tzinfo=UTC), at=clock.now(), by=SYSTEM)
    click.echo(f"{name} is sent again what was told since {since:%Y-%m-%d %H:%M} UTC.", err=True)


def _endpoint_facts(one: Endpoint, waiting: Waiting, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "name": one.name,
        "url": one.url,
        "kinds": list(one.kinds) or "all",
        "history": one.wants_history,
        "state": one.state,
        "state_why": one.state_why,
        "public_keys": list(keys),
        "waiting": waiting.count,
        "replaying": one.is_replaying,
        "last_try_at": None if one.last_try_at is None else f"{one.last_try_at:%Y-%m-%dT%H:%M:%SZ}",
        "last_status": one.last_status,
        "last_error": one.last_error,
    }


COMMANDS: Sequence[click.Command] = (export, webhooks)
