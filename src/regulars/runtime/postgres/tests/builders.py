"""Homes for embedded servers, and ways to be unkind to them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

import regulars
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.binaries import find_binaries
from regulars.runtime.postgres.postmaster import is_alive

SOURCE = str(Path(regulars.__file__).parent.parent)
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def a_home(name: str = "") -> Iterator[Path]:
    """A REGULARS_HOME that every system user can pass through; what was started in it is ended with the test."""
    outside = Path(tempfile.mkdtemp(prefix="regulars-pg-"))
    outside.chmod(0o711)
    home = outside / name if name else outside
    try:
        yield home
    finally:
        running = embedded.facts(home)
        for pid in (running.keeper, running.server) if running else ():
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(outside, ignore_errors=True)


def migrate_as_the_template(database: embedded.Embedded) -> None:
    """Copies what has been migrated for the tests; nothing where its roles have other names.

    Migrating takes nine seconds of a core, and those tests are not about it: `tests/stories/test_demo.py` begins with
    an empty database.
    """
    owner, app = (os.environ[f"REGULARS_TEST_{name}_URL"] for name in ("DATABASE", "APP"))
    pairs = ((owner, database.owner), (app, database.app))
    if any(urlsplit(ours).username != urlsplit(theirs).username for ours, theirs in pairs):
        return
    template = urlunsplit(urlsplit(owner)._replace(path=f"/{os.environ['REGULARS_TEST_TEMPLATE']}"))
    programs = find_binaries()
    with tempfile.NamedTemporaryFile() as copy:
        for words in (
            ["pg_dump", "--format=custom", "--compress=none", f"--file={copy.name}", template],
            ["pg_restore", "--single-transaction", f"--dbname={database.owner}", copy.name],
        ):
            subprocess.run([programs.program(words[0]), *words[1:]], check=True)


def until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for `holds()`; a test that waits in vain fails."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.02)


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def query(url: str, words: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(words)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def another_user_process(home: Path) -> "subprocess.Popen[str]":
    """A process that uses the server of `home` until it is ended; its first line is the server's pid."""
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, sys, time\n"
            "from regulars.runtime.postgres import embedded\n"
            "with embedded.running(pathlib.Path(sys.argv[1])) as server:\n"
            "    print(server.server, flush=True)\n"
            "    time.sleep(600)\n",
            str(home),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": SOURCE},
    )
