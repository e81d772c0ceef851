"""Files of one JSON object a line, also packed with gzip: one column, `segment_message`, a row a line."""

import io
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import reading
from regulars.doors.imports.encoding import encoding_of, unpacked
from regulars.doors.imports.reading import Source, UnreadableFile
from regulars.doors.imports.row_frames import FAULT, FAULT_KIND, Fault
from regulars.facts.events.messages import LARGEST_MESSAGE

COLUMN = "segment_message"
_ENDINGS = frozenset((".jsonl", ".ndjson", ".json"))
#: Characters of one frame, about; messages may be large.
_MOST_TEXT = 32 * 1024**2
_SHOWN = 10_000
_DAMAGE = (OSError, EOFError, zlib.error)


def is_one(path: Path) -> bool:
    """Whether the file says so by its name, or begins with an object."""
    named = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    if named.suffix.lower() in _ENDINGS:
        return True
    try:
        with unpacked(path) as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except _DAMAGE:
        return False


def open_file(path: Path, *, encoding: str | None = None) -> Source:
    """Refuses an empty file, a damaged one, and JSON that is no object a line."""
    try:
        found = encoding or encoding_of(path)
        # JSON is UTF-8: what only looks Western is a line with broken bytes.
        found = "utf-8" if found == "cp1252" and not encoding else found
        with _lines(path, found) as text:
            start = next((line for line in iter(partial(text.readline, _SHOWN), "") if line.strip()), "")
    except (LookupError, UnicodeError) as problem:
        raise UnreadableFile(
            gettext("%(file)s: encoding %(encoding)s is unknown; use a name such as utf-8 or gb18030")
            % {"file": path.name, "encoding": repr(encoding)},
            field="encoding",
            value=encoding,
        ) from problem
    except _DAMAGE as problem:
        raise _damaged(path, "") from problem
    if not start:
        raise UnreadableFile(
            gettext("%(file)s: the file is empty; export it again") % {"file": path.name}, field="file", value=path.name
        )
    if start.lstrip("\ufeff \t").startswith("["):
        raise UnreadableFile(
            gettext("%(file)s: this is one JSON list; write each message on a line of its own (JSON Lines)")
            % {"file": path.name},
            field="file",
            value=path.name,
        )
    notes = [] if found in {"utf-8", "utf-8-sig"} else [gettext("The file is in %(encoding)s.") % {"encoding": found}]
    return Source(path, "jsonl", [COLUMN], None, notes, partial(_chunks, path, found))


def _lines(path: Path, encoding: str) -> IO[str]:
    # A byte that means nothing becomes half a character, which no text has: the line is told of.
    return io.TextIOWrapper(unpacked(path), encoding=encoding, errors="surrogateescape")


def _damaged(path: Path, where: str) -> UnreadableFile:
    return UnreadableFile(
        gettext("%(file)s%(where)s: the file is cut off or damaged; copy it again")
        % {"file": path.name, "where": where},
        field="file",
        value=path.name,
    )


def _chunks(path: Path, encoding: str) -> Iterator[pl.DataFrame]:
    rows: list[tuple[int, int, Fault | None, str | None]] = []
    size = row = number = 0
    with _lines(path, encoding) as text:
        try:
            while line := text.readline(LARGEST_MESSAGE + 2):
                number += 1
                is_whole = line.endswith("\n") or len(line) < LARGEST_MESSAGE + 2
                while not is_whole:
                    is_whole = (rest := text.readline(_MOST_TEXT)) == "" or rest.endswith("\n")
                    line = line[:_SHOWN] + "…"
                told = line.strip().lstrip("\ufeff")
                if not told:
                    continue
                row += 1
                fault = _fault(told)
                rows.append((row, number, fault, None if fault else told))
                size += len(told)
                if len(rows) == reading.CHUNK or size > _MOST_TEXT:
                    yield _frame(rows)
                    rows, size = [], 0
        except _DAMAGE as problem:
            raise _damaged(path, f", after line {number}") from problem
    if rows:
        yield _frame(rows)


def _fault(told: str) -> Fault | None:
    if told.endswith("…") and len(told) <= _SHOWN + 1:
        mend = gettext_noop("split it, or take out what nobody needs")
        problem = gettext_noop("is longer than %(n)s characters") % {"n": f"{LARGEST_MESSAGE:,}"}
        return Fault(COLUMN, None, problem, mend, [told])
    try:
        told.encode()
    except UnicodeEncodeError:
        whole = told.encode("utf-8", "replace").decode()
        mend = gettext_noop("write the file in UTF-8")
        return Fault(COLUMN, None, "has characters that cannot be read", mend, [whole])
    return None


def _frame(rows: list[tuple[int, int, Fault | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "@row": pl.Series([row for row, *_ in rows], dtype=pl.Int64),
            "@line": pl.Series([line for _, line, *_ in rows], dtype=pl.Int64),
            FAULT: pl.Series([fault._asdict() if fault else None for _, _, fault, _ in rows], dtype=FAULT_KIND),
            COLUMN: pl.Series([told for *_, told in rows], dtype=pl.String),
        }
    )
