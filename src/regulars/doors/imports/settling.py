"""What a mapping leaves open about a file, settled by all its rows: decimal sign, order of day and month, grain. Pure.

Most rows decide. The few that contradict them are rejected one by one; where they are not few, what can be read in two
ways is rejected too, and a file that says both about as often is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import parsing, signs
from regulars.doors.imports.mapping import AMOUNTS, FileMapping
from regulars.doors.imports.parsing import Dates, Mark
from regulars.kit.refusals import Refusal

#: Many shops export what was taken off with a minus.
DISCOUNTS = ("discount", "order_discount")

#: Only one reading is possible.
SURELY: Mapping[Mark, str] = {
    ".": r"^[+-]?(\d+\.\d{1,2}|\d+\.\d{4,}|0\.\d+|\d{4,}\.\d+|\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,})$",
    ",": (
        r"^[+-]?(\d+,\d{1,2}|\d+,\d{4,}|0,\d+|\d{4,},\d+|\d{1,3}([. ]\d{3})+,\d+"
        r"|\d{1,3}(\.\d{3}){2,}|\d{1,3}( \d{3})+)$"
    ),
}
#: A thousand or a decimal.
EITHER = r"^[+-]?\d{1,3}[.,]\d{3}$"
_SPOKEN: Mapping[Mark, str] = {".": gettext_noop("a decimal point"), ",": gettext_noop("a decimal comma")}
_WHOLE = r"^\d+\.0$"
_SAYS = re.compile(r"\w")

Order = Literal["day", "month"]


class Undecided(Refusal):
    """The file can be read in two ways, and nothing in it says which."""

    code = "imports.undecided"


@dataclass(frozen=True)
class Reads:
    """Which fields are what. `ids` are numbers of things that spreadsheets and pandas turn into 17850.0; of `hidden`
    ones no message shows a value."""

    instants: tuple[str, ...]
    ids: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()


def veiled(text: str) -> str:
    """A text whose form may be shown and what it says not: a point for each letter and digit."""
    return _SAYS.sub("•", text)


@dataclass
class _Seen:
    """How many cells say one thing, and the first of them, `veiled` where nobody may see it."""

    is_hidden: bool = False
    count: int = 0
    line: int = 0
    value: str = ""

    def add(self, found: pl.DataFrame) -> None:
        """`found`: line, value."""
        if found.height and not self.count:
            self.line, self.value = found.row(0)
            self.value = veiled(self.value) if self.is_hidden else self.value
        self.count += found.height

    def __str__(self) -> str:
        return gettext("%(value)s in line %(line)s") % {"value": repr(self.value), "line": self.line}


def are_strays(most: int, fewest: int) -> bool | None:
    """Whether the few are strays: one, or one in a hundred. None: neither side is the most."""
    if fewest * 2 > most:
        return None
    return fewest <= max(1, most // 100)


@dataclass(frozen=True)
class DayOrder:
    """Which comes first in dates such as 03/04/2024. `is_contested`: others say otherwise, and are not strays."""

    first: Order
    is_contested: bool = False


@dataclass(frozen=True)
class Settled:
    """How the file is read. `mark` None: nothing in it needs one.

    `is_mark_contested`: numbers like 1.234 may be either. `negated`: fields written with a minus throughout.
    """

    mark: Mark | None
    is_mark_contested: bool
    dates: Mapping[str, Dates]
    orders: Mapping[str, DayOrder]
    whole: frozenset[str]
    negated: frozenset[str]
    notes: tuple[str, ...]


@dataclass
class Survey:
    """Gathers what every row of a file says about the questions that its mapping leaves open.

    `decimal` is the sign where the kind of file leaves no choice. `spoken` says how the file names a field's column.
    """

    mapping: FileMapping
    reads: Reads
    decimal: Mark | None
    spoken: Callable[[str], str]
    _marks: dict[Mark, _Seen] = field(default_factory=lambda: {".": _Seen(), ",": _Seen()})
    _either: _Seen = field(default_factory=_Seen)
    _days: dict[str, "_Days"] = field(default_factory=dict)
    _whole: dict[str, bool] = field(default_factory=dict)
    _signs: dict[str, set[str]] = field(default_factory=dict)

    def add(self, cells: Mapping[str, list[pl.Series]], lines: pl.Series) -> bool:
        """One chunk's columns by field, tidied; whether later chunks can tell anything more."""
        goes_on = False
        for name, columns in cells.items():
            for column in columns:
                if name in DISCOUNTS:
                    goes_on |= self._sign(name, column)
                if column.dtype != pl.String:
                    continue
                if name in self.reads.numbers and self.decimal is None:
                    goes_on = True
                    self._decimals(_cells(lines, column), is_amount=name in AMOUNTS and signs.are_in(column))
                elif name in self.reads.instants and not self.mapping.dates:
                    goes_on = True
                    self._days.setdefault(name, self._unseen(name)).add(_cells(lines, column))
                elif name in self.reads.ids:
                    goes_on |= self._all_whole(name, column.drop_nulls())
        return goes_on

    def _decimals(self, cells: pl.DataFrame, *, is_amount: bool) -> None:
        cells = cells.filter(pl.col("value").str.contains("[.,]|[0-9][ \u00a0\u202f]+[0-9]")).with_columns(
            bare=parsing.bare(pl.col("value"), is_amount=is_amount)
        )
        if cells.is_empty():
            return
        for mark, seen in self._marks.items():
            seen.add(cells.filter(pl.col("bare").str.contains(SURELY[mark])).select("line", "value"))
        if not self._either.count:
            self._either.add(cells.filter(pl.col("bare").str.contains(EITHER)).select("line", "value"))

    def _all_whole(self, name: str, values: pl.Series) -> bool:
        if self.mapping.columns[name].whole:
            return False
        if not values.is_empty():
            self._whole[name] = self._whole.get(name, True) and bool(values.str.contains(_WHOLE).all())
        return self._whole.get(name, True)

    def _sign(self, name: str, column: pl.Series) -> bool:
        """Whether amounts below and above nothing are in it."""
        signs = self._signs.setdefault(name, set())
        if column.dtype == pl.String:
            counts = column.drop_nulls().filter(column.drop_nulls().str.contains("[1-9]"))
            minus = counts.str.contains("^[^0-9]*[-−(（]|-$")
            has_minus, has_plus = bool(minus.any()), bool((~minus).any())
        else:
            has_minus, has_plus = bool((column < 0).any()), bool((column > 0).any())
        signs.update(sign for sign, there in (("-", has_minus), ("+", has_plus)) if there)
        return "+" not in signs

    def settled(self) -> Settled:
        """The answers. Refuses a file that can be read in two ways, naming the lines that say so and the mend."""
        columns = self.mapping.columns
        notes: list[str] = []
        mark, is_contested = self._mark(notes)
        orders: dict[str, DayOrder] = {}
        dates: dict[str, Dates] = {}
        for name in self.reads.instants:
            if name not in columns:
                continue
            days = self._days.get(name, self._unseen(name))
            order = days.order(self.spoken(name)) if not self.mapping.dates else None
            if order is not None:
                orders[name] = order
                notes.append(gettext(_READ[order.first]) % {"column": repr(self.spoken(name))})
            dates[name] = parsing.dates(self.mapping.dates, order.first if order else None, days.year_digits)
        guessed = {name for name, is_whole in self._whole.items() if is_whole}
        notes += [
            gettext("%(column)s is read without the .0 at its end.") % {"column": repr(self.spoken(name))}
            for name in self.reads.ids
            if name in guessed
        ]
        negated = frozenset(name for name, signs in self._signs.items() if signs == {"-"})
        notes += [
            gettext("%(column)s has a minus throughout: it is read as what was taken off.")
            % {"column": repr(self.spoken(name))}
            for name in DISCOUNTS
            if name in negated
        ]
        return Settled(
            mark=mark,
            is_mark_contested=is_contested,
            dates=dates,
            orders=orders,
            whole=frozenset(guessed | {name for name in self.reads.ids if name in columns and columns[name].whole}),
            negated=negated,
            notes=tuple(notes),
        )

    def _mark(self, notes: list[str]) -> tuple[Mark | None, bool]:
        """One file has one way to write decimals, so columns tell of each other."""
        if self.decimal:
            return self.decimal, False
        more: Mark = "." if self._marks["."].count >= self._marks[","].count else ","
        less: Mark = "," if more == "." else "."
        most, fewest = self._marks[more], self._marks[less]
        if not most.count:
            if self._either.count:
                raise Undecided(
                    gettext(
                        "decimal: %(cell)s may be a thousand or a decimal, and no other number tells; say"
                        ' `decimal: "."` or `decimal: ","` in the mapping'
                    )
                    % {"cell": self._either},
                    field="decimal",
                    value=self._either.value,
                    line=self._either.line,
                )
            return None, False
        is_clear = are_strays(most.count, fewest.count)
        if is_clear is None:
            raise Undecided(
                gettext(
                    "decimal: %(most_cell)s has %(mark)s and %(other_cell)s has %(other_mark)s, and there are"
                    " %(n)s of the one kind and %(other_n)s of the other; make the file one of both, or say"
                    ' `decimal: "%(more)s"` in the mapping, and the rows of the other kind are rejected one by'
                    " one"
                )
                % {
                    "most_cell": most,
                    "mark": gettext(_SPOKEN[more]),
                    "other_cell": fewest,
                    "other_mark": gettext(_SPOKEN[less]),
                    "n": f"{most.count:,}",
                    "other_n": f"{fewest.count:,}",
                    "more": more,
                },
                field="decimal",
                value=f"{most.value} {fewest.value}",
                line=fewest.line,
            )
        if more == ",":
            notes.append(gettext("Decimals are written with a comma."))
        return more, not is_clear

    def _unseen(self, name: str) -> "_Days":
        hides = name in self.reads.hidden
        return _Days(_Seen(hides), _Seen(hides), _Seen(hides))


_READ: Mapping[Order, str] = {
    "day": gettext_noop("Dates in %(column)s are read day before month."),
    "month": gettext_noop("Dates in %(column)s are read month before day."),
}
#: A date whose year comes last, once its points and dashes are slashes.
_SLASHED = r"^(\d{1,2})/(\d{1,2})/(\d{2,4})"


@dataclass
class _Days:
    """What the dates of one column say about the order of day and month."""

    day: _Seen = field(default_factory=_Seen)
    month: _Seen = field(default_factory=_Seen)
    either: _Seen = field(default_factory=_Seen)
    has_points: bool = False
    year_digits: set[int] = field(default_factory=set)

    def add(self, cells: pl.DataFrame) -> None:
        """`cells`: line, value."""
        parts = parsing.even(pl.col("value")).str.extract_groups(_SLASHED).struct
        slashed = cells.select(
            "line",
            "value",
            first=parts.field("1").cast(pl.Int16),
            second=parts.field("2").cast(pl.Int16),
            digits=parts.field("3").str.len_bytes(),
        ).filter(pl.col("first").is_not_null())
        if slashed.is_empty():
            return
        self.has_points = self.has_points or bool(slashed["value"].str.contains(r"^\d{1,2}\.").any())
        self.year_digits.update(slashed["digits"].unique().to_list())
        first, second = pl.col("first"), pl.col("second")
        for seen, says in (
            (self.day, (first > 12) & (second <= 12)),
            (self.month, (first <= 12) & (second > 12)),
            # 05/05 is the same day both ways.
            (self.either, (first <= 12) & (second <= 12) & (first != second)),
        ):
            seen.add(slashed.filter(says).select("line", "value"))

    def order(self, name: str) -> DayOrder | None:
        """None where no date needs it."""
        if not self.year_digits:
            return None
        more: Order = "day" if self.day.count >= self.month.count else "month"
        most, fewest = (self.day, self.month) if more == "day" else (self.month, self.day)
        if not most.count:
            # German and Eastern European dates have points, and the day always comes first.
            if self.has_points or not self.either.count:
                return DayOrder("day")
            raise Undecided(
                gettext(
                    "%(name)s: %(cell)s may start with the day or the month, and no date in the file tells; say"
                    ' `dates: ["%%d/%%m/%%Y"]` or `dates: ["%%m/%%d/%%Y"]` (with the time, if there is one) in'
                    " the mapping"
                )
                % {"name": name, "cell": self.either},
                field=name,
                value=self.either.value,
                line=self.either.line,
            )
        is_clear = are_strays(most.count, fewest.count)
        if is_clear is None:
            raise Undecided(
                gettext(
                    "%(name)s: the day comes first in %(day)s and in %(days)s dates, the month in %(month)s and"
                    ' in %(months)s; make the file one of both, or say `dates: ["%%d/%%m/%%Y"]` or `dates:'
                    ' ["%%m/%%d/%%Y"]` (with the time, if there is one) in the mapping, and the rows of the'
                    " other kind are rejected one by one"
                )
                % {
                    "name": name,
                    "day": self.day,
                    "days": f"{self.day.count:,}",
                    "month": self.month,
                    "months": f"{self.month.count:,}",
                },
                field=name,
                value=f"{self.day.value} {self.month.value}",
                line=fewest.line,
            )
        return DayOrder(more, not is_clear)


def other_order(column: pl.Expr, order: DayOrder) -> pl.Expr:
    """Whether a text is a date in the other order of day and month."""
    first, second = _numbers(column)
    return (first <= 12) & (second > 12) if order.first == "day" else (first > 12) & (second <= 12)


def either_order(column: pl.Expr) -> pl.Expr:
    """Whether a text is one day with the day first and another with the month first."""
    first, second = _numbers(column)
    return (first <= 12) & (second <= 12) & (first != second)


def _numbers(column: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    parts = parsing.even(column).str.extract_groups(_SLASHED).struct
    return parts.field("1").cast(pl.Int16), parts.field("2").cast(pl.Int16)


def _cells(lines: pl.Series, column: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"line": lines, "value": column}).drop_nulls("value")
