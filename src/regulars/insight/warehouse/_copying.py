"""From a query of PostgreSQL into a Parquet file, a few megabytes at a time; and from files into one file."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.db import connection

from regulars.insight.warehouse import _files
from regulars.insight.warehouse._files import DataFile
from regulars.insight.warehouse.session import MEMORY, THREADS
from regulars.runtime import disk
from regulars.runtime.database.published import ColumnType

#: Bytes of CSV parsed at a time.
BLOCK = 4 << 20
#: Rows that Parquet packs together, with the least and the greatest of each column: what a reader can pass over.
GROUP = 122_880
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


Hear = Callable[[int], None]


def read(
    home: Path,
    table: str,
    kind: str,
    *,
    sql: str,
    columns: Mapping[str, ColumnType],
    where: str = "",
    month: str = "",
    hear: Hear = lambda _: None,
) -> DataFile | None:
    """Streams what the query gives into a new Parquet file; None where that is nothing. `hear` is told of each lot how
    many rows it had."""
    casts = ", ".join(f"{_SQL[t].format(_files.quoted(c))} AS {_files.quoted(c)}" for c, t in columns.items())
    query = f"COPY (SELECT {casts} FROM ({sql}) AS published {where}) TO STDOUT (FORMAT csv)"  # noqa: S608 - a room's own
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        blocks = iter(copy)
        first = next(blocks, None)
        if first is None:
            return None
        return _write(home, table, kind, columns, _batches(first, blocks, columns), month, hear)


def changed_since(column: str, snapshot: str) -> str:
    """The WHERE of rows that nobody saw yet under that snapshot."""
    oldest = snapshot.split(":")[0]
    # The first condition is for the index; the second is the truth.
    return f"WHERE {column} >= '{oldest}'::xid8 AND NOT pg_visible_in_snapshot({column}, '{snapshot}'::pg_snapshot)"


def write(
    home: Path, table: str, kind: str, columns: Mapping[str, ColumnType], batches: Iterable[pa.RecordBatch]
) -> DataFile:
    """A new file of rows that were worked out here."""
    return _write(home, table, kind, columns, batches, "")


def batch(columns: Mapping[str, ColumnType], rows: Sequence[Sequence[object]]) -> pa.RecordBatch:
    """Rows of values in the order of `columns`."""
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pa.RecordBatch.from_arrays(
        [pa.array(one, kind) for one, kind in zip(values, schema.types, strict=True)], schema=schema
    )


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


def _batches(first: Any, rest: Iterable[Any], columns: Mapping[str, ColumnType]) -> Iterator[pa.RecordBatch]:
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
    home: Path,
    table: str,
    kind: str,
    columns: Mapping[str, ColumnType],
    batches: Iterable[pa.RecordBatch],
    month: str,
    hear: Hear = lambda _: None,
) -> DataFile:
    path = _new_path(home, table, kind, month)
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    rows = 0
    held: list[pa.RecordBatch] = []
    # Packing takes as long as reading: the database would wait for it.
    with (
        pq.ParquetWriter(path.with_suffix(".part"), schema, compression="zstd") as writer,
        ThreadPoolExecutor(1) as aside,
    ):
        packing: Future[None] | None = None

        def pack() -> None:
            nonlocal packing, held
            if packing is not None:
                packing.result()
            packing = aside.submit(writer.write_table, pa.Table.from_batches(held), row_group_size=GROUP)
            held = []

        for batch in batches:
            held.append(batch)
            rows += batch.num_rows
            hear(batch.num_rows)
            if sum(one.num_rows for one in held) >= GROUP:
                pack()
        if held:
            pack()
        if packing is not None:
            packing.result()
    return _settle(home, path, rows, month)


def _new_path(home: Path, table: str, kind: str, month: str) -> Path:
    folder = _files.folder(home) / table / (f"month={month}" if month else "")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{kind}-{uuid4().hex[:12]}.parquet"


def _settle(home: Path, path: Path, rows: int, month: str) -> DataFile:
    """The finished file under its own name, on disk for good."""
    disk.settle(path.with_suffix(".part"), path)
    return DataFile(path.relative_to(_files.folder(home)).as_posix(), rows, month)


def engine(home: Path) -> duckdb.DuckDBPyConnection:
    """Close it when done."""
    return duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": str(_files.folder(home) / "spill.tmp"),
            "preserve_insertion_order": False,
        }
    )


def count(engine: duckdb.DuckDBPyConnection, query: str) -> int:
    """The number that the query gives."""
    found = engine.execute(query).fetchone()
    return int(found[0]) if found else 0


def checksum(engine: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, ColumnType]) -> tuple[int, int]:
    """How many rows, and the sum of a number that each row comes to, whatever their order.

    In plain SQL but for reading hexadecimals: `conv(…, 16, 10)` elsewhere.
    """
    cells = ", ".join(f"coalesce(cast({_files.quoted(name)} AS varchar), chr(30)), chr(31)" for name in columns)
    [found] = engine.execute(
        f"SELECT count(*), coalesce(sum(cast('0x' || substr(md5(concat({cells})), 1, 15) AS bigint)), 0) FROM ({query})"  # noqa: S608 - our own names
    ).fetchall()
    return int(found[0]), int(found[1])


def merge(
    home: Path, table: str, query: str, engine: duckdb.DuckDBPyConnection, *, month: str = "", by: str = ""
) -> DataFile:
    """One new file of what a query of files gives; with `by`, in the order of that column, so that who wants some of
    its values passes over the others."""
    path = _new_path(home, table, "base", month)
    part = path.with_suffix(".part").as_posix().replace("'", "''")
    order = f" ORDER BY {_files.quoted(by)}" if by else ""
    engine.execute(f"COPY ({query}{order}) TO '{part}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP})")
    return _settle(home, path, pq.ParquetFile(path.with_suffix(".part")).metadata.num_rows, month)
