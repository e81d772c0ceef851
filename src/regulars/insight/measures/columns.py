"""Columns of numbers: where another value begins, each pair once, places of numbers among others, and their room."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[Any]
#: How glibc numbers what can be told to its allocator; and what it comes to by itself where much was given back.
_BY_ITSELF = {-1: 64 << 20, -3: 32 << 20}
_KEPT = 1 << 30
_keeping, _keepers = threading.Lock(), [0]


@contextmanager
def memory_kept() -> Iterator[None]:
    """Room that a column takes and gives back is the next one's. Otherwise each column of a few million rows is given
    to the system and asked of it anew, which clears every page: two fifths of what walking ten million orders took.
    All of it goes back at the end. Where the library of C is not glibc nothing is done."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    with _keeping:
        _keepers[0] += 1
        for what in _BY_ITSELF:
            libc.mallopt(what, _KEPT)
    try:
        yield
    finally:
        with _keeping:
            _keepers[0] -= 1
            if not _keepers[0]:
                for what, value in _BY_ITSELF.items():
                    libc.mallopt(what, value)
                libc.malloc_trim(0)


def numbers(column: pa.ChunkedArray) -> Numbers:
    """A column; days as their number since 1970."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    found: Numbers = column.combine_chunks().to_numpy(zero_copy_only=False)
    return found


def begins(key: Numbers) -> Numbers:
    """Where another value begins than before."""
    differs = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=differs[1:])
    return np.flatnonzero(differs)


def many_of(begin: Numbers, rows: int) -> Numbers:
    """How many there are from each beginning to the next, of so many rows."""
    lengths: Numbers = np.diff(begin, append=rows)
    return lengths


def distinct(group: Numbers, value: Numbers, values: int) -> tuple[Numbers, Numbers]:
    """Each pair of a group and one of so many `values` once, in order."""
    bits = max(int(values - 1).bit_length(), 1)
    keys = group.astype(np.int64) << bits | value
    keys.sort()
    keys = keys[begins(keys)]
    return keys >> bits, keys & ((1 << bits) - 1)


class Places:
    """The place of each number among `ids`, which are all different; -1 for others."""

    def __init__(self, ids: Numbers) -> None:
        self._least, most = int(ids.min(initial=0)), int(ids.max(initial=0))
        self._order: Numbers | None = None
        if most - self._least < 8 * len(ids) + (1 << 20):
            self._places = np.full(most - self._least + 1, -1, np.int32)
            self._places[ids - self._least] = np.arange(len(ids), dtype=np.int32)
        else:
            self._order = np.argsort(ids)
            self._places = ids[self._order]

    def of(self, wanted: Numbers) -> Numbers:
        """The place of each of these."""
        if self._order is None:
            at = wanted - self._least
            is_in = (at >= 0) & (at < len(self._places))
            return np.where(is_in, self._places[np.where(is_in, at, 0)], -1)
        at = np.minimum(np.searchsorted(self._places, wanted), len(self._places) - 1)
        return np.where(self._places[at] == wanted, self._order[at], -1)
