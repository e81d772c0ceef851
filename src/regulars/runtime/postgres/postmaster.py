"""One running PostgreSQL server: our own child, or the survivor of a killed keeper."""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg

from regulars.runtime.postgres.accounts import Account
from regulars.runtime.postgres.binaries import Binaries
from regulars.runtime.postgres.places import PORT, Place
from regulars.runtime.postgres.trouble import DatabaseTrouble

log = logging.getLogger(__name__)
Say = Callable[[str], None]

#: Seconds that orphaned backends of a killed server get to notice it, before they are killed.
ORPHANS_NOTICE = 5.0
_REDO_STARTS = re.compile(r"redo starts at ([0-9A-F]+)/([0-9A-F]+)")
_REDO_AT = re.compile(r"redo in progress, elapsed time: ([0-9.]+) s, current LSN: ([0-9A-F]+)/([0-9A-F]+)")


def _lsn(high: str, low: str) -> int:
    return (int(high, 16) << 32) + int(low, 16)


def recovery_progress(said: str) -> str:
    """What the server's own log says about a recovery under way, for people; empty when it says nothing."""
    starts = list(_REDO_STARTS.finditer(said))
    if not starts:
        return ""
    steps = list(_REDO_AT.finditer(said, starts[-1].end()))
    if not steps:
        return "replaying what was written since the last checkpoint"
    done = _lsn(steps[-1][2], steps[-1][3]) - _lsn(starts[-1][1], starts[-1][2])
    return f"{done / 1024**2:,.0f} MB of its log replayed in {float(steps[-1][1]):.0f} s"


def _is_gone(process: psutil.Process) -> bool:
    """A zombie is gone: it serves nobody, whether or not its parent ever collects it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_alive(pid: int) -> bool:
    """Whether a process with this pid lives and is no zombie."""
    try:
        return not _is_gone(psutil.Process(pid))
    except (psutil.NoSuchProcess, ValueError):
        return False


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return bool(process.name().startswith("postgres") and process.cwd() == str(data))
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


class Postmaster:
    """Start one with `start` or take one over with `adopt`; both return when it accepts connections."""

    def __init__(self, *, place: Place, process: psutil.Process, child: subprocess.Popen[bytes] | None) -> None:
        self.place = place
        self.pid = process.pid
        self._process = process
        self._child = child

    @property
    def adopted(self) -> bool:
        return self._child is None

    def is_alive(self) -> bool:
        """Also collects a child that has ended, so that it does not stay as a zombie."""
        if self._child is not None:
            return self._child.poll() is None
        return not _is_gone(self._process)

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """Ask it to end: SIGINT ends sessions and writes a checkpoint, SIGQUIT leaves a recovery to the next start."""
        if self.is_alive():
            os.kill(self.pid, how)

    def wait(self, *, timeout: float) -> bool:
        """Whether it ended within `timeout` seconds."""
        until = time.monotonic() + timeout
        while self.is_alive():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


def survivor(place: Place) -> psutil.Process | None:
    """The server that runs on this data directory without a keeper, told by pid, start time and working directory.

    A pid alone proves nothing: after a restart of the machine it can belong to anybody.
    """
    try:
        lines = (place.data / "postmaster.pid").read_text().splitlines()
        process, started = psutil.Process(int(lines[0])), float(lines[2])
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    try:
        same = abs(process.create_time() - started) < 10 and _works_in(process, place.data)
    except psutil.NoSuchProcess:
        return None
    return process if same and not _is_gone(process) else None


def is_stopping(place: Place) -> bool:
    """Whether the server that wrote `postmaster.pid` has begun to shut down."""
    try:
        return (place.data / "postmaster.pid").read_text().splitlines()[7].strip() == "stopping"
    except (OSError, IndexError):
        return False


def clear_what_the_dead_left(place: Place, *, say: Say) -> None:
    """Before a start: end orphaned backends, remove lock files whose pid now belongs to somebody else.

    Only the keeper calls this, who holds the lock of this place, and only when `survivor` found no server.
    """
    since = time.monotonic()
    while orphans := [p for p in psutil.process_iter() if _works_in(p, place.data) and not _is_gone(p)]:
        say(f"waiting for {len(orphans)} processes of a killed server to end")
        if time.monotonic() - since > ORPHANS_NOTICE:
            for orphan in orphans:
                # Harmless without a postmaster: nothing they write after this can reach a new server's memory.
                orphan.kill()
        time.sleep(0.1)
    for lock in (place.data / "postmaster.pid", place.socket / f".s.PGSQL.{PORT}.lock"):
        if lock.exists():
            log.info("removed %s, left by a server that is no more", lock)
            lock.unlink()


def _last_words(said: str) -> str:
    fatal = [line for line in said.splitlines() if re.search(r"\b(FATAL|PANIC|ERROR|could not|HINT):?", line)]
    return "\n".join((fatal or said.splitlines())[-6:])


def _accepts(admin_url: str) -> bool:
    try:
        psycopg.connect(admin_url, connect_timeout=5).close()
    except psycopg.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise DatabaseTrouble(
                "The database does not accept the password in keys/database.json of REGULARS_HOME. "
                "Put back the file that belongs to this database."
            ) from problem
        return False
    return True


def _wait_until_it_accepts(
    postmaster: Postmaster, *, admin_url: str, log_file: Path, log_from: int, say: Say, stopping: Callable[[], bool]
) -> None:
    began = time.monotonic()
    while not _accepts(admin_url):
        with log_file.open(errors="replace") as file:
            file.seek(log_from)
            said = file.read()
        if not postmaster.is_alive():
            raise DatabaseTrouble(f"The database server ended while it started. Its last words:\n{_last_words(said)}")
        if stopping():
            return
        # No limit: a recovery takes as long as it takes, and killing it only makes the next one start over.
        if progress := recovery_progress(said):
            say(f"the database recovers after a crash: {progress}")
        elif (waited := time.monotonic() - began) > 2:
            say(f"the database starts, {waited:.0f} s so far")
        time.sleep(0.05)


def start(
    binaries: Binaries,
    place: Place,
    *,
    account: Account,
    admin_url: str,
    log_file: Path,
    say: Say,
    stopping: Callable[[], bool],
) -> Postmaster:
    """Start the server as a foreground child. However long its recovery takes, `say` hears how far it is."""
    with log_file.open("ab") as out:
        log_from = out.tell()
        child = subprocess.Popen(
            [binaries.program("postgres"), "-D", str(place.data)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=place.root,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
            **account.for_process(),
        )
    postmaster = Postmaster(place=place, process=psutil.Process(child.pid), child=child)
    try:
        _wait_until_it_accepts(
            postmaster, admin_url=admin_url, log_file=log_file, log_from=log_from, say=say, stopping=stopping
        )
    except BaseException:
        postmaster.stop()
        postmaster.wait(timeout=60)
        raise
    return postmaster


def adopt(
    process: psutil.Process, place: Place, *, admin_url: str, log_file: Path, say: Say, stopping: Callable[[], bool]
) -> Postmaster:
    """Take over a server that outlived its keeper. Its sessions notice nothing."""
    postmaster = Postmaster(place=place, process=process, child=None)
    _wait_until_it_accepts(
        postmaster,
        admin_url=admin_url,
        log_file=log_file,
        log_from=log_file.stat().st_size if log_file.exists() else 0,
        say=say,
        stopping=stopping,
    )
    return postmaster
