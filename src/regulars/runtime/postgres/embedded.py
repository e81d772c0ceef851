"""The embedded PostgreSQL of a home: started for whoever comes first, joined by the others, stopped after the last."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import regulars
from regulars.runtime.postgres import cluster
from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.keeper import ADDRESS_FILE, Board, take
from regulars.runtime.postgres.places import PORT, make_home, place_for, run_folder
from regulars.runtime.postgres.postmaster import is_alive
from regulars.runtime.postgres.trouble import DatabaseTrouble

#: Bytes of a disk below which a keeper that ends without a word has ended for want of them.
SMALLEST_FREE = 16 * 1024**2
#: Keepers this process has started: their handles are kept so that each is collected when it ends.
_keepers: list[tuple[Path, subprocess.Popen[bytes]]] = []


@dataclass(frozen=True)
class Embedded:
    """A running server: URLs of its three roles, the pids of its keeper and of itself, and where its files are."""

    app: str = field(repr=False)
    owner: str = field(repr=False)
    reader: str = field(repr=False)
    keeper: int
    server: int
    version: str
    data: str
    why_elsewhere: str
    adopted: bool
    durable: bool


def _quiet(_words: str) -> None:
    """Nobody listens."""


def facts(home: Path) -> Embedded | None:
    """The running server of `home`, or None. After a crash of everything the answer may be out of date."""
    try:
        found = json.loads((home / ADDRESS_FILE).read_text())
    except FileNotFoundError:
        return None
    return Embedded(**{one.name: found[one.name] for one in fields(Embedded)})


def superuser_url(home: Path, *, database: str = "postgres") -> str:
    """For backup, restore and tests; nothing that serves people connects with it."""
    place = place_for(home, account=database_account())
    return cluster.url(place, role=cluster.SUPERUSER, password=cluster.passwords(home).postgres, database=database)


def superuser_environment(home: Path) -> dict[str, str]:
    """The same for PostgreSQL's own programs: arguments can be read by everybody on the machine, this cannot."""
    place = place_for(home, account=database_account())
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "PGHOST": str(place.socket),
        "PGPORT": str(PORT),
        "PGUSER": cluster.SUPERUSER,
        "PGPASSWORD": cluster.passwords(home).postgres,
    }


def has_keeper(home: Path) -> bool:
    """Whether a keeper process lives for `home`."""
    handle = take(run_folder(home) / "database.keeper", shared=True)
    if handle is None:
        return True
    handle.close()
    return False


def _spawn(home: Path, bin_folder: Path | None, *, durable: bool) -> subprocess.Popen[bytes]:
    source = str(Path(regulars.__file__).parent.parent)
    command = [sys.executable, "-m", "regulars.runtime.postgres.keeper", "--home", str(home)]
    if bin_folder is not None:
        command += ["--bin", str(bin_folder)]
    if not durable:
        command.append("--not-durable")
    with (home / "logs" / "database.log").open("ab") as out:
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env=os.environ | {"PYTHONPATH": os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])},
            # Ctrl-C in the terminal is for the command; the keeper stops the server when the command has gone.
            start_new_session=True,
        )
    _keepers.append((home, keeper))
    return keeper


def _guess(home: Path) -> str:
    """Why a keeper ended that could not write it down."""
    if shutil.disk_usage(home).free < SMALLEST_FREE:
        return f"The disk of {home} is full. Make room, then start again: what is recorded stays safe."
    return f"The database's keeper ended at once. See {home}/logs/database.log."


def _collect() -> None:
    _keepers[:] = [(home, keeper) for home, keeper in _keepers if keeper.poll() is None]


def ensure(
    home: Path, *, say: Callable[[str], None] = _quiet, bin_folder: Path | None = None, durable: bool = True
) -> Embedded:
    """The server of `home`, ready: a running one, or one that a new keeper starts. Call it inside `running`.

    Waits without limit while the server recovers; `say` hears how far it is.
    """
    ours: subprocess.Popen[bytes] | None = None
    board, last = Board(home), ""
    while True:
        if has_keeper(home):
            keeper, state, words = board.read()
            # What a killed keeper left on the board is not believed, nor that a server is ready which has just died.
            if is_alive(keeper):
                if state == "ready" and (found := facts(home)) is not None and is_alive(found.server):
                    return found
                if state == "starting" and words and words != last:
                    last = words
                    say(words)
        elif ours is None:
            _collect()
            ours = _spawn(home, bin_folder, durable=durable)
        elif (ended := ours.poll()) is not None:
            keeper, state, words = board.read()
            if ended != 0:
                raise DatabaseTrouble(words if keeper == ours.pid and state == "failed" else _guess(home))
            # Another keeper was first, and has ended since; or ours was asked to stop.
            ours = None
        time.sleep(0.03)


@contextlib.contextmanager
def running(
    home: Path, *, say: Callable[[str], None] = _quiet, bin_folder: Path | None = None, durable: bool = True
) -> Iterator[Embedded]:
    """The server of `home` for the length of a `with` block, whoever else uses it.

    The last one out waits until it has stopped. `durable=False` is for tests alone: it turns fsync off.
    """
    home = home.resolve()
    make_home(home)
    with (run_folder(home) / "database.users").open("a+") as use:
        # Waits while a keeper is stopping, which holds this lock against newcomers.
        fcntl.flock(use, fcntl.LOCK_SH)
        try:
            yield ensure(home, say=say, bin_folder=bin_folder, durable=durable)
        finally:
            use.close()
            _wait_if_last(home)


def _wait_if_last(home: Path) -> None:
    users = run_folder(home) / "database.users"
    used_since: float | None = None
    while has_keeper(home):
        nobody = take(users, shared=False)
        if nobody is not None:
            nobody.close()
            used_since = None
        elif Board(home).read()[1] == "ready":
            # Either somebody else uses the server, or the keeper has just taken the lock and not said so yet.
            used_since = used_since or time.monotonic()
            if time.monotonic() - used_since > 0.5:
                return
        time.sleep(0.03)
    for kept, keeper in _keepers:
        if kept == home:
            # It has let go of its lock and is on its last lines.
            with contextlib.suppress(subprocess.TimeoutExpired):
                keeper.wait(timeout=5)
    _collect()
