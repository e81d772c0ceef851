"""Rows of any file as rows of one shape, and every problem with its file, line, column, value and mend. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from regulars.doors.imports import countries, parsing
from regulars.doors.imports.amounts import Amounts
from regulars.doors.imports.checking import PROBLEMS, Problems
from regulars.doors.imports.mapping import CONTACTS, NUMBERS, ROW, Column, Grain, OrderMapping
from regulars.doors.imports.parsing import MILLION, millionths, tidy
from regulars.doors.imports.reading import Source
from regulars.doors.imports.row_frames import FAULT
from regulars.doors.imports.settling import IDS, INSTANTS, Settled, Survey, either_order, other_order
from regulars.facts.customers import contacts
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
    "email",
    "phone",
    "country",
    "channel",
    "store",
    "currency",
    "product",
    "title",
    "category",
)
_LONGEST = {
    "order": 200,
    "returned_order": 200,
    "customer": 200,
    "email": 200,
    "phone": 200,
    "product": 200,
    "store": 64,
    "channel": 64,
}
_BROKEN = "[\ufffd\\x00-\\x08]"
_COUNTRIES_TOLD = 8
_A_DAY = timedelta(days=1)
_MENDED_ESCAPE = r"^'([=+@\-\t\r])"


@dataclass
class Normaliser:
    """Reads the chunks of one file, in the way that all of its rows settle (`settling`) before the first is read.

    `zone` and `currency` are used where the mapping says none. `now` is when the future begins. `shop_zone` is whose
    days count, where they are not those of the file's zone. Phone numbers without a country code are
    those of `region` (CN, GB).
    """

    source: Source
    mapping: OrderMapping
    zone: ZoneInfo
    currency: str
    now: datetime
    shop_zone: ZoneInfo | None = None
    region: str = "CN"
    has_contacts: bool = False
    notes: list[str] = field(default_factory=list)
    guests_by_name: int = 0
    unknown_countries: set[str] = field(default_factory=set)
    _settled: Settled = field(init=False)
    _amounts: Amounts = field(init=False)

    def __post_init__(self) -> None:
        if self.mapping.zone is not None:
            self.zone = civil.zone(self.mapping.zone)
        self.currency = self.mapping.currency or self.currency

    def survey(self, progress: Callable[[int], None] = lambda _: None) -> None:
        """Look through the file for what the mapping leaves open, as far as rows can tell. Before `chunk`.

        Refuses a file that can be read in two ways (`settling.Undecided`).
        """
        survey = Survey(self.mapping, self.source.decimal or self.mapping.decimal, self.spoken)
        open_fields = [name for name in (*NUMBERS, *INSTANTS, *IDS) if name in self.mapping.columns]
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
            seen += rows.height
            progress(seen)
            if not goes_on:
                break
        self._settled = survey.settled()
        self.notes += self._settled.notes
        self._amounts = Amounts(self.mapping, self._settled)

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's rows (ROWS) and problems (PROBLEMS)."""
        told = self._told(raw)
        faults = _faults(raw)
        if not faults.is_empty():
            # Which cell is whose is not known: nothing is read out of them, and nothing else said of them.
            is_whole = ~pl.col("@row").is_in(faults["row"].implode())
            own = [name for name in told.columns if name != "order" and not name.startswith("@")]
            told = told.with_columns(pl.when(is_whole).then(pl.col(name)).otherwise(None).alias(name) for name in own)
        read = self._read(told)
        found = Problems(self.mapping, self._spoken())
        checked = self._check(read, found)
        bad = found.found(checked)
        if not faults.is_empty():
            bad = pl.concat([bad.join(faults, on="row", how="anti"), faults]).sort("row", maintain_order=True)
        rows = _row(checked, self.shop_zone or self.zone, self._settled.grain).with_columns(
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
        return raw.select("@row", "@line", "@content", *fields)

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
            return self._sum(column.sum, schema).alias(name)
        there = column.names[0]
        if name in _TEXTS or column.values or schema[there] == pl.String:
            text = tidy(_as_text(there, schema[there]))
            if column.values:
                text = text.replace(column.values)
            return text.alias(name)
        return pl.col(there).alias(name)

    def _sum(self, parts: Sequence[str], schema: pl.Schema) -> pl.Expr:
        """Several columns added up; all of their texts, which are no number then, where one cannot be read."""
        cells = [tidy(pl.col(part)) if schema[part] == pl.String else pl.col(part) for part in parts]
        numbers = [
            millionths(cell, schema[part], self._settled.mark or ".") for part, cell in zip(parts, cells, strict=True)
        ]
        unread = pl.any_horizontal(
            cell.is_not_null() & number.is_null() for cell, number in zip(cells, numbers, strict=True)
        )
        total = pl.sum_horizontal(numbers).cast(pl.Decimal(38, 0)) / pl.lit(MILLION).cast(pl.Decimal(38, 6))
        texts = pl.concat_str([cell.cast(pl.String) for cell in cells], separator=" + ", ignore_nulls=True)
        return pl.when(unread).then(pl.format("({})", texts)).otherwise(total.cast(pl.Decimal(38, 6)).cast(pl.String))

    # --- values

    def _read(self, told: pl.DataFrame) -> pl.DataFrame:
        columns = self.mapping.columns
        texts: list[pl.Expr] = []
        for name in _TEXTS:
            if name not in columns:
                texts.append(pl.lit(None, dtype=pl.String).alias(name))
            elif name in _LONGEST:
                # Wide and non-breaking blanks inside a code are blanks: people see no difference.
                code = pl.col(name).str.replace_all(r"\p{Zs}", " ")
                texts.append(code.str.replace(r"^(\d+)\.0+$", "${1}") if name in self._settled.whole else code)
        numbers = [
            self._amounts.number(name, told.schema[name]).alias(f"{name}_read")
            if name in columns
            else pl.lit(None, dtype=pl.Int64).alias(f"{name}_read")
            for name in NUMBERS
        ]
        instants = [
            parsing.instants(
                pl.col(name),
                told.schema[name],
                self._settled.dates[name],
                self.zone,
                told[name].drop_nulls() if told.schema[name] == pl.String else None,
            ).alias(f"{name}_read")
            if name in columns
            else pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(f"{name}_read")
            for name in INSTANTS
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
        """With `customer_key`: the customer's number, or an address or phone number in the form that is compared."""
        for name in ("customer", *CONTACTS):
            known = [ref for ref in read[name].drop_nulls().unique().to_list() if ref.isprintable()]
            nobody = [ref for ref in known if why_unusable(ref)]
            keys: dict[str, str] = {}
            unread: list[str] = []
            for ref in set(known) - set(nobody):
                if name in CONTACTS or is_contact(ref):
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
            read = read.with_columns(
                pl.when(guests).then(None).otherwise(pl.col(name).replace(keys)).alias(f"{name}_key")
            )
            self.has_contacts |= bool(keys)
        return read.with_columns(customer_key=pl.coalesce("customer_key", "email_key", "phone_key"))

    def _countries(self, read: pl.DataFrame) -> pl.DataFrame:
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
        here, there = ("month", "day") if order.first == "day" else ("day", "month")
        mend = "write it like 2024-05-31 14:05, or say `dates:` in the mapping"
        found.where(
            is_unread & other_order(pl.col(name), order),
            name,
            f"has the {here} first, where the file's other dates have the {there} first",
            mend,
        )
        if order.is_contested:
            found.where(
                either_order(pl.col(name)),
                name,
                "may start with the day or the month, and the file has dates of both kinds",
                mend,
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
        unread &= ~looks_unix
        for name, is_unread in (("placed_at", unread), ("updated_at", pl.lit(value=True))):
            if name in self._settled.orders and read.schema[name] == pl.String:
                self._check_order(name, is_unread, found)
        if "placed_at" in self._settled.orders and read.schema["placed_at"] == pl.String:
            unread &= ~other_order(told, self._settled.orders["placed_at"])
        found.where(
            unread,
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
        if self.has_contacts:
            notes.append("Customers are known by e-mail address or phone number: these are kept as keyed hashes.")
        if self.unknown_countries:
            names = ", ".join(sorted(self.unknown_countries)[:_COUNTRIES_TOLD])
            notes.append(f"No country is kept for customers from: {names}.")
        notes += self._amounts.said()
        return notes


def _faults(raw: pl.DataFrame) -> pl.DataFrame:
    """PROBLEMS: rows that cannot be read at all, one each."""
    faulty = raw.filter(pl.col(FAULT).is_not_null()).select(
        "@row", "@line", pl.col(FAULT).struct.field("column", "value", "problem", "mend")
    )
    contacts = [value for value in faulty["value"].drop_nulls() if is_contact(value)]
    return faulty.select(
        row="@row",
        line_in_file="@line",
        column="column",
        value=pl.when(pl.col("value").is_in(contacts)).then(pl.lit("(a contact)")).otherwise(pl.col("value")),
        problem="problem",
        mend="mend",
    ).cast(PROBLEMS)


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
        customer_ref="customer_key",
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
