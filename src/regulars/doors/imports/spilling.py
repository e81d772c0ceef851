"""Rows laid aside by what they are about, so that those of one order or customer, scattered over a file of any size,
come together again."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa

#: About so many rows come back at once.
PART = 50_000
_MOST_PARTS = 256


class Spill:
    """One Arrow file a part, in a folder of the caller's; rows (of `schema`) with the same `ref` are in the same part.

    Memory holds one chunk while writing and one part while reading: a 256th of the file, or some 50,000 rows.
    """

    def __init__(self, folder: Path, schema: pl.Schema, *, rows_expected: int) -> None:
        self.parts = min(max(-(-rows_expected // PART), 1), _MOST_PARTS)
        self.rows = 0
        self._folder = folder
        self._schema = pl.DataFrame(schema=schema).to_arrow().schema
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, rows: pl.DataFrame) -> None:
        """Lay one chunk aside."""
        self.rows += rows.height
        place = (pl.col("ref").hash(seed=0) % self.parts).alias("part")
        parts = (
            {0: rows}
            if self.parts == 1
            else {
                int(number): some.drop("part")
                for (number,), some in rows.with_columns(place).partition_by("part", as_dict=True).items()
            }
        )
        for number, some in parts.items():
            table = some.to_arrow().cast(self._schema)
            if number not in self._writers:
                self._writers[number] = pa.ipc.new_stream(str(self._file(number)), self._schema)
            self._writers[number].write_table(table)

    def close(self) -> None:
        """Nothing is added any more."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def read(self) -> Iterator[pl.DataFrame]:
        """Part by part, rows in the order of the file."""
        self.close()
        for number in range(self.parts):
            file = self._file(number)
            if file.exists():
                yield pl.read_ipc_stream(file).sort("row")

    def _file(self, number: int) -> Path:
        return self._folder / f"rows-{number}.arrows"
