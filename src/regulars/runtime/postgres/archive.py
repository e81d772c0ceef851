"""Everything the server writes to its log, kept a second time: the WAL archive that a restore replays.

`pg_receivewal` reads the log from the server as it is written, through a replication slot: what it has not got yet,
the server keeps. Unlike an `archive_command` it does not wait for a segment to be full, runs as the keeper's own user,
and what the server keeps for it has a limit, so that a broken archive never fills the disk the shop stands on.

A *line* is one unbroken stretch of log, in a folder of its own. Whatever breaks it (a restore, a log given up for want
of room, a slot that is gone) begins another; so no line ever has a gap that its end would hide.
"""

import json
import logging
import os
import secrets
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg

from regulars.runtime import disk
from regulars.runtime.postgres.binaries import Binaries
from regulars.runtime.postgres.places import PORT, Place, run_folder

log = logging.getLogger("regulars.database")

SLOT = "regulars_backup"
SEGMENT = 16 * 1024**2
#: What the server keeps at most for an archive that does not take it.
MOST_KEPT = "4GB"
LOOKS_EVERY = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_STATE = "backup.state"


@dataclass(frozen=True)
class Receiving:
    """How the archive does. `state` is receiving, broken, full or off; `since` an ISO instant; `folder` where to."""

    state: str
    since: str
    words: str
    line: str
    folder: str = ""


def folder_for(home: Path) -> Path | None:
    """`REGULARS_BACKUPS`, from the home where it is no whole path, or `backups` there; None where it says `off`."""
    chosen = os.environ.get("REGULARS_BACKUPS") or "backups"
    return None if chosen == "off" else home / chosen


def folder_in_use(home: Path) -> Path | None:
    """The same as the running server's keeper has it, whose environment may be another than of who asks."""
    found = receiving(home)
    if found is None:
        return folder_for(home)
    return Path(found.folder) if found.folder else None


def reserve_bytes() -> int:
    """Free room that backups leave alone, the same that events leave."""
    return int(os.environ.get("REGULARS_DISK_RESERVE_MB", "1024")) * 1_000_000


def receiving(home: Path) -> Receiving | None:
    """As the keeper wrote it down last; None where it never has."""
    try:
        return Receiving(**json.loads((run_folder(home) / _STATE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def line_of(place: Place) -> str:
    """The line that the server of this place writes, empty before its first."""
    try:
        return (place.root / "line").read_text().strip()
    except FileNotFoundError:
        return ""


def _end_strays(folder: Path) -> None:
    """The receiver of a killed keeper holds the slot."""
    for one in psutil.process_iter():
        try:
            if one.name() == "pg_receivewal" and f"--directory={folder}" in one.cmdline():
                one.kill()
                one.wait(5)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.TimeoutExpired):
            continue


class Archivist:
    """The keeper's hand for the archive. Nothing it meets stops the shop: it says what is wrong, and tries again."""

    def __init__(self, *, home: Path, place: Place, binaries: Binaries, admin_url: str, password: str) -> None:
        self._home, self._place, self._binaries, self._admin_url = home, place, binaries, admin_url
        self._password = password
        self._receiver: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._looked, self._pause, self._again = 0.0, SHORTEST_PAUSE, 0.0
        self._said = Receiving("", "", "", "", "")

    def begin(self) -> None:
        """After each start of the server."""
        self._folder = folder_for(self._home)
        self._looked = self._again = 0.0
        self._pause = SHORTEST_PAUSE
        if self._folder is None:
            self._drop_slot()
            self._say("off", "REGULARS_BACKUPS is off")
            return
        self.tend()

    def tend(self) -> None:
        """A look now and then; the keeper calls it all the time."""
        now = time.monotonic()
        if self._folder is None or now < self._again:
            return
        ended = self._receiver is not None and self._receiver.poll() is not None
        if not ended and self._receiver is not None and now - self._looked < LOOKS_EVERY:
            return
        self._looked = now
        try:
            self._look(self._folder, ended=ended)
        except (OSError, psycopg.Error, psutil.Error) as problem:
            self._broken(str(problem).strip().split("\n")[0])

    def end(self) -> None:
        """When the server has ended: it hands over its last words first, and the receiver ends by itself."""
        if self._receiver is None:
            return
        try:
            self._receiver.wait(5)
        except subprocess.TimeoutExpired:
            self._receiver.kill()
            self._receiver.wait()
        self._receiver = None

    def _look(self, folder: Path, *, ended: bool) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < reserve_bytes():
            self._full(folder, free)
            return
        if ended:
            self._receiver = None
            self._broken(self._last_words())
            return
        if self._receiver is None:
            self._start(folder)
        elif self._said.state != "receiving":
            self._pause = SHORTEST_PAUSE
            self._say("receiving", "")

    def _full(self, folder: Path, free: int) -> None:
        if self._receiver is not None:
            self._receiver.terminate()
            self._receiver.wait()
            self._receiver = None
        if folder.stat().st_dev == self._place.root.stat().st_dev:
            # What the server would keep for us would fill the same disk, and stop the shop.
            self._drop_slot()
        self._again = time.monotonic() + LOOKS_EVERY
        self._say("full", f"{free // 1_000_000:,} MB are free where {folder} is")

    def _broken(self, words: str) -> None:
        self._again = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._say("broken", words)

    def _start(self, folder: Path) -> None:
        line = self._line(folder)
        wal = folder / line / "wal"
        _end_strays(wal)
        for half in wal.glob("*.partial"):
            # Ended while it made room for a segment: what is in it comes again, and it would refuse to go on.
            if half.stat().st_size not in {0, SEGMENT}:
                half.unlink()
        with (run_folder(self._home) / "backup.log").open("wb") as out:
            self._receiver = subprocess.Popen(
                [
                    self._binaries.program("pg_receivewal"),
                    f"--directory={wal}",
                    f"--slot={SLOT}",
                    "--no-loop",
                    "--no-password",
                    "--status-interval=5",
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env={
                    "PATH": os.defpath,
                    "LC_ALL": "C",
                    "PGHOST": str(self._place.socket),
                    "PGPORT": str(PORT),
                    "PGUSER": "postgres",
                    # Not among its arguments, which everybody on the machine can read.
                    "PGPASSWORD": self._password,
                },
                start_new_session=True,
                umask=0o077,
            )
        if self._said.state != "broken":
            self._say("receiving", "")

    def _line(self, folder: Path) -> str:
        """The line to go on with; a new one where the server has not kept what the old one lacks."""
        with psycopg.connect(self._admin_url, autocommit=True) as server:
            row = server.execute(
                "SELECT wal_status, active_pid FROM pg_replication_slots WHERE slot_name = %s", [SLOT]
            ).fetchone()
            known = line_of(self._place)
            if row is not None and row[0] != "lost" and known and (folder / known / "wal").is_dir():
                return known
            if row is not None:
                if row[1]:
                    server.execute("SELECT pg_terminate_backend(%s, 5000)", [row[1]])
                server.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
            server.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        made = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        for new in (folder / made, folder / made / "wal"):
            new.mkdir(mode=0o700)
            disk.sync_folder(new.parent)
        disk.write_whole(self._place.root / "line", made + "\n")
        log.info("a new line of the archive begins: %s", made)
        return made

    def _drop_slot(self) -> None:
        try:
            with psycopg.connect(self._admin_url, autocommit=True) as server:
                server.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                    " WHERE slot_name = %s AND NOT active",
                    [SLOT],
                )
        except psycopg.Error as problem:
            log.warning("the archive's slot could not be dropped: %s", problem)

    def _last_words(self) -> str:
        lines = (run_folder(self._home) / "backup.log").read_text(errors="replace").strip().splitlines()
        return next((line for line in reversed(lines) if "error:" in line), lines[-1] if lines else "it ended")

    def _say(self, state: str, words: str) -> None:
        line, folder = line_of(self._place), str(self._folder or "")
        if (state, words, line, folder) == (self._said.state, self._said.words, self._said.line, self._said.folder):
            return
        since = self._said.since if state == self._said.state else datetime.now(UTC).isoformat()
        if state != self._said.state:
            log.info("the archive: %s %s", state, words)
        self._said = Receiving(state, since, words, line, folder)
        disk.write_whole(run_folder(self._home) / _STATE, json.dumps(asdict(self._said)))
