"""The forgetful disk forgets what was not synced and nothing else."""

import stat
from pathlib import Path

import pytest

from tests.durability.disk import BLOCK, SECTOR, Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal/1").write_bytes(b"o" * 10_000)
    (tmp_path / "control").write_bytes(b"old")
    return Disk.copy_of(tmp_path)


def a_file(disk: Disk, path: str, data: bytes = b""):
    node = disk.make(path, mode=stat.S_IFREG | 0o600, uid=0, gid=0)
    disk.write(node, data, 0)
    return node


def test_what_was_synced_stays_and_what_was_written_since_does_not(disk):
    node = disk.find("/wal/1")
    disk.write(node, b"new" * 100, 9_000)
    disk.write(node, b"grown", 20_000)
    disk.sync(node, "/wal/1")
    whole = bytes(node.data)
    disk.write(node, b"lost", 0)
    disk.resize(node, 5)

    told = disk.cut(chance=0, seed=1)

    assert bytes(disk.find("/wal/1").data) == whole
    assert whole[:9_000] == b"o" * 9_000
    assert whole[9_000:9_300] == b"new" * 100
    assert whole[19_999:] == b"\0grown"
    assert (told.bytes, told.survived, told.names) == (5, 0, 0)


def test_a_new_file_lasts_when_it_was_synced_and_is_empty_when_only_its_folder_was(disk):
    disk.sync(a_file(disk, "/wal/2", b"two"), "/wal/2")
    a_file(disk, "/wal/3", b"three")

    disk.cut(chance=0, seed=1)

    assert sorted(disk.find("/wal").names) == ["1", "2"]
    assert bytes(disk.find("/wal/2").data) == b"two"

    a_file(disk, "/wal/4", b"four")
    disk.sync(disk.find("/wal"), "/wal")
    disk.cut(chance=0, seed=1)

    assert sorted(disk.find("/wal").names) == ["1", "2", "4"]
    assert bytes(disk.find("/wal/4").data) == b""


def test_a_rename_or_removal_lasts_when_its_folder_was_synced(disk):
    disk.sync(a_file(disk, "/control.new", b"new"), "/control.new")
    disk.rename("/control.new", "/control")
    disk.remove("/wal/1")

    disk.cut(chance=0, seed=1)

    assert (bytes(disk.find("/control").data), bytes(disk.find("/control.new").data)) == (b"old", b"new")
    assert len(disk.find("/wal/1").data) == 10_000

    disk.rename("/control.new", "/control")
    disk.remove("/wal/1")
    disk.sync(disk.root, "/")
    disk.sync(disk.find("/wal"), "/wal")
    disk.cut(chance=0, seed=1)

    assert bytes(disk.find("/control").data) == b"new"
    assert sorted(disk.root.names) == ["control", "wal"]
    assert disk.find("/wal").names == {}


def test_sectors_may_survive_each_for_itself(disk):
    node = disk.find("/wal/1")
    disk.write(node, b"n" * 2 * BLOCK, 0)

    told = disk.cut(chance=0.5, seed=3)

    sectors = [bytes(disk.find("/wal/1").data[start : start + SECTOR]) for start in range(0, 2 * BLOCK, SECTOR)]
    assert set(sectors) == {b"n" * SECTOR, b"o" * SECTOR}
    assert told.survived == SECTOR * sectors.count(b"n" * SECTOR)
    assert told.bytes == SECTOR * sectors.count(b"o" * SECTOR)
