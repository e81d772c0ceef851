"""The log is kept a second time without a gap, whoever is killed. Where it cannot be, the shop goes on and says so."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from regulars.runtime.postgres import archive, embedded, places
from regulars.runtime.postgres.archive import SEGMENT, SLOT
from regulars.runtime.postgres.tests.builders import a_home, kill, until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGULARS_BACKUPS", raising=False)
    monkeypatch.setenv("REGULARS_DISK_RESERVE_MB", "10")


def receivers(home: Path) -> list[psutil.Process]:
    found = []
    for one in psutil.process_iter():
        try:
            if one.name() == "pg_receivewal" and f"{home}/" in " ".join(one.cmdline()):
                found.append(one)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def write_more(server: embedded.Embedded, *, segments: float = 1.0) -> None:
    rows = int(segments * 22_000)
    with psycopg.connect(server.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS ballast (what text)")
        # Random enough that packing the log does not make it small.
        connection.execute(
            "INSERT INTO ballast SELECT string_agg(md5(random()::text), '') FROM generate_series(1, %s) i"
            " GROUP BY i %% %s",
            [rows * 20, rows],
        )


def log_of(home: Path) -> list[int]:
    """Numbers of the log's files of the line that the server writes."""
    line = archive.line_of(places.place_for(home, account=embedded.database_account()))
    folder = archive.folder_for(home)
    assert folder is not None
    names = {file.name[:24] for file in (folder / line / "wal").iterdir() if len(file.name) >= 24}
    return sorted(int(name[16:], 16) for name in names)


def state_of(home: Path) -> str:
    found = archive.receiving(home)
    return "" if found is None else found.state


@pytest.mark.slow
def test_whoever_is_killed_the_log_has_no_gap() -> None:
    with a_home() as home:
        with embedded.running(home) as server:
            line = archive.line_of(places.place_for(home, account=embedded.database_account()))
            write_more(server)
            (receiver,) = receivers(home)
            receiver.kill()
            write_more(server)
            until(lambda: bool(receivers(home)))
            # The keeper and who receives for it, and then the server.
            kill(server.keeper)
            until(lambda: not embedded.has_keeper(home))
            server = embedded.ensure(home)
            until(lambda: len(receivers(home)) == 1)
            write_more(server)
            kill(server.server)
            until(lambda: (now := embedded.facts(home)) is not None and now.server != server.server)
            server = embedded.ensure(home)
            write_more(server)
        # One more start, after it ended while it made room for the next file.
        wal = home / "backups" / line / "wal"
        (half,) = wal.glob("*.partial")
        os.truncate(half, SEGMENT // 3)
        with embedded.running(home) as server:
            write_more(server)
        found = log_of(home)
        assert found == list(range(found[0], found[-1] + 1))
        assert len(found) >= 5
        assert archive.line_of(places.place_for(home, account=embedded.database_account())) == line
        assert not receivers(home)


@pytest.mark.long
def test_a_log_the_server_gave_up_begins_another_line() -> None:
    with a_home() as home:
        with embedded.running(home):
            place = places.place_for(home, account=embedded.database_account())
            first = archive.line_of(place)
        with embedded.running(home), psycopg.connect(embedded.superuser_url(home), autocommit=True) as admin:
            (receiver,) = receivers(home)
            receiver.kill()
            until(lambda: admin.execute("SELECT active FROM pg_replication_slots").fetchone() in {(False,), None})
            admin.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
            until(lambda: archive.line_of(place) != first)
            until(lambda: admin.execute("SELECT slot_name FROM pg_replication_slots").fetchone() == (SLOT,))


@pytest.mark.long
def test_off_keeps_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_home() as home:
        with embedded.running(home):
            assert state_of(home) == "receiving"
        monkeypatch.setenv("REGULARS_BACKUPS", "off")
        with embedded.running(home), psycopg.connect(embedded.superuser_url(home)) as admin:
            assert state_of(home) == "off"
            assert admin.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
            assert not receivers(home)


@contextmanager
def a_small_disk(where: Path, megabytes: int) -> Iterator[Path]:
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", where], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", where], check=True)


@pytest.mark.long
@needs_root
def test_on_a_full_disk_the_shop_goes_on_and_says_it_and_with_room_the_log_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LOOKS_EVERY", 0.2)
    with a_small_disk(tmp_path / "disk", 60) as disk, a_home() as home:
        monkeypatch.setenv("REGULARS_BACKUPS", str(disk / "backups"))
        with embedded.running(home) as server:
            line = archive.line_of(places.place_for(home, account=embedded.database_account()))
            write_more(server, segments=4)
            until(lambda: state_of(home) in {"full", "broken"})
            write_more(server)
            until(lambda: state_of(home) == "full")
            found = archive.receiving(home)
            assert found is not None
            assert "MB are free" in found.words
            subprocess.run(["mount", "-o", "remount,size=300m", disk], check=True)
            until(lambda: state_of(home) == "receiving")
            write_more(server)
        # Another disk than the database's: what was missing was kept for it.
        found_log = log_of(home)
        assert found_log == list(range(found_log[0], found_log[-1] + 1))
        assert archive.line_of(places.place_for(home, account=embedded.database_account())) == line


def test_a_folder_that_cannot_be_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REGULARS_BACKUPS", str(tmp_path / "file" / "backups"))
    with a_home() as home, embedded.running(home) as server:
        write_more(server, segments=0.01)
        found = archive.receiving(home)
        assert found is not None
        assert found.state == "broken"
        assert "Not a directory" in found.words or "File exists" in found.words
