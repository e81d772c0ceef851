"""A file of what was spent to win customers, read without a database: each month and channel once, rows added up."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import mapping, parsing, reading, signs, walking
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.columns import Columns
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.settling import Reads
from regulars.doors.imports.walking import Progress
from regulars.kit import civil, money

FIELDS = ("month", "channel", "currency", "amount")
_SHIPPED = mapping.SHIPPED / "costs"
#: A month, or any day or moment in it.
_MONTH = re.compile(r"((?:19|20|21)\d\d)\s*[-/.年]?\s*(\d{1,2})\s*(?:$|[-/.月].*)", re.ASCII)
_MOST_MILLIONTHS = 10**17


def load(name_or_file: str) -> FileMapping:
    """A shipped mapping for costs by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, _SHIPPED)
    return FileMapping(**mapping.shared(file, mapping.content(file, FIELDS, mapping.KEYS)))


def bind(wanted: FileMapping, columns: Sequence[str]) -> FileMapping:
    """`wanted` with every field tied to a column that is there; refused without the month or the amount."""
    found = mapping.tie(wanted, FIELDS, columns)
    for needed in ("month", "amount"):
        if needed not in found.columns:
            raise mapping.missing(wanted, needed, gettext("the %(name)s") % {"name": needed}, columns)
    return found


def month_of(text: str) -> date | None:
    """The first day of the month that is written there; None where none is."""
    found = _MONTH.fullmatch(text.strip())
    if found is None or not 1 <= int(found[2]) <= 12:
        return None
    return date(int(found[1]), int(found[2]), 1)


@dataclass(kw_only=True)
class CostColumns(Columns[FileMapping]):
    """Reads the chunks of one file. `channels` are codes by what a row may call them, in small letters; amounts that
    name no currency are in the shop's `currency`; `is_told`: somebody said so."""

    channels: Mapping[str, str]
    currency: str
    is_told: bool = False

    reads: ClassVar[Reads] = Reads(instants=(), ids=("channel",), numbers=("amount",))
    texts: ClassVar[tuple[str, ...]] = ("month", "channel", "currency")
    longest: ClassVar[dict[str, int]] = {"month": 40, "channel": 200}

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's good rows (`month`, `channel`, `minor`) and problems (PROBLEMS)."""
        told, faults = self._told(raw)
        found = self._problems()
        mark = self._settled.mark or "."
        number = parsing.millionths(pl.col("amount"), told.schema["amount"], mark, is_amount=True)
        read = told.with_columns(*self._texts(), amount_read=number)
        months = {text: month_of(text) for text in read["month"].drop_nulls().unique()}
        read = read.with_columns(
            month_read=pl.col("month").replace_strict(months, default=None, return_dtype=pl.Date),
            code=pl.when(pl.col("channel").is_null())
            .then(pl.lit(""))
            .otherwise(
                pl.col("channel").str.to_lowercase().replace_strict(self.channels, default=None, return_dtype=pl.String)
            ),
        )
        self._check(read, found)
        bad = found.found(read, faults)
        unit = 10 ** (6 - money.exponent(self.currency))
        rows = read.join(bad.select(pl.col("row").alias("@row")).unique(), on="@row", how="anti")
        return rows.select(month="month_read", channel="code", minor=pl.col("amount_read") // unit), bad

    def _check(self, read: pl.DataFrame, found: Problems) -> None:
        self._check_texts(found)
        write_it = gettext_noop("write it like 2026-05")
        found.where(pl.col("month").is_null(), "month", "is empty", write_it)
        found.where(pl.col("month").is_not_null() & pl.col("month_read").is_null(), "month", "is no month", write_it)
        today = civil.day_of(self.now, self.zone)
        found.where(pl.col("month_read") > today, "month", "is in the future", "leave it out until it has begun")
        found.where(
            pl.col("code").is_null(),
            "channel",
            "is no channel of the shop",
            "write a channel's code or name, or leave it empty",
        )
        if "currency" in self.mapping.columns:
            code = pl.col("currency").str.to_uppercase().replace(signs.NAMES_ONE)
            found.where(
                code.is_not_null() & (code != self.currency),
                "currency",
                "is not the shop's currency",
                "write what it came to in the shop's currency",
            )
        elif read.schema["amount"] == pl.String and not self.is_told:
            found.where(
                signs.sign_in(pl.col("amount")).is_not_null(),
                "amount",
                "has a currency sign",
                "say --currency, or add a column with each row's currency",
            )
        amount = pl.col("amount_read")
        found.where(pl.col("amount").is_null(), "amount", "is empty", "fill it in")
        found.where(pl.col("amount").is_not_null() & amount.is_null(), "amount", "is no number", "write it in digits")
        found.where(amount < 0, "amount", "is below zero", "write what was spent, zero or more")
        found.where(amount >= _MOST_MILLIONTHS, "amount", "is too large", "check the unit and the decimal sign")
        unit = 10 ** (6 - money.exponent(self.currency))
        found.where(amount % unit != 0, "amount", "has more decimals than its currency", "round it")


@dataclass
class Sums:
    """What is told of each month and channel, in minor units."""

    minor: dict[tuple[date, str], int] = field(default_factory=dict)

    def add(self, rows: pl.DataFrame) -> None:
        for month, channel, minor in rows.iter_rows():
            self.minor[month, channel] = self.minor.get((month, channel), 0) + minor


class Walk(walking.Walk):
    """One file on its way in; a few hundred sums are all that is kept of it."""

    def __init__(self, source: reading.Source, columns: CostColumns, left_out: LeftOut, progress: Progress) -> None:
        super().__init__(source, columns, left_out, progress)
        self._told = columns
        self.sums = Sums()

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        rows, bad = self._told.chunk(raw)
        self.sums.add(rows)
        self._recorded(rows.height)
        return bad

    def totals(self) -> dict[str, object]:
        """The control totals; whole after `read`."""
        currency = self._told.currency
        return {
            "rows": self.rows_read,
            "months": len({month for month, _ in self.sums.minor}),
            "costs": {currency: str(money.Money(sum(self.sums.minor.values()), currency).decimal)},
            "rejected_rows": self.left_out.rows_bad + self.left_out.rows_held,
        }


@contextmanager
def walk(
    path: Path,
    wanted: FileMapping | None,
    *,
    zone: str,
    currency: str,
    is_told: bool,
    channels: Mapping[str, str],
    now: datetime,
    progress: Progress = lambda *_: None,
    zone_told: str | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone` and `currency` are the shop's; `is_told`: whoever
    brings the file in named that currency."""
    hints = wanted or load("generic")
    source, chosen = walking.opened(path, hints, lambda columns: bind(hints, columns))
    columns = CostColumns(
        source=source,
        mapping=replace(chosen, zone=zone_told or chosen.zone),
        zone=civil.zone(zone),
        now=now.astimezone(UTC),
        notes=walking.how_it_is_read(wanted, chosen, source.columns),
        channels=channels,
        currency=currency,
        is_told=is_told,
    )
    with walking.aside() as place:
        yield Walk(source, columns, place.left_out, progress)
