"""What is in a folder of backups, told by its files alone: a machine that has lost its database reads it, too.

    <folder>/<line>/wal/000000010000000000000007[.gz | .partial]
    <folder>/<line>/bases/<label>/{base.tar.gz,pg_wal.tar.gz,backup_manifest,backup.json}

A base without its `backup.json` is one that was never finished, and is not seen.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from regulars.kit.refusals import Refusal
from regulars.runtime.postgres.archive import SEGMENT

FACTS = "backup.json"
_SEGMENT_NAME = re.compile(r"([0-9A-F]{24})(\.gz|\.partial)?")
_PER_LOG = 0x1_0000_0000 // SEGMENT


class NoBackups(Refusal):
    """There is nothing here that could be restored."""

    code = "backup.none"


@dataclass(frozen=True)
class Base:
    """A whole copy of the database's files. With the log from `first_segment` on it becomes any moment from
    `finished_at`; `bytes` on the disk as packed, `files_bytes` unpacked."""

    label: str
    line: str
    folder: Path
    began_at: datetime
    finished_at: datetime
    server_version: str
    timeline: int
    first_segment: int
    bytes: int
    files_bytes: int
    master: str
    lookup: str

    @property
    def major(self) -> int:
        return int(self.server_version.split(".")[0])


@dataclass(frozen=True)
class Segment:
    """One file of the log. Of one that is still written `is_whole` is False."""

    number: int
    timeline: int
    file: Path

    @property
    def name(self) -> str:
        return f"{self.timeline:08X}{self.number // _PER_LOG:08X}{self.number % _PER_LOG:08X}"

    @property
    def is_whole(self) -> bool:
        return self.file.suffix != ".partial"


def number_of(lsn: str) -> int:
    """The number of the segment that holds a place in the log, like 0/2000028."""
    high, low = lsn.split("/")
    return ((int(high, 16) << 32) + int(low, 16)) // SEGMENT


def bases(folder: Path) -> list[Base]:
    """Every finished base of every line, the newest first. What cannot be read is passed over."""
    found = []
    for facts in folder.glob(f"*/bases/[!.]*/{FACTS}"):
        try:
            told = json.loads(facts.read_text())
            found.append(
                Base(
                    label=facts.parent.name,
                    line=facts.parents[2].name,
                    folder=facts.parent,
                    began_at=datetime.fromisoformat(told["began_at"]),
                    finished_at=datetime.fromisoformat(told["finished_at"]),
                    server_version=told["server_version"],
                    timeline=told["timeline"],
                    first_segment=number_of(told["first_lsn"]),
                    bytes=told["bytes"],
                    files_bytes=told["files_bytes"],
                    master=told["master"],
                    lookup=told["lookup"],
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: one.finished_at, reverse=True)


def segments(folder: Path, line: str) -> list[Segment]:
    """The log of a line in order. Of one that is there twice, the whole one counts."""
    found: dict[tuple[int, int], Segment] = {}
    wal = folder / line / "wal"
    if not wal.is_dir():
        return []
    for file in sorted(wal.iterdir()):
        if named := _SEGMENT_NAME.fullmatch(file.name):
            number = int(named[1][8:16], 16) * _PER_LOG + int(named[1][16:], 16)
            one = Segment(number, int(named[1][:8], 16), file)
            known = found.get((one.timeline, number))
            if known is None or not known.is_whole:
                found[one.timeline, number] = one
    return [found[which] for which in sorted(found)]


def unbroken_from(base: Base, log: list[Segment]) -> tuple[list[Segment], str]:
    """The log from `base` on as far as it is whole, and the name of the first segment that is missing before later
    ones, empty where none is."""
    theirs = [one for one in log if one.timeline == base.timeline and one.number >= base.first_segment]
    run: list[Segment] = []
    for expected, one in enumerate(theirs, start=base.first_segment):
        if one.number != expected:
            return run, Segment(expected, base.timeline, one.file).name
        run.append(one)
    return run, ""


def reaches(base: Base, log: list[Segment]) -> datetime:
    """The last moment that base and log can be brought to: when the log was last written to."""
    run, _ = unbroken_from(base, log)
    if not run:
        return base.finished_at
    return max(base.finished_at, datetime.fromtimestamp(run[-1].file.stat().st_mtime, UTC))


def check_is_there(folder: Path) -> None:
    """Refuses with NoBackups."""
    if not folder.is_dir():
        raise NoBackups(f"There is no folder {folder}. Say with --from where the backups are.")
    if not bases(folder):
        raise NoBackups(f"{folder} holds no finished backup. Say with --from where the backups are.")
