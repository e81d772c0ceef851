"""Texts as numbers and instants. Pure expressions over columns; what cannot be read becomes null."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from regulars.kit.refusals import Refusal

Mark = Literal[".", ","]

#: Numbers are whole millionths while they are read, so that nothing is lost or rounded twice.
MILLION = 1_000_000
#: What programs write for nothing.
NOTHING = ("", "NULL", "null", "None", "NaN", "nan", "N/A", "#N/A", "\\N")

_PLAIN = {
    ".": r"^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$",
    ",": r"^[+-]?(\d{1,3}([. ]\d{3})+|\d+)(,\d+)?$",
}
#: Only one reading is possible.
_SURELY_POINT = re.compile(
    r"[+-]?(\d+\.\d{1,2}|\d+\.\d{4,}|0\.\d+|\d{4,}\.\d+|\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,})"
)
_SURELY_COMMA = re.compile(
    r"[+-]?(\d+,\d{1,2}|\d+,\d{4,}|0,\d+|\d{4,},\d+|\d{1,3}([. ]\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}|\d{1,3}( \d{3})+)"
)
_EITHER = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")

_SERIAL = r"^\d{5}(\.\d+)?$"
_ISO = r"^\d{4}-\d{1,2}-\d{1,2}"


class Undecided(Refusal):
    """The file can be read in two ways, and nothing in it says which."""

    code = "imports.undecided"


def tidy(column: pl.Expr) -> pl.Expr:
    """Text without blanks around it (also wide and non-breaking ones); what programs write for nothing is null."""
    stripped = column.str.strip_chars(" \t\r\n\u00a0\u3000\ufeff")
    return pl.when(stripped.is_in(NOTHING)).then(None).otherwise(stripped)


def decimal_mark(values: Sequence[str]) -> Mark:
    """Which sign separates decimals in these texts.

    Refused where texts like 1.234 are all there is, or where both readings are certain for some.
    """
    numbers = [bare(value) for value in values]
    point = next((value for value in numbers if _SURELY_POINT.fullmatch(value)), None)
    comma = next((value for value in numbers if _SURELY_COMMA.fullmatch(value)), None)
    if point is not None and comma is not None:
        raise Undecided(
            f"decimal: {point!r} has a decimal point and {comma!r} a decimal comma; make the file one of both, or say"
            ' `decimal: "."` or `decimal: ","` in the mapping',
            field="decimal",
            value=f"{point} {comma}",
        )
    if comma is not None:
        return ","
    if point is None and (unclear := next((value for value in numbers if _EITHER.fullmatch(value)), None)):
        raise Undecided(
            f"decimal: {unclear!r} may be a thousand or a decimal, and no other number tells; say"
            ' `decimal: "."` or `decimal: ","` in the mapping',
            field="decimal",
            value=unclear,
        )
    return "."


def bare(value: str) -> str:
    """A number's text without currency sign, with plain blanks and minus."""
    return re.sub(r"^[£$€¥￥]\s*|\s*(元|€)$", "", value.replace("\u00a0", " ").replace("\u202f", " ").replace("−", "-"))


def millionths(column: pl.Expr, kind: pl.DataType, mark: Mark) -> pl.Expr:
    """The number as whole millionths (Int64), rounded there; null where it is none. Nine million million at most."""
    if kind == pl.String:
        plain = (
            column.str.replace_all("[\u00a0\u202f]", " ")
            .str.replace_all("−", "-", literal=True)
            .str.replace_all(r"^[£$€¥￥]\s*|\s*(元|€)$", "")
        )
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
    """How a column of texts tells instants: formats to try, and words on what was found out."""

    formats: tuple[str, ...]
    note: str = ""


_YEAR_FIRST = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S")
_OFFSET = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")
_CLOCKS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")


def _even(column: pl.Expr) -> pl.Expr:
    """Texts with one way to write the date: 2024-1-5 8:05, whatever stood between the numbers."""
    return (
        column.str.replace(r"^(\d{4})[年/.-](\d{1,2})[月/.-](\d{1,2})日?[T ]*", "$1-$2-$3 ")
        .str.replace(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})[T ]*", "$1/$2/$3 ")
        .str.replace_all("：", ":", literal=True)
        .str.strip_chars()
    )


def dates_of(name: str, values: pl.Series, told: Sequence[str]) -> Dates:
    """The formats of a column, from a sample of it. Refused where day and month may be either."""
    formats = [form for form in told if not form.startswith("unix")]
    if told:
        return Dates((*told, *_YEAR_FIRST, *_OFFSET) if formats else tuple(told))
    even = values.to_frame("value").select(_even(pl.col("value")).alias("value")).to_series()
    slashed = even.filter(even.str.contains(r"^\d{1,2}/\d{1,2}/\d{2,4}"))
    if slashed.is_empty():
        return Dates((*_YEAR_FIRST, *_OFFSET))
    parts = slashed.str.extract_groups(r"^(\d{1,2})/(\d{1,2})/(\d{2,4})").struct.unnest().cast(pl.Int64)
    first, second, year = parts.to_series(0), parts.to_series(1), parts.to_series(2)
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    # German and Eastern European dates have points, and the day always comes first.
    has_points = bool(values.str.contains(r"^\d{1,2}\.\d{1,2}\.\d{2,4}").any())
    if day_first and month_first:
        raise Undecided(
            f"{name}: in some dates the day comes first and in others the month; make the file one of both",
            field=name,
            value=str(values.filter(even.str.contains("/"))[0]),
        )
    if not (day_first or month_first or has_points):
        raise Undecided(
            f"{name}: {slashed[0]!r} may start with the day or the month, and no date in the file tells; say"
            ' `dates: ["%d/%m/%Y"]` or `dates: ["%m/%d/%Y"]` (with the time, if there is one) in the mapping',
            field=name,
            value=str(slashed[0]),
        )
    order = "%m/%d/" if month_first else "%d/%m/"
    years = ("%Y" if (year >= 100).all() else "%y",)
    words = "month before day" if month_first else "day before month"
    formats = [order + one + clock for one in years for clock in _CLOCKS]
    return Dates((*formats, *_YEAR_FIRST, *_OFFSET), f"Dates in {name!r} are read {words}.")


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
    even = _even(text)
    sample = None if used is None else used.cast(pl.String).to_frame("value").select(_even(pl.col("value"))).to_series()
    found: list[pl.Expr] = []
    for form in dates.formats:
        if form.startswith("unix"):
            step = 1_000_000 if form == "unix" else 1_000
            number = text.cast(pl.Float64, strict=False)
            found.append((number * step).cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC")))
            continue
        source = even if "%Y-" in form or form.startswith(("%d/", "%m/", "%Y%m")) else text
        if (
            sample is not None
            and source is even
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
