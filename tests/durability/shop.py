"""A home with a database of its own, migrated, with a web server and a key to send events with."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.postmaster import is_alive
from regulars.runtime.serving.tests import nursery
from tests.clients.serving import Server

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
_FURNISH = """
import django; django.setup()
from datetime import UTC, datetime
from regulars.facts.sources import sources, write_keys
from regulars.kit.actors import SYSTEM
from regulars.runtime.database.ready import database_ready
with database_ready(say=lambda words: None):
    now = datetime.now(UTC)
    made = sources.make(name="storm", kind="server", namespace="storm", zone="Asia/Shanghai", at=now, by=SYSTEM)
    print(write_keys.make(source=made.id, per_second=1_000_000, at=now, by=SYSTEM).token)
"""


def environment(home: Path) -> dict[str, str]:
    """Of somebody whose only setting is the home; a test run's own database stays out of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    return kept | {
        "REGULARS_HOME": str(home),
        "PYTHONPATH": SOURCE,
        "DJANGO_SETTINGS_MODULE": "regulars.main.settings",
        # Disks of machines that run tests are often fuller than a shop's should be.
        "REGULARS_DISK_RESERVE_MB": "100",
    }


def furnish(home: Path) -> str:
    """Tables in the home's database, and a key to send events with; its secret."""
    made = nursery.start(_FURNISH, environment=environment(home), stdout=nursery.PIPE)
    said, _ = made.communicate()
    assert made.returncode == 0
    assert said is not None
    return said.strip()


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    server = Server(environment(home), home=home)
    try:
        server.start()
        yield server
    finally:
        server.close()


def kill_database(home: Path) -> None:
    """SIGKILL to the server and all it has started."""
    told = facts(home)
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(told.server)
        for one in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def kill_keeper(home: Path) -> None:
    """SIGKILL to the process that keeps the server."""
    told = facts(home)
    with suppress(ProcessLookupError):
        if is_alive(told.keeper):
            os.kill(told.keeper, signal.SIGKILL)


def facts(home: Path) -> embedded.Embedded:
    """The database as it was last known."""
    told = embedded.facts(home)
    assert told is not None, f"no database has run in {home}"
    return told
