"""Rows of any file as rows of one shape, and every problem with its file, line, column, value and mend. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import signs
from regulars.doors.imports.amounts import Amounts
from regulars.doors.imports.checking import PROBLEMS, Problems
from regulars.doors.imports.columns import Columns
from regulars.doors.imports.mapping import AMOUNTS, CONTACTS, NUMBERS, Grain, OrderMapping
from regulars.doors.imports.parsing import Mark, tidy
from regulars.doors.imports.settling import Reads
from regulars.doors.imports.signs import Meant, SignsSeen

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
_TOTALS = (
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sub total",
    "sum",
    "合计",
    "总计",
    "小计",
    "总和",
    "合計",
    "總計",
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


@dataclass(kw_only=True)
class Normaliser(Columns[OrderMapping]):
    """Reads the chunks of one order file.

    `currency` is used where the mapping says none. `shop_zone` is whose days count, where they are not those of the
    file's zone.
    """

    currency: str
    shop_zone: ZoneInfo | None = None
    _amounts: Amounts = field(init=False)
    _grain: Grain = field(init=False)
    _signs: SignsSeen = field(default_factory=SignsSeen)
    _meant: Meant | None = None

    reads: ClassVar[Reads] = Reads(
        instants=("placed_at", "updated_at"),
        ids=("order", "returned_order", "customer", "product", "store"),
        numbers=NUMBERS,
    )
    texts: ClassVar[tuple[str, ...]] = _TEXTS
    longest: ClassVar[dict[str, int]] = _LONGEST

    def __post_init__(self) -> None:
        super().__post_init__()
        self.currency = self.mapping.currency or self.currency

    @property
    def is_currency_assumed(self) -> bool:
        """Whether neither the caller nor the file says which currency amounts are in. Known after `survey`."""
        if self.mapping.currency is not None or "currency" in self.mapping.columns:
            return False
        return self._meant is None or self._meant.is_guess

    @property
    def decimal_mark(self) -> Mark:
        """The sign before decimals in the file's texts. Known after `survey`."""
        return self._settled.mark or "."

    def _look(self, raw: pl.DataFrame) -> bool:
        """Signs of currencies, where the file says in no other way what its amounts are in."""
        if self.mapping.currency is not None or "currency" in self.mapping.columns:
            return False
        parts = [
            part
            for name in AMOUNTS
            if (column := self.mapping.columns.get(name))
            for part in (*column.names, *column.sum)
            if raw.schema[part] == pl.String
        ]
        for part in parts:
            self._signs.add(raw.select(tidy(pl.col(part))).to_series())
        return bool(parts)

    def _settle(self) -> None:
        named = {
            name for column in self.mapping.columns.values() for name in (*column.names, *column.join, *column.sum)
        }
        shop_currency = None if self.shop_zone is None else self.currency
        self._meant = self._signs.meant(shop_currency=shop_currency, columns=named, zone=self.zone.key)
        if self._meant:
            self.notes += self._meant.notes
            self.currency = self._meant.only or self.currency
        self._grain = self._told_grain()
        self._amounts = Amounts(self.mapping, self._settled, self._grain)

    def _told_grain(self) -> Grain:
        if self.mapping.grain:
            return self.mapping.grain
        if {"line", "product", "quantity"} & set(self.mapping.columns):
            return "line"
        self.notes.append(
            gettext(
                "Each row is taken for one order, as it names neither product nor quantity; `grain: line` in the"
                " mapping says otherwise."
            )
        )
        return "order"

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's rows (ROWS) and problems (PROBLEMS)."""
        told, faults = self._told(raw)
        found = self._problems()
        checked = self._check(self._read(told), found)
        bad = found.found(checked, pl.concat([faults, self._totals(checked)]).sort("row"))
        rows = _row(checked, self.shop_zone or self.zone, self._grain).with_columns(
            pl.col("row").is_in(bad["row"].unique().implode()).alias("is_bad")
        )
        return rows.select(pl.col(name).cast(kind) for name, kind in ROWS.items()), bad

    def _read(self, told: pl.DataFrame) -> pl.DataFrame:
        columns = self.mapping.columns
        signed = [name for name in AMOUNTS if name in columns and signs.are_in(told[name])]
        numbers = [
            self._amounts.number(name, told.schema[name], has_signs=name in signed).alias(f"{name}_read")
            if name in columns
            else pl.lit(None, dtype=pl.Int64).alias(f"{name}_read")
            for name in NUMBERS
        ]
        line = (
            pl.col("line").cast(pl.String).str.replace(r"\.0+$", "").cast(pl.Int32, strict=False)
            if "line" in columns
            else pl.lit(None, dtype=pl.Int32)
        )
        told_signs = [signs.sign_in(pl.col(name)).alias(f"{name}_sign") for name in signed]
        return told.with_columns(
            *self._texts(), *numbers, *told_signs, *self._instants(told), line.alias("line_read")
        ).with_columns(self._currency(signed).alias("currency"))

    def _currency(self, signed: Sequence[str]) -> pl.Expr:
        """Each row's: its column's, the one for the whole file, or what a sign in one of its `signed` fields means."""
        if "currency" in self.mapping.columns:
            return pl.col("currency").str.to_uppercase().replace(signs.NAMES_ONE)
        if self._meant is None:
            return pl.lit(self.currency)
        by_sign = [
            pl.col(f"{name}_sign").replace_strict(self._meant.currencies, default=None, return_dtype=pl.String)
            for name in signed
        ]
        return pl.coalesce(*by_sign, pl.lit(self._meant.only, dtype=pl.String))

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        self._check_texts(found)
        found.where(pl.col("order").is_null(), "order", "is empty", "fill in the order's number")
        if "product" in self.mapping.columns:
            found.where(pl.col("product").is_null(), "product", "is empty", "fill in the product's number")
        read = self._countries(self._customers(read, found))
        self._check_happened("placed_at", read, found, empty=gettext_noop("fill in when the order was placed"))
        self._check_updated(read, found)
        return self._amounts.read(read, found)

    def _totals(self, checked: pl.DataFrame) -> pl.DataFrame:
        """PROBLEMS: rows without a date that say they are a total, one each: nothing else of them is worth saying."""
        undated = checked.filter(pl.col("placed_at_read").is_null())
        texts = [name for name in self.mapping.columns if undated.schema.get(name) == pl.String]
        if undated.is_empty() or not texts:
            return pl.DataFrame(schema=PROBLEMS)
        words = {name: pl.col(name).str.to_lowercase().str.strip_chars(" :：") for name in texts}
        says_so = [pl.when(word.is_in(_TOTALS)).then(pl.lit(name)) for name, word in words.items()]
        return (
            undated.with_columns(total_in=pl.coalesce(says_so))
            .drop_nulls("total_in")
            .select(
                row="@row",
                line_in_file="@line",
                column=pl.col("total_in").replace({name: self.spoken(name) for name in texts}),
                value=pl.coalesce(pl.when(pl.col("total_in") == name).then(pl.col(name)) for name in texts),
                problem=pl.lit(gettext_noop("looks like a total under the table, not like an order")),
                mend=pl.lit(gettext_noop("take the row out; totals are added up anew")),
            )
            .cast(PROBLEMS)
        )

    def _customers(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        """With `customer_key`: the customer's number, or an address or phone number in the form that is compared."""
        for name in ("customer", *CONTACTS):
            read = self._key(name, read, found, is_all_contacts=name in CONTACTS)
        return read.with_columns(customer_key=pl.coalesce("customer_key", "email_key", "phone_key"))

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it."""
        notes = super().said()
        if self.guests_by_name:
            notes.append(
                gettext("%(n)s rows name a customer that means nobody (such as 0 or guest): guests.")
                % {"n": f"{self.guests_by_name:,}"}
            )
        return [*notes, *self._amounts.said()]


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
