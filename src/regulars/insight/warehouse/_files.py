"""Where published tables lie, and how they are read: Parquet files named by one manifest.

    warehouse/
      manifest.json      which files make up each table, and up to which snapshot of which database they go
      orders/base-….parquet   one row a key
      orders/delta-….parquet  rows added or changed since, newest file last
      events/month=2026-05/base-….parquet  of a stream: rows that never change, by the month in which they happened
      tables.sql         the same for other people's programs: each table as a view of its files, in DuckDB's words
      begun.json         what a publish that is not at its end has read so far: who takes it up goes on from there
      publish.lock       held by whoever publishes, one at a time
      in-use.lock        held, shared, by every reader; files nobody names any more go only when nobody reads

A file is written under another name, synced and renamed, and counts only once the manifest names it. The manifest
itself is replaced in one rename, so a reader sees the whole of one publish or the whole of the one before.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.database.published import ColumnType

FORMAT = 2
DUCKDB_TYPES: Mapping[ColumnType, str] = {
    "int64": "BIGINT",
    "text": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "bool": "BOOLEAN",
    "decimal": "DECIMAL(38,6)",
}


class NothingPublished(Refusal):
    code = "warehouse.nothing_published"


@dataclass(frozen=True)
class DataFile:
    """`path` is relative to the warehouse folder; `month`, such as 2026-05, where a stream's rows lie by month."""

    path: str
    rows: int
    month: str = ""


@dataclass(frozen=True)
class TableFiles:
    """`snapshot` is what a table had been read by, `upto` the number up to which a stream had."""

    key: str
    columns: dict[str, ColumnType]
    fingerprint: str
    base: tuple[DataFile, ...] = ()
    deltas: tuple[DataFile, ...] = ()
    rows: int = 0
    snapshot: str = ""
    upto: int = 0


@dataclass(frozen=True)
class TablePublished:
    """`changed` rows were read from the database; the warehouse now holds `rows`. `differs`: rows that had come one by
    one were not those that a reading of the whole gave."""

    name: str
    changed: int
    rows: int
    is_whole: bool
    differs: bool = False


@dataclass(frozen=True)
class Found:
    """What one publish made of a table, or of a stream and its parts."""

    files: Mapping[str, TableFiles]
    told: Sequence[TablePublished]


@dataclass(frozen=True)
class Manifest:
    """`snapshot` is PostgreSQL's own text of the snapshot by which the last of it was read."""

    database: str
    snapshot: str
    published_at: str
    tables: dict[str, TableFiles] = field(default_factory=dict)


def folder(home: Path) -> Path:
    return home / "warehouse"


def read_manifest(home: Path) -> Manifest:
    """What is published under `home` now; `NothingPublished` where nothing is, or another version's format lies."""
    manifest = _read(home, "manifest.json")
    if manifest is None:
        raise NothingPublished("Nothing is published yet; run `regulars insight refresh` first.", home=str(home))
    return manifest


def read_begun(home: Path) -> Manifest | None:
    """What a publish that did not come to its end had read, if one did not."""
    return _read(home, "begun.json")


def _read(home: Path, name: str) -> Manifest | None:
    try:
        found = json.loads((folder(home) / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if found.pop("format", None) != FORMAT:
        return None
    found["tables"] = {
        name: TableFiles(
            **{
                **table,
                "base": tuple(DataFile(**f) for f in table["base"]),
                "deltas": tuple(DataFile(**f) for f in table["deltas"]),
            }
        )
        for name, table in found["tables"].items()
    }
    return Manifest(**found)


def write_begun(home: Path, manifest: Manifest) -> None:
    disk.write_whole(folder(home) / "begun.json", _text(manifest))


def write_manifest(home: Path, manifest: Manifest) -> None:
    """It counts from now on, and nothing is begun any more."""
    disk.write_whole(folder(home) / "manifest.json", _text(manifest))
    (folder(home) / "begun.json").unlink(missing_ok=True)
    said = (f"CREATE OR REPLACE VIEW {quoted(n)} AS {as_select(home, t)};\n" for n, t in manifest.tables.items())
    disk.write_whole(folder(home) / "tables.sql", "".join(said))


def _text(manifest: Manifest) -> str:
    return json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1)


def hold(home: Path) -> int:
    """A reader's shared hold on the files; release by unlocking and closing the descriptor."""
    folder(home).mkdir(parents=True, exist_ok=True)
    handle = os.open(folder(home) / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def sweep(home: Path) -> bool:
    """Removes files the manifest does not name, unless somebody reads just now; says whether it could."""
    handle = os.open(folder(home) / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        named = {f.path for t in read_manifest(home).tables.values() for f in (*t.base, *t.deltas)}
        for file in folder(home).glob("*/**/*.*"):
            if file.relative_to(folder(home)).as_posix() not in named:
                file.unlink()
        return True
    finally:
        os.close(handle)


def fingerprint(*said: Any) -> str:
    """Of how a table is made: what is made otherwise is read anew."""
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _scan(home: Path, files: tuple[DataFile, ...], columns: str) -> str:
    paths = ", ".join("'" + (folder(home) / f.path).as_posix().replace("'", "''") + "'" for f in files)
    return f"SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false)"  # noqa: S608 - our own names, quoted


def as_select(home: Path, table: TableFiles) -> str:
    """One SELECT that gives each key once, as it stood in the newest file."""
    columns = ", ".join(quoted(c) for c in table.columns)
    key = quoted(table.key)
    if not table.base and not table.deltas:
        typed = ", ".join(f"NULL::{DUCKDB_TYPES[t]} AS {quoted(c)}" for c, t in table.columns.items())
        return f"SELECT {typed} WHERE false"
    if not table.deltas:
        return _scan(home, table.base, columns)
    newer = " UNION ALL ".join(
        _scan(home, (file,), f"{columns}, {number} AS _newer") for number, file in enumerate(table.deltas)
    )
    latest = (
        f"SELECT {columns} FROM ({newer})"  # noqa: S608 - our own names, quoted
        f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _newer DESC) = 1"
        if len(table.deltas) > 1
        else _scan(home, table.deltas, columns)
    )
    if not table.base:
        return latest
    kept = f"{_scan(home, table.base, columns)} AS b ANTI JOIN changed USING ({key})"
    return f"WITH changed AS ({latest}) {kept} UNION ALL SELECT {columns} FROM changed"  # noqa: S608 - as above
