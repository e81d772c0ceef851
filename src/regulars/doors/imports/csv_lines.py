"""The lines of a CSV, and its rows where quotation marks let them go over several lines."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import IO

#: A row of more lines is taken for one with a quotation mark that nobody closed.
MOST_LINES = 1_000
_MOST_CHARACTERS = 1 << 20
#: With fewer columns a line of text has as many commas by chance.
_TELLING_WIDTH = 3


class Lines:
    """The lines of a text, counted. `number` is that of the line last given, from 1."""

    def __init__(self, text: IO[str], delimiter: str) -> None:
        self.number = 0
        self._text = text
        self._delimiter = delimiter
        #: Lines looked at already that are still to be given.
        self._back: deque[str] = deque()
        self._line: str | None = None
        self._more: list[str] = []
        self._size = 0
        self._is_cut = False
        # The limit is one of the process; rows that are too long are told with their line and column instead.
        csv.field_size_limit(2**31 - 1)
        self._reader = csv.reader(self._feed(), delimiter=delimiter)

    def __iter__(self) -> Iterator[str]:
        """From where it stands to the end."""
        while True:
            while self._back:
                self.number += 1
                yield self._back.popleft()
            for line in self._text:
                self.number += 1
                yield line
                if self._back:
                    break
            else:
                return

    def row(self, line: str, width: int | None = None) -> tuple[list[str], int | None]:
        """The cells of the row that begins with `line`, the last one given, and goes on as far as its marks say.

        Where a mark is never closed, or only by one of another row, the cells of this line alone, split as if the
        mark were text, and the place of its cell; the lines after it are given as if nothing had been. `width` is how
        many cells rows have.
        """
        self._line = line
        cells = next(self._reader)
        return self._several(line, cells, width) if self._more or self._is_cut else (cells, None)

    def _several(self, line: str, cells: list[str], width: int | None) -> tuple[list[str], int | None]:
        more, is_torn = self._more, self._is_cut or self._swallows(line, width)
        self._more, self._size, self._is_cut = [], 0, False
        if not is_torn:
            self.number += len(more)
            return cells, None
        self._back.extendleft(reversed(more))
        self._reader = csv.reader(self._feed(), delimiter=self._delimiter)
        return self._alone(line.rstrip("\n"))

    def _feed(self) -> Iterator[str]:
        """The line a row begins with, and those after it that the reader asks for."""
        while True:
            if self._line is not None:
                line, self._line = self._line, None
            else:
                line = ""
                if len(self._more) < MOST_LINES and self._size <= _MOST_CHARACTERS:
                    line = self._back.popleft() if self._back else next(self._text, "")
                if not line:
                    self._is_cut = True
                    return
                self._more.append(line)
                self._size += len(line)
            yield line

    def _swallows(self, line: str, width: int | None) -> bool:
        """Whether the row of several lines has other rows in it, rather than a cell of several lines."""
        if width is not None and width >= _TELLING_WIDTH:
            for inner in self._more[:-1]:
                if inner.count(self._delimiter) == width - 1 and inner.count('"') % 2 == 0:
                    return True
        try:
            # A mark that closes a cell has nothing behind it. That of another cell, which opens it, has.
            for _ in csv.reader((line, *self._more), delimiter=self._delimiter, strict=True):
                pass
        except csv.Error:
            return True
        return False

    def _alone(self, line: str) -> tuple[list[str], int]:
        """The cells of one line with a mark that is not closed in it, and the place of the cell it opens."""
        at = place = 0
        while True:
            end = at
            if line.startswith('"', at):
                end = line.find('"', at + 1)
                while end >= 0 and line.startswith('"', end + 1):
                    end = line.find('"', end + 2)
                if end < 0:
                    break
            at = line.index(self._delimiter, end) + 1
            place += 1
        before = next(csv.reader([line[:at] + "-"], delimiter=self._delimiter))[:-1]
        text, separator, after = line[at:].partition(self._delimiter)
        others = next(csv.reader([after], delimiter=self._delimiter)) or [""] if separator else []
        return [*before, text, *others], place
