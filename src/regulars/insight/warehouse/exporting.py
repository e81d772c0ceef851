"""Published tables as files for other people's programs: Parquet, or CSV that no spreadsheet takes for formulas."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from regulars.insight.warehouse import _files
from regulars.insight.warehouse.publishing import published_tables
from regulars.insight.warehouse.session import Session
from regulars.kit.refusals import Refusal
from regulars.runtime.database.published import PublishedAnswers, PublishedStream

Kind = Literal["csv", "parquet"]
#: A cell that begins so is a formula to some spreadsheet, also in full width; a tab or a line end before it hides it.
#: https://owasp.org/www-community/attacks/CSV_Injection
_A_FORMULA = r"^[\t\r\n ]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


class UnknownTable(Refusal):
    """No room publishes a table of this name."""

    code = "warehouse.unknown_table"


@dataclass(frozen=True)
class Written:
    """One file. `size` in bytes; `sha256` of the file, in hexadecimal; `columns` by name, with the kind of each."""

    table: str
    file: str
    rows: int
    size: int
    sha256: str
    columns: Mapping[str, str]


def names() -> tuple[str, ...]:
    """The tables that can be written, by name."""
    return tuple(sorted(_shapes()))


def _shapes() -> dict[str, tuple[list[str], dict[str, str]]]:
    """What the rows of each table are ordered by, and its columns."""
    found: dict[str, tuple[list[str], dict[str, str]]] = {}
    for table in published_tables():
        more = {table.key: "int64", "again_at": "timestamp"} if isinstance(table, PublishedAnswers) else {}
        found[table.name] = [table.key], more | dict(table.columns)
        for part in table.parts if isinstance(table, PublishedStream) else ():
            # Several rows of a part have one key: every column orders them, so that files can be compared.
            found[part.name] = list(part.columns), dict(part.columns)
    return found


def check(tables: Iterable[str]) -> None:
    """Refuse names that no room publishes."""
    if unknown := sorted(set(tables) - set(names())):
        shown = unknown[0][:60]
        raise UnknownTable(f"tables: {shown!r} is not published; see the list of tables", field="tables", value=shown)


def as_of(home: Path) -> str:
    """When what is published under `home` was read from the database, in ISO 8601."""
    return _files.read_manifest(home).published_at


def write(
    home: Path, *, tables: Iterable[str], kind: Kind, into: Path, tell: Callable[[Written], None] = lambda _: None
) -> list[Written]:
    """Write `tables` as they were last published, all as of one moment, one file each into the folder `into`.

    Rows stand in the order of their keys, so that two exports can be compared. Money is in whole minor units; times
    are UTC. CSV is UTF-8 with a byte order mark; in it, a text that a spreadsheet would take for a formula gets an
    apostrophe before it. Parquet is exact. Memory does not grow with the rows. Raises `UnknownTable`, and
    `NothingPublished` where nothing is.
    """
    wanted = sorted(set(tables))
    check(wanted)
    shapes = _shapes()
    done = []
    with Session.from_published(home) as session:
        for name in wanted:
            file = into / f"{name}.{kind}"
            table = session.table(name)
            rows = _FORMATS[kind](session.batches(table.order_by(shapes[name][0])), table.schema().to_pyarrow(), file)
            done.append(Written(name, file.name, rows, file.stat().st_size, _digest(file), shapes[name][1]))
            tell(done[-1])
    return done


def _parquet(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: Path) -> int:
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))
            rows += batch.num_rows
    return rows


def _csv(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: Path) -> int:
    rows = 0
    plain = pa.schema([(field.name, pa.string() if _is_time(field) else field.type) for field in schema])
    with file.open("wb") as out:
        # Without it Excel reads Chinese as if it were the machine's old code page.
        out.write(_BOM)
        with pa_csv.CSVWriter(out, plain) as writer:
            for batch in batches:
                cast = batch.cast(schema)
                cells = [_cell(column, field) for column, field in zip(cast.columns, schema, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(cells, schema=plain))
                rows += batch.num_rows
    return rows


def _cell(column: pa.Array, field: pa.Field) -> pa.Array:
    if _is_time(field):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_string(field.type):
        is_formula = pc.match_substring_regex(column, _A_FORMULA)
        return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)
    return column


def _is_time(field: pa.Field) -> bool:
    return bool(pa.types.is_timestamp(field.type))


def _digest(file: Path) -> str:
    with file.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


_FORMATS: Mapping[Kind, Callable[[Iterator[pa.RecordBatch], pa.Schema, Path], int]] = {"csv": _csv, "parquet": _parquet}
