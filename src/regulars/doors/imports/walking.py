"""One file on its way in, whatever its rows are about: read to its end, laid aside, given back part by part."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports import checking, reading
from regulars.doors.imports.columns import Columns
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import BadMapping, FileMapping
from regulars.doors.imports.reading import Source, UnreadableFile
from regulars.doors.imports.row_frames import REJECT_COLUMNS
from regulars.doors.imports.spilling import Spill
from regulars.facts.customers import contacts
from regulars.kit.refusals import Refusal

M = TypeVar("M", bound=FileMapping)
Stage = Literal["looking", "reading", "recording", "matching"]
#: Called with what is being done, and how many rows of how many (None: not known).
Progress = Callable[[Stage, int, int | None], None]

_MOST_PROBLEMS = 1_000_000
#: Columns that are named before the rest is dots.
_NAMED = 12
#: Rough bytes of one row of CSV, and how much gzip makes of them: for how many parts to lay rows aside in.
_ROW_BYTES = 60
_PACKED = 6


class TooManyProblems(Refusal):
    """So many bad rows that the mapping must be wrong."""

    code = "imports.too_many_problems"


def opened(path: Path, hints: FileMapping, tie: Callable[[Sequence[str]], M]) -> tuple[Source, M]:
    """The file, and the mapping that `tie` makes for its columns.

    The header is where `hints` say, else the first row, and the first sheet, whose columns can be tied.
    """

    def fits(columns: Sequence[str]) -> bool:
        try:
            tie(columns)
        except BadMapping:
            return False
        return True

    source = reading.open_file(
        path,
        encoding=hints.encoding,
        delimiter=hints.delimiter,
        sheet=hints.sheet,
        header_row=hints.header_row,
        fits=fits,
    )
    try:
        return source, tie(source.columns)
    except BadMapping as problem:
        if not source.header_in:
            raise
        raise BadMapping(
            gettext(
                "%(problem)s; names of columns were looked for in %(where)s: `header_row:` and `sheet:` in the"
                " mapping say where else they are"
            )
            % {"problem": problem.message, "where": source.header_in},
            **problem.facts,
        ) from problem


@dataclass(frozen=True)
class Aside:
    """Where what a file holds waits on disk: `folder` is the caller's, and gone with it."""

    folder: Path
    left_out: LeftOut


class Walk:
    """What every kind of file has in common. Subclasses take its chunks in `_take` and give back their own parts."""

    def __init__(self, source: Source, columns: Columns[Any], left_out: LeftOut, progress: Progress) -> None:
        self.source = source
        self.columns = columns
        self.left_out = left_out
        self.rows_read = 0
        self.rows_good = 0
        self.repeated = 0
        self._progress = progress

    def read(self) -> None:
        """To the end of the file. Nothing has come in anywhere when this raises."""
        self.columns.survey(lambda seen: self._progress("looking", seen, self.source.rows_expected))
        count = 0
        for raw in self.source.chunks():
            bad = self._take(raw)
            self.left_out.add_problems(bad)
            count += bad.height
            self.rows_read += raw.height
            if count > _MOST_PROBLEMS and 2 * self.left_out.rows_bad > self.rows_read:
                first = bad.row(0, named=True)
                problem = first["problem"]
                raise TooManyProblems(
                    gettext(
                        "%(file)s: more than %(most)s problems, and most rows have one, such as line %(line)s,"
                        " %(column)s: %(value)s %(problem)s; the mapping is probably wrong"
                    )
                    % {
                        "file": self.source.path.name,
                        "most": f"{_MOST_PROBLEMS:,}",
                        "line": first["line_in_file"],
                        "column": first["column"],
                        "value": repr(first["value"]),
                        "problem": checking.spoken(problem),
                    },
                    field=first["column"],
                    value=first["value"],
                    line=first["line_in_file"],
                    most=_MOST_PROBLEMS,
                )
            self._progress("reading", self.rows_read, self.source.rows_expected)
        if not self.rows_read:
            raise UnreadableFile(
                gettext("%(file)s: there is a header and no row under it; export it again")
                % {"file": self.source.path.name},
                field="file",
                value=self.source.path.name,
                reason="no_rows",
            )
        self.left_out.end_of_file(self.rows_read)

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Lay one chunk's good rows aside. Returns PROBLEMS."""
        raise NotImplementedError

    def _recorded(self, good: int) -> None:
        """So many rows more are on their way into the database."""
        self.rows_good += good
        self._progress("recording", self.rows_good, self.rows_read)

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it; whole after all its parts."""
        return self.columns.said()


@contextmanager
def aside() -> Iterator[Aside]:
    """A folder for one file's rows and for what is left out of them."""
    with (
        tempfile.TemporaryDirectory(prefix="regulars-import-") as folder,
        closing(LeftOut(Path(folder))) as left_out,
    ):
        yield Aside(Path(folder), left_out)


@contextmanager
def spilled(source: Source, schema: pl.Schema) -> Iterator[tuple[Spill, LeftOut]]:
    """Rows of `schema` laid aside by their `ref`, and what is left out."""
    expected = source.rows_expected
    if expected is None:
        path = source.path
        expected = path.stat().st_size * (_PACKED if path.suffix == ".gz" else 1) // _ROW_BYTES
    with ExitStack() as open_:
        place = open_.enter_context(aside())
        yield open_.enter_context(Spill(place.folder, schema, rows_expected=expected)), place.left_out


def how_it_is_read(
    wanted: FileMapping | None, chosen: FileMapping, columns: Sequence[str], properties: Collection[str] = ()
) -> list[str]:
    """Notes where nobody said what the columns mean, also on those that nothing was found for. `properties` are
    columns that are kept under their own names."""
    if wanted is not None:
        return []
    spoken = ", ".join(f"{name} = {' + '.join(one.names)}" for name, one in chosen.columns.items() if one.names)
    if chosen.is_guess:
        others = _not_read(chosen, columns)
        notes = [gettext("Read by guessing what columns mean: %(columns)s.") % {"columns": spoken}]
        if kept := [name for name in others if name in properties]:
            notes.append(gettext("Read as properties: %(columns)s.") % {"columns": _listed(kept)})
        if left := [name for name in others if name not in properties]:
            notes.append(
                gettext("Not read, for nothing says what they mean: %(columns)s.") % {"columns": _listed(left)}
            )
        return notes
    return [gettext("Read with the mapping %(name)s.") % {"name": chosen.name}]


def what_is_left(wanted: FileMapping | None, chosen: FileMapping, columns: Sequence[str]) -> list[str]:
    """A note on the columns that a mapping somebody named says nothing of."""
    left = _not_read(chosen, columns) if wanted is not None else []
    told = gettext("Not read, for the mapping does not name them: %(columns)s.") % {"columns": _listed(left)}
    return [told] if left else []


def _not_read(chosen: FileMapping, columns: Sequence[str]) -> list[str]:
    read = {name for one in chosen.columns.values() for name in (*one.names, *one.join, *one.sum)}
    return [name for name in columns if name not in read and name not in REJECT_COLUMNS]


def _listed(names: Sequence[str]) -> str:
    some = ", ".join("…" if contacts.is_in(name) else name[:40] for name in names[:_NAMED])
    return f"{some}…" if len(names) > _NAMED else some
