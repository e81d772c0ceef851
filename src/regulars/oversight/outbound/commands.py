"""`regulars export`: for whoever can reach the machine's shell."""

import json
from collections.abc import Sequence
from typing import Any, cast

import click

from regulars.insight.warehouse import exporting
from regulars.insight.warehouse.exporting import Kind
from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import exports
from regulars.oversight.outbound.cadence import ROUNDS, Cadence, Round
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


COMMANDS: Sequence[click.Command] = (export,)
