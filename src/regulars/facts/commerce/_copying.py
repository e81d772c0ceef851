"""Many rows at once: polars to CSV to COPY, with no Python per row; a few are told one by one."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from django.db import connection

_INSTANT = "%Y-%m-%d %H:%M:%S%.6f+00"
#: So many rows are sooner told one by one than a frame is put into CSV, which takes a millisecond.
_FEW = 20


def copy(table: str, frame: pl.DataFrame) -> None:
    """COPY `frame` into `table`, columns by name. Instants must be UTC; nulls are NULL and empty text is empty text."""
    if frame.is_empty():
        return
    columns = ", ".join(frame.columns)
    if frame.height <= _FEW:
        command = f"COPY {table} ({columns}) FROM STDIN"
        with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as sink:
            for row in frame.rows():
                sink.write_row(row)
        return
    instants = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    text = frame.with_columns(pl.col(instants).dt.strftime(_INSTANT)).write_csv(include_header=False)
    command = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)"
    # Django turns the driver's errors into its own for `execute` alone: a violated key must look the same here.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as sink:
        sink.write(text.encode())


def collected(plan: pl.LazyFrame) -> pl.DataFrame:
    """What a plan comes to. The engine for streams, which polars would take, costs one order twice as much."""
    return plan.collect(engine="in-memory")


def reserve_ids(sequence: str, count: int) -> list[int]:
    """The next `count` numbers of a sequence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])
        return [number for (number,) in cursor.fetchall()]


def rows(sql: str, values: Sequence[Any], schema: pl.Schema) -> pl.DataFrame:
    """A query's result as a frame with `schema`."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return pl.DataFrame(cursor.fetchall(), schema=schema, orient="row")
