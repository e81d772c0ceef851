"""A file of points, read without a database: who has how many until when, and what is wrong with the rest."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import checking, mapping, parsing, reading, walking
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.customer_files import CustomerColumns
from regulars.doors.imports.documents import CONFLICTS
from regulars.doors.imports.left_out import HELD, LeftOut
from regulars.doors.imports.mapping import CONTACTS, FileMapping
from regulars.doors.imports.settling import Reads
from regulars.doors.imports.spilling import Spill
from regulars.doors.imports.walking import Progress
from regulars.kit import civil
from regulars.kit.points import Points

SHIPPED = mapping.SHIPPED / "points"
#: What a column may mean, in the order in which a guess claims columns.
FIELDS = ("customer", "email", "phone", "country", "ref", "points", "expires_on", "earned_at")
#: Points of somebody with one end. `ref` puts the rows of one customer together, `told` is what the file calls the row.
ROWS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "ref": pl.String(),
        "customer": pl.String(),
        "email": pl.String(),
        "phone": pl.String(),
        "told": pl.String(),
        "parts": pl.Int64(),
        "expires_on": pl.Date(),
        "earned_at": pl.Datetime("us", "UTC"),
    }
)
_MOST_MILLIONTHS = 9 * 10**15


def load(name_or_file: str) -> FileMapping:
    """A shipped mapping for points by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, SHIPPED)
    return FileMapping(**mapping.shared(file, mapping.content(file, FIELDS, mapping.KEYS)))


def bind(wanted: FileMapping, columns: Sequence[str]) -> FileMapping:
    """`wanted` with every field tied to a column that is there; refused where nothing tells whose or how many."""
    found = mapping.tie_to_somebody(wanted, FIELDS, columns)
    if "points" not in found.columns:
        raise mapping.missing(wanted, "points", gettext("how many points they have"), columns)
    return found


@dataclass(kw_only=True)
class PointColumns(CustomerColumns):
    """Reads the chunks of one file of points, which have `scale` decimals."""

    scale: int

    reads: ClassVar[Reads] = Reads(
        instants=("expires_on", "earned_at"), ids=("customer", "phone", "ref"), numbers=("points",)
    )
    texts: ClassVar[tuple[str, ...]] = ("customer", "email", "phone", "country", "ref")
    longest: ClassVar[dict[str, int]] = dict.fromkeys(("customer", "email", "phone", "ref"), 200)
    rows: ClassVar[pl.Schema] = ROWS

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's good rows and problems (PROBLEMS)."""
        told, faults = self._told(raw)
        found = self._problems()
        number = parsing.millionths(pl.col("points"), told.schema["points"], self._settled.mark or ".", is_amount=False)
        read = told.with_columns(*self._texts()).with_columns(*self._instants(told), points_read=number)
        read = self._check(read, found)
        bad = found.found(read, faults)
        rows = read.with_columns(
            row="@row",
            line_in_file="@line",
            told="ref",
            customer="customer_key",
            email="email_key",
            phone="phone_key",
            **self._own(),
        ).with_columns(ref="whose")
        kept = rows.select(pl.col(name).cast(kind) for name, kind in self.rows.items())
        return kept.join(bad.select("row").unique(), on="row", how="anti"), bad

    def _own(self) -> dict[str, pl.Expr]:
        """The columns of its rows that are not about whose they are."""
        return {
            "parts": pl.col("points_read") // 10 ** (6 - self.scale),
            "expires_on": pl.col("expires_on_read").dt.date(),
            "earned_at": pl.col("earned_at_read"),
        }

    def _zone_of(self, name: str) -> ZoneInfo:
        return civil.zone("UTC") if name == "expires_on" else self.zone

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        self._check_texts(found)
        read = self._contacts(self._countries(self._key("customer", read, found)), found)
        read = read.with_columns(whose=pl.coalesce("customer_key", "email_key", "phone_key"))
        here = [name for name in ("customer", *CONTACTS) if name in self.mapping.columns]
        found.where(
            pl.col("whose").is_null(),
            here[0],
            "means nobody",
            "fill in the customer's number, e-mail address or phone number, or leave the row out",
        )
        number = pl.col("points_read")
        found.where(pl.col("points").is_null(), "points", "is empty", "fill it in")
        found.where(pl.col("points").is_not_null() & number.is_null(), "points", "is no number", "write it in digits")
        found.where(number.abs() >= _MOST_MILLIONTHS, "points", "is too large", "check the unit and the decimal sign")
        found.where(
            number % 10 ** (6 - self.scale) != 0, "points", "has more decimals than these points have", "round it"
        )
        self._check_dates(read, found)
        self._check_own(read, found)
        return read

    def _check_dates(self, read: pl.DataFrame, found: Problems) -> None:
        for name in self.reads.instants:
            if name not in self.mapping.columns:
                continue
            unread = pl.col(name).is_not_null() & pl.col(f"{name}_read").is_null()
            if name in self._settled.orders and read.schema[name] == pl.String:
                self._check_order(name, unread, found)
            found.where(
                unread,
                name,
                "is no date this file's other dates are written like",
                "write it like 2024-05-31, or leave it empty",
            )

    def _check_own(self, read: pl.DataFrame, found: Problems) -> None:
        found.where(
            pl.col("points_read") < 0,
            "points",
            "is below zero",
            "bring in what they have; what they owe is told by hand",
        )
        today = civil.day_of(self.now, self.zone)
        found.where(
            pl.col("expires_on_read").dt.date() < today,
            "expires_on",
            "is over: these points are gone",
            "leave the row out, or write a day to come",
        )
        self._check_past("earned_at", found)

    def _check_past(self, name: str, found: Problems) -> None:
        when = pl.col(f"{name}_read")
        found.where(when > self.now, name, "is in the future", "write when it was")
        earliest = civil.start_of_day(self.mapping.earliest, self.zone)
        found.where(when < earliest, name, "is earlier than any date that is imported", "write when it was")


class Walk(walking.Walk):
    """One file of points on its way in, given back part by part."""

    #: A hash of what a row is known by.
    known_by: ClassVar[pl.Expr] = (
        pl.when(pl.col("told").is_not_null())
        .then(pl.col("told").hash(seed=0))
        .otherwise(pl.struct("ref", "expires_on", "earned_at").hash(seed=1))
    )

    def __init__(
        self, source: reading.Source, columns: PointColumns, spill: Spill, left_out: LeftOut, progress: Progress
    ) -> None:
        super().__init__(source, columns, left_out, progress)
        self._told = columns
        self._spill = spill
        self._sums: Counter[str] = Counter()
        self._members: set[str] = set()
        self._names: list[pl.Series] = []

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        rows, bad = self._told.chunk(raw)
        self._spill.add(rows)
        self._names.append(rows.select(self.known_by.alias("name"))["name"])
        return bad

    def parts(self) -> Iterator[pl.DataFrame]:
        """Good rows, some 50,000 at once."""
        yield from self._spill.read()

    def known_twice(self) -> Iterator[pl.DataFrame]:
        """Of the same rows, in the same order, those that may be known by what another one is known by."""
        names = pl.concat(self._names) if self._names else pl.Series(dtype=pl.UInt64)
        twice = names.filter(names.is_duplicated()).unique()
        for rows in self._spill.read() if len(twice) else ():
            yield rows.filter(self.known_by.is_in(twice.implode()))

    def taken(self, rows: pl.DataFrame, out: Mapping[str, tuple[str, pl.DataFrame]], *, repeated: int) -> None:
        """`rows` are on record; `out` are those that are not, by what is wrong, with its mend; so many `repeated` rows
        say again what one that is says."""
        self.repeated += repeated
        self._add_up(rows)
        self._members.update(rows["ref"].unique().to_list())
        for problem, (mend, left) in out.items():
            if not left.is_empty():
                column = next(name for name in ("customer", *CONTACTS) if name in self._told.mapping.columns)
                problems = left.select(
                    row="row",
                    line_in_file="line_in_file",
                    column=pl.lit(self._told.spoken(column)),
                    value=checking.masked(pl.col("ref")),
                    problem=pl.lit(problem),
                    mend=pl.lit(mend),
                ).cast(checking.PROBLEMS)
                self.left_out.add_late(problems, pl.DataFrame(schema=HELD), pl.DataFrame(schema=CONFLICTS))
        self._recorded(rows.height)

    def totals(self) -> dict[str, object]:
        """The control totals; whole after `parts`."""
        return {
            "rows": self.rows_read,
            "customers": len(self._members),
            **self._summed(),
            "repeated_rows": self.repeated,
            "rejected_rows": self.left_out.rows_bad + self.left_out.rows_held,
        }

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it; whole after `parts`."""
        notes = super().said()
        if self.repeated:
            notes.append(
                gettext("Rows that stand in the file a second time, and count once: %(n)s.")
                % {"n": f"{self.repeated:,}"}
            )
        return notes

    def _add_up(self, rows: pl.DataFrame) -> None:
        self._sums["points"] += int(rows["parts"].sum())
        self._sums["rows_that_end"] += rows.filter(pl.col("expires_on").is_not_null()).height

    def _summed(self) -> dict[str, object]:
        return {"points": self._whole("points"), "rows_that_end": self._sums["rows_that_end"]}

    def _whole(self, name: str) -> str:
        whole: Decimal = Points(self._sums[name], self._told.scale).decimal
        return str(whole)


#: What may be wrong with a row that reads well, with its mend.
NOBODY = (gettext_noop("is nobody we know"), gettext_noop("import the customers first, then this file again"))
UNKNOWN_NUMBER = (
    gettext_noop("is no number of a customer in the source %(name)s"),
    gettext_noop("say with --source whose numbers they are, or import the customers first, then this file again"),
)
SEVERAL = (gettext_noop("is several people"), gettext_noop("write the customer's number"))
OTHERWISE = (
    gettext_noop("brought something else along before"),
    gettext_noop("leave the row out, and put the balance right by hand"),
)
FROZEN = (
    gettext_noop("is of a member whose points are frozen"),
    gettext_noop("let their points go on, and bring the row in then"),
)
TWICE = (
    gettext_noop("stands in the file twice and says different things"),
    gettext_noop("leave out the row that is wrong"),
)


@dataclass(frozen=True)
class Form:
    """A kind of file of points: how it is read, and which file says what its columns mean where nobody says it."""

    columns: type[PointColumns]
    walk: type[Walk]
    load: Callable[[str], FileMapping]
    bind: Callable[[FileMapping, Sequence[str]], FileMapping]


BALANCES = Form(PointColumns, Walk, load, bind)


@contextmanager
def walk(
    path: Path,
    wanted: FileMapping | None,
    form: Form,
    *,
    zone: str,
    region: str,
    now: datetime,
    scale: int,
    progress: Progress = lambda *_: None,
    zone_told: str | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone` and `region` are the shop's; `zone_told` is instead
    of the mapping's."""
    hints = wanted or form.load("generic")
    source, chosen = walking.opened(path, hints, lambda columns: form.bind(hints, columns))
    chosen = replace(chosen, zone=zone_told or chosen.zone)
    columns = form.columns(
        source=source,
        mapping=chosen,
        zone=civil.zone(zone),
        now=now.astimezone(UTC),
        region=region,
        scale=scale,
        notes=walking.how_it_is_read(wanted, chosen, source.columns),
    )
    with walking.spilled(source, form.columns.rows) as (spill, left_out):
        yield form.walk(source, columns, spill, left_out, progress)
