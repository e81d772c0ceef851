"""Bases are whole or not seen, what is not needed goes, and what is kept can be restored."""

import signal
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regulars.runtime.backup import bases, dumps, jobs, shelf
from regulars.runtime.backup.shelf import Base
from regulars.runtime.backup.tests.builders import a_shop, in_a_process, points_in, purse, put, restored
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.tests.builders import a_home, until

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
A_BASE = Base("", "", Path(), NOON, NOON, "18.6", 1, 2, 1, 1, "", "")


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGULARS_BACKUPS", raising=False)
    monkeypatch.setenv("REGULARS_DISK_RESERVE_MB", "10")


MAKE = """
import pathlib, sys
from regulars.runtime.backup import bases
def tell(stage, done, total):
    print(stage, flush=True)
bases.make(home=pathlib.Path(sys.argv[1]), fast=True, tell=tell)
"""


@pytest.mark.long
def test_killed_while_it_is_made_a_base_is_not_seen_and_what_is_tidied_still_restores() -> None:
    with a_home() as home:
        base, _ = a_shop(home)
        with purse(home) as connection:
            making = in_a_process(MAKE, str(home))
            assert making.stdout is not None
            for line in making.stdout:
                if line.strip() == "verify":
                    break
            making.send_signal(signal.SIGKILL)
            making.wait()
            folder = home / "backups" / base.line / "bases"
            assert list(folder.glob(".new-*"))
            assert [one.label for one in shelf.bases(home / "backups")] == [base.label]
            put(connection, 80)
            # Whatever the killed one has left is taken away by the next.
            second = bases.make(home=home, fast=True)
            assert not list(folder.glob(".new-*"))
            put(connection, 90)
            # A whole file more of the log, to be packed.
            connection.execute(
                "CREATE TABLE ballast AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 30000) i"
            )
            log = home / "backups" / base.line / "wal"
            until(
                lambda: any(
                    one.is_whole and one.number > second.first_segment
                    for one in shelf.segments(home / "backups", base.line)
                )
            )
            done = bases.tidy(home=home, at=datetime.now(UTC) + timedelta(days=8), keep_days=7)
            assert (done.bases, done.segments > 0, done.packed > 0) == (1, True, True)
            assert [one.label for one in shelf.bases(home / "backups")] == [second.label]
            # Again it finds nothing to do, and who receives goes on beside packed files after a stop.
            again = bases.tidy(home=home, at=datetime.now(UTC) + timedelta(days=8), keep_days=7)
            assert (again.bases, again.segments) == (0, 0)
        with purse(home) as connection:
            put(connection, 100)
        assert list(log.glob("*.gz"))
        with a_home() as new:
            restored(home, new)
            assert points_in(new)[-3:] == [80, 90, 100]


def test_two_do_not_work_on_one_folder() -> None:
    with a_home() as home:
        home.mkdir(exist_ok=True)
        with bases.alone(home / "backups"), pytest.raises(bases.BackupBusy), bases.alone(home / "backups"):
            pass


@pytest.mark.long
def test_the_keepers_folder_counts_not_the_askers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `regulars up` runs with another disk's folder, and a shell of the same home without.
    with a_home() as home:
        monkeypatch.setenv("REGULARS_BACKUPS", str(tmp_path / "other"))
        with embedded.running(home):
            monkeypatch.delenv("REGULARS_BACKUPS")
            assert bases.folder_of(home) == tmp_path / "other"
            assert bases.make(home=home, fast=True).folder.is_relative_to(tmp_path / "other")


def test_off_and_no_room_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REGULARS_BACKUPS", "off")
    with pytest.raises(bases.BackupsOff):
        bases.folder_of(tmp_path)
    monkeypatch.setenv("REGULARS_BACKUPS", str(tmp_path / "there"))
    assert bases.folder_of(tmp_path) == tmp_path / "there"
    monkeypatch.setenv("REGULARS_BACKUPS", "from/the/home")
    assert bases.folder_of(tmp_path) == tmp_path / "from/the/home"


@pytest.mark.parametrize(
    ("ages", "gone"),
    [
        ([0.5], []),
        ([0.5, 1.5, 6.9], []),
        # The one of 7.5 days is what a moment of 7 days ago needs.
        ([0.5, 7.5], []),
        ([0.5, 7.5, 8.5, 30], [8.5, 30]),
        ([30, 40], [40]),
    ],
)
def test_what_no_moment_of_the_last_days_needs_goes(ages: list[float], gone: list[float]) -> None:
    found = [replace(A_BASE, label=str(age), finished_at=NOON - timedelta(days=age)) for age in ages]
    assert {one.label for one in bases.obsolete(found, at=NOON, keep_days=7)} == {str(age) for age in gone}


@pytest.mark.parametrize(
    ("hour", "hours_old", "due"),
    [(12, None, True), (12, 25, False), (12, 27, True), (18, 19, False), (18, 21, True)],
)
def test_a_base_is_due_at_night_or_when_nights_were_missed(hour: int, hours_old: int | None, due: bool) -> None:
    at = NOON.replace(hour=hour)
    last = None if hours_old is None else at - timedelta(hours=hours_old)
    assert jobs.is_due(last, at=at, wanted=jobs.WANTED, at_night=jobs.AT_NIGHT) is due


@pytest.mark.long
def test_a_password_is_no_argument() -> None:
    with a_home() as home, embedded.running(home):
        asked = embedded.superuser_environment(home)
        found = [
            (process / "cmdline").read_bytes()
            for process in Path("/proc").iterdir()
            if process.name.isdigit() and (process / "cmdline").exists()
        ]
        assert any(b"pg_receivewal" in one and str(home).encode() in one for one in found)
        assert not any(asked["PGPASSWORD"].encode() in one for one in found)


def test_of_a_postgresql_of_ones_own_a_dump_is_made_by_its_owner(
    fresh_database: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGULARS_DATABASE_OWNER_URL", raising=False)
    with pytest.raises(dumps.NoOwner):
        dumps.dump(home=tmp_path, at=NOON)
    monkeypatch.setenv("REGULARS_DATABASE_OWNER_URL", fresh_database["REGULARS_DATABASE_OWNER_URL"])
    made = dumps.dump(home=tmp_path, at=NOON)
    assert made.file == tmp_path / "backups" / "dumps" / "20260310T120000Z.dump"
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert made.file.read_bytes().startswith(b"PGDMP")
    assert [one.name for one in made.file.parent.iterdir()] == [made.file.name]
    monkeypatch.setenv("REGULARS_DATABASE_OWNER_URL", "postgresql://priya@127.0.0.1:9/nowhere")
    with pytest.raises(bases.BackupFailed, match="refused"):
        dumps.dump(home=tmp_path, at=NOON)
    assert [one.name for one in made.file.parent.iterdir()] == [made.file.name]
