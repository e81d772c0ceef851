"""Real PostgreSQL for every test: one server a run, one migrated template, one copy of it a test process.

`REGULARS_TEST_DATABASE_URL` (a role that may create databases, with `REGULARS_TEST_APP_URL` for the app's role)
names a server of your own; without it the run starts the embedded one in a folder of its own. With `--processes` the
first does so, and the others are forked from it.
"""

import contextlib
import functools
import gc
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils import translation
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from psycopg import sql
from pytest_django.plugin import blocking_manager_key

from regulars.runtime.serving.tests import nursery
from tests import threads
from tests.often import IS_WHOLE, LONGER

pytest_plugins = ["tests.side_by_side"]

ROOT = Path(__file__).parent
#: Files whose tests take longest in `make test` or `make slow`, the longest first (`ARGS=--durations=40`): begun last,
#: one of them alone would keep everybody waiting.
LONG = (
    "src/regulars/insight/measures/tests/test_refresh.py",
    "tests/stories/test_up.py",
    "tests/stories/test_demo.py",
    "tests/browser/test_console.py",
    "src/regulars/doors/console/tests/test_screens.py",
    "src/regulars/runtime/postgres/tests/test_embedded.py",
    "src/regulars/doors/api/tests/test_everything_the_description_allows.py",
    "src/regulars/levers/loyalty/tests/test_interleavings.py",
    "src/regulars/levers/loyalty/tests/test_whole_pasts.py",
    "src/regulars/doors/imports/tests/test_report.py",
    "tests/durability/test_kills.py",
    "tests/clients/test_faults.py",
    "src/regulars/facts/commerce/tests/test_versions.py",
    "src/regulars/facts/events/tests/test_orders.py",
    "src/regulars/doors/imports/tests/test_bad_input.py",
    "src/regulars/insight/audiences/tests/test_filling.py",
    "src/regulars/insight/warehouse/tests/test_publishing.py",
    "src/regulars/doors/console/tests/test_orders.py",
    "src/regulars/oversight/reporting/tests/test_shop_report.py",
    "src/regulars/levers/loyalty/tests/test_tiers.py",
    "src/regulars/runtime/jobs/tests/test_crash.py",
    "src/regulars/levers/loyalty/tests/test_turns.py",
    "src/regulars/levers/loyalty/tests/test_any_history.py",
    "src/regulars/doors/console/tests/test_identity.py",
    "src/regulars/doors/connectors/youzan/tests/test_story.py",
    "src/regulars/doors/imports/tests/test_importing.py",
    "src/regulars/oversight/outbound/tests/test_story.py",
    "src/regulars/runtime/backup/tests/test_restoring.py",
    "src/regulars/insight/measures/tests/test_customer_measures.py",
    "src/regulars/levers/loyalty/tests/test_birthdays.py",
    "src/regulars/insight/measures/tests/test_figures.py",
    "src/regulars/levers/loyalty/tests/test_backfilling.py",
)
#: What this process has started or made for the run, undone at its end.
RUN = contextlib.ExitStack()
#: The template is migrated while the tests are collected, and ready once this is closed.
TEMPLATE = contextlib.ExitStack()


#: As `regulars up` brings a database up to the code.
MIGRATES = """
import django
django.setup()
from regulars.runtime.database import ready
ready.migrate(say=lambda _: None)
"""

#: Room that a run may take in memory, in bytes: some hundreds of megabytes are what it needs.
ROOM = 4 << 30


def _work_in_memory() -> None:
    """Files of the run lie in memory where there is room; a TMPDIR of your own is left alone, and keeps them.

    A database is a thousand files: copied to a disk it takes half a second of a core, twenty times what it does here.
    """
    memory = Path("/dev/shm")  # noqa: S108 - only a folder of our own in it
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < ROOM:
        return
    for left in memory.glob("regulars-[0-9]*"):
        # A run that was killed has cleaned nothing up.
        if not Path("/proc", left.name.removeprefix("regulars-")).exists():
            shutil.rmtree(left, ignore_errors=True)
    place = memory / f"regulars-{os.getpid()}"
    place.mkdir(mode=0o711)
    RUN.callback(shutil.rmtree, place, ignore_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)


def _make_home() -> str:
    home = Path(tempfile.mkdtemp(prefix="regulars-test-home-"))
    # The embedded server's system user must be able to pass through it; what is secret inside has rights of its own.
    home.chmod(0o711)
    RUN.callback(shutil.rmtree, home, ignore_errors=True)
    return str(home)


_work_in_memory()
if "REGULARS_HOME" not in os.environ:
    os.environ["REGULARS_HOME"] = _make_home()
os.environ.setdefault("REGULARS_SECRET_KEY", "only-for-tests")
# Disks of machines that run tests are often fuller than a shop's should be.
os.environ.setdefault("REGULARS_DISK_RESERVE_MB", "100")
os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", "0")
if not IS_WHOLE:
    # Three processes share two cores, and their tables are small: a second thread costs a tenth more than it helps.
    os.environ.setdefault("REGULARS_ENGINE_THREADS", "1")

# On a busy machine a draw may wait for a second: that says nothing of what is tested.
settings.register_profile("run", deadline=None, suppress_health_check=[HealthCheck.too_slow], parent=settings.default)
settings.load_profile("run")
if not IS_WHOLE:
    # It reads all of our source for words and numbers to try, and weighs nine thousand of them for each kind of value:
    # three seconds before any test, and a good part of each. `make long` and `make slow` have it.
    providers._get_local_constants = Constants

# The real hasher at its cheapest: what it costs a guesser is nothing that tests should wait for.
Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1


def at_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _schema_fingerprint() -> str:
    seen = hashlib.sha256()
    for file in sorted(
        [
            *ROOT.glob("src/**/migrations/*.py"),
            # What migrations run, and what they grant.
            *(
                ROOT / "src/regulars/runtime/database" / name
                for name in ("operations.py", "roles.py", "fields.py", "migrating.py")
            ),
            ROOT / "constraints.txt",
            ROOT / "src/regulars/main/rooms.py",
        ]
    ):
        seen.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return seen.hexdigest()[:12]


def _begin_template(owner_url: str, app_url: str) -> str:
    """Name of a migrated database, called for what its migrations say; later runs on the same server find it there.

    It is being made when this returns, and made when `TEMPLATE` has been closed.
    """
    name = f"regulars_template_{_schema_fingerprint()}"
    server = TEMPLATE.enter_context(psycopg.connect(at_database(owner_url, "postgres"), autocommit=True))
    server.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
    if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return name
    raw = f"{name}_raw"
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(raw)))
    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(raw)))
    migrating = subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-c", MIGRATES],
        env=os.environ
        | {
            "REGULARS_DATABASE_URL": at_database(app_url, raw),
            "REGULARS_DATABASE_OWNER_URL": at_database(owner_url, raw),
            "DJANGO_SETTINGS_MODULE": "regulars.main.settings",
            "PYTHONPATH": str(ROOT / "src"),
        },
    )

    def make() -> None:
        if migrating.wait():
            pytest.exit("the tests' database could not be migrated", returncode=1)
        server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(raw), sql.Identifier(name)))

    TEMPLATE.callback(make)
    return name


def _start_embedded() -> None:
    """One server for the run. It may lose everything in a power cut: its data is worth less than the seconds saved."""
    from regulars.runtime.postgres import embedded  # noqa: PLC0415 - after the environment is set

    home = Path(os.environ["REGULARS_HOME"])
    running = RUN.enter_context(embedded.running(home, durable=False))
    with psycopg.connect(embedded.superuser_url(home), autocommit=True) as server:
        server.execute("ALTER ROLE regulars_owner CREATEDB")
        # To drop a test's database under sessions of the app's role that a failed test has left.
        server.execute("GRANT pg_signal_backend TO regulars_owner")
    os.environ["REGULARS_TEST_DATABASE_URL"] = running.owner
    os.environ["REGULARS_TEST_APP_URL"] = running.app


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("REGULARS_TEST_TEMPLATE"):
        return
    os.environ["REGULARS_UNSAFE_DATABASE"] = "1"
    if "REGULARS_TEST_DATABASE_URL" not in os.environ:
        _start_embedded()
    owner_url = os.environ["REGULARS_TEST_DATABASE_URL"]
    app_url = os.environ["REGULARS_TEST_APP_URL"]
    os.environ["REGULARS_TEST_TEMPLATE"] = _begin_template(owner_url, app_url)
    os.environ["REGULARS_DATABASE_URL"] = at_database(app_url, "postgres")
    os.environ["REGULARS_DATABASE_OWNER_URL"] = at_database(owner_url, "postgres")


def pytest_unconfigure() -> None:
    # What stays frozen at the end is reported as lost by libraries that count.
    gc.unfreeze()
    TEMPLATE.close()
    RUN.close()


def pytest_collectstart() -> None:
    """What is collected stays: looking through it for what has gone took two seconds of each process."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    # What tests leave behind is little beside what they compute: it is looked through less often.
    gc.set_threshold(50_000, 20, 100)
    gc.enable()
    TEMPLATE.close()
    if not session.config.option.collectonly and not threads.at_work():
        # What the forks do with a database is their own affair.
        unblocked = session.config.stash[blocking_manager_key].unblock
        RUN.callback(nursery.open_nursery(Path(tempfile.mkdtemp(prefix="regulars-nursery-")), first=unblocked))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Who names a test by itself wants that one.
    is_named = any("::" in one for one in config.args)
    left_out = [item for item in items if _is_left_out(item, is_named=is_named)]
    config.hook.pytest_deselected(items=left_out)
    for item in left_out:
        items.remove(item)
    files = {ROOT / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: files.get(item.path, len(LONG)))


def _is_left_out(item: pytest.Item, *, is_named: bool) -> bool:
    if LONGER == 1 and item.get_closest_marker("long"):
        return True
    slow = item.get_closest_marker("slow")
    return slow is not None and not (IS_WHOLE or is_named or slow.kwargs.get("shortened"))


@functools.cache
def _server(_process: int) -> psycopg.Connection[Any]:
    """A process's session by which databases come and go: a new one each time costs as much as a small test."""
    return psycopg.connect(at_database(os.environ["REGULARS_TEST_DATABASE_URL"], "postgres"), autocommit=True)


def _clone(name: str) -> None:
    _drop(name)
    _server(os.getpid()).execute(
        # Several times as fast as through the log, where nothing waits for a disk.
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(os.environ["REGULARS_TEST_TEMPLATE"])
        )
    )


def _drop(name: str) -> None:
    drop, server = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)), _server(os.getpid())
    for _ in range(40):
        # The server may be vacuuming the database just now, and only a superuser may end that: it takes a moment.
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
            server.execute(drop)
            return
        time.sleep(0.25)
    server.execute(drop)


def _point_django_at(name: str) -> None:
    """Both of Django's connections go to the database called `name`."""
    from django.db import connections  # noqa: PLC0415 - Django is configured by now

    from regulars.runtime.database.addresses import django_database  # noqa: PLC0415

    for alias, variable in (("default", "REGULARS_TEST_APP_URL"), ("owner", "REGULARS_TEST_DATABASE_URL")):
        connections[alias].close()
        where = django_database(at_database(os.environ[variable], name))
        connections[alias].settings_dict.update(where)
        connections.settings[alias].update(where)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Instead of Django's own: this process's copy of the template, reached as the app's role."""
    name = f"regulars_test_{os.getpid()}"
    _clone(name)
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        _point_django_at(name)
        yield
        from django.db import connections  # noqa: PLC0415

        connections.close_all()
    _drop(name)


_COPIES = itertools.count(1)


@contextmanager
def _database_of_its_own(name: str, blocker: Any) -> Iterator[dict[str, str]]:
    from django.db import connections  # noqa: PLC0415

    before = connections["default"].settings_dict["NAME"]
    # Never the same again: some things are kept in memory by the database's name.
    name = f"{name}_{next(_COPIES)}"
    _clone(name)
    with blocker.unblock():
        _point_django_at(name)
        try:
            yield {
                "REGULARS_DATABASE_URL": at_database(os.environ["REGULARS_TEST_APP_URL"], name),
                "REGULARS_DATABASE_OWNER_URL": at_database(os.environ["REGULARS_TEST_DATABASE_URL"], name),
                "PYTHONPATH": str(ROOT / "src"),
            }
        finally:
            connections.close_all()
            _point_django_at(before)
            _drop(name)


@pytest.fixture
def fresh_database(django_db_blocker: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A copy of the template for this test alone, for what commits or starts processes: the environment to reach it.

    Django in this process points at it too while the test runs.
    """
    with _database_of_its_own(f"regulars_fresh_{os.getpid()}", django_db_blocker) as reached:
        yield reached


@pytest.fixture
def fresh_databases(django_db_blocker: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[dict[str, str]]]:
    """The same, one after the other: for a test that begins anew."""
    return lambda: _database_of_its_own(f"regulars_another_{os.getpid()}", django_db_blocker)


@pytest.fixture(scope="module")
def fresh_database_of_module(django_db_blocker: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The same for all tests of one file: what is dear to fill is filled once. Such tests take no `db`."""
    with _database_of_its_own(f"regulars_module_{os.getpid()}", django_db_blocker) as reached:
        yield reached


@pytest.fixture(autouse=True)
def _the_language_is_given_back() -> Iterator[None]:
    """A request leaves its language in the thread until the next one; here the next may be another test's."""
    yield
    translation.deactivate()
