"""From a query of PostgreSQL into a Parquet file, a few megabytes at a time; and from files into one file."""

import select
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.db import connection
from psycopg import Connection, errors
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from regulars.insight.warehouse import _files
from regulars.insight.warehouse._files import DataFile
from regulars.insight.warehouse.session import MEMORY, THREADS
from regulars.runtime import disk
from regulars.runtime.database.published import ColumnType

#: Bytes of CSV parsed at a time, at most.
BLOCK = 32 << 20
#: Rows that Parquet packs together, with the least and the greatest of each column: what a reader can pass over.
GROUP = 122_880
#: So many rows are taken from the connection before it is asked whether there are enough.
TAKEN_AT_ONCE = 64
#: So many rows are looked at to choose how a column is packed.
LOOKED_AT = 4_096
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
    with closing(_lots(query)) as lots:
        first = next(lots, None)
        if first is None:
            return None
        return _write(home, table, kind, columns, _parsed(first, lots, columns), month, hear)


def changed_since(column: str, snapshot: str) -> str:
    """The WHERE of rows that nobody saw yet under that snapshot."""
    oldest = snapshot.split(":")[0]
    # The first condition is for the index; the second is the truth.
    return f"WHERE {column} >= '{oldest}'::xid8 AND NOT pg_visible_in_snapshot({column}, '{snapshot}'::pg_snapshot)"


def write(
    home: Path, table: str, kind: str, columns: Mapping[str, ColumnType], batches: Iterable[pa.RecordBatch]
) -> DataFile:
    """A new file of rows that were worked out here."""
    return _write(home, table, kind, columns, _held(batches), "")


def batch(columns: Mapping[str, ColumnType], rows: Sequence[Sequence[object]]) -> pa.RecordBatch:
    """Rows of values in the order of `columns`."""
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pa.RecordBatch.from_arrays(
        [pa.array(one, kind) for one, kind in zip(values, schema.types, strict=True)], schema=schema
    )


Lot = tuple[int, Callable[[], pa.Table]]


def _lots(query: str) -> Generator[tuple[int, bytearray]]:
    """What COPY sends, as many rows at a time as Parquet packs together."""
    connection.ensure_connection()
    reached = connection.connection
    assert isinstance(reached, Connection)
    # The driver's own copy waits and takes a lock for each row, which a message is: twice the work. Asked without
    # waiting, because it holds all threads up while it waits.
    server = reached.pgconn
    result = server.exec_(query.encode())
    if result.status != ExecStatus.COPY_OUT:
        raise errors.error_from_result(result)
    ready = select.poll()
    ready.register(server.socket, select.POLLIN)
    next_row, said, rows, length = server.get_copy_data, bytearray(), 0, 1
    try:
        while length >= 0:
            # A few rows in a row: to look after each how many there are would take as long as getting it.
            for many in range(min(TAKEN_AT_ONCE, GROUP - rows)):
                length, row = next_row(1)
                if length <= 0:
                    rows += many
                    break
                # Taken over at once: rows that are kept as objects are walked by the garbage collector again and again.
                said += row
            else:
                rows += min(TAKEN_AT_ONCE, GROUP - rows)
            if length == 0:
                ready.poll()
                server.consume_input()
            if rows == GROUP or len(said) >= BLOCK or (rows and length < 0):
                yield rows, said
                said, rows = bytearray(), 0
    finally:
        if length >= 0:
            server.get_cancel().cancel()
            _let_pass(server)
        ended = None
        while (one := server.get_result()) is not None:
            ended = ended or one
    if ended is None or ended.status != ExecStatus.COMMAND_OK:
        raise errors.error_from_result(ended) if ended else errors.OperationalError(server.get_error_message())


def _let_pass(server: PGconn) -> None:
    # What was on its way when it was called off: until it is taken the connection can do nothing else.
    length = 1
    while length > 0:
        length, _ = server.get_copy_data(0)


def _parsed(
    first: tuple[int, bytearray], rest: Iterator[tuple[int, bytearray]], columns: Mapping[str, ColumnType]
) -> Iterator[Lot]:
    parsing = pa_csv.ParseOptions(newlines_in_values=True, quote_char='"', double_quote=True)
    converting = pa_csv.ConvertOptions(
        column_types={name: _ARROW[kind] for name, kind in columns.items()},
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )

    def table(said: bytearray) -> pa.Table:
        reading = pa_csv.ReadOptions(column_names=list(columns), block_size=len(said) + 1, use_threads=False)
        return pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(said)), read_options=reading, parse_options=parsing, convert_options=converting
        )

    def of(lot: tuple[int, bytearray]) -> Lot:
        return lot[0], lambda: table(lot[1])

    yield of(first)
    for lot in rest:
        yield of(lot)


def _held(batches: Iterable[pa.RecordBatch]) -> Iterator[Lot]:
    held: list[pa.RecordBatch] = []

    def lot() -> Lot:
        table = pa.Table.from_batches(held)
        return table.num_rows, lambda: table

    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= GROUP:
            yield lot()
            held = []
    if held:
        yield lot()


def _write(
    home: Path,
    table: str,
    kind: str,
    columns: Mapping[str, ColumnType],
    lots: Iterable[Lot],
    month: str,
    hear: Hear = lambda _: None,
) -> DataFile:
    path = _new_path(home, table, kind, month)
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    rows = 0
    # To parse and to pack takes as long as reading: the database would wait for it.
    with ExitStack() as opened, ThreadPoolExecutor(1) as aside:
        writer: pq.ParquetWriter | None = None

        def pack(made: Callable[[], pa.Table]) -> None:
            nonlocal writer
            lot = made()
            if writer is None:
                part = path.with_suffix(".part")
                writer = opened.enter_context(pq.ParquetWriter(part, schema, compression="zstd", **_packed(lot)))
            writer.write_table(lot, row_group_size=GROUP)

        packing: Future[None] | None = None
        for many, made in lots:
            if packing is not None:
                packing.result()
            packing = aside.submit(pack, made)
            rows += many
            hear(many)
        if packing is None:
            pack(schema.empty_table)
        else:
            packing.result()
    return _settle(home, path, rows, month)


def _packed(first: pa.Table) -> dict[str, Any]:
    """Numbers and instants of which most differ are told by how far each is from the one before, all else by a
    dictionary: it would be made for nothing where most differ, and takes longer to write and to read, and more room."""
    sample = first.slice(0, LOOKED_AT)
    by_distance = [
        field.name
        for field in first.schema
        if field.type in (_ARROW["int64"], _ARROW["timestamp"])
        and 3 * pc.count_distinct(sample[field.name]).as_py() > len(sample)
    ]
    return {
        "use_dictionary": [name for name in first.column_names if name not in by_distance],
        "column_encoding": dict.fromkeys(by_distance, "DELTA_BINARY_PACKED"),
    }


def _new_path(home: Path, table: str, kind: str, month: str) -> Path:
    folder = _files.folder(home) / table / (f"month={month}" if month else "")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{kind}-{uuid4().hex[:12]}.parquet"


def _settle(home: Path, path: Path, rows: int, month: str) -> DataFile:
    """The finished file under its own name, on disk for good."""
    disk.settle(path.with_suffix(".part"), path)
    return DataFile(path.relative_to(_files.folder(home)).as_posix(), rows, month)


class Engine:
    """DuckDB for one publish and one thread, started by whoever first asks it something: a start costs more than what
    small tables ask, and most ask nothing. Used in a `with`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._started: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._started is not None:
            self._started.close()

    def reached(self) -> duckdb.DuckDBPyConnection:
        if self._started is None:
            self._started = duckdb.connect(
                config={
                    "threads": THREADS,
                    "memory_limit": MEMORY,
                    "temp_directory": str(_files.folder(self._home) / "spill.tmp"),
                    "preserve_insertion_order": False,
                    # Each file is read once: kept, it would hold memory until the publish ends.
                    "enable_external_file_cache": False,
                }
            )
        return self._started


def count(engine: Engine, query: str) -> int:
    """The number that the query gives."""
    found = engine.reached().execute(query).fetchone()
    return int(found[0]) if found else 0


def checksum(engine: Engine, query: str, columns: Mapping[str, ColumnType]) -> tuple[int, int]:
    """How many rows, and the sum of a number that each row comes to, whatever their order.

    In plain SQL but for reading hexadecimals: `conv(…, 16, 10)` elsewhere.
    """
    cells = ", ".join(f"coalesce(cast({_files.quoted(name)} AS varchar), chr(30)), chr(31)" for name in columns)
    asked = (
        f"SELECT count(*), coalesce(sum(cast('0x' || substr(md5(concat({cells})), 1, 15) AS bigint)), 0) FROM ({query})"  # noqa: S608 - our own names
    )
    [found] = engine.reached().execute(asked).fetchall()
    return int(found[0]), int(found[1])


def merge(
    home: Path,
    table: str,
    query: str,
    engine: Engine,
    *,
    kind: str = "base",
    month: str = "",
    by: str = "",
) -> DataFile:
    """One new file of what a query of files gives; with `by`, in the order of that column, so that who wants some of
    its values passes over the others."""
    path = _new_path(home, table, kind, month)
    part = path.with_suffix(".part").as_posix().replace("'", "''")
    order = f" ORDER BY {_files.quoted(by)}" if by else ""
    engine.reached().execute(
        f"COPY ({query}{order}) TO '{part}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP})"
    )
    return _settle(home, path, pq.ParquetFile(path.with_suffix(".part")).metadata.num_rows, month)
