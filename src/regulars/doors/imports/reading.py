"""Files as frames of rows, some tens of thousands at a time: CSV in any encoding, Parquet, Excel.

Every frame has the file's columns and, before them, `@row` (1 for the first row of data), `@line` (the line of the
file, or of the sheet, on which the row starts) and `@fault` (a `row_frames.FAULT_KIND`; null but for rows that cannot
be read). CSV and Excel give texts; Parquet keeps its types.
"""

import codecs
import csv
import gzip
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, cast

import polars as pl
import pyarrow.parquet as pq
from django.utils.translation import gettext, gettext_noop
from python_calamine import CalamineError, CalamineWorkbook

from regulars.doors.imports import binaries, workbook_size
from regulars.doors.imports.csv_lines import Lines
from regulars.doors.imports.encoding import SPOKEN, decoded, encoding_of, unpacked
from regulars.doors.imports.row_frames import FAULT, FAULT_KIND, REJECT_COLUMNS, RUNS, Chunk, shown
from regulars.kit.refusals import Refusal

CHUNK = 50_000

_BLOCK = 1 << 20
_START = 4096
_DELIMITERS = (",", ";", "\t", "|")
#: What Excel understands in a first line, and some programs write for it. Saved again it may have other cells.
_SEPARATOR = re.compile(r"\ufeff?\"?sep=([^\"\r\n])\"?[,;\t|]*\s*", re.IGNORECASE)
#: A name of a column as rejects have it, where a spreadsheet would run it.
_ESCAPED = re.compile(rf"^'({RUNS})")
#: How far down a header is looked for: titles and notes above it are few.
_HEADER_ROWS = 20
#: What is fewer names is a title.
_FEWEST_NAMES = 3
#: As many as a sheet of Excel has.
_MOST_COLUMNS = 16_384
#: In bytes. A line is held in memory whole; what never ends is no table, however well it is packed.
_LONGEST_LINE = 16 << 20


#: Whether names of columns are such as a header has.
Fits = Callable[[Sequence[str]], bool]


class UnreadableFile(Refusal):
    """The file as a whole cannot be read."""

    code = "imports.unreadable_file"


@dataclass(frozen=True)
class Source:
    """One file to read. `rows_expected` where the file tells; `notes` say what was found out about it.

    `chunks()` starts anew each time; a frame has `@row`, `@line`, `@fault` and the columns. `decimal` is the sign its
    numbers are written with where the kind of file leaves no choice, else empty. `header_in`: where the names stand.
    """

    path: Path
    kind: Literal["csv", "parquet", "xlsx", "jsonl"]
    columns: Sequence[str]
    rows_expected: int | None
    notes: Sequence[str]
    chunks: Callable[[], Iterator[pl.DataFrame]]
    decimal: Literal["", "."] = ""
    header_in: str = ""

    @property
    def is_reject_file(self) -> bool:
        """Whether we wrote it, for rows to be mended."""
        return set(REJECT_COLUMNS) <= set(self.columns)


def digest(path: Path) -> str:
    """SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_file(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
    fits: Fits = lambda _: True,
) -> Source:
    """Look at the file: what kind, which encoding, which columns. Refuses what is no table.

    The header is row `header_row`, else the first that `fits`: of the sheet, or of the first sheet that has one. Where
    none does it is the first row.
    """
    if not path.is_file():
        raise UnreadableFile(
            gettext("file: there is no file %(file)s; check the path") % {"file": path}, field="file", value=str(path)
        )
    with path.open("rb") as file:
        start = file.read(_START)
    if not start:
        raise UnreadableFile(
            gettext("%(file)s: the file is empty; export it again") % {"file": path.name}, field="file", value=path.name
        )
    if start[:4] == b"PAR1":
        return _open_parquet(path)
    if start[:4] == b"PK\x03\x04" or start[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        _refuse(path, binaries.of_package(path))
        if too_large := workbook_size.why_too_large(path):
            raise UnreadableFile(f"{path.name}: {too_large}", field="file", value=path.name)
        return _open_workbook(path, sheet, header_row, fits)
    _refuse(path, binaries.of_bytes(start))
    return _open_csv(path, encoding, delimiter, header_row, fits)


def _refuse(path: Path, seems: tuple[str, str] | None) -> None:
    """Say what the file seems to be and the mend, if it is no table."""
    if seems is not None:
        what, mend = seems
        raise UnreadableFile(
            gettext("%(file)s: this is no table; it seems to be %(what)s: %(mend)s")
            % {"file": path.name, "what": gettext(what), "mend": gettext(mend)},
            field="file",
            value=path.name,
        )


# --- CSV


def _refuse_endless(path: Path) -> None:
    since = 0
    with unpacked(path) as file:
        while block := file.read(_BLOCK):
            # Also in UTF-16, where only more bytes are such.
            since = 0 if b"\n" in block or b"\r" in block else since + len(block)
            if since > _LONGEST_LINE:
                raise UnreadableFile(
                    gettext("%(file)s: a line has more than %(most)s MB; export it with each row on a line of its own")
                    % {"file": path.name, "most": _LONGEST_LINE >> 20},
                    field="file",
                    value=path.name,
                )


def _delimiter(path: Path, encoding: str) -> str:
    with decoded(path, encoding) as text:
        first = [line for line in islice(text, 30) if line.strip()]
    if first and (said := _SEPARATOR.fullmatch(first[0])):
        return said[1]
    if not first:
        raise UnreadableFile(
            gettext("%(file)s: the file has no header; export it again") % {"file": path.name},
            field="file",
            value=path.name,
        )
    best, widest = ",", 0
    for candidate in _DELIMITERS:
        counts = [len(row) for row in csv.reader(first, delimiter=candidate) if row]
        same = sum(count == counts[0] for count in counts) if counts else 0
        if counts and counts[0] > 1 and counts[0] * same > widest:
            best, widest = candidate, counts[0] * same
    return best


def _open_csv(path: Path, encoding: str | None, delimiter: str | None, header_row: int | None, fits: Fits) -> Source:
    try:
        with unpacked(path) as packed:
            _refuse_packed(path, packed.read(_START))
        _refuse_endless(path)
        found = encoding or encoding_of(path)
        codecs.lookup(found)
        with decoded(path, found) as text:
            _refuse(path, binaries.of_text(text.read(_START)))
        mark, at = _header_at(path, found, delimiter, header_row, fits)
        with decoded(path, found) as text:
            lines = Lines(text, mark)
            header = _head(path, lines, at)
    except (LookupError, UnicodeError) as problem:
        # Some of Python's codecs (idna) are for no files.
        raise UnreadableFile(
            gettext("%(file)s: encoding %(encoding)s is unknown; use a name such as utf-8 or gb18030")
            % {"file": path.name, "encoding": repr(encoding)},
            field="encoding",
            value=encoding,
        ) from problem
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise UnreadableFile(
            gettext("%(file)s: it is packed (gzip) and cut off or damaged; copy it again, or export it again")
            % {"file": path.name},
            field="file",
            value=path.name,
        ) from problem
    columns = _header(path, header)
    notes = []
    if not encoding and found in SPOKEN:
        notes.append(gettext("The file is in %(encoding)s.") % {"encoding": gettext(SPOKEN[found])})
    if mark != ",":
        notes.append(
            gettext("Columns are separated by tabs.")
            if mark == "\t"
            else gettext("Columns are separated by %(mark)s.") % {"mark": repr(mark)}
        )
    if at > 1:
        notes.append(gettext("The header is in line %(n)s; what stands above it is not read.") % {"n": at})
    chunks = partial(_csv_chunks, path, found, mark, columns, at)
    return Source(path, "csv", columns, None, notes, chunks, header_in=gettext("line %(n)s") % {"n": max(at, 1)})


def _refuse_packed(path: Path, start: bytes) -> None:
    """Only CSV is read out of gzip: a workbook or Parquet needs its whole file."""
    mend = gettext_noop("unpack it and import the file inside")
    if start.startswith(b"PAR1"):
        _refuse(path, (gettext_noop("a packed Parquet file"), mend))
    if start.startswith(b"PK\x03\x04"):
        _refuse(path, (gettext_noop("a packed workbook or archive"), mend))
    _refuse(path, binaries.of_bytes(start))


def _header_at(path: Path, encoding: str, delimiter: str | None, header_row: int | None, fits: Fits) -> tuple[str, int]:
    """What separates columns, and the line of the header; 0 for the first that is not blank."""
    likely = delimiter or _delimiter(path, encoding)
    if header_row is not None:
        return likely, header_row
    for mark in dict.fromkeys((likely, *(() if delimiter else _DELIMITERS))):
        with decoded(path, encoding) as text:
            lines = Lines(text, mark)
            seen = 0
            for line in lines:
                number = lines.number
                cells, unclosed = lines.row(line)
                if not any(cell.strip() for cell in cells) or _SEPARATOR.fullmatch(line):
                    continue
                seen += 1
                if unclosed is None and _is_header(cells, fits):
                    return mark, 0 if seen == 1 else number
                if seen == _HEADER_ROWS:
                    break
    return likely, 0


def _is_header(cells: Sequence[str], fits: Fits) -> bool:
    names = _named(cells)
    return _FEWEST_NAMES <= sum(map(bool, cells)) <= _MOST_COLUMNS and fits(names)


def _named(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().strip("\ufeff") for cell in cells]
    while names and not names[-1]:
        names.pop()
    if set(REJECT_COLUMNS) <= set(names):
        names = [_ESCAPED.sub(r"\1", name) for name in names]
    return [name or f"column {place}" for place, name in enumerate(names, 1)]


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    named = _named(cells)
    if len(named) > _MOST_COLUMNS:
        raise UnreadableFile(
            gettext("%(file)s: the header has more than %(most)s columns; export what is needed of them")
            % {"file": path.name, "most": f"{_MOST_COLUMNS:,}"},
            field="header",
            value=str(len(named)),
        )
    for name, count in Counter(named).items():
        if count > 1:
            raise UnreadableFile(
                gettext("%(file)s: the header has %(name)s twice; rename one of the two columns")
                % {"file": path.name, "name": repr(name)},
                field="header",
                value=name,
            )
    if not named:
        raise UnreadableFile(
            gettext("%(file)s: the file has no header; export it again") % {"file": path.name},
            field="file",
            value=path.name,
        )
    return named


def _csv_chunks(path: Path, encoding: str, delimiter: str, columns: Sequence[str], at: int) -> Iterator[pl.DataFrame]:
    chunk = Chunk(columns, delimiter)
    width = len(columns)
    blank = delimiter + " \t\r\n"
    with decoded(path, encoding) as text:
        lines = Lines(text, delimiter)
        _head(path, lines, at)
        try:
            for line in lines:
                if '"' in line:
                    number = lines.number
                    cells, unclosed = lines.row(line, width)
                    if unclosed is not None:
                        chunk.add_unclosed(number, cells, unclosed)
                    elif any(cells):
                        chunk.add_cells(number, cells)
                    else:
                        continue
                elif not line.strip(blank):
                    continue
                else:
                    chunk.add_line(lines.number, line)
                if chunk.rows == CHUNK:
                    yield chunk.frame()
        except (OSError, EOFError, zlib.error) as problem:
            raise UnreadableFile(
                gettext("%(file)s, after line %(n)s: the file is cut off or damaged; copy it again")
                % {"file": path.name, "n": lines.number},
                field="file",
                value=path.name,
            ) from problem
    if chunk.rows:
        yield chunk.frame()


def _head(path: Path, lines: Lines, at: int) -> list[str]:
    """The header's cells: the first row that is not blank, from line `at` on. `lines` goes on behind it."""
    for line in lines:
        if lines.number < at:
            continue
        if lines.number == 1 and _SEPARATOR.fullmatch(line):
            continue
        number = lines.number
        cells, unclosed = lines.row(line)
        if unclosed is not None:
            raise UnreadableFile(
                gettext(
                    "%(file)s, line %(n)s: in the header, %(name)s begins with a quotation mark that is not"
                    " closed; take it away, or close it behind the name"
                )
                % {"file": path.name, "n": number, "name": repr(shown(cells[unclosed]))},
                field="header",
                value=shown(cells[unclosed]),
                line=number,
            )
        if any(cell.strip() for cell in cells):
            return cells
    return []


# --- Parquet


def _open_parquet(path: Path) -> Source:
    try:
        with pq.ParquetFile(path) as file:
            columns, rows = list(file.schema_arrow.names), file.metadata.num_rows
    except (OSError, ValueError) as problem:
        raise UnreadableFile(
            gettext("%(file)s: it begins as a Parquet file and is cut off or damaged; copy the file again")
            % {"file": path.name},
            field="file",
            value=path.name,
        ) from problem
    return Source(path, "parquet", _header(path, columns), rows, (), partial(_parquet_chunks, path))


def _parquet_chunks(path: Path) -> Iterator[pl.DataFrame]:
    before = 0
    with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=CHUNK, use_threads=False):
            frame = cast(pl.DataFrame, pl.from_arrow(batch))
            yield frame.select(
                pl.int_range(before + 1, before + frame.height + 1, dtype=pl.Int64).alias("@row"),
                pl.int_range(before + 2, before + frame.height + 2, dtype=pl.Int64).alias("@line"),
                pl.lit(None, dtype=FAULT_KIND).alias(FAULT),
                pl.all(),
            )
            before += frame.height


# --- Excel


def _open_workbook(path: Path, sheet: str | None, header_row: int | None, fits: Fits) -> Source:
    try:
        with CalamineWorkbook.from_path(path) as book:
            names = book.sheet_names
            if sheet and sheet not in names:
                raise UnreadableFile(
                    gettext("%(file)s: there is no sheet %(sheet)s; the workbook has %(names)s")
                    % {"file": path.name, "sheet": repr(sheet), "names": ", ".join(names)},
                    field="sheet",
                    value=sheet,
                )
            chosen, at = sheet or names[0], header_row
            if at is None:
                places = ((name, _sheet_header(book, name, fits)) for name in ([sheet] if sheet else names))
                chosen, at = next(((name, row) for name, row in places if row), (chosen, None))
            rows = book.get_sheet_by_name(chosen)
            if at is None:
                at = next((place for place, row in enumerate(rows.iter_rows(), 1) if any(map(_text, row))), 1)
            header = next(islice(rows.iter_rows(), at - 1, None), [])
            expected = rows.height - at
            # A number cell has its value, not a way to write it; beside one, a comma in a text cell must not make
            # thousands of it. So such a sheet is read with points, and texts with commas are told row by row.
            has_fractions = any(isinstance(cell, float) and cell % 1 for row in rows.iter_rows() for cell in row)
    except (CalamineError, OSError, IndexError) as problem:
        raise UnreadableFile(
            gettext("%(file)s: %(problem)s; save it as .xlsx again") % {"file": path.name, "problem": problem},
            field="file",
            value=path.name,
        ) from problem
    columns = _header(path, [_text(cell) for cell in header])
    others = ", ".join(repr(name) for name in names if name != chosen)
    notes = []
    if others:
        read_from = gettext("Read from the sheet %(sheet)s; the workbook also has %(others)s.")
        notes.append(read_from % {"sheet": repr(chosen), "others": others})
    if at > 1:
        notes.append(gettext("The header is in row %(n)s; what stands above it is not read.") % {"n": at})
    return Source(
        path,
        "xlsx",
        columns,
        max(expected, 0),
        notes,
        partial(_sheet_chunks, path, chosen, columns, at),
        decimal="." if has_fractions else "",
        header_in=(
            gettext("row %(n)s of the sheet %(sheet)s (the workbook also has %(others)s)")
            if others
            else gettext("row %(n)s of the sheet %(sheet)s")
        )
        % {"n": at, "sheet": repr(chosen), "others": others},
    )


def _sheet_header(book: CalamineWorkbook, sheet: str, fits: Fits) -> int | None:
    """The row of a sheet that is its header, from 1."""
    seen = 0
    for place, row in enumerate(book.get_sheet_by_name(sheet).iter_rows(), 1):
        cells = [_text(cell) for cell in row]
        if any(cells):
            seen += 1
            if _is_header(cells, fits):
                return place
        if seen == _HEADER_ROWS:
            break
    return None


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _sheet_chunks(path: Path, sheet: str, columns: Sequence[str], at: int) -> Iterator[pl.DataFrame]:
    width = len(columns)
    with CalamineWorkbook.from_path(path) as book:
        opened = book.get_sheet_by_name(sheet)
        chunk = Chunk(columns)
        for line, cells in enumerate(opened.iter_rows(), 1):
            if line <= at:
                continue
            texts = [_text(cell) for cell in cells]
            if not any(texts):
                continue
            chunk.add_cells(line, texts + [""] * (width - len(texts)))
            if chunk.rows == CHUNK:
                yield chunk.frame()
        if chunk.rows:
            yield chunk.frame()
