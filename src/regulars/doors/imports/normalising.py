"""Rows of any file as rows of one shape, and every problem with its file, line, column, value and mend. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from regulars.doors.imports import countries, parsing
from regulars.doors.imports.amounts import Amounts
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.mapping import NUMBERS, ROW, Column, Grain, OrderMapping
from regulars.doors.imports.parsing import MILLION, Dates, Mark, millionths, tidy
from regulars.doors.imports.reading import RAGGED, Source
from regulars.facts.customers.identifiers import is_contact, why_unusable
from regulars.kit import civil

#: One row of a file, read. Quantities are whole thousandths, prices whole millionths, amounts minor units; a return's
#: are positive. `content` tells whether two rows of the file say the same; `is_bad` rows hold back their whole order.
ROWS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "is_bad": pl.Boolean(),
        "content": pl.UInt64(),
        "ref": pl.String(),
        "kind": pl.String(),
        "number": pl.Int32(),
        "order_ref": pl.String(),
        "customer_ref": pl.String(),
        "country": pl.String(),
        "country_told": pl.String(),
        "channel": pl.String(),
        "store": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "on": pl.Date(),
        "currency": pl.String(),
        "product_ref": pl.String(),
        "title": pl.String(),
        "category": pl.String(),
        "quantity": pl.Int64(),
        "unit_price": pl.Int64(),
        "amount_minor": pl.Int64(),
        "discount_minor": pl.Int64(),
        "order_discount_minor": pl.Int64(),
        "shipping_minor": pl.Int64(),
        "tax_minor": pl.Int64(),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)
_TEXTS = (
    "order",
    "kind",
    "returned_order",
    "customer",
    "country",
    "channel",
    "store",
    "currency",
    "product",
    "title",
    "category",
)
_LONGEST = {"order": 200, "returned_order": 200, "customer": 200, "product": 200, "store": 64, "channel": 64}
#: Numbers of things that spreadsheets and pandas turn into 17850.0.
_IDS = ("order", "returned_order", "customer", "product", "store")
_BROKEN = "[\ufffd\\x00-\\x08]"
_A_DAY = timedelta(days=1)
_MENDED_ESCAPE = r"^'([=+@\-\t\r])"


@dataclass
class Normaliser:
    """Reads the chunks of one file. What the first chunk tells (decimal sign, order of day and month) holds for all.

    `zone` and `currency` are used where the mapping says none. `now` is when the future begins. `shop_zone` is whose
    days count, where they are not those of the file's zone.
    """

    source: Source
    mapping: OrderMapping
    zone: ZoneInfo
    currency: str
    now: datetime
    shop_zone: ZoneInfo | None = None
    notes: list[str] = field(default_factory=list)
    grain: Grain = "line"
    guests_by_name: int = 0
    unknown_countries: set[str] = field(default_factory=set)
    _is_settled: bool = False
    _marks: dict[str, Mark] = field(default_factory=dict)
    _amounts: Amounts = field(init=False)
    _dates: dict[str, Dates] = field(default_factory=dict)
    _whole: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.mapping.zone is not None:
            self.zone = civil.zone(self.mapping.zone)
        self.currency = self.mapping.currency or self.currency
        self._amounts = Amounts(self.mapping, self._marks, self.grain)

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's rows (ROWS) and problems (PROBLEMS)."""
        kinds = {name: self._kind_of(raw, column) for name, column in self.mapping.columns.items()}
        told = self._told(raw)
        if not self._is_settled:
            self._settle(told, kinds)
        read = self._read(told, kinds)
        found = Problems(self.mapping, self._spoken())
        checked = self._check(read, found)
        bad = found.found(checked)
        rows = _row(checked, self.shop_zone or self.zone, self.grain).with_columns(
            pl.col("row").is_in(bad["row"].unique().implode()).alias("is_bad")
        )
        return rows.select(pl.col(name).cast(kind) for name, kind in ROWS.items()), bad

    def spoken(self, name: str) -> str:
        """How the file names the column of a field."""
        return self._spoken().get(name, name)

    # --- columns of the file

    def _spoken(self) -> dict[str, str]:
        """How to name each field's column to the person who mends it."""
        return {
            name: " + ".join((*column.names, *(part for part in column.join if part != ROW), *column.sum)) or name
            for name, column in self.mapping.columns.items()
        }

    def _kind_of(self, raw: pl.DataFrame, column: Column) -> pl.DataType:
        return raw.schema[column.names[0]] if column.names and not column.values else pl.String()

    def _told(self, raw: pl.DataFrame) -> pl.DataFrame:
        """One column a field, as the file tells it: texts tidied, other types as they are."""
        texts = [name for name, kind in raw.schema.items() if kind == pl.String]
        if self.source.is_reject_file:
            # We put an apostrophe before what a spreadsheet would take for a formula.
            raw = raw.with_columns(pl.col(texts).str.replace(_MENDED_ESCAPE, "${1}"))
        own = [name for name in raw.columns if not name.startswith(("@", "regulars_"))]
        row = pl.col("@row")
        if self.source.is_reject_file:
            row = pl.coalesce(tidy(pl.col("regulars_row")).cast(pl.Int64, strict=False), row)
        raw = raw.with_columns(raw.select(own).hash_rows().alias("@content"), row.alias("@told_row"))
        fields = [self._expression(name, column, raw.schema) for name, column in self.mapping.columns.items()]
        return raw.select("@row", "@line", RAGGED, "@content", *fields)

    def _expression(self, name: str, column: Column, schema: pl.Schema) -> pl.Expr:
        if column.constant is not None:
            return pl.lit(column.constant).alias(name)
        if column.join:
            parts = [
                pl.col("@told_row").cast(pl.String) if part == ROW else tidy(_as_text(part, schema[part]))
                for part in column.join
            ]
            return pl.concat_str(parts, separator="-").alias(name)
        if column.sum:
            numbers = [
                millionths(_cell(part, schema), schema[part], self.mapping.decimal or ".") for part in column.sum
            ]
            return (pl.sum_horizontal(numbers) / MILLION).alias(name)
        there = column.names[0]
        if name in _TEXTS or column.values or schema[there] == pl.String:
            text = tidy(_as_text(there, schema[there]))
            if column.values:
                text = text.replace(column.values)
            return text.alias(name)
        return pl.col(there).alias(name)

    def _settle(self, told: pl.DataFrame, kinds: dict[str, pl.DataType]) -> None:
        """Find out what the mapping leaves open."""
        self._is_settled = True
        columns = self.mapping.columns
        texts = {name: told[name].drop_nulls() for name in told.columns if told.schema[name] == pl.String}
        numbers = [name for name in NUMBERS if name in texts]
        known = self.source.decimal or self.mapping.decimal
        if known:
            self._marks = dict.fromkeys(numbers, known)
        else:
            # One file has one way to write decimals, so columns tell of each other.
            mark = parsing.decimal_mark([value for name in numbers for value in texts[name].unique()])
            self._marks = dict.fromkeys(numbers, mark)
            if mark == ",":
                self.notes.append("Decimals are written with a comma.")
        for name in ("placed_at", "updated_at"):
            if name in columns:
                values = texts.get(name, pl.Series(dtype=pl.String))
                self._dates[name] = parsing.dates_of(self._spoken()[name], values, self.mapping.dates)
                if self._dates[name].note:
                    self.notes.append(self._dates[name].note)
        for name in _IDS:
            if name in texts and (columns[name].whole or _all_whole(texts[name])):
                self._whole.add(name)
                if not columns[name].whole:
                    self.notes.append(f"{self._spoken()[name]!r} is read without the .0 at its end.")
        if self.mapping.grain:
            self.grain = self.mapping.grain
        elif "product" not in columns and told["order"].is_unique().all():
            self.grain = "order"
            self.notes.append("Each row is taken for one order.")
        self._amounts = Amounts(self.mapping, self._marks, self.grain)

    # --- values

    def _read(self, told: pl.DataFrame, kinds: dict[str, pl.DataType]) -> pl.DataFrame:
        columns = self.mapping.columns
        texts: list[pl.Expr] = []
        for name in _TEXTS:
            if name not in columns:
                texts.append(pl.lit(None, dtype=pl.String).alias(name))
            elif name in _LONGEST:
                # Wide and non-breaking blanks inside a code are blanks: people see no difference.
                code = pl.col(name).str.replace_all(r"\p{Zs}", " ")
                texts.append(code.str.replace(r"^(\d+)\.0+$", "${1}") if name in self._whole else code)
        numbers = [
            millionths(pl.col(name), told.schema[name], self._marks.get(name, ".")).alias(f"{name}_read")
            if name in columns
            else pl.lit(None, dtype=pl.Int64).alias(f"{name}_read")
            for name in NUMBERS
        ]
        instants = [
            parsing.instants(
                pl.col(name),
                told.schema[name],
                self._dates[name],
                self.zone,
                told[name].drop_nulls() if told.schema[name] == pl.String else None,
            ).alias(f"{name}_read")
            if name in columns
            else pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(f"{name}_read")
            for name in ("placed_at", "updated_at")
        ]
        line = (
            pl.col("line").cast(pl.String).str.replace(r"\.0+$", "").cast(pl.Int32, strict=False)
            if "line" in columns
            else pl.lit(None, dtype=pl.Int32)
        )
        currency = pl.lit(self.currency) if "currency" not in columns else pl.col("currency").str.to_uppercase()
        return told.with_columns(*texts, *numbers, *instants, line.alias("line_read")).with_columns(
            currency.alias("currency")
        )

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        columns = self.mapping.columns
        found.where(
            pl.col(RAGGED),
            "order",
            "the row has more or fewer cells than the header",
            "look for a separator or a quotation mark inside a cell, and put quotation marks around it",
        )
        for name in (name for name in _TEXTS if name in columns):
            broken = pl.col(name).str.contains(_BROKEN)
            found.where(broken, name, "has characters that cannot be read", "say the right encoding, or type it anew")
        for name, most in _LONGEST.items():
            if name in columns:
                unseen = pl.col(name).str.contains(r"[\p{C}\p{Zl}\p{Zp}]") & ~pl.col(name).str.contains(_BROKEN)
                found.where(unseen, name, "has characters nobody can see", "type it anew, without line breaks")
                found.where(
                    pl.col(name).str.len_bytes() > most,
                    name,
                    f"is longer than {most} bytes",
                    "map the column that holds the code, not a text",
                )
        found.where(pl.col("order").is_null(), "order", "is empty", "fill in the order's number")
        if "product" in columns:
            found.where(pl.col("product").is_null(), "product", "is empty", "fill in the product's number")
        read = self._customers(read, found)
        read = self._countries(read)
        self._check_instants(read, found)
        return self._amounts.read(read, found)

    def _customers(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        known = read["customer"].drop_nulls().unique().to_list()
        contacts = [ref for ref in known if is_contact(ref)]
        nobody = [ref for ref in set(known) - set(contacts) if ref.isprintable() and why_unusable(ref)]
        if contacts:
            found.where(
                pl.col("customer").is_in(contacts),
                "customer",
                "is an e-mail address or a phone number",
                "map the column with the customer's number; contacts are never stored as numbers",
                is_shown=False,
            )
        if nobody:
            guests = pl.col("customer").is_in(nobody)
            self.guests_by_name += read.select(guests.sum()).item()
            read = read.with_columns(pl.when(guests).then(None).otherwise(pl.col("customer")).alias("customer"))
        return read

    def _countries(self, read: pl.DataFrame) -> pl.DataFrame:
        told = read["country"].drop_nulls().unique().to_list()
        codes = {name: countries.codes().get(name.casefold()) for name in told}
        self.unknown_countries.update(name for name, code in codes.items() if code is None)
        known = {name: code for name, code in codes.items() if code is not None}
        return read.with_columns(
            country_code=pl.col("country").replace_strict(known, default=None, return_dtype=pl.String)
            if known
            else pl.lit(None, dtype=pl.String)
        )

    def _check_instants(self, read: pl.DataFrame, found: Problems) -> None:
        at = pl.col("placed_at_read")
        told = pl.col("placed_at")
        found.where(told.is_null(), "placed_at", "is empty", "fill in when the order was placed")
        unread = told.is_not_null() & at.is_null()
        looks_unix = pl.lit(value=False)
        if read.schema["placed_at"] == pl.String:
            looks_unix = told.str.contains(r"^\d{10}(\d{3})?$")
        elif read.schema["placed_at"].is_numeric():
            looks_unix = told > 100_000_000
        found.where(
            unread & looks_unix,
            "placed_at",
            "looks like a Unix time",
            "say `dates: [unix]` (seconds) or `dates: [unix_ms]` in the mapping",
        )
        found.where(
            unread & ~looks_unix,
            "placed_at",
            "is no date this file's other dates are written like",
            "write it like 2024-05-31 14:05, or add its form under `dates:` in the mapping",
        )
        is_zero = at.dt.year().is_in([1899, 1900, 1904]) | (
            (at >= datetime(1969, 12, 31, tzinfo=UTC)) & (at <= datetime(1970, 1, 2, tzinfo=UTC))
        )
        found.where(
            is_zero,
            "placed_at",
            "is what systems write when they do not know the date (zero)",
            "fill in the real date, or leave the row out",
        )
        earliest = civil.start_of_day(self.mapping.earliest, self.zone)
        found.where(
            (at < earliest) & ~is_zero,
            "placed_at",
            f"is before {self.mapping.earliest}",
            "correct the date, or say `earliest:` in the mapping if it is right",
        )
        found.where(
            at > self.now + _A_DAY,
            "placed_at",
            "is in the future",
            "correct the date; only what has happened is imported",
        )
        if "updated_at" in self.mapping.columns:
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

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it."""
        notes = [*self.source.notes, *self.notes]
        if self.guests_by_name:
            notes.append(f"{self.guests_by_name} rows name a customer that means nobody (such as 0 or guest): guests.")
        if self.unknown_countries:
            names = ", ".join(sorted(self.unknown_countries)[:8])
            notes.append(f"No country is kept for customers from: {names}.")
        if self._amounts.rounded:
            notes.append(
                f"{self._amounts.rounded} amounts have more decimals than their currency and are rounded, halves up."
            )
        return notes


def _row(read: pl.DataFrame, zone: ZoneInfo, grain: Grain) -> pl.DataFrame:
    """ROWS but for `is_bad`. A return's quantities and amounts become positive."""
    back = pl.col("kind_read") == "return"
    positive = {
        name: pl.when(back).then(pl.col(name).abs()).otherwise(pl.col(name))
        for name in ("quantity_e3", "amount_minor", "unit_price_e6")
    }
    return read.select(
        "discount_minor",
        "order_discount_minor",
        "shipping_minor",
        "tax_minor",
        "currency",
        "title",
        "category",
        "channel",
        "store",
        row="@row",
        line_in_file="@line",
        content="@content",
        ref="order",
        kind="kind_read",
        number=pl.lit(1, dtype=pl.Int32) if grain == "order" else pl.col("line_read"),
        order_ref="returned_order",
        customer_ref="customer",
        country="country_code",
        country_told="country",
        at="placed_at_read",
        on=pl.col("placed_at_read").dt.convert_time_zone(zone.key).dt.date(),
        product_ref=pl.col("product").fill_null("unspecified"),
        quantity=positive["quantity_e3"],
        unit_price=positive["unit_price_e6"],
        amount_minor=positive["amount_minor"],
        source_updated_at="updated_at_read",
    )


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """A column of any type as text; 17850.0, which a missing number made of 17850, is 17850 again."""
    if kind.is_float():
        column = pl.col(name)
        whole = pl.when((column == column.floor()) & (column.abs() < 1e15)).then(column).otherwise(None)
        return pl.coalesce(whole.cast(pl.Int64, strict=False).cast(pl.String), column.cast(pl.String))
    return pl.col(name).cast(pl.String)


def _cell(name: str, schema: pl.Schema) -> pl.Expr:
    return tidy(pl.col(name)) if schema[name] == pl.String else pl.col(name)


def _all_whole(values: pl.Series) -> bool:
    return not values.is_empty() and bool(values.str.contains(r"^\d+\.0$").all())
