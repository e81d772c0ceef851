"""What every kind of file is read with: its columns by field, what all its rows settle, its dates. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Generic, TypeVar
from zoneinfo import ZoneInfo

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import countries, parsing, signs
from regulars.doors.imports.checking import PROBLEMS, Problems
from regulars.doors.imports.mapping import AMOUNTS, ROW, Column, FileMapping
from regulars.doors.imports.parsing import FAILED, MILLION, NOTHING, millionths, tidy
from regulars.doors.imports.reading import Source
from regulars.doors.imports.row_frames import FAULT, RUNS
from regulars.doors.imports.settling import Reads, Settled, Survey, either_order, other_order, veiled
from regulars.facts.customers import contacts
from regulars.facts.customers.identifiers import is_contact, why_unusable
from regulars.kit import civil

_BROKEN = "[\ufffd\\x00-\\x08]"
_COUNTRIES_TOLD = 8
_A_DAY = timedelta(days=1)
_MENDED_ESCAPE = rf"^'({RUNS})"

_M = TypeVar("_M", bound=FileMapping)


@dataclass(kw_only=True)
class Columns(Generic[_M]):
    """Reads the columns of one file's chunks as fields, as all of its rows settle it before the first is read.

    `zone` is used where the mapping says none. `now` is when the future begins. Phone numbers without a country code
    are those of `region` (CN, GB). Subclasses say which fields there are: `texts` are read as text whatever the file's
    type, `longest` has how many bytes some may have, `reads` what the others are.
    """

    source: Source
    mapping: _M
    zone: ZoneInfo
    now: datetime
    region: str = "CN"
    notes: list[str] = field(default_factory=list)
    guests_by_name: int = 0
    has_contacts: bool = False
    unknown_countries: set[str] = field(default_factory=set)
    _settled: Settled = field(init=False)

    reads: ClassVar[Reads]
    texts: ClassVar[tuple[str, ...]]
    longest: ClassVar[dict[str, int]]

    def __post_init__(self) -> None:
        if self.mapping.zone is not None:
            self.zone = civil.zone(self.mapping.zone)

    def survey(self, progress: Callable[[int], None] = lambda _: None) -> None:
        """Look through the file for what the mapping leaves open, as far as rows can tell. Before anything is read.

        Refuses a file that can be read in two ways (`settling.Undecided`).
        """
        survey = Survey(self.mapping, self.reads, self.source.decimal or self.mapping.decimal, self.spoken)
        reads = self.reads
        open_fields = [name for name in (*reads.numbers, *reads.instants, *reads.ids) if name in self.mapping.columns]
        seen = 0
        for rows in self.source.chunks():
            raw = rows.filter(pl.col(FAULT).is_null())
            cells = {
                name: raw.select(
                    (tidy(pl.col(part)) if raw.schema[part] == pl.String else pl.col(part)).alias(part)
                    for part in dict.fromkeys((*self.mapping.columns[name].names, *self.mapping.columns[name].sum))
                ).get_columns()
                for name in open_fields
                if not self.mapping.columns[name].values
            }
            goes_on = survey.add(cells, raw["@line"])
            goes_on |= self._look(raw)
            seen += rows.height
            progress(seen)
            if not goes_on:
                break
        self._settled = survey.settled()
        self.notes += self._settled.notes
        self._settle()

    def _look(self, raw: pl.DataFrame) -> bool:
        """What else one kind of file asks all rows; whether later ones can tell anything more."""
        del raw
        return False

    def _settle(self) -> None:
        """What follows from what is settled."""

    def spoken(self, name: str) -> str:
        """How the file names the column of a field."""
        return self._spoken().get(name, name)

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it."""
        notes = [*self.source.notes, *self.notes]
        if self.unknown_countries:
            names = ", ".join(sorted(self.unknown_countries)[:_COUNTRIES_TOLD])
            notes.append(gettext("No country is kept for customers from: %(names)s.") % {"names": names})
        if self.has_contacts:
            notes.append(
                gettext("Customers are known by e-mail address or phone number: these are kept as keyed hashes.")
            )
        return notes

    def _problems(self) -> Problems:
        return Problems(self.mapping, self._spoken(), self.reads.hidden)

    def _spoken(self) -> dict[str, str]:
        """How to name each field's column to the person who mends it."""
        return {
            name: " + ".join((*column.names, *(part for part in column.join if part != ROW), *column.sum)) or name
            for name, column in self.mapping.columns.items()
        }

    def _unescaped(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Without the apostrophe that we put before what a spreadsheet would take for a formula."""
        if not self.source.is_reject_file:
            return raw
        texts = [name for name, kind in raw.schema.items() if kind == pl.String]
        return raw.with_columns(pl.col(texts).str.replace(_MENDED_ESCAPE, "${1}"))

    def _told(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """One column a field, as the file tells it (texts tidied, other types as they are), and PROBLEMS of the rows
        that cannot be read at all: nothing is read out of those but their first field."""
        raw = self._unescaped(raw)
        own = [name for name in raw.columns if not name.startswith(("@", "regulars_"))]
        row = pl.col("@row")
        if self.source.is_reject_file:
            row = pl.coalesce(tidy(pl.col("regulars_row")).cast(pl.Int64, strict=False), row)
        raw = raw.with_columns(raw.select(own).hash_rows().alias("@content"), row.alias("@told_row"))
        fields = [self._expression(name, column, raw.schema) for name, column in self.mapping.columns.items()]
        told = raw.select("@row", "@line", "@content", *fields)
        faults = self._faults(raw)
        if not faults.is_empty():
            # Which cell is whose is not known: nothing is read out of them, and nothing else said of them.
            is_whole = ~pl.col("@row").is_in(faults["row"].implode())
            others = [name for name in told.columns if name != self.texts[0] and not name.startswith("@")]
            told = told.with_columns(
                pl.when(is_whole).then(pl.col(name)).otherwise(None).alias(name) for name in others
            )
        return told, faults

    def _expression(self, name: str, column: Column, schema: pl.Schema) -> pl.Expr:
        if column.constant is not None:
            return pl.lit(column.constant).alias(name)
        if column.join:
            parts = [
                pl.col("@told_row").cast(pl.String) if part == ROW else tidy(as_text(part, schema[part]))
                for part in column.join
            ]
            return self._joined(name, parts).alias(name)
        if column.sum:
            return self._sum(column.sum, schema, is_amount=name in AMOUNTS).alias(name)
        there = column.names[0]
        if name in self.texts or column.values or schema[there] == pl.String:
            # In place of a number, what programs write for nothing is told as it stands where a number is needed.
            nothing = ("",) if name in self.reads.numbers else NOTHING
            text = tidy(as_text(there, schema[there]), nothing)
            if column.values:
                text = text.replace(column.values)
            return text.alias(name)
        return pl.col(there).alias(name)

    def _joined(self, name: str, parts: Sequence[pl.Expr]) -> pl.Expr:
        del name
        return pl.concat_str(parts, separator="-")

    def _sum(self, parts: Sequence[str], schema: pl.Schema, *, is_amount: bool) -> pl.Expr:
        """Several columns added up, with their currency sign; all of their texts, which are no number then, where one
        cannot be read or their signs differ."""
        cells = [tidy(pl.col(part)) if schema[part] == pl.String else pl.col(part) for part in parts]
        numbers = [
            millionths(cell, schema[part], self._settled.mark or ".", is_amount=is_amount)
            for part, cell in zip(parts, cells, strict=True)
        ]
        of_texts = [cell for part, cell in zip(parts, cells, strict=True) if is_amount and schema[part] == pl.String]
        told = [pl.lit(None, dtype=pl.String), *map(signs.sign_in, of_texts)]
        sign = pl.coalesce(told)
        unread = pl.any_horizontal(
            cell.is_not_null() & number.is_null() for cell, number in zip(cells, numbers, strict=True)
        )
        total = pl.sum_horizontal(numbers).cast(pl.Decimal(38, 0)) / pl.lit(MILLION).cast(pl.Decimal(38, 6))
        texts = pl.concat_str([cell.cast(pl.String) for cell in cells], separator=" + ", ignore_nulls=True)
        unread |= pl.any_horizontal((one != sign).fill_null(value=False) for one in told)
        number = pl.concat_str(sign.fill_null(""), total.cast(pl.Decimal(38, 6)).cast(pl.String))
        return pl.when(unread).then(pl.format("({})", texts)).otherwise(number)

    def _texts(self) -> list[pl.Expr]:
        """Every text field, also those that the file has not; codes without the .0 and the blanks nobody sees."""
        texts: list[pl.Expr] = []
        for name in self.texts:
            if name not in self.mapping.columns:
                texts.append(pl.lit(None, dtype=pl.String).alias(name))
            elif name in self.longest:
                # Wide and non-breaking blanks inside a code are blanks: people see no difference.
                code = pl.col(name).str.replace_all(r"\p{Zs}", " ")
                texts.append(code.str.replace(r"^(\d+)\.0+$", "${1}") if name in self._settled.whole else code)
        return texts

    def _instants(self, told: pl.DataFrame) -> list[pl.Expr]:
        """Every field of `reads.instants` as `<name>_read`, UTC."""
        return [
            parsing.instants(
                pl.col(name),
                told.schema[name],
                self._settled.dates[name],
                self._zone_of(name),
                told[name].drop_nulls() if told.schema[name] == pl.String else None,
            ).alias(f"{name}_read")
            if name in self.mapping.columns
            else pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(f"{name}_read")
            for name in self.reads.instants
        ]

    def _zone_of(self, name: str) -> ZoneInfo:
        """Whose clock times without an offset are."""
        del name
        return self.zone

    def _check_texts(self, found: Problems) -> None:
        columns = self.mapping.columns
        for name in (name for name in self.texts if name in columns):
            broken = pl.col(name).str.contains(_BROKEN)
            found.where(broken, name, "has characters that cannot be read", "say the right encoding, or type it anew")
        for name, most in self.longest.items():
            if name in columns:
                found.where(
                    pl.col(name).is_in(FAILED),
                    name,
                    "is what a spreadsheet writes where a formula failed",
                    "mend the formula and export again, or write what belongs there",
                )
                unseen = pl.col(name).str.contains(r"[\p{C}\p{Zl}\p{Zp}]") & ~pl.col(name).str.contains(_BROKEN)
                found.where(unseen, name, "has characters nobody can see", "type it anew, without line breaks")
                mend = gettext_noop("map the column that holds the code, not a text; %(n)s bytes are the most")
                mend %= {"n": most}
                found.where(pl.col(name).str.len_bytes() > most, name, "is too long", mend)

    def _key(self, name: str, read: pl.DataFrame, found: Problems, *, is_all_contacts: bool = False) -> pl.DataFrame:
        """With `<name>_key`: what tells who it is in the form that is compared, null for nobody."""
        known = [ref for ref in read[name].drop_nulls().unique().to_list() if ref.isprintable()]
        nobody = [ref for ref in known if why_unusable(ref)]
        keys: dict[str, str] = {}
        unread: list[str] = []
        for ref in set(known) - set(nobody):
            if is_all_contacts or is_contact(ref):
                try:
                    keys[ref] = contacts.as_compared(ref, self.region)
                except (contacts.BadEmail, contacts.BadPhone):
                    unread.append(ref)
        if unread:
            found.where(
                pl.col(name).is_in(unread),
                name,
                "is no e-mail address and no phone number",
                "write it like name@example.com or +86 138 0013 8000, or leave it empty for a guest",
            )
        guests = pl.col(name).is_in(nobody)
        self.guests_by_name += read.select(guests.sum()).item() if nobody else 0
        self.has_contacts |= bool(keys)
        return read.with_columns(pl.when(guests).then(None).otherwise(pl.col(name).replace(keys)).alias(f"{name}_key"))

    def _countries(self, read: pl.DataFrame) -> pl.DataFrame:
        """With `country_code`; names that are no country's are kept in mind."""
        told = read["country"].drop_nulls().unique().to_list()
        codes = {name: countries.codes().get(name.casefold()) for name in told}
        if len(self.unknown_countries) < _COUNTRIES_TOLD:
            self.unknown_countries.update(name for name, code in codes.items() if code is None)
        known = {name: code for name, code in codes.items() if code is not None}
        return read.with_columns(
            country_code=pl.col("country").replace_strict(known, default=None, return_dtype=pl.String)
            if known
            else pl.lit(None, dtype=pl.String)
        )

    def _check_order(self, name: str, is_unread: pl.Expr, found: Problems) -> None:
        """Dates that have the day first among others that have the month first, or the other way round."""
        order = self._settled.orders[name]
        mend = gettext_noop("write it like 2024-05-31 14:05, or say `dates:` in the mapping")
        is_other = is_unread & other_order(pl.col(name), order)
        if order.first == "day":
            found.where(is_other, name, "has the month first, where the file's other dates have the day first", mend)
        else:
            found.where(is_other, name, "has the day first, where the file's other dates have the month first", mend)
        if order.is_contested:
            found.where(
                either_order(pl.col(name)),
                name,
                "may start with the day or the month, and the file has dates of both kinds",
                mend,
            )

    def _check_happened(self, name: str, read: pl.DataFrame, found: Problems, *, empty: str) -> None:
        """When something happened: told, readable, known, neither too early nor still to come. `empty`: its mend."""
        at = pl.col(f"{name}_read")
        told = pl.col(name)
        found.where(told.is_null(), name, "is empty", empty)
        unread = told.is_not_null() & at.is_null()
        looks_unix = pl.lit(value=False)
        if read.schema[name] == pl.String:
            looks_unix = told.str.contains(r"^\d{10}(\d{3})?$")
        elif read.schema[name].is_numeric():
            looks_unix = told > 100_000_000
        found.where(
            unread & looks_unix,
            name,
            "looks like a Unix time",
            "say `dates: [unix]` (seconds) or `dates: [unix_ms]` in the mapping",
        )
        unread &= ~looks_unix
        if name in self._settled.orders and read.schema[name] == pl.String:
            self._check_order(name, unread, found)
            unread &= ~other_order(told, self._settled.orders[name])
        found.where(
            unread,
            name,
            "is no date this file's other dates are written like",
            "write it like 2024-05-31 14:05, or add its form under `dates:` in the mapping",
        )
        is_zero = at.dt.year().is_in([1899, 1900, 1904]) | (
            (at >= datetime(1969, 12, 31, tzinfo=UTC)) & (at <= datetime(1970, 1, 2, tzinfo=UTC))
        )
        found.where(
            is_zero,
            name,
            "is what systems write when they do not know the date (zero)",
            "fill in the real date, or leave the row out",
        )
        earliest = civil.start_of_day(self.mapping.earliest, self.zone)
        mend = gettext_noop("correct the date, or say `earliest:` in the mapping if it is right; it is %(n)s now")
        mend %= {"n": self.mapping.earliest}
        found.where(
            (at < earliest) & ~is_zero,
            name,
            "is earlier than any date that is imported",
            mend,
        )
        found.where(
            at > self.now + _A_DAY, name, "is in the future", "correct the date; only what has happened is imported"
        )

    def _check_updated(self, read: pl.DataFrame, found: Problems) -> None:
        if "updated_at" not in self.mapping.columns:
            return
        if "updated_at" in self._settled.orders and read.schema["updated_at"] == pl.String:
            self._check_order("updated_at", pl.lit(value=True), found)
        found.where(
            pl.col("updated_at").is_not_null() & pl.col("updated_at_read").is_null(),
            "updated_at",
            "is no date this file's other dates are written like",
            "write it like 2024-05-31 14:05, or leave it empty",
        )
        found.where(
            pl.col("updated_at_read") > self.now + _A_DAY,
            "updated_at",
            "is in the future",
            "correct the date, or leave it empty; no later version would count any more",
        )

    def _faults(self, raw: pl.DataFrame) -> pl.DataFrame:
        """PROBLEMS: rows that cannot be read at all, one each. Whose cell is shown is not known: any may be hidden."""
        faulty = raw.filter(pl.col(FAULT).is_not_null()).select(
            "@row", "@line", pl.col(FAULT).struct.field("column", "value", "problem", "mend")
        )
        values = faulty["value"].drop_nulls()
        masked = dict.fromkeys((value for value in values if is_contact(value)), "(a contact)")
        shown = {value: veiled(value) for value in values} if self.reads.hidden else masked
        return faulty.select(
            row="@row",
            line_in_file="@line",
            column="column",
            value=pl.col("value").replace(shown) if shown else pl.col("value"),
            problem="problem",
            mend="mend",
        ).cast(PROBLEMS)


def as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """A column of any type as text; 17850.0, which a missing number made of 17850, is 17850 again."""
    if kind.is_float():
        column = pl.col(name)
        whole = pl.when((column == column.floor()) & (column.abs() < 1e15)).then(column).otherwise(None)
        return pl.coalesce(whole.cast(pl.Int64, strict=False).cast(pl.String), column.cast(pl.String))
    return pl.col(name).cast(pl.String)
