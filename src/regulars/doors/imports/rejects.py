"""The reject file: rows that did not come in, as they were, with what is wrong and how to mend it.

It is a CSV a spreadsheet opens well (UTF-8 with a byte order mark), and it can be imported again once mended: the three
columns it adds are ignored then, but for the row's first number, which keeps made-up order numbers as they were.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from regulars.doors.imports.reading import REJECT_COLUMNS, Source
from regulars.kit.refusals import Refusal

#: A spreadsheet runs what starts so, even in a CSV. Plain numbers are no danger and stay as they are.
_FORMULA = re.compile(r"[=+@\-\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,\s]*", re.ASCII)
_ENDINGS = frozenset((".csv", ".tsv", ".txt", ".xlsx", ".xls", ".parquet", ".gz"))
_ROUND = re.compile(r"(.*\.rejects)(?:\.([0-9]+))?", re.ASCII)


class OntoItself(Refusal):
    """The reject file would replace the file that is read."""

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
                f"reject-file: {wanted.name} is the file that is imported; choose another name",
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


def write(source: Source, problems: pl.DataFrame, held: pl.DataFrame, path: Path) -> int:
    """Write the rows named in `problems` and `held` (row, why, mend) in the order of the file. Returns how many.

    Reads the file once more, so that what is refused need not be kept in memory.
    """
    told = problems.group_by("row").agg(
        problem=pl.format("{}: {} {}", "column", pl.format("'{}'", pl.col("value").fill_null("")), "problem").str.join(
            "; "
        ),
        mend=pl.col("mend").unique(maintain_order=True).str.join("; "),
    )
    others = (
        held.unique("row", keep="first", maintain_order=True).select("row", "mend", problem="why").select(told.columns)
    )
    wanted = pl.concat([told, others.join(told, on="row", how="anti")])
    own = [name for name in source.columns if name not in REJECT_COLUMNS]
    count = 0
    # Beside its place first: whoever finds the file finds it whole.
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([*own, *REJECT_COLUMNS])
        for row in _rows(source, wanted, own):
            out.writerow([safe(cell or "") for cell in row])
            count += 1
    beside.replace(path)
    return count


def _rows(source: Source, wanted: pl.DataFrame, own: list[str]) -> Iterator[tuple[str | None, ...]]:
    first_number = pl.col("regulars_row") if source.is_reject_file else pl.col("@row").cast(pl.String)
    for chunk in source.chunks():
        chosen = chunk.join(wanted, left_on="@row", right_on="row", how="inner").sort("@row")
        if not chosen.is_empty():
            yield from chosen.select(
                *(pl.col(name).cast(pl.String) for name in own), first_number.alias("regulars_row"), "problem", "mend"
            ).iter_rows()
