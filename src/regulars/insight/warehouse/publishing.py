"""Brings the rooms' published tables from PostgreSQL into Parquet, what changed since last time.

What changed is asked of PostgreSQL's own snapshots. Each publish reads in one snapshot and keeps its text; the next one
takes every row whose last writer was not yet visible to it. A row written by a transaction that started before that
publish and committed after it is therefore not skipped, which a cursor over ids or times would do, and no transaction
elsewhere on the server, however long, holds anything back.

Removed rows leave no trace to ask for, so the counts are compared: where the warehouse holds more keys than the table,
the table's keys are read and the others dropped.
"""

import fcntl
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.db import connection, transaction

from regulars.insight.warehouse import _files
from regulars.insight.warehouse._files import DataFile, Manifest, NothingPublished, TableFiles
from regulars.insight.warehouse.session import MEMORY, THREADS
from regulars.runtime import disk, rooms
from regulars.runtime.database.published import ColumnType, PublishedTable

#: Deltas are merged into the base when there are this many, or they hold this share of the base's rows.
MOST_DELTAS = 6
LARGEST_DELTA_SHARE = 0.25
#: Bytes of CSV parsed at a time.
BLOCK = 4 << 20
_ARROW: dict[ColumnType, pa.DataType] = {
    "int64": pa.int64(),
    "text": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "bool": pa.bool_(),
    "decimal": pa.decimal128(38, 6),
}
_SQL: dict[ColumnType, str] = {
    "int64": "{}::bigint",
    "text": "{}::text",
    "date": "{}::date",
    "timestamp": "{}::timestamp",
    "bool": "{}::boolean",
    "decimal": "round({}::numeric, 6)",
}


@dataclass(frozen=True)
class TablePublished:
    """`changed` rows were read from the database; the warehouse now holds `rows`."""

    name: str
    changed: int
    rows: int
    is_whole: bool


Tell = Callable[[TablePublished], None]


def published_tables() -> tuple[PublishedTable, ...]:
    """What all rooms declare, in the order of the house."""
    return tuple(table for module in rooms.modules("published") for table in module.PUBLISHED)


def publish(
    home: Path, *, at: datetime, tables: Sequence[PublishedTable] | None = None, tell: Tell = lambda _: None
) -> tuple[TablePublished, ...]:
    """Bring `home`'s warehouse up to the database as it is now; every table in one snapshot.

    Killed at any moment it leaves what was published before, and the next one takes up everything since. A table whose
    definition changed, or another database than last time, is read anew as a whole. Memory does not grow with the rows.
    Where another process is at it, this one waits. Not to be called within a transaction: it reads in one of its own.
    """
    tables = published_tables() if tables is None else tables
    _files.folder(home).mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(home), _one_snapshot() as (database, snapshot):
        before = _still_valid(home, database, snapshot)
        files: dict[str, TableFiles] = {}
        done = []
        for table in tables:
            last = before.tables.get(table.name) if before else None
            known = last if last and last.fingerprint == _fingerprint(table) else None
            files[table.name], changed = _bring_up(home, table, known, before.snapshot if before else "")
            done.append(TablePublished(table.name, changed, files[table.name].rows, is_whole=known is None))
            tell(done[-1])
        _files.write_manifest(
            home, Manifest(database=database, snapshot=snapshot, published_at=at.isoformat(), tables=files)
        )
        _files.sweep(home)
    return tuple(done)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (_files.folder(home) / "publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _one_snapshot() -> Iterator[tuple[str, str]]:
    """All tables as of one moment; yields which database this is, and the snapshot's text."""
    if connection.in_atomic_block:
        # Rows this very transaction wrote would count as seen by its snapshot, and never be asked for again.
        raise RuntimeError("publish reads in a transaction of its own; call it outside")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(
            "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
            " (SELECT timeline_id FROM pg_control_checkpoint()), oid), pg_current_snapshot()::text"
            " FROM pg_database WHERE datname = current_database()"
        )
        [(database, snapshot)] = cursor.fetchall()
        yield database, snapshot


def _still_valid(home: Path, database: str, snapshot: str) -> Manifest | None:
    """What was published before, unless it came from another database or from a later moment of a restored one."""
    try:
        manifest = _files.read_manifest(home)
    except NothingPublished:
        return None
    is_from_the_future = int(manifest.snapshot.split(":")[1]) > int(snapshot.split(":")[1])
    return None if manifest.database != database or is_from_the_future else manifest


def _fingerprint(table: PublishedTable) -> str:
    said = json.dumps([table.key, table.sql, table.changed_column, list(table.columns.items())])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _bring_up(home: Path, table: PublishedTable, known: TableFiles | None, since: str) -> tuple[TableFiles, int]:
    (_files.folder(home) / table.name).mkdir(exist_ok=True)
    if known is None:
        base = _read(home, table, "base", where="")
        rows = base.rows if base else 0
        whole = (base,) if base else ()
        return TableFiles(table.key, dict(table.columns), _fingerprint(table), base=whole, rows=rows), rows
    changed = _files.quoted(table.changed_column)
    oldest = since.split(":")[0]
    delta = _read(
        home,
        table,
        "delta",
        # The first condition is for the index; the second is the truth.
        where=f"WHERE {changed} >= '{oldest}'::xid8 AND NOT pg_visible_in_snapshot({changed}, '{since}'::pg_snapshot)",
    )
    files = replace(known, deltas=(*known.deltas, delta)) if delta else known
    with closing(_engine(home)) as engine:
        held = _count(engine, f"SELECT count(*) FROM ({_files.as_select(home, files)})")  # noqa: S608 - our own names
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({table.sql}) AS published")  # noqa: S608 - a room's own SQL
            [(there,)] = cursor.fetchall()
        files = replace(files, rows=held)
        if held < there:
            # Cannot be while files and database are as they were left; whatever happened, the whole is right.
            return _bring_up(home, table, None, "")
        if held > there:
            keys = _read(home, table, "keys", where="")
            files = _merge(home, table, files, engine, keys) if keys else replace(files, base=(), deltas=(), rows=0)
        elif _is_untidy(files):
            files = _merge(home, table, files, engine)
    return files, delta.rows if delta else 0


def _is_untidy(files: TableFiles) -> bool:
    late = sum(delta.rows for delta in files.deltas)
    return len(files.deltas) > MOST_DELTAS or late > LARGEST_DELTA_SHARE * sum(base.rows for base in files.base)


def _read(home: Path, table: PublishedTable, kind: str, *, where: str) -> DataFile | None:
    """Streams rows of `table` into a new Parquet file; None where there are none."""
    columns = {table.key: table.columns[table.key]} if kind == "keys" else dict(table.columns)
    casts = ", ".join(f"{_SQL[t].format(_files.quoted(c))} AS {_files.quoted(c)}" for c, t in columns.items())
    query = f"COPY (SELECT {casts} FROM ({table.sql}) AS published {where}) TO STDOUT (FORMAT csv)"  # noqa: S608
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        blocks = iter(copy)
        first = next(blocks, None)
        if first is None:
            return None
        return _write(home, table.name, kind, columns, _batches(first, blocks, columns))


class _Blocks(io.RawIOBase):
    """What COPY sends, as a file to read from."""

    def __init__(self, first: Any, rest: Iterable[Any]) -> None:
        self._rest = iter(rest)
        self._held = memoryview(first)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._held:
            following = next(self._rest, None)
            if following is None:
                return 0
            self._held = memoryview(following)
        taken = min(len(into), len(self._held))
        into[:taken] = self._held[:taken]
        self._held = self._held[taken:]
        return taken


def _batches(first: Any, rest: Iterable[Any], columns: dict[str, ColumnType]) -> Iterator[pa.RecordBatch]:
    # Buffered, because Arrow takes a short read for the end.
    with io.BufferedReader(_Blocks(first, rest), BLOCK) as source:
        yield from pa_csv.open_csv(
            source,
            read_options=pa_csv.ReadOptions(column_names=list(columns), block_size=BLOCK, use_threads=False),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, quote_char='"', double_quote=True),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: _ARROW[kind] for name, kind in columns.items()},
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def _write(
    home: Path, table: str, kind: str, columns: dict[str, ColumnType], batches: Iterable[pa.RecordBatch]
) -> DataFile:
    path = _new_path(home, table, kind)
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    rows = 0
    with pq.ParquetWriter(path.with_suffix(".part"), schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return _settle(home, path, rows)


def _new_path(home: Path, table: str, kind: str) -> Path:
    return _files.folder(home) / table / f"{kind}-{uuid4().hex[:12]}.parquet"


def _settle(home: Path, path: Path, rows: int) -> DataFile:
    """The finished file under its own name, on disk for good."""
    disk.settle(path.with_suffix(".part"), path)
    return DataFile(path.relative_to(_files.folder(home)).as_posix(), rows)


def _engine(home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": str(_files.folder(home) / "spill.tmp"),
            "preserve_insertion_order": False,
        }
    )


def _count(engine: duckdb.DuckDBPyConnection, query: str) -> int:
    found = engine.execute(query).fetchone()
    return int(found[0]) if found else 0


def _merge(
    home: Path,
    table: PublishedTable,
    files: TableFiles,
    engine: duckdb.DuckDBPyConnection,
    keys: DataFile | None = None,
) -> TableFiles:
    """One new base of everything; with `keys`, of those keys alone."""
    query = _files.as_select(home, files)
    if keys is not None:
        there = _files.as_select(home, TableFiles(table.key, {table.key: "int64"}, "", base=(keys,)))
        query = f"SELECT * FROM ({query}) SEMI JOIN ({there}) USING ({_files.quoted(table.key)})"  # noqa: S608
    path = _new_path(home, table.name, "base")
    part = path.with_suffix(".part").as_posix().replace("'", "''")
    engine.execute(f"COPY ({query}) TO '{part}' (FORMAT parquet, COMPRESSION zstd)")
    rows = pq.ParquetFile(path.with_suffix(".part")).metadata.num_rows
    return replace(files, base=(_settle(home, path, rows),), deltas=(), rows=rows)
