"""Rows of texts on their way into frames, and what is wrong with a row before anybody reads its values."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl
from django.utils.translation import gettext_noop

#: The columns a reject file adds; ignored when it comes in again, but for the row's first number.
REJECT_COLUMNS = ("regulars_row", "regulars_problem", "regulars_mend")
#: A spreadsheet runs what starts so, even in a CSV; Chinese ones also take the wide signs. Rejects have an apostrophe
#: before it, which is taken away when they are read again.
RUNS = r"[\t\r\n ]*[=+\-@＝＋－＠]|[\t\r\n]"
#: The column with what is wrong with the row as such; null for nearly all.
FAULT = "@fault"
FAULT_KIND = pl.Struct(
    {
        "column": pl.String(),
        "value": pl.String(),
        "problem": pl.String(),
        "mend": pl.String(),
        "cells": pl.List(pl.String()),
    }
)
#: In characters. What is longer is no value of an order; most programs go no further than 32,767.
LONGEST_CELL = 131_072
_SHOWN = 60

_SURPLUS = gettext_noop("is in no column: the row has more cells than the header")
_SHORT = gettext_noop("is not there: the row has fewer cells than the header")
_UNCLOSED = gettext_noop("begins with a quotation mark that is not closed in its row")
_TOO_LONG = gettext_noop("is longer than 131,072 characters")


class Fault(NamedTuple):
    """Why a row cannot be read: where, and every cell it has, however many the header names."""

    column: str
    value: str | None
    problem: str
    mend: str
    cells: list[str]


class Chunk:
    """Rows on their way into a frame. Lines without a quotation mark are split in bulk, which is where time goes."""

    def __init__(self, columns: Sequence[str], delimiter: str = ",") -> None:
        self.rows = 0
        self._columns = columns
        self._delimiter = delimiter
        self._is_reject_file = set(REJECT_COLUMNS) <= set(columns)
        self._before = 0
        self._clear()

    def _clear(self) -> None:
        self._lines: list[str] = []
        self._line_places: list[tuple[int, int]] = []
        self._cells: list[list[str]] = []
        self._cell_places: list[tuple[int, int]] = []
        self._faults: dict[int, Fault] = {}

    def add_line(self, number: int, line: str) -> None:
        """A line that is a row, as it stands in the file; it has no quotation mark."""
        self.rows += 1
        self._lines.append(line)
        self._line_places.append((self._before + self.rows, number))

    def add_cells(self, number: int, cells: list[str]) -> None:
        """A row that is taken apart already."""
        self.rows += 1
        self._cells.append(cells)
        self._cell_places.append((self._before + self.rows, number))

    def add_unclosed(self, number: int, cells: list[str], place: int) -> None:
        """A row whose cell at `place` (0 for the first) begins with a quotation mark that nobody closed."""
        self._faults[len(self._cells)] = self._unclosed(cells, place)
        self.add_cells(number, cells)

    def frame(self) -> pl.DataFrame:
        """The rows so far, in order; then it begins anew."""
        frame = self._split() if self._lines else self._apart()
        if self._lines and self._cells:
            frame = pl.concat([frame, self._apart()]).sort("@row")
        self._before += self.rows
        self.rows = 0
        self._clear()
        return frame

    def _split(self) -> pl.DataFrame:
        """The lines as a frame; the odd ones among them go to those that are taken apart one by one."""
        width = len(self._columns)
        line, count = pl.col("line"), pl.col("line").str.count_matches(self._delimiter, literal=True)
        plain = _places(self._line_places).with_columns(
            pl.Series("line", self._lines, dtype=pl.String).str.strip_chars_end("\r\n")
        )
        # A delimiter too many at the end of each line is a habit of some programs.
        is_even = (count == width - 1) | ((count == width) & line.str.ends_with(self._delimiter))
        is_plain = plain.select(is_even & (line.str.len_bytes() <= LONGEST_CELL)).to_series()
        if not is_plain.all():
            for row, number, text in plain.filter(~is_plain).iter_rows():
                self._cells.append(text.split(self._delimiter))
                self._cell_places.append((row, number))
            plain = plain.filter(is_plain)
        fields = line.str.split_exact(self._delimiter, width - 1).struct
        return plain.select(
            "@row",
            "@line",
            pl.lit(None, dtype=FAULT_KIND).alias(FAULT),
            *(fields.field(f"field_{place}").fill_null("").alias(name) for place, name in enumerate(self._columns)),
        )

    def _apart(self) -> pl.DataFrame:
        """Rows of cells; what a row has too many of is only in its fault, what it lacks is empty."""
        width = len(self._columns)
        even = [cells if len(cells) == width else (cells + [""] * width)[:width] for cells in self._cells]
        columns = [
            pl.Series(name, cells, dtype=pl.String)
            for name, cells in zip(self._columns, zip(*even, strict=True), strict=True)
        ]
        suspects = {place for place, cells in enumerate(self._cells) if len(cells) != width or self._is_reject_file}
        for column in columns:
            suspects.update((column.str.len_bytes() > LONGEST_CELL).arg_true())
        for place in suspects - self._faults.keys():
            if fault := self._fault(self._cells[place]):
                self._faults[place] = fault
        faults = [self._faults[place]._asdict() if place in self._faults else None for place in range(len(even))]
        return _places(self._cell_places).with_columns(pl.Series(FAULT, faults, dtype=FAULT_KIND), *columns)

    # --- what is wrong with a row

    def _fault(self, cells: list[str]) -> Fault | None:
        width = len(self._columns)
        if self._is_reject_file:
            # We wrote the mark down as part of the text; as long as it stands there, nobody has mended it.
            open_cells = (
                place for place in self._own(cells) if cells[place][:1] == '"' and cells[place].count('"') % 2
            )
            if (place := next(open_cells, None)) is not None:
                return self._unclosed(cells, place)
        if (place := next((place for place, cell in enumerate(cells) if len(cell) > LONGEST_CELL), None)) is not None:
            mend = gettext_noop("shorten it; if other cells of the row are in it, look for a quotation mark too many")
            return Fault(self._name(place), shown(cells[place]), _TOO_LONG, mend, cells)
        if (place := next((place for place, cell in enumerate(cells) if cell and place >= width), None)) is not None:
            mend = gettext_noop("look for a separator inside a cell, and put that cell into quotation marks")
            return Fault(self._name(place), shown(cells[place]), _SURPLUS, mend, cells)
        if len(cells) < width:
            mend = gettext_noop("fill in the cells that are missing, or look for a separator that is")
            return Fault(self._name(len(cells)), None, _SHORT, mend, cells)
        return None

    def _unclosed(self, cells: list[str], place: int) -> Fault:
        mend = gettext_noop("take the mark away, or close it behind the cell's text")
        return Fault(self._name(place), shown(cells[place]), _UNCLOSED, mend, cells)

    def _own(self, cells: list[str]) -> Iterator[int]:
        width = len(self._columns)
        return (place for place in range(len(cells)) if place >= width or self._columns[place] not in REJECT_COLUMNS)

    def _name(self, place: int) -> str:
        return self._columns[place] if place < len(self._columns) else f"column {place + 1}"


def shown(cell: str) -> str:
    """A cell as a message shows it: its start."""
    return cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…"


def _places(places: Sequence[tuple[int, int]]) -> pl.DataFrame:
    """`@row` and `@line`."""
    return pl.DataFrame(places, schema={"@row": pl.Int64, "@line": pl.Int64}, orient="row")
