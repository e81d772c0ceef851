"""Rows of the past as COPY reads them, made column by column."""

from collections.abc import Sequence
from secrets import token_bytes
from time import time_ns
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection
from numpy.typing import NDArray

from regulars.facts.commerce.kept_columns import NONE, Numbers

#: A value for each row, or one for all of them.
Column = NDArray[Any] | Sequence[str] | str | int


class Instants:
    """Microseconds since 1970 that are instants, `NONE` where there is none."""

    def __init__(self, values: Numbers) -> None:
        self.values = values


class Days:
    """Days since 1970, `NONE` where there is none."""

    def __init__(self, values: Numbers) -> None:
        self.values = values


def copy(table: str, rows: int, **columns: Column | Instants | Days | None) -> None:
    """Write so many rows. Columns that are None are left to what they are of themselves."""
    told = {name: values for name, values in columns.items() if values is not None}
    if not rows:
        return
    fields = [_texts(values) for values in told.values()]
    lines = pc.binary_join_element_wise(*fields, "\t", null_handling="replace", null_replacement="\\N")
    if isinstance(lines, pa.ChunkedArray):
        lines = lines.combine_chunks()
    whole = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, rows], pa.int32()), lines), "\n")
    # Django turns the driver's errors into its own for `execute` alone.
    command = f"COPY {table} ({', '.join(told)}) FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as sink:
        sink.write(whole[0].as_buffer())


def _texts(values: Column | Instants | Days) -> Any:
    if isinstance(values, str):
        return pa.scalar(escaped(values))
    if isinstance(values, int):
        return pa.scalar(str(values))
    if isinstance(values, Instants):
        # With a zone Arrow says the same thirty-five times as slowly.
        return joined(pc.cast(_nullable(values.values, pa.timestamp("us")), pa.string()), "+00")
    if isinstance(values, Days):
        return pc.cast(_nullable(values.values, pa.int64()).cast(pa.int32()).cast(pa.date32()), pa.string())
    if isinstance(values, np.ndarray) and values.dtype != object:
        return pc.cast(_nullable(values, pa.int64()), pa.string())
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())


def _nullable(values: Numbers, kind: Any) -> Any:
    missing = values == NONE
    return pa.array(values, kind, mask=missing if missing.any() else None)


def escaped(text: str) -> str:
    """As COPY reads it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def uuids(many: int) -> Any:
    """So many UUIDs (version 7) of this moment: drawn by chance, and yet next to each other in an index."""
    found = np.frombuffer(bytearray(token_bytes(16 * many)), np.uint8).reshape(many, 16)
    found[:, :6] = np.frombuffer((time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
    found[:, 6] = 0x70 | (found[:, 6] & 0x0F)
    found[:, 8] = 0x80 | (found[:, 8] & 0x3F)
    text = pa.py_buffer(found.tobytes().hex().encode())
    return pa.StringArray.from_buffers(many, pa.py_buffer(np.arange(many + 1, dtype=np.int32) * 32), text)


def joined(*pieces: Any) -> Any:
    """Texts beside each other: columns, or one text for all rows."""
    return pc.binary_join_element_wise(*(_piece(one) for one in pieces), "")


def _piece(one: Any) -> Any:
    if isinstance(one, str):
        return pa.scalar(one)
    if isinstance(one, np.ndarray):
        return pa.array(one, pa.string()) if one.dtype == object else pc.cast(pa.array(one), pa.string())
    return one


def objects(names: Any, values: Any, begins: Numbers) -> Any:
    """JSON objects, one of each stretch of names and values; names are texts, values are JSON."""
    pairs = joined('"', names, '":', values)
    return joined("{", pc.binary_join(pa.ListArray.from_arrays(pa.array(begins, pa.int32()), pairs), ","), "}")


def objects_of(members: Sequence[tuple[str, NDArray[np.bool_], Any]]) -> Any:
    """JSON objects of many rows: of each member its name, which rows have it, and its JSON in every row."""
    told = [pc.if_else(pa.array(has), joined(f',"{name}":', value), "") for name, has, value in members]
    return joined("{", pc.utf8_slice_codeunits(joined(*told), 1), "}")


def taken(texts: Any, places: Numbers) -> Any:
    """The text at each place."""
    return pc.take(texts if not isinstance(texts, np.ndarray) else pa.array(texts, pa.string()), pa.array(places))
