"""The process that keeps the embedded server: its parent, and gone when nobody uses it any more.

One keeper a home. Everybody who uses the server holds a shared lock on `run/database.users`; the kernel drops that
lock when its holder dies, however it dies. When the keeper can take the lock for itself nobody is left, and it stops
the server. So a command, `regulars up` and a second command can come and go in any order, and none has to hand the
server to another.

Run as `python -m regulars.runtime.postgres.keeper`; `embedded.running` does that.
"""

import fcntl
import json
import logging
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

import click
import psycopg

from regulars.runtime import disk
from regulars.runtime.postgres import cluster, postmaster
from regulars.runtime.postgres.accounts import database_account
from regulars.runtime.postgres.archive import Archivist
from regulars.runtime.postgres.binaries import Binaries, binaries_in, find_binaries, reachable
from regulars.runtime.postgres.places import ELSEWHERE, POINTER, Place, place_for, run_folder
from regulars.runtime.postgres.safety import has_checksums, unsafe_settings
from regulars.runtime.postgres.trouble import DatabaseTrouble

log = logging.getLogger("regulars.database")

ADDRESS_FILE = "database.json"
LOOKS_EVERY = 0.1
LARGEST_LOG = 10 * 1024**2


def take(file: Path, *, shared: bool) -> TextIOWrapper | None:
    """A lock on `file` for as long as the returned handle is open; None when somebody holds a lock against it."""
    handle = file.open("a+")
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


@dataclass(frozen=True)
class Board:
    """Where the keeper tells what it does, for those who wait."""

    home: Path

    @property
    def _file(self) -> Path:
        return run_folder(self.home) / "database.state"

    def write(self, state: str, words: str = "") -> None:
        disk.write_whole(self._file, json.dumps({"keeper": os.getpid(), "state": state, "words": words}))

    def read(self) -> tuple[int, str, str]:
        """The keeper's pid, its state (starting, ready, stopping, failed) and its words."""
        try:
            found = json.loads(self._file.read_text())
        except FileNotFoundError:
            return 0, "", ""
        return found["keeper"], found["state"], found["words"]


class Keeper:
    """Brings the server up, watches it, and brings it down."""

    def __init__(self, *, home: Path, binaries: Binaries, durable: bool) -> None:
        self.home = home
        self.account = database_account()
        self.place: Place = place_for(home, account=self.account)
        self.binaries = reachable(binaries, account=self.account, shelf=ELSEWHERE / "programs")
        self.durable = durable
        self.board = Board(home)
        self.log_file = home / "logs" / "postgres.log"
        self.kept = cluster.passwords(home)
        self.admin_url = cluster.url(
            self.place, role=cluster.SUPERUSER, password=self.kept.postgres, database="postgres"
        )
        self.archivist = Archivist(
            home=home,
            place=self.place,
            binaries=self.binaries,
            admin_url=self.admin_url,
            password=self.kept.postgres,
        )
        self.asked_to_stop = 0
        self._said = ""

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_stop += 1

    def say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self.board.write("starting", words)
            log.info("%s", words)

    def _stopping(self) -> bool:
        return self.asked_to_stop > 0

    def _bring_up(self) -> postmaster.Postmaster:
        while found := postmaster.survivor(self.place):
            if not postmaster.is_stopping(self.place):
                self.say("a server that outlived its keeper is taken over")
                log.info("adopting pid %d", found.pid)
                return postmaster.adopt(
                    found,
                    self.place,
                    admin_url=self.admin_url,
                    log_file=self.log_file,
                    say=self.say,
                    stopping=self._stopping,
                )
            self.say("a server that outlived its keeper is shutting down; waiting for it")
            time.sleep(LOOKS_EVERY)
        if not self.place.data.exists():
            if before := sorted(self.place.root.glob(f"{cluster.BEFORE}*")):
                raise DatabaseTrouble(
                    f"A restore ended before it put its database in place. Run it again; or, to go on with what was "
                    f"there, rename {before[-1]} to {self.place.data}."
                )
            self.say(f"a new database is made in {self.place.root}")
            cluster.make(self.binaries, self.place, account=self.account, kept=self.kept, durable=self.durable)
        cluster.check_version(self.binaries, self.place)
        cluster.configure(self.place, account=self.account, durable=self.durable)
        postmaster.clear_what_the_dead_left(self.place, say=self.say)
        if self.log_file.exists() and self.log_file.stat().st_size > LARGEST_LOG:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        return postmaster.start(
            self.binaries,
            self.place,
            account=self.account,
            admin_url=self.admin_url,
            log_file=self.log_file,
            say=self.say,
            stopping=self._stopping,
        )

    def _refuse_unsafe(self) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            problems = [str(problem) for problem in unsafe_settings(connection)]
            if not has_checksums(connection):
                problems.append("data_checksums is off: run pg_checksums --enable on the stopped server")
        if problems:
            raise DatabaseTrouble(
                f"The database's settings could lose what was recorded, so it is not used. "
                f"Look at {self.place.data}/postgresql.conf and postgresql.auto.conf.\n- " + "\n- ".join(problems)
            )

    def _up(self) -> postmaster.Postmaster:
        server = self._bring_up()
        try:
            if not self._stopping():
                if self.durable:
                    self._refuse_unsafe()
                cluster.ensure_roles(self.place, self.kept)
                disk.write_whole(
                    self.home / ADDRESS_FILE,
                    json.dumps(
                        cluster.urls(self.place, self.kept)
                        | {
                            "keeper": os.getpid(),
                            "server": server.pid,
                            "version": "{}.{}".format(*self.binaries.version),
                            "data": str(self.place.data),
                            "why_elsewhere": self.place.why_elsewhere,
                            "adopted": server.adopted,
                            "durable": self.durable,
                        },
                        indent=1,
                    ),
                )
                if self.durable:
                    self.archivist.begin()
                self.board.write("ready")
                log.info("ready, server pid %d", server.pid)
        except BaseException:
            self._down(server)
            raise
        return server

    def _down(self, server: postmaster.Postmaster) -> None:
        (self.home / ADDRESS_FILE).unlink(missing_ok=True)
        began, asked = time.monotonic(), self.asked_to_stop
        server.stop()
        while not server.wait(timeout=0.2):
            self.board.write("stopping", f"the database writes what is in memory, {time.monotonic() - began:.0f} s")
            if self.asked_to_stop > max(asked, 1):
                server.stop(how=signal.SIGQUIT)
        self.archivist.end()
        log.info("stopped after %.2f s", time.monotonic() - began)

    def keep(self, users: Path) -> None:
        """Until nobody uses the server or a signal asks to stop; a server that dies is started again."""
        server, pause = self._up(), 0.2
        up_since = time.monotonic()
        while True:
            if not server.is_alive() and not self._stopping():
                log.error("the server (pid %d) ended by itself; starting it again", server.pid)
                self.archivist.end()
                self.say("the database server ended by itself and is started again")
                if time.monotonic() - up_since < 30:
                    time.sleep(pause)
                    pause = min(pause * 2, 10.0)
                else:
                    pause = 0.2
                server, up_since = self._up(), time.monotonic()
            if self.durable:
                self.archivist.tend()
            # Held to the end of this process: whoever comes now waits for the stop and then starts a fresh keeper.
            nobody = take(users, shared=False)
            if nobody is not None or self._stopping():
                self.board.write("stopping", "the database stops")
                self._down(server)
                return
            time.sleep(LOOKS_EVERY)


def _keeper_lock(home: Path) -> TextIOWrapper | None:
    # Somebody who only asks whether there is a keeper holds the lock for an instant.
    for _ in range(10):
        if lock := take(run_folder(home) / "database.keeper", shared=False):
            return lock
        time.sleep(0.02)
    return None


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--bin", "bin_folder", type=click.Path(path_type=Path), help="PostgreSQL's programs, if not the wheel's.")
@click.option("--not-durable", is_flag=True, help="For tests: a power cut may lose everything.")
def main(home: Path, bin_folder: Path | None, *, not_durable: bool) -> None:
    """Keep the embedded PostgreSQL of HOME until nobody uses it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    lock = _keeper_lock(home)
    if lock is None:
        log.info("another keeper was first")
        return
    board = Board(home)
    try:
        board.write("starting")
        keeper = Keeper(
            home=home, binaries=binaries_in(bin_folder) if bin_folder else find_binaries(), durable=not not_durable
        )
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, keeper.hear)
        held = keeper.place.root / "keeper"
        of_the_place = take(held, shared=False)
        if of_the_place is None:
            raise DatabaseTrouble(
                f"The database in {keeper.place.root} is kept by process {held.read_text().strip()} for another "
                f"REGULARS_HOME than {home}. Stop what uses it there; or, if {home} is a copy that shall have a "
                f"database of its own, remove {home}/{POINTER}."
            )
        of_the_place.truncate(0)
        of_the_place.write(f"{os.getpid()}\n")
        of_the_place.flush()
        keeper.keep(run_folder(home) / "database.users")
        board.write("stopped")
    except DatabaseTrouble as trouble:
        board.write("failed", str(trouble))
        log.error("%s", trouble)
        sys.exit(1)
    except Exception as problem:
        board.write("failed", f"{type(problem).__name__}: {problem}")
        log.error("%s", traceback.format_exc())
        raise


if __name__ == "__main__":
    main()
