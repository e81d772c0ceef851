"""The reject file: rows that did not come in, as they were, with what is wrong and how to mend it.

It is a CSV a spreadsheet opens well (UTF-8 with a byte order mark), and it can be imported again once mended: the three
columns it adds are ignored then, but for the row's first number, which keeps made-up order numbers as they were. They
come first, so that a row with a cell too many keeps it at its end, where deleting another one moves it into its place.
"""

import csv
import filecmp
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports import checking
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.reading import Source
from regulars.doors.imports.row_frames import FAULT, REJECT_COLUMNS, RUNS
from regulars.kit.refusals import Refusal

#: Plain numbers are no danger and stay as they are.
_FORMULA = re.compile(RUNS)
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,\s]*", re.ASCII)
_ENDINGS = frozenset((".csv", ".tsv", ".txt", ".xlsx", ".xls", ".parquet", ".gz"))
_ROUND = re.compile(r"(.*\.rejects)(?:\.([0-9]+))?", re.ASCII)


class OntoItself(Refusal):
    """What is written would replace the file that is read."""

    code = "imports.onto_itself"


def stem(path: Path) -> str:
    """The file's name without its endings: `orders.2024` for orders.2024.csv.gz."""
    name = path.name
    while Path(name).suffix.lower() in _ENDINGS:
        name = Path(name).stem
    return name


def place(path: Path, wanted: Path | None) -> Path:
    """Where the rejects of `path` go: `wanted`, or beside it, a reject file's own to the next of its rounds.

    Refuses the file that is read itself: what somebody mended there would be lost.
    """
    if wanted is not None:
        if wanted.resolve() == path.resolve():
            raise OntoItself(
                gettext("reject-file: %(file)s is the file that is imported; choose another name")
                % {"file": wanted.name},
                field="reject-file",
                value=wanted.name,
            )
        return wanted
    name = stem(path)
    if rejected := _ROUND.fullmatch(name):
        return path.with_name(f"{rejected[1]}.{int(rejected[2] or 1) + 1}.csv")
    return path.with_name(f"{name}.rejects.csv")


def safe(cell: str) -> str:
    """The cell as no spreadsheet will run it."""
    return "'" + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def write(source: Source, left_out: LeftOut, path: Path) -> tuple[int, Path]:
    """Write the rows that are left out, in the order of the file. Returns how many, and where: beside a file of earlier
    rejects that says something else, which somebody may have mended by hand.

    Reads the file once more, so that what is refused need not be kept in memory.
    """
    own = [name for name in source.columns if name not in REJECT_COLUMNS]
    count = 0
    # Beside its place first: whoever finds the file finds it whole.
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([*REJECT_COLUMNS, *map(safe, own)])
        for row in _rows(source, left_out, own):
            out.writerow([safe(cell or "") for cell in row])
            count += 1
    free = _free(path, beside)
    beside.replace(free)
    return count, free


def _free(path: Path, new: Path) -> Path:
    """`path`, or its next round where something else than `new` stands. Names people chose are theirs to reuse."""
    while (rejected := _ROUND.fullmatch(stem(path))) and path.exists() and not filecmp.cmp(path, new, shallow=False):
        path = path.with_name(f"{rejected[1]}.{int(rejected[2] or 1) + 1}.csv")
    return path


def _why(problems: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """row, problem and mend: once each, numbered where a row has several."""
    reasons = checking.told(problems).select("row", "mend", problem="sentence").unique(maintain_order=True)
    place, of = pl.int_range(1, pl.len() + 1).over("row"), pl.len().over("row")
    told = (
        reasons.with_columns(
            pl.when(of > 1).then(pl.format("{}) {}", place, name)).otherwise(name).alias(name)
            for name in ("problem", "mend")
        )
        .group_by("row")
        .agg(pl.col("problem", "mend").str.join("; "))
    )
    others = held.select("row", "mend", problem="why").select(told.columns)
    return pl.concat([told, others.join(told, on="row", how="anti")])


def _rows(source: Source, left_out: LeftOut, own: list[str]) -> Iterator[list[str | None]]:
    first_number = pl.col("regulars_row") if source.is_reject_file else pl.col("@row").cast(pl.String)
    added = {place for place, name in enumerate(source.columns) if name in REJECT_COLUMNS}
    for chunk in source.chunks():
        wanted = _why(*left_out.among(chunk["@row"][0], chunk["@row"][-1]))
        chosen = chunk.join(wanted, left_on="@row", right_on="row", how="inner").sort("@row")
        rows = chosen.select(
            pl.col(FAULT).struct.field("cells"),
            first_number.alias("regulars_row"),
            "problem",
            "mend",
            *(pl.col(name).cast(pl.String) for name in own),
        )
        for cells, number, problem, mend, *columns in rows.iter_rows():
            # A row that does not fit the header is given back as it is long.
            whole = columns if cells is None else [cell for place, cell in enumerate(cells) if place not in added]
            yield [number, problem, mend, *whole]
