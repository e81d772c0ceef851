"""Texts as numbers and instants. Pure expressions over columns; what cannot be read becomes null."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from regulars.doors.imports import signs

Mark = Literal[".", ","]

#: Numbers are whole millionths while they are read, so that nothing is lost or rounded twice.
MILLION = 1_000_000
#: What programs write for nothing.
NOTHING = ("", "NULL", "null", "None", "NaN", "nan", "N/A", "#N/A", "\\N")

_PLAIN = {
    ".": r"^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$",
    ",": r"^[+-]?(\d{1,3}([. ]\d{3})+|\d+)(,\d+)?$",
}
_SERIAL = r"^\d{5}(\.\d+)?$"
_ISO = r"^\d{4}-\d{1,2}-\d{1,2}"


#: What spreadsheets write where a formula failed.
FAILED = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")


def tidy(column: pl.Expr, nothing: Sequence[str] = NOTHING) -> pl.Expr:
    """Text without blanks around it (also wide and non-breaking ones); what programs write for nothing is null."""
    stripped = column.str.strip_chars(" \t\r\n\u00a0\u3000\ufeff")
    return pl.when(stripped.is_in(nothing)).then(None).otherwise(stripped)


def bare(column: pl.Expr, *, is_amount: bool = False) -> pl.Expr:
    """A number's text with plain blanks and minus; accountants' (3.50) and 3.50- have theirs in front.

    `is_amount`: also without its currency sign, which `signs` reads.
    """
    plain = column.str.replace_all("[\u00a0\u202f]", " ").str.replace_all("−", "-", literal=True)
    if is_amount:
        plain = signs.without(plain)
    return plain.str.replace(r"^[(（]\s*([^-+()（）]+?)\s*[)）]$|^([^-+()（）]+?)\s*-$", "-${1}${2}")


def millionths(column: pl.Expr, kind: pl.DataType, mark: Mark, *, is_amount: bool = False) -> pl.Expr:
    """The number as whole millionths (Int64), rounded there; null where it is none. Nine million million at most.

    `is_amount`: it may have a currency sign, which is not looked at here.
    """
    if kind == pl.String:
        plain = bare(column, is_amount=is_amount)
        groups = "," if mark == "." else r"[. ]"
        digits = plain.str.replace_all(groups, "").str.replace(",", ".", literal=True)
        number = pl.when(plain.str.contains(_PLAIN[mark])).then(digits).otherwise(None)
        return _held(number.cast(pl.Decimal(38, 6), strict=False).to_physical())
    if kind.is_float():
        finite = pl.when(column.is_finite()).then(column).otherwise(None).cast(pl.Float64).clip(-9e12, 9e12)
        return (finite * MILLION).round().cast(pl.Int64)
    if kind.is_decimal():
        return _held(column.cast(pl.Decimal(38, 6), strict=False).to_physical())
    if kind.is_integer():
        return _held(column.cast(pl.Int128) * MILLION)
    return pl.lit(None, dtype=pl.Int64)


def _held(number: pl.Expr) -> pl.Expr:
    """In 64 bits; what is larger stays too large to be a quantity or a price."""
    most = 9 * 10**18
    return number.clip(-most, most).cast(pl.Int64)


def divided(number: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """`number` (Int128) in whole `unit`s, halves away from zero, as kit.money rounds."""
    return (((number.abs() + unit // 2) // unit) * number.sign()).cast(pl.Int64, strict=False)


# --- instants


@dataclass(frozen=True)
class Dates:
    """How a column of texts tells instants: formats to try."""

    formats: tuple[str, ...]


_YEAR_FIRST = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S")
_OFFSET = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")
_CLOCKS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")


def even(column: pl.Expr) -> pl.Expr:
    """Texts with one way to write the date: 2024-1-5 8:05, whatever stood between the numbers."""
    return (
        column.str.replace(r"^(\d{4})[年/.-](\d{1,2})[月/.-](\d{1,2})日?[T ]*", "$1-$2-$3 ")
        .str.replace(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})[T ]*", "$1/$2/$3 ")
        .str.replace_all("：", ":", literal=True)
        .str.strip_chars()
    )


def dates(told: Sequence[str], first: Literal["day", "month"] | None, year_digits: Collection[int]) -> Dates:
    """The formats of a column: those told, else with what comes `first` where the year comes last.

    `year_digits`: with how many digits such years are written.
    """
    if told:
        is_all = all(form.startswith("unix") for form in told)
        return Dates(tuple(told) if is_all else (*told, *_YEAR_FIRST, *_OFFSET))
    if first is None:
        return Dates((*_YEAR_FIRST, *_OFFSET))
    order = "%m/%d/" if first == "month" else "%d/%m/"
    # Two digits first: as four digits, 25 would be the year 25.
    years = [year for digits, year in ((2, "%y"), (4, "%Y")) if digits in year_digits]
    formats = [order + year + clock for year in years for clock in _CLOCKS]
    return Dates((*formats, *_YEAR_FIRST, *_OFFSET))


def instants(column: pl.Expr, kind: pl.DataType, dates: Dates, zone: ZoneInfo, used: pl.Series | None) -> pl.Expr:
    """The instant in UTC, microseconds; null where the text tells none. Clock times without offset are `zone`'s.

    `used` holds the column's texts, to try only formats that fit some of them.
    """
    if isinstance(kind, pl.Datetime):
        return (
            column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
            if kind.time_zone
            else _local(column.dt.cast_time_unit("us"), zone)
        )
    if kind == pl.Date:
        return _local(column.cast(pl.Datetime("us")), zone)
    text = column.cast(pl.String)
    evened = even(text)
    sample = None if used is None else used.cast(pl.String).to_frame("value").select(even(pl.col("value"))).to_series()
    found: list[pl.Expr] = []
    for form in dates.formats:
        if form.startswith("unix"):
            step = 1_000_000 if form == "unix" else 1_000
            number = text.cast(pl.Float64, strict=False)
            found.append((number * step).cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC")))
            continue
        source = evened if "%Y-" in form or form.startswith(("%d/", "%m/", "%Y%m")) else text
        if (
            sample is not None
            and source is evened
            and sample.str.to_datetime(form, strict=False).null_count() == len(sample)
        ):
            continue
        read = source.str.to_datetime(form, strict=False, time_unit="us")
        found.append(read if "%#z" in form or "%z" in form else _local(read, zone))
    # Days since 1899-12-30, as Excel counts them, to the millisecond: its fractions carry no more.
    days = pl.when(text.str.contains(_SERIAL)).then(text).otherwise(None).cast(pl.Float64, strict=False)
    serial = (days * 86_400_000).round().cast(pl.Int64) - 25_569 * 86_400_000
    found.append(_local(pl.from_epoch(serial, time_unit="ms").cast(pl.Datetime("us")), zone))
    return pl.coalesce(found)


def _local(column: pl.Expr, zone: ZoneInfo) -> pl.Expr:
    """Clock time as an instant; gaps and folds as kit.civil has them."""
    plain = column.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
    # In a gap the offset before it counts: no gap is longer than a day, so it is read a day earlier.
    shifted = (column - pl.duration(days=1)).dt.replace_time_zone(
        zone.key, ambiguous="earliest", non_existent="null"
    ) + pl.duration(days=1)
    return pl.coalesce(plain, shifted).dt.convert_time_zone("UTC")
