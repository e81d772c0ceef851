"""Rows of the past as COPY reads them, made column by column, in the form in which the database itself holds values:
what it is told as text it reads digit by digit."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from secrets import token_bytes
from time import time_ns
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection
from numpy.typing import NDArray
from psycopg.types.numeric import DecimalBinaryDumper

from regulars.facts.commerce.kept_columns import NONE, Numbers

#: What begins and ends what COPY reads, and stands for what is not there.
_BEGIN, _END, _NULL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff", b"\xff\xff\xff\xff"
#: 1970 to 2000, where the database begins to count.
_DAYS = 10_957
_MICROSECONDS = _DAYS * 86_400_000_000
_Octets = NDArray[np.uint8]
#: Texts, or whole numbers of eight bytes, `NONE` what is not there: one for each row, or the same for all of them.
Column = NDArray[Any] | Sequence[str] | str | int


@dataclass(frozen=True)
class Small:
    """Whole numbers of four bytes, `NONE` what is not there."""

    values: Numbers | int


@dataclass(frozen=True)
class Instants:
    """Microseconds since 1970, `NONE` what is not there."""

    values: Numbers | int


@dataclass(frozen=True)
class Days:
    """Days since 1970, `NONE` what is not there."""

    values: Numbers


@dataclass(frozen=True)
class Json:
    """JSON, as text."""

    values: Any


@dataclass(frozen=True)
class Octets:
    """So many bytes of each row: UUIDs, digests."""

    values: _Octets


#: What `copy` takes for a column; a decimal is the same for all rows.
Told = Column | Small | Instants | Days | Json | Octets | Decimal | None


def copy(table: str, rows: int, **columns: Told) -> None:
    """Write so many rows. Columns that are None are left to what they are of themselves."""
    told = {name: values for name, values in columns.items() if values is not None}
    if not rows:
        return
    pieces: list[Any] = []
    fixed = [_same(rows, struct.pack(">h", len(told)))]
    for values in told.values():
        octets, rest = _field(values, rows)
        fixed += octets
        if rest is not None:
            pieces += [_binary(fixed), rest] if fixed else [rest]
            fixed = []
    if fixed:
        pieces.append(_binary(fixed))
    lines = pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))
    # Django turns the driver's errors into its own for `execute` alone.
    command = f"COPY {table} ({', '.join(told)}) FROM STDIN (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as sink:
        sink.write(_BEGIN)
        for part in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
            _, begins, text = part.buffers()
            ends = np.frombuffer(begins, np.int32)[part.offset : part.offset + len(part) + 1]
            sink.write(memoryview(text)[ends[0] : ends[-1]])
        sink.write(_END)


def _field(values: Told, rows: int) -> tuple[list[_Octets], Any]:
    """Columns of bytes that every row has as many of, and then what rows have more or fewer of."""
    if isinstance(values, Small):
        return _whole(values.values, rows, 4)
    if isinstance(values, Instants):
        return _whole(_since(values.values, _MICROSECONDS), rows, 8)
    if isinstance(values, Days):
        return _whole(_since(values.values, _DAYS), rows, 4)
    if isinstance(values, Octets):
        return [_same(rows, struct.pack(">i", values.values.shape[1])), values.values], None
    if isinstance(values, Decimal):
        text = bytes(DecimalBinaryDumper(Decimal).dump(values) or b"")
        return [_same(rows, struct.pack(">i", len(text)) + text)], None
    if isinstance(values, Json):
        # Before its text stands which form of it this is: the first.
        octets, text = _texts(values.values, rows, 1)
        return [*octets, _same(rows, b"\x01")], text
    if isinstance(values, str):
        return [_same(rows, struct.pack(">i", len(values.encode())) + values.encode())], None
    if isinstance(values, int) or (isinstance(values, np.ndarray) and values.dtype != object):
        return _whole(values, rows, 8)
    return _texts(values, rows, 0)


def _since(values: Numbers | int, begin: int) -> Numbers | int:
    return values - begin if isinstance(values, int) else np.where(values == NONE, NONE, values - begin)


def _whole(values: Any, rows: int, width: int) -> tuple[list[_Octets], Any]:
    length = struct.pack(">i", width)
    if isinstance(values, int):
        return [_same(rows, length + values.to_bytes(width, "big", signed=True))], None
    missing = values == NONE
    numbers = np.where(missing, 0, values) if missing.any() else values
    octets = [_same(rows, length), numbers.astype(f">i{width}").view(np.uint8).reshape(rows, width)]
    if not missing.any():
        return octets, None
    return [], pc.if_else(pa.array(missing), pa.scalar(_NULL, pa.binary()), _binary(octets))


def _texts(values: Any, rows: int, more: int) -> tuple[list[_Octets], Any]:
    texts = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    texts = (texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())).cast(pa.binary())
    lengths = np.asarray(pc.binary_length(texts).to_numpy()) + more
    return [lengths.astype(">i4").view(np.uint8).reshape(rows, 4)], texts


def _same(rows: int, octets: bytes) -> _Octets:
    return np.broadcast_to(np.frombuffer(octets, np.uint8), (rows, len(octets)))


def _binary(columns: Sequence[_Octets]) -> Any:
    """Bytes beside each other, as Arrow has texts."""
    whole = np.ascontiguousarray(np.concatenate(columns, axis=1))
    begins = np.arange(len(whole) + 1, dtype=np.int32) * whole.shape[1]
    return pa.Array.from_buffers(pa.binary(), len(whole), [None, pa.py_buffer(begins), pa.py_buffer(whole)])


def uuids(many: int) -> Octets:
    """So many UUIDs (version 7) of this moment: drawn by chance, and in order, as an index takes them best."""
    found = np.frombuffer(bytearray(token_bytes(16 * many)), np.uint8).reshape(many, 16)
    found[:, :6] = np.frombuffer((time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
    found[:, 6] = 0x70 | (found[:, 6] & 0x0F)
    found[:, 8] = 0x80 | (found[:, 8] & 0x3F)
    return Octets(found[np.argsort(np.ascontiguousarray(found[:, 6:14]).view(">u8")[:, 0])])


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
