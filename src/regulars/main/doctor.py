"""`regulars doctor`: everything that must be right, in plain words, each with its mend."""

import json
import os
import platform
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import click
import psycopg
from django.conf import settings
from django.db import DatabaseError, connections
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regulars.facts.company import defaults
from regulars.kit.refusals import Refusal
from regulars.main.cli import give_database, say
from regulars.runtime import rooms
from regulars.runtime.checkups import Finding
from regulars.runtime.database.needs import without_database
from regulars.runtime.database.ready import is_external, pending_migrations, server
from regulars.runtime.notices import lag
from regulars.runtime.postgres import embedded, places
from regulars.runtime.postgres.safety import has_checksums, unsafe_settings
from regulars.runtime.preferences import preferences
from regulars.runtime.secrets import rotation

FINE: Final = "fine"
WARNING: Final = "warning"
WRONG: Final = "wrong"
MARKS = {FINE: ("✓", "green"), WARNING: ("!", "yellow"), WRONG: ("✗", "red")}
GIGABYTE = 1024**3
#: Below the first the doctor warns, below the second it complains.
FREE_WANTED, FREE_NEEDED = 5 * GIGABYTE, GIGABYTE
OLDEST_SERVER = 15_00_00
#: Seconds after which a notice that nobody has read is a matter for the doctor.
LATE_SECONDS = 300.0


def _python() -> Iterator[Finding]:
    yield Finding("Python", FINE, platform.python_version())


def _home() -> Iterator[Finding]:
    home = Path(settings.REGULARS_HOME)
    # What is there of it: the rest is made by the first start.
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not there.is_dir():
        yield Finding("Home", WRONG, f"{there} is a file", "Set REGULARS_HOME to a folder.")
    elif not os.access(there, os.W_OK | os.X_OK):
        mend = "Mend its owner, or set REGULARS_HOME to a folder of your own."
        yield Finding("Home", WRONG, f"{there} cannot be written to by this user", mend)
    elif there != home:
        yield Finding("Home", FINE, f"{home} does not exist yet; the first start makes it")
    else:
        yield Finding("Home", FINE, str(home))
    free = shutil.disk_usage(there).free
    words = f"{free / GIGABYTE:.1f} GB free where {home} is"
    if free >= FREE_WANTED:
        yield Finding("Disk", FINE, words)
    else:
        mend = "Make room: a full disk stops the database. What it has recorded stays safe."
        yield Finding("Disk", WRONG if free < FREE_NEEDED else WARNING, words, mend)


def _secrets() -> Iterator[Finding]:
    home = Path(settings.REGULARS_HOME)
    kept = [home / "database.json", *sorted((home / "keys").glob("*"))]
    open_ones = [file for file in kept if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077]
    for file in open_ones:
        yield Finding("Secrets", WRONG, f"others on this machine can read {file}", f"chmod 600 {file}")
    if not open_ones:
        yield Finding("Secrets", FINE, "key files are readable by their owner alone")


def _zones() -> Iterator[Finding]:
    if len(available_timezones()) < 100:
        yield Finding("Time zones", WRONG, "this machine knows hardly any", "Install tzdata: pip install tzdata.")
    else:
        yield Finding(
            "Time zones", FINE, f"{len(available_timezones())} known, {ZoneInfo(defaults.ZONE).key} among them"
        )


def _server() -> Iterator[Finding]:
    with connections["default"].cursor() as cursor:
        connection: psycopg.Connection[object] = cursor.connection
        version, number = connection.info.parameter_status("server_version") or "?", connection.info.server_version
        running = None if is_external() else embedded.facts(Path(settings.REGULARS_HOME))
        where = f"embedded, in {running.data}" if running else "yours"
        if number >= OLDEST_SERVER:
            yield Finding("Database", FINE, f"PostgreSQL {version}, {where}")
        else:
            yield Finding("Database", WRONG, f"PostgreSQL {version} is too old", "Use PostgreSQL 15 or newer.")
        if running and running.why_elsewhere:
            yield Finding("Database's place", FINE, f"not in the home: {running.why_elsewhere}")
        unsafe = unsafe_settings(connection)
        for problem in unsafe:
            yield Finding("Durability", WRONG, f"{problem.setting} is {problem.value}", problem.mend)
        if not unsafe:
            yield Finding("Durability", FINE, "what is recorded is on disk")
        if has_checksums(connection):
            yield Finding("Checksums", FINE, "a page that the disk spoils is noticed")
        else:
            mend = "Stop the server, run pg_checksums --enable on its data, start it."
            yield Finding("Checksums", WARNING, "the server would not notice a page that the disk has spoiled", mend)


def _role() -> Iterator[Finding]:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid AND relpersistence <> 't')"
            " + (SELECT count(*) FROM pg_database WHERE datdba = r.oid)"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        name, *powers, owned = cursor.fetchone()
    names = ("superuser", "bypasses row security", "makes roles", "makes databases")
    too_much = [word for word, has in zip(names, powers, strict=True) if has]
    if owned:
        too_much.append(f"owns {owned} tables or databases")
    if too_much:
        mend = (
            "Let REGULARS_DATABASE_URL name a plain role that owns nothing (docs/how-to/run-on-your-own-postgresql.md)."
        )
        yield Finding("Database role", WRONG, f"{name} can do too much: {', '.join(too_much)}", mend)
    else:
        yield Finding("Database role", FINE, f"{name} owns nothing and has no special powers")


def _migrations() -> Iterator[Finding]:
    if pending := pending_migrations():
        mend = "`regulars up`, like any command that uses the database, applies them."
        yield Finding("Migrations", WARNING, f"{len(pending)} pending, the first is {pending[0]}", mend)
    else:
        yield Finding("Migrations", FINE, "none pending")


def _jobs() -> Iterator[Finding]:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'todo'"
            " AND coalesce(scheduled_at, now()) <= now()), count(*) FILTER (WHERE status = 'doing'"
            " AND worker_id IS NULL) FROM procrastinate_jobs"
        )
        failed, waiting, stranded = cursor.fetchone()
    words = f"{waiting} waiting, {stranded} of a killed worker, {failed} failed"
    if failed or stranded:
        mend = "Failed jobs stay until somebody looks at them: `regulars jobs failed`, `regulars jobs retry NUMBER`."
        yield Finding("Jobs", WARNING, words, mend)
    else:
        yield Finding("Jobs", FINE, words)


def _notices() -> Iterator[Finding]:
    listeners = lag.of_listeners()
    dead, waiting = sum(one.dead for one in listeners), sum(one.waiting for one in listeners)
    for one in listeners:
        if one.seconds > LATE_SECONDS:
            words = f"{one.listener} is {one.behind} behind; the oldest is {one.seconds / 60:.0f} minutes old"
            yield Finding(
                "Notices", WARNING, words, "They are handed on while `regulars up` runs; look at logs/notices.log."
            )
    for holder in lag.holders(longer_than=LATE_SECONDS):
        words = (
            f"nobody can read past what session {holder.pid} ({holder.state}) has had open for {holder.seconds:.0f} s"
        )
        yield Finding("Notices", WARNING, words, f"If it is stuck: SELECT pg_terminate_backend({holder.pid}).")
    words = f"listeners: {len(listeners)}, {waiting} notices to be tried again, {dead} given up"
    if dead:
        yield Finding(
            "Notices",
            WARNING,
            words,
            "`regulars notices dead` lists them; `regulars notices replay NUMBER` tries again.",
        )
    else:
        yield Finding("Notices", FINE, words)


def _keys() -> Iterator[Finding]:
    keys = rotation.state()
    if keys.unknown:
        mend = "Bring back the file keys/master that was used before: nothing else opens what they sealed."
        yield Finding("Keys", WRONG, f"{keys.unknown} persons' keys open with no master key at hand", mend)
    elif keys.before:
        mend = "`regulars keys rewrap` finishes the change of the master key."
        yield Finding("Keys", WARNING, f"{keys.before} persons' keys are still wrapped by the master key before", mend)
    else:
        yield Finding("Keys", FINE, f"{keys.present} persons' keys, all of them open")


def _preferences() -> Iterator[Finding]:
    if unfit := preferences.unfit():
        words = f"what is stored for {', '.join(unfit)} does not fit, and the default is used"
        yield Finding("Settings", WARNING, words, "Set them anew; an update may have changed what they may be.")
    else:
        yield Finding("Settings", FINE, "all that are stored fit")


def findings() -> Iterator[Finding]:
    """Everything, in order. A database that does not come up is a finding, and ends the list."""
    for look in (_python, _zones, _home, _secrets):
        yield from look()
    home = Path(settings.REGULARS_HOME)
    if not is_external() and not places.has_cluster(home):
        # Looking makes nothing.
        yield Finding("Database", WARNING, f"none yet in {home}", "`regulars up` makes it.")
        return
    try:
        with server(say=say):
            for look in (_server, _role, _migrations):
                yield from look()
            if not pending_migrations():
                # Their tables are there.
                of_rooms = [look for room in rooms.modules("checkups") for look in room.CHECKUPS]
                for look in (_jobs, _notices, _keys, _preferences, *of_rooms):
                    yield from look()
    except Refusal as refusal:
        yield Finding("Database", WRONG, refusal.message, "Mend that first; it is what everything else stands on.")
    except DatabaseError as problem:
        yield Finding("Database", WRONG, str(problem).strip().split("\n")[0], "Look at logs/postgres.log in the home.")


def _table(found: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        mark, colour = MARKS[one.state]
        words = Text(one.said)
        if one.mend:
            words.append(f"\n→ {one.mend}", style=colour)
        table.add_row(Text(mark, style=colour), one.what, words)
    return table


class Doctor(click.Group):
    """The look at everything, and the rooms' own longer ones (`examinations.py`)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(one.name or "" for module in rooms.modules("examinations") for one in module.EXAMINATIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        every = (one for module in rooms.modules("examinations") for one in module.EXAMINATIONS)
        found = next((one for one in every if one.name == cmd_name), None)
        return None if found is None else give_database(found)


@without_database
@click.group(cls=Doctor, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at everything that must be right, and say how to mend what is not.

    Exit code 0: nothing is wrong, though there may be warnings. 1: something is.
    """
    if ctx.invoked_subcommand:
        return
    found = list(findings())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1))
    else:
        Console(highlight=False).print(_table(found))
    if any(one.state == WRONG for one in found):
        raise SystemExit(1)


COMMANDS = (doctor,)
