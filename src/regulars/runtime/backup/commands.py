"""`regulars backup` and `regulars restore`."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from django.conf import settings
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from regulars.runtime.backup import bases, dumps, examining, proving, restoring, shelf
from regulars.runtime.backup.bases import Tell
from regulars.runtime.database import clock
from regulars.runtime.database.needs import without_database
from regulars.runtime.database.ready import is_external
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.places import make_home
from regulars.runtime.secrets import forgotten, kit

_STAGES = {
    "copy": "the database is copied",
    "verify": "the copy is verified",
    "unpack": "the base is unpacked",
    "log": "the log is put beside it",
    "replay": "the log is replayed",
    "examine": "the doctor looks at the copy",
}


@contextlib.contextmanager
def _bar() -> Iterator[Tell]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield bases.quietly
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bar.update(task, description=_STAGES.get(stage, stage), completed=done, total=total or None)

        yield tell


def _home() -> Path:
    return Path(settings.REGULARS_HOME)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _as_json(told: object) -> str:
    def plain(value: object) -> str:
        return value.isoformat() if isinstance(value, datetime) else str(value)

    return json.dumps(told, default=plain, ensure_ascii=False)


def _base_facts(base: shelf.Base) -> dict[str, Any]:
    return {
        "base": base.label,
        "finished_at": base.finished_at,
        "bytes": base.bytes,
        "files_bytes": base.files_bytes,
        "server_version": base.server_version,
        "folder": base.folder,
    }


@click.command()
@click.option("--prove", is_flag=True, help="Then restore the newest backup beside the shop and examine it.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def backup(prove: bool, as_json: bool) -> None:
    """Copy the whole database now, verified, beside the log that is copied all the time.

    Backups go to REGULARS_BACKUPS, or to `backups` in REGULARS_HOME. Of a PostgreSQL of your own it makes a dump.
    Exit code 0: it is there, and proven if that was asked for. 1: it is not.
    """
    if is_external():
        made = dumps.dump(home=_home(), at=clock.now())
        click.echo(
            _as_json({"dump": made.file, "bytes": made.bytes})
            if as_json
            else f"{made.file}, {_megabytes(made.bytes)}, read through once. "
            "It is this moment only: keep the log of your PostgreSQL with its own tools."
        )
        if prove:
            raise click.ClickException("A dump is not proven here: restore it with pg_restore into an empty database.")
        return
    with _bar() as tell:
        base = bases.make(home=_home(), fast=True, tell=tell)
        proven = proving.prove(home=_home(), at=clock.now(), tell=tell) if prove else None
    if as_json:
        click.echo(
            _as_json(
                _base_facts(base)
                | (
                    {}
                    if proven is None
                    else {
                        "proof": {
                            name: getattr(proven, name)
                            for name in ("began_at", "seconds", "reached_at", "accounts", "held", "said")
                        }
                    }
                )
            )
        )
    else:
        click.echo(f"{base.folder}: {_megabytes(base.bytes)}, of {_megabytes(base.files_bytes)} in the database")
        if proven is not None and proven.held:
            click.echo(
                f"proven: restored and examined in {proven.seconds:.0f} s, its last change is of "
                f"{proven.reached_at:%Y-%m-%d %H:%M:%S} UTC, {proven.accounts:,} accounts of points agree"
                if proven.reached_at
                else f"proven: restored and examined in {proven.seconds:.0f} s"
            )
        elif proven is not None:
            click.echo(f"✗ not proven: {proven.said}")
    if proven is not None and not proven.held:
        raise SystemExit(1)


def _moment(_context: click.Context, _parameter: click.Parameter, given: str | None) -> datetime | str | None:
    if given is None or given == "latest":
        return given
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(
            f"{given!r} is no moment; write it like 2026-11-22T18:30:00+08:00, or latest."
        ) from None
    if found.tzinfo is None:
        raise click.BadParameter(f"{given!r} does not say in which zone; write it like {given}+08:00, or {given}Z.")
    return found.astimezone(UTC)


def _listed(folder: Path, *, as_json: bool) -> None:
    shelf.check_is_there(folder)
    found = shelf.bases(folder)
    logs = {line: shelf.segments(folder, line) for line in {one.line for one in found}}
    facts = []
    for one in found:
        _, missing = shelf.unbroken_from(one, logs[one.line])
        facts.append(_base_facts(one) | {"reaches": shelf.reaches(one, logs[one.line]), "missing": missing})
    if as_json:
        click.echo(_as_json(facts))
        return
    for told in facts:
        lacks = f", lacks {told['missing']}" if told["missing"] else ""
        click.echo(
            f"{told['base']}  {_megabytes(told['bytes']):>12}  PostgreSQL {told['server_version']}  any moment from "
            f"{told['finished_at'].isoformat(timespec='seconds')}"
            f" to {told['reaches'].isoformat(timespec='seconds')}{lacks}"
        )


def _keys_for(planned: restoring.Plan, home: Path, file: Path | None) -> dict[str, str]:
    """Those at hand and those of the kit, checked against the backup."""
    keys = kit.at_hand(home)
    if file is not None:
        passphrase = os.environ.get("REGULARS_KEYS_PASSPHRASE") or click.prompt("Passphrase", hide_input=True, err=True)
        keys = kit.opened(file, passphrase=passphrase) | keys
    restoring.check_keys(planned.base, kit.fingerprints_of(keys))
    return keys


def _forgotten_again(folder: Path, home: Path, done: restoring.Restored) -> int:
    """Before anybody is served: whoever asked to be forgotten since that moment was promised it."""
    told = forgotten.listed(folder)
    if not told:
        return 0
    with embedded.running(home) as server:
        return forgotten.again(server.owner, done.reached_at or done.base.finished_at, told)


@without_database
@click.command()
@click.option(
    "--from",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the backups, or a copy of it.",
)
@click.option("--to", callback=_moment, help="A moment with its zone, like 2026-11-22T18:30:00+08:00; or latest.")
@click.option("--base", "label", default="", help="Start from this base, not from the newest that will do.")
@click.option(
    "--keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that `regulars keys save` wrote; its passphrase is asked for, or in REGULARS_KEYS_PASSPHRASE.",
)
@click.option("--without-keys", is_flag=True, help="Although no name or address will ever open.")
@click.option("--replace", is_flag=True, help="Move the database that REGULARS_HOME has now aside.")
@click.option("--list", "only_list", is_flag=True, help="Say what can be restored, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def restore(
    folder: Path,
    to: datetime | str | None,
    label: str,
    keys: Path | None,
    without_keys: bool,
    replace: bool,
    only_list: bool,
    as_json: bool,
) -> None:
    """Make the database of REGULARS_HOME from a folder of backups, as it was at a moment, and examine it.

    Nothing is put in place before it is whole and verified. Exit code 0: it is there and the doctor finds nothing
    wrong. 1: it could not be done, and the home is as it was. 3: it is there, and the doctor finds something wrong.
    """
    if only_list:
        _listed(folder, as_json=as_json)
        return
    if to is None:
        raise click.UsageError("Say with --to to which moment, or --to latest. --list shows what can be had.")
    if is_external():
        raise click.ClickException(
            "REGULARS_DATABASE_URL is set: this restores the embedded database only. Unset it; or restore a dump of "
            "your own PostgreSQL with pg_restore (docs/how-to/back-up-and-restore.md)."
        )
    home = _home()
    planned = restoring.plan(
        folder.resolve(), to=to if isinstance(to, datetime) else None, label=label, now=datetime.now(UTC)
    )
    found = {} if without_keys else _keys_for(planned, home, keys)
    make_home(home)
    if keys is not None:
        # First: a database that stands without its keys would be given new ones.
        kit.bring_back(found, home=home)
    with _bar() as tell:
        done = restoring.restore(planned, home=home, replace=replace, tell=tell)
        again = _forgotten_again(folder.resolve(), home, done)
        tell("examine", 0, 0)
        examined = examining.examine(home, keys=kit.at_hand(home))
    told = {
        "home": home,
        "base": done.base.label,
        "asked_for": to,
        "last_change_at": done.reached_at,
        "log_files": done.segments,
        "seconds": round(done.seconds, 1),
        "moved_aside": done.moved_aside,
        "forgotten_again": again,
        "accounts": examined.accounts,
        "wrong": examined.wrong,
    }
    if as_json:
        click.echo(_as_json(told))
    else:
        last = f"{done.reached_at:%Y-%m-%d %H:%M:%S} UTC" if done.reached_at else "before the base was made"
        click.echo(f"{home}: restored in {done.seconds:.1f} s; the last change in it is of {last}")
        if done.moved_aside:
            click.echo(f"what was there before is {done.moved_aside}: remove it when you need it no more")
        if again:
            click.echo(f"{again} who were forgotten after that moment are forgotten again: their keys are gone")
        for words in examined.wrong:
            click.echo(f"✗ {words}")
        if not examined.wrong:
            click.echo(f"the doctor finds nothing wrong; the books of {examined.accounts:,} accounts of points agree")
    if examined.wrong:
        raise SystemExit(3)


COMMANDS: tuple[click.Command, ...] = (backup, restore)
