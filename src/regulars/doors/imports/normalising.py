"""Rows of any file as rows of one shape, and every problem with its file, line, column, value and mend. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from regulars.doors.imports import countries, parsing
from regulars.doors.imports.mapping import NUMBERS, ROW, Column, Grain, OrderMapping, Rule
from regulars.doors.imports.parsing import MILLION, Dates, Mark, divided, millionths, tidy
from regulars.doors.imports.reading import RAGGED, Source
from regulars.facts.customers.identifiers import is_contact, why_unusable
from regulars.kit import civil, money

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
PROBLEMS = pl.Schema(
    {
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "column": pl.String(),
        "value": pl.String(),
        "problem": pl.String(),
        "mend": pl.String(),
    }
)

_KIND_WORDS = {
    "sale": ("sale", "sales", "order", "purchase", "buy", "销售", "订单", "正常", "购买", "销售单"),
    "return": ("return", "returned", "refund", "returns", "退货", "退款", "退单", "退货单"),
    "adjustment": ("adjustment", "adjust", "correction", "调整", "冲销"),
}
_KINDS = {word: kind for kind, words in _KIND_WORDS.items() for word in words}
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
#: What the database's columns hold, with room to add up.
_MOST_MONEY = 10**17
_MOST = dict.fromkeys(NUMBERS, _MOST_MONEY) | {"quantity": 10**14}
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
    rounded: int = 0
    _is_settled: bool = False
    _marks: dict[str, Mark] = field(default_factory=dict)
    _dates: dict[str, Dates] = field(default_factory=dict)
    _whole: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.mapping.zone is not None:
            self.zone = civil.zone(self.mapping.zone)
        self.currency = self.mapping.currency or self.currency

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's rows (ROWS) and problems (PROBLEMS)."""
        kinds = {name: self._kind_of(raw, column) for name, column in self.mapping.columns.items()}
        told = self._told(raw)
        if not self._is_settled:
            self._settle(told, kinds)
        read = self._read(told, kinds)
        found = _Problems(self.mapping, self._spoken())
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

    def _check(self, read: pl.DataFrame, found: "_Problems") -> pl.DataFrame:
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
        return self._money(read, found)

    def _customers(self, read: pl.DataFrame, found: "_Problems") -> pl.DataFrame:
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

    def _check_instants(self, read: pl.DataFrame, found: "_Problems") -> None:
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

    def _money(self, read: pl.DataFrame, found: "_Problems") -> pl.DataFrame:
        columns = self.mapping.columns
        for name in (name for name in NUMBERS if name in columns):
            sign = "a point" if self._marks.get(name, ".") == "." else "a comma"
            found.where(
                pl.col(name).is_not_null() & pl.col(f"{name}_read").is_null(),
                name,
                "is no number",
                f"write digits with {sign} before the decimals, and nothing else",
            )
        for name in ("quantity", "unit_price", "amount"):
            needed = name in columns and not (name == "unit_price" and "amount" in columns)
            if needed:
                found.where(pl.col(name).is_null(), name, "is empty", "fill it in")
        for name in (name for name in NUMBERS if name in columns):
            found.where(
                pl.col(f"{name}_read").abs() >= _MOST[name],
                name,
                "is too large",
                "check the unit and the decimal sign",
            )
        currencies = read["currency"].drop_nulls().unique().to_list()
        exponents = {code: money.exponent(code) for code in currencies if code in money.currencies()}
        found.where(
            pl.col("currency").is_null() | ~pl.col("currency").is_in(list(exponents)),
            "currency",
            "is no currency",
            "use a three-letter ISO 4217 code such as CNY, GBP or USD",
        )
        exponent = (
            pl.col("currency").replace_strict(exponents, default=2, return_dtype=pl.Int8)
            if exponents
            else pl.lit(2, dtype=pl.Int8)
        )
        unit = pl.lit(10, dtype=pl.Int128).pow(6 - exponent.cast(pl.Int64)).cast(pl.Int128)
        quantity = pl.col("quantity_read") if "quantity" in columns else pl.lit(MILLION, dtype=pl.Int64)
        found.where(
            pl.col("quantity_read") % 1000 != 0,
            "quantity",
            "has more than three decimals",
            "round it to three, or use a smaller unit",
        )
        for name in ("amount", "discount", "order_discount", "shipping", "tax"):
            if name in columns and not read.schema[name].is_float():
                self.rounded += read.select(
                    (pl.col(f"{name}_read").cast(pl.Int128) % unit != 0).fill_null(value=False).sum()
                ).item()
        minor = {
            name: divided(pl.col(f"{name}_read").cast(pl.Int128), unit)
            for name in ("amount", "discount", "order_discount", "shipping", "tax")
        }
        discount = minor["discount"].fill_null(0)
        read = read.with_columns(quantity_e3=quantity // 1000, unit=unit, discount_minor=discount).with_columns(
            goods=divided(
                pl.col("quantity_e3").cast(pl.Int128) * pl.col("unit_price_read").cast(pl.Int128), pl.col("unit") * 1000
            ),
            amount_told=minor["amount"] if "amount" in columns else pl.lit(None, dtype=pl.Int64),
        )
        whole = (
            pl.col("amount_told")
            if "amount" in columns
            else pl.col("goods") - pl.col("discount_minor") * pl.col("goods").sign()
        )
        price = pl.col("unit_price_read")
        if "unit_price" not in columns or "amount" in columns:
            before_discount = (pl.col("amount_told") + pl.col("discount_minor")).cast(pl.Int128) * pl.col("unit") * 1000
            made = (
                pl.when(pl.col("quantity_e3") != 0)
                .then(divided(before_discount, pl.col("quantity_e3").cast(pl.Int128).abs()))
                .otherwise(0)
            )
            price = pl.coalesce(price, made.abs()) if "unit_price" in columns else made.abs()
        read = read.with_columns(unit_price_e6=price, amount_minor=whole)
        told = "unit_price" if "amount" not in columns else "amount"
        found.where(
            # What 64 bits did not hold is null by now.
            pl.all_horizontal(
                (pl.col(f"{name}_read").abs() < _MOST[name]).fill_null(value=False)
                for name in (told, "quantity")
                if name in columns
            )
            & pl.any_horizontal(
                (amount.is_null() | (amount.abs().cast(pl.Int128) * unit_of >= _MOST_MONEY)).fill_null(value=True)
                for amount, unit_of in (
                    (pl.col("amount_minor"), pl.col("unit")),
                    (pl.col("unit_price_e6"), pl.lit(1, dtype=pl.Int128)),
                )
            ),
            told,
            "makes an amount or a price that is too large",
            "check quantity and price, their unit and their decimal sign",
        )
        self._check_signs(found)
        return read.with_columns(
            self._kinds(found).alias("kind_read"),
            **{f"{name}_minor": minor[name] for name in ("order_discount", "shipping", "tax")},
        )

    def _kinds(self, found: "_Problems") -> pl.Expr:
        """What kind of row it is: the column that says so, the mapping's rules, or the sign."""
        negative = (pl.col("quantity_e3") < 0) | (
            (pl.col("quantity_e3") >= 0) & (pl.col("amount_minor") < 0) & (self.grain == "order")
        )
        kind = pl.when(negative).then(pl.lit("return")).otherwise(pl.lit("sale"))
        if "kind" in self.mapping.columns:
            told = pl.col("kind").str.to_lowercase()
            found.where(
                pl.col("kind").is_not_null() & ~told.is_in(list(_KINDS)),
                "kind",
                "is no kind of row",
                "write sale, return or adjustment (or leave it empty), or say `values:` in the mapping",
            )
            kind = pl.coalesce(told.replace_strict(_KINDS, default=None, return_dtype=pl.String), kind)
        for rule in reversed(self.mapping.rules):
            kind = pl.when(self._holds(rule)).then(pl.lit(rule.kind)).otherwise(kind)
        return kind

    def _holds(self, rule: Rule) -> pl.Expr:
        return pl.all_horizontal(
            test
            for name, condition in rule.when.items()
            for test in (
                [self._test(name, condition)] if isinstance(condition, str) else self._matches(name, condition)
            )
        )

    def _test(self, name: str, condition: str) -> pl.Expr:
        if condition in {"empty", "present"}:
            is_null = pl.col(name).is_null() if name in self.mapping.columns else pl.lit(value=True)
            return is_null if condition == "empty" else ~is_null
        number = pl.col(f"{name}_read")
        return {"negative": number < 0, "zero": number == 0, "positive": number > 0}[condition].fill_null(value=False)

    def _matches(self, name: str, condition: object) -> list[pl.Expr]:
        assert isinstance(condition, dict)
        tests = []
        for test, texts in condition.items():
            column = pl.col(name)
            one = (
                column.is_in(list(texts))
                if test == "equals"
                else pl.any_horizontal(column.str.starts_with(text) for text in texts)
            )
            tests.append(one.fill_null(value=False))
        return tests

    def _check_signs(self, found: "_Problems") -> None:
        columns = self.mapping.columns
        is_sale = pl.col("kind_read") == "sale"
        found.where(
            is_sale & (pl.col("quantity_e3") < 0),
            "quantity",
            "is negative in a row that is no return",
            "correct it, or mark the row as a return",
        )
        found.where(
            (pl.col("kind_read") == "return") & (pl.col("quantity_e3") == 0),
            "quantity",
            "is zero in a return",
            "say how many came back, or leave the row out",
        )
        priced = "unit_price" if "unit_price" in columns else "amount"
        money_column = "unit_price_e6" if "unit_price" in columns else "amount_minor"
        found.where(
            is_sale & (pl.col(money_column) < 0) & (pl.col("quantity_e3") >= 0),
            priced,
            "is negative in a row that is no return",
            "correct it, or say in the mapping's `rules:` which rows are adjustments",
        )
        if "line" in columns:
            found.where(pl.col("line_read") < 0, "line", "is negative", "number an order's lines from 1")
        if {"unit_price", "amount"} <= set(columns):
            found.where(
                is_sale & (pl.col("amount_minor") < 0) & (pl.col("quantity_e3") >= 0),
                "amount",
                "is negative in a row that is no return",
                "correct it, or say in the mapping's `rules:` which rows are adjustments",
            )
        for name in ("discount", "order_discount", "shipping", "tax"):
            if name in columns:
                found.where(
                    is_sale & (pl.col(f"{name}_read") < 0),
                    name,
                    "is negative in a row that is no return",
                    "write what was taken off, or put on, without a sign",
                )
        if "discount" in columns and "amount" not in columns:
            found.where(
                (pl.col("kind_read") != "adjustment") & (pl.col("discount_minor") > pl.col("goods").abs()),
                "discount",
                "is more than the price",
                "write what was taken off this row; map what was taken off the whole order as order_discount",
            )
        if "unit_price" in columns and "amount" not in columns:
            found.where(
                (pl.col("kind_read") == "return") & (pl.col("unit_price_e6") < 0),
                "unit_price",
                "is negative in a return",
                "write the price as it was paid; the row's kind or quantity says that it came back",
            )

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it."""
        notes = [*self.source.notes, *self.notes]
        if self.guests_by_name:
            notes.append(f"{self.guests_by_name} rows name a customer that means nobody (such as 0 or guest): guests.")
        if self.unknown_countries:
            names = ", ".join(sorted(self.unknown_countries)[:8])
            notes.append(f"No country is kept for customers from: {names}.")
        if self.rounded:
            notes.append(f"{self.rounded} amounts have more decimals than their currency and are rounded, halves up.")
        return notes


@dataclass(frozen=True)
class _Check:
    wrong: pl.Expr
    name: str
    problem: str
    mend: str
    is_shown: bool


@dataclass
class _Problems:
    """Collects what may be wrong with the rows of one chunk, and looks at all of it in one pass."""

    mapping: OrderMapping
    spoken: dict[str, str]
    checks: list[_Check] = field(default_factory=list)

    def where(self, wrong: pl.Expr, name: str, problem: str, mend: str, *, is_shown: bool = True) -> None:
        """Every row for which `wrong` holds has this problem in the field `name`."""
        self.checks.append(_Check(wrong.fill_null(value=False), name, problem, mend, is_shown))

    def found(self, read: pl.DataFrame) -> pl.DataFrame:
        """PROBLEMS, by row."""
        if read.is_empty():
            return pl.DataFrame(schema=PROBLEMS)
        seen = read.select(check.wrong.any().alias(str(place)) for place, check in enumerate(self.checks)).row(0)
        frames = [self._rows(read, check) for check, any_row in zip(self.checks, seen, strict=True) if any_row]
        if not frames:
            return pl.DataFrame(schema=PROBLEMS)
        return pl.concat(frame.cast(PROBLEMS) for frame in frames).sort("row", maintain_order=True)

    def _rows(self, read: pl.DataFrame, check: _Check) -> pl.DataFrame:
        if not check.is_shown:
            value = pl.lit("(a contact)")
        elif check.name in self.mapping.columns:
            value = pl.col(check.name).cast(pl.String).str.slice(0, 200)
        else:
            value = pl.lit("")
        return read.filter(check.wrong).select(
            row="@row",
            line_in_file="@line",
            column=pl.lit(self.spoken.get(check.name, check.name)),
            value=value,
            problem=pl.lit(check.problem),
            mend=pl.lit(check.mend),
        )


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
