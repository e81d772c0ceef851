"""What was recorded comes back, to the transaction; and what cannot come back is refused in plain words."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regulars.runtime.backup import bases, examining, proving, restoring, shelf
from regulars.runtime.backup.examining import Examined
from regulars.runtime.backup.shelf import Base
from regulars.runtime.backup.tests.builders import (
    a_shop,
    copied,
    in_a_process,
    points_in,
    purse,
    put,
    restored,
)
from regulars.runtime.postgres import embedded, places
from regulars.runtime.postgres.archive import SEGMENT, line_of
from regulars.runtime.postgres.tests.builders import a_home
from regulars.runtime.secrets.kit import Fingerprints


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGULARS_BACKUPS", raising=False)
    monkeypatch.setenv("REGULARS_DISK_RESERVE_MB", "10")


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Path, Base, datetime]]:
    """Stopped; nobody changes it."""
    with a_home() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_DISK_RESERVE_MB", "10")
        patch.delenv("REGULARS_BACKUPS", raising=False)
        base, moment = a_shop(home)
        yield home, base, moment


def test_any_moment_comes_back_to_the_transaction_and_the_latest_is_all(shop: tuple[Path, Base, datetime]) -> None:
    home, base, moment = shop
    for to, expected in ((moment, [10, 20, 30, 40, 50]), (None, [10, 20, 30, 40, 50, 60, 70])):
        with a_home() as new:
            done = restored(home, new, to=to)
            assert points_in(new) == expected
            assert done.base == base
            # It goes on in a line of its own, whose log begins with it.
            place = places.place_for(new, account=embedded.database_account())
            assert line_of(place) not in {"", base.line}


@pytest.mark.long
def test_what_was_restored_is_backed_up_and_restored_again(shop: tuple[Path, Base, datetime]) -> None:
    home, base, _ = shop
    with a_home() as new:
        restored(home, new, to=base.finished_at)
        assert points_in(new) == [10, 20, 30]
        with purse(new) as connection:
            second = bases.make(home=new, fast=True)
            put(connection, 80)
        assert second.timeline == 2
        with a_home() as third:
            restored(new, third)
            assert points_in(third) == [10, 20, 30, 80]


@pytest.mark.long
def test_a_moment_after_the_last_change_is_all_there_is(shop: tuple[Path, Base, datetime]) -> None:
    home, base, _ = shop
    log = shelf.segments(home / "backups", base.line)
    with a_home() as new:
        done = restored(home, new, to=shelf.reaches(base, log))
        assert points_in(new)[-1] == 70
        assert done.reached_at is not None


def test_nobody_else_may_look_into_backups(shop: tuple[Path, Base, datetime]) -> None:
    home, _, _ = shop
    for one in [home / "backups", *(home / "backups").rglob("*")]:
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600), one


def test_moments_nobody_kept_are_refused(shop: tuple[Path, Base, datetime]) -> None:
    home, base, _ = shop
    now = datetime.now(UTC)
    for to, words in (
        (base.began_at - timedelta(seconds=1), "is before it"),
        (now - timedelta(microseconds=1), "is after it"),
        (now + timedelta(hours=1), "still to come"),
    ):
        with pytest.raises(restoring.NotThatMoment, match=words):
            restoring.plan(home / "backups", to=to, now=now)
    with pytest.raises(shelf.NoBackups):
        restoring.plan(home / "keys", to=None, now=now)


def test_a_missing_part_of_the_log_is_named_and_what_is_before_it_comes_back(
    shop: tuple[Path, Base, datetime], tmp_path: Path
) -> None:
    home, base, moment = shop
    lost = copied(home, tmp_path / "lost") / "backups"
    log, _ = shelf.unbroken_from(base, shelf.segments(lost, base.line))
    # As if two more had followed, and the first of them were gone.
    later = replace(log[-1], number=log[-1].number + 2)
    shutil.copy2(log[-1].file, log[-1].file.parent / later.name)
    gone = replace(log[-1], number=log[-1].number + 1).name
    with pytest.raises(restoring.MissingLog, match=gone):
        restoring.plan(lost, to=None, now=datetime.now(UTC))
    assert restoring.plan(lost, to=moment, now=datetime.now(UTC)).log == log


@pytest.mark.parametrize("how", ["truncated", "spoiled", "a file of the log", "other content"])
def test_what_is_damaged_is_refused_and_the_home_stays_empty(
    shop: tuple[Path, Base, datetime], tmp_path: Path, how: str
) -> None:
    home, base, _ = shop
    where = copied(home, tmp_path / "damaged")
    folder = where / "backups" / base.line / "bases" / base.label
    packed = folder / "base.tar.gz"
    if how == "truncated":
        os.truncate(packed, packed.stat().st_size // 2)
    elif how == "spoiled":
        with packed.open("r+b") as file:
            file.seek(packed.stat().st_size // 2)
            file.write(b"spoiled" * 20)
    elif how == "a file of the log":
        log, _ = shelf.unbroken_from(base, shelf.segments(where / "backups", base.line))
        os.truncate(log[0].file, SEGMENT // 2)
        log[0].file.rename(log[0].file.with_suffix(""))
    else:
        manifest = folder / "backup_manifest"
        manifest.write_text(manifest.read_text().replace('"Size": 8192', '"Size": 8193', 1))
    with a_home() as new:
        with pytest.raises(restoring.BrokenBackup):
            restored(where, new)
        assert not places.has_cluster(new)
        assert not (new / "postgres" / restoring.HALF).exists()


def test_other_keys_and_none_are_refused(shop: tuple[Path, Base, datetime]) -> None:
    base = replace(shop[1], master="aaaa", lookup="bbbb")
    restoring.check_keys(base, Fingerprints("aaaa", "bbbb"))
    with pytest.raises(restoring.WrongKeys, match="master key is not here"):
        restoring.check_keys(base, Fingerprints("", ""))
    with pytest.raises(restoring.WrongKeys, match="another lookup key"):
        restoring.check_keys(base, Fingerprints("aaaa", "cccc"))


def test_a_base_of_another_version_says_which_programs_it_wants(shop: tuple[Path, Base, datetime]) -> None:
    planned = restoring.plan(shop[0] / "backups", to=None, now=datetime.now(UTC))
    older = replace(planned, base=replace(shop[1], server_version="9.6"))
    with a_home() as new, pytest.raises(restoring.OtherVersion, match="REGULARS_POSTGRES_BIN"):
        restoring.restore(older, home=new)


@pytest.mark.long
def test_a_living_home_is_left_unless_told_and_then_moved_aside(shop: tuple[Path, Base, datetime]) -> None:
    home, _, moment = shop
    with a_home() as new:
        restored(home, new, to=moment)
        with pytest.raises(restoring.LivingHome, match="--replace"):
            restored(home, new)
        with purse(new), pytest.raises(restoring.LivingHome, match="runs"):
            restored(home, new, replace=True)
        assert points_in(new)[-1] == 50
        done = restored(home, new, replace=True)
        assert points_in(new)[-1] == 70
        assert done.moved_aside is not None
        assert (done.moved_aside / "PG_VERSION").exists()
        # Killed between the two names: nobody begins an empty database in its place.
        place = places.place_for(new, account=embedded.database_account())
        place.data.rename(place.root / "elsewhere")
        with pytest.raises(embedded.DatabaseTrouble, match="Run it again"):
            points_in(new)


RESTORE = """
import pathlib, sys
from datetime import UTC, datetime
from regulars.runtime.backup import restoring
def tell(stage, done, total):
    print(stage, flush=True)
planned = restoring.plan(pathlib.Path(sys.argv[1]), to=None, now=datetime.now(UTC))
restoring.restore(planned, home=pathlib.Path(sys.argv[2]), tell=tell)
"""


@pytest.mark.parametrize(
    "stage", [pytest.param("unpack", marks=pytest.mark.long), pytest.param("replay", marks=pytest.mark.slow)]
)
def test_a_killed_restore_has_not_happened_and_again_it_does(shop: tuple[Path, Base, datetime], stage: str) -> None:
    home, _, _ = shop
    with a_home() as new:
        restoring_ = in_a_process(RESTORE, str(home / "backups"), str(new))
        assert restoring_.stdout is not None
        for line in restoring_.stdout:
            if line.strip() == stage:
                break
        restoring_.kill()
        restoring_.wait()
        assert not places.has_cluster(new)
        restored(home, new)
        assert points_in(new)[-1] == 70


def test_no_room_is_said_before_anything_is_made(
    shop: tuple[Path, Base, datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULARS_DISK_RESERVE_MB", "100000000")
    with a_home() as new:
        with pytest.raises(bases.NoRoom, match="are needed"):
            restored(shop[0], new)
        assert not places.has_cluster(new)


@pytest.mark.slow
def test_a_drill_is_written_down_and_leaves_nothing(
    shop: tuple[Path, Base, datetime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    home, base, _ = shop
    looked: list[list[int]] = []

    def examine(copy: Path, *, keys: object) -> Examined:
        looked.append(points_in(copy))
        return Examined([], 3)

    monkeypatch.setattr(examining, "examine", examine)
    where = copied(home, tmp_path / "shop")
    now = datetime.now(UTC)
    assert proving.prove(home=where, at=now).held
    assert looked == [[10, 20, 30, 40, 50, 60, 70]]
    assert not (where / proving.DRILL).exists()
    # One that breaks is an answer, too.
    os.truncate(where / "backups" / base.line / "bases" / base.label / "base.tar.gz", 1000)
    broken = proving.prove(home=where, at=now + timedelta(days=7))
    assert not broken.held
    assert "base.tar.gz is damaged" in broken.said
    assert proving.last() == broken
    assert [one.held for one in proving.recent(5)] == [False, True]
    assert not (where / proving.DRILL).exists()


def test_who_examines_sees_the_copy_and_ends_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a worker of `regulars up`, with a master key of its own and somebody's PostgreSQL at hand.
    monkeypatch.setenv("REGULARS_SUPERVISOR", "1")
    monkeypatch.setenv("REGULARS_MASTER_KEY", "x" * 43)
    monkeypatch.setenv("REGULARS_DATABASE_OWNER_URL", "postgresql://real/shop")
    asked = examining.environment(tmp_path, keys={"master": "y" * 43})
    ours = {name: value for name, value in asked.items() if name.startswith("REGULARS_")}
    assert ours["REGULARS_SUPERVISOR"] == str(os.getpid())
    assert ours["REGULARS_HOME"] == str(tmp_path)
    assert ours["REGULARS_MASTER_KEY"] == "y" * 43
    assert not any(name.startswith("REGULARS_DATABASE") for name in ours)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_where_nothing_can_be_written_it_says_so(shop: tuple[Path, Base, datetime], tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", tmp_path / "disk"], check=True)
    try:
        with pytest.raises(embedded.DatabaseTrouble, match="nothing can be written there"):
            restored(shop[0], tmp_path / "disk" / "home")
    finally:
        subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)
