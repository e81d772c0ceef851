"""A file of ours is there as a whole or not at all."""

import os
import stat

import pytest

from regulars.runtime import disk


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "keys"
    disk.write_whole(file, "one")
    disk.write_whole(file, "two")
    assert file.read_text() == "two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_of_two_first_writers_one_is_first(tmp_path):
    assert disk.write_once(tmp_path / "key", "Ines") is True
    assert disk.write_once(tmp_path / "key", "Tomas") is False
    assert (tmp_path / "key").read_text() == "Ines"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_was_finished_gets_its_name(tmp_path):
    (tmp_path / "a.part").write_text("rows")
    disk.settle(tmp_path / "a.part", tmp_path / "a")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    disk.write_whole(tmp_path / "key", "old")

    def full(_handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("regulars.runtime.disk.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        disk.write_whole(tmp_path / "key", "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
