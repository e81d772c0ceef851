"""A file of products, prices or stock, read without a database: each thing once, and what is wrong with the rest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
from django.utils.translation import gettext, gettext_noop

from regulars.doors.imports import checking, mapping, parsing, reading, repeats, signs, walking
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.columns import Columns
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import FileMapping
from regulars.doors.imports.settling import Reads
from regulars.doors.imports.spilling import Spill
from regulars.doors.imports.walking import Progress
from regulars.facts.commerce import categories
from regulars.kit import civil, money

What = Literal["products", "prices", "stock"]

#: How an option of a product's forms is called among the fields: `option.size`.
OPTION = "option."
#: Between the parts of what makes a row one of its kind; in no code, for codes are printable.
_SEPARATOR = "\x1f"
_ROW = {"row": pl.Int64(), "line_in_file": pl.Int64(), "ref": pl.String(), "key": pl.String()}
_UPDATED = {"updated_at": pl.Datetime("us", "UTC")}
_MOST_MILLIONTHS = 10**17
_STATUSES = {
    **dict.fromkeys(("active", "published", "enabled", "publish", "on", "在售", "上架", "已上架", "启用"), "active"),
    **dict.fromkeys(("draft", "pending", "private", "hidden", "草稿", "待上架", "未上架"), "draft"),
    **dict.fromkeys(
        ("discontinued", "archived", "inactive", "disabled", "off", "trash", "下架", "已下架", "停售", "停产", "停用"),
        "discontinued",
    ),
}
_YES_NO = {
    **dict.fromkeys(("yes", "y", "true", "1", "on", "notify", "是", "允许"), True),
    **dict.fromkeys(("no", "n", "false", "0", "off", "否", "不允许"), False),
}


@dataclass(frozen=True)
class Kind:
    """What one kind of file may tell: its fields in the order in which a guess claims columns, the rows they become,
    and what makes a row one of its kind."""

    fields: tuple[str, ...]
    rows: pl.Schema
    key: tuple[str, ...]
    needed: tuple[str, ...]
    numbers: tuple[str, ...]
    instants: tuple[str, ...]


KINDS: Mapping[What, Kind] = {
    "products": Kind(
        fields=(
            *("product", "variant", "sku", "barcode", "title_zh", "title_en", "title", "variant_title", "category"),
            *("brand", "status", "updated_at"),
        ),
        rows=pl.Schema(
            {
                **_ROW,
                **dict.fromkeys(("product", "variant", "sku", "barcode", "title", "titles"), pl.String()),
                **dict.fromkeys(("variant_title", "category", "brand", "status", "options"), pl.String()),
                **_UPDATED,
            }
        ),
        key=("product", "variant"),
        needed=("product",),
        numbers=(),
        instants=("updated_at",),
    ),
    "prices": Kind(
        fields=(
            *("product", "variant", "store", "channel", "currency", "sale_price", "price"),
            *("valid_from", "valid_until", "updated_at"),
        ),
        rows=pl.Schema(
            {
                **_ROW,
                **dict.fromkeys(("product", "variant", "store", "channel", "currency"), pl.String()),
                **dict.fromkeys(("list_minor", "sale_minor"), pl.Int64()),
                **dict.fromkeys(("valid_from", "valid_until"), pl.Datetime("us", "UTC")),
                **_UPDATED,
            }
        ),
        key=("product", "variant", "store", "channel", "currency", "valid_from"),
        needed=("price",),
        numbers=("price", "sale_price"),
        instants=("valid_from", "valid_until", "updated_at"),
    ),
    "stock": Kind(
        fields=("product", "variant", "store", "quantity", "may_oversell", "version", "updated_at"),
        rows=pl.Schema(
            {
                **_ROW,
                **dict.fromkeys(("product", "variant", "store"), pl.String()),
                "quantity": pl.Decimal(18, 3),
                "may_oversell": pl.Boolean(),
                "version": pl.Int64(),
                **_UPDATED,
            }
        ),
        key=("product", "variant", "store"),
        needed=("store", "quantity"),
        numbers=("quantity",),
        instants=("updated_at",),
    ),
}


def load(what: What, name_or_file: str) -> FileMapping:
    """A shipped mapping for files of this kind by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, mapping.SHIPPED / what)
    told = mapping.content(file, KINDS[what].fields, mapping.KEYS, open_prefix=OPTION)
    return FileMapping(**mapping.shared(file, told))


def bind(what: What, wanted: FileMapping, columns: Sequence[str]) -> FileMapping:
    """`wanted` with every field tied to a column that is there; refused where what every row needs is missing."""
    options = [name for name in wanted.columns if name.startswith(OPTION)]
    found = mapping.tie(wanted, (*KINDS[what].fields, *options), columns)
    for needed in KINDS[what].needed:
        if needed not in found.columns:
            raise mapping.missing(wanted, needed, gettext("the %(name)s") % {"name": needed}, columns)
    if not {"product", "variant"} & set(found.columns):
        raise mapping.missing(wanted, "product", gettext("the product's number or its variant's"), columns)
    return found


@dataclass(kw_only=True)
class WareColumns(Columns[FileMapping]):
    """Reads the chunks of one file. Prices that name no currency are in `currency`; `is_told`: somebody said so."""

    what: What
    currency: str
    is_told: bool = False

    reads: ClassVar[Reads] = Reads(
        instants=("valid_from", "valid_until", "updated_at"),
        ids=("product", "variant", "sku", "barcode", "store", "version"),
        numbers=("price", "sale_price", "quantity"),
    )
    texts: ClassVar[tuple[str, ...]] = (
        *("product", "variant", "sku", "barcode", "title", "title_zh", "title_en", "variant_title", "category"),
        *("brand", "status", "store", "channel", "currency", "may_oversell", "version"),
    )
    longest: ClassVar[dict[str, int]] = {
        **dict.fromkeys(("product", "variant"), 200),
        **dict.fromkeys(("sku", "barcode", "store", "channel", "version", "status"), 64),
    }

    def chunk(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chunk's good rows (those of its kind) and problems (PROBLEMS)."""
        told, faults = self._told(raw)
        found = self._problems()
        read = told.with_columns(*self._texts(), *self._numbers(told), *self._instants(told))
        read = self._check(read, found).with_columns(row="@row", line_in_file="@line")
        bad = found.found(read, faults)
        kind = KINDS[self.what]
        # What a field is kept as stands beside what the file tells, which problems are told with.
        kept = read.select(
            pl.col(f"{name}_kept" if f"{name}_kept" in read.columns else name).alias(name)
            for name in kind.rows
            if name not in {"ref", "key"}
        )
        parts = [pl.col(name).cast(pl.String).fill_null("") for name in kind.key]
        kept = kept.with_columns(key=pl.concat_str(parts, separator=_SEPARATOR)).with_columns(
            # The forms of a product come together: they tell of it too.
            ref="product" if self.what == "products" else "key"
        )
        rows = kept.select(pl.col(name).cast(type_) for name, type_ in kind.rows.items())
        return rows.join(bad.select("row").unique(), on="row", how="anti", maintain_order="left"), bad

    def said(self) -> list[str]:
        """What was found out about the file, for the person who imports it."""
        notes = super().said()
        if self.what == "prices" and "currency" not in self.mapping.columns:
            notes.append(gettext("Prices are taken for %(currency)s.") % {"currency": self.currency})
        return notes

    def _joined(self, name: str, parts: Sequence[pl.Expr]) -> pl.Expr:
        # What is empty leaves no blank or branch behind.
        between = categories.BETWEEN if name == "category" else " "
        text = pl.concat_str(parts, separator=between, ignore_nulls=True)
        return pl.when(text == "").then(None).otherwise(text)

    def _numbers(self, told: pl.DataFrame) -> list[pl.Expr]:
        mark = self._settled.mark or "."
        return [
            parsing.millionths(pl.col(name), told.schema[name], mark, is_amount=name != "quantity").alias(
                f"{name}_read"
            )
            if name in self.mapping.columns
            else pl.lit(None, dtype=pl.Int64).alias(f"{name}_read")
            for name in self.reads.numbers
        ]

    def _check(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        self._check_texts(found)
        self._check_whose(found)
        self._check_updated(read, found)
        if self.what == "products":
            return self._products(read, found)
        return self._prices(read, found) if self.what == "prices" else self._stock(read, found)

    def _check_whose(self, found: Problems) -> None:
        here = [name for name in ("product", "variant") if name in self.mapping.columns]
        if self.what == "products":
            here = ["product"]
        found.where(
            pl.all_horizontal(pl.col(name).is_null() for name in here), here[0], "is empty", "fill in its number"
        )
        if "store" in self.mapping.columns and self.what == "stock":
            found.where(pl.col("store").is_null(), "store", "is empty", "fill in the store's code")

    def _products(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        known = [text for text in read["status"].drop_nulls().unique() if text.casefold() not in _STATUSES]
        found.where(
            pl.col("status").is_in(known),
            "status",
            "is no state of a product",
            "write active, draft or discontinued, or leave it empty",
        )
        paths = {text: categories.tidy(text) for text in read["category"].drop_nulls().unique()}
        own = [name for name in self.mapping.columns if name.startswith(OPTION)]
        return read.with_columns(
            variant_kept=pl.coalesce("variant", "sku"),
            status_kept=_looked_up("status", _STATUSES, pl.String()),
            category_kept=pl.col("category").replace(paths) if paths else pl.col("category"),
            titles_kept=_json({"zh-hans": pl.col("title_zh"), "en": pl.col("title_en")}),
            title_kept=pl.coalesce("title", "title_en", "title_zh"),
            options_kept=_json({name.removeprefix(OPTION): pl.col(name).cast(pl.String) for name in own})
            if own
            else pl.lit(None, dtype=pl.String),
            updated_at_kept="updated_at_read",
        )

    def _prices(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        if "currency" in self.mapping.columns:
            read = read.with_columns(pl.col("currency").str.to_uppercase().replace(signs.NAMES_ONE))
            found.where(pl.col("currency").is_null(), "currency", "is empty", _A_CURRENCY)
        else:
            read = read.with_columns(currency=pl.lit(self.currency))
        codes = {code: money.exponent(code) for code in read["currency"].unique() if code in money.currencies()}
        found.where(~pl.col("currency").is_in(list(codes)), "currency", "is no currency", _A_CURRENCY)
        digits = _looked_up("currency", codes, pl.Int64()).fill_null(2)
        unit = pl.lit(10, dtype=pl.Int64).pow(6 - digits).cast(pl.Int64)
        for name in ("price", "sale_price"):
            self._check_number(name, read, found)
            number = pl.col(f"{name}_read")
            found.where(number < 0, name, "is below zero", "write a price of zero or more")
            found.where(number % unit != 0, name, "has more decimals than its currency", "round it")
            if read.schema.get(name) == pl.String and not (self.is_told or "currency" in self.mapping.columns):
                found.where(
                    signs.sign_in(pl.col(name)).is_not_null(),
                    name,
                    "has a currency sign",
                    "say --currency, or add a column with each row's currency",
                )
        found.where(pl.col("price").is_null(), "price", "is empty", "fill it in")
        found.where(
            pl.col("store").is_not_null() & pl.col("channel").is_not_null(),
            "channel",
            "is told beside a store, and a price is a store's or a channel's",
            "write one row for each",
        )
        for name in ("valid_from", "valid_until"):
            if name in self.mapping.columns:
                at = pl.col(f"{name}_read")
                unread = pl.col(name).is_not_null() & at.is_null()
                if name in self._settled.orders and read.schema[name] == pl.String:
                    self._check_order(name, unread, found)
                found.where(
                    unread,
                    name,
                    "is no date this file's other dates are written like",
                    "write it like 2024-05-31 14:05, or leave it empty",
                )
                earliest = civil.start_of_day(self.mapping.earliest, self.zone)
                found.where(at < earliest, name, "is earlier than any date that is imported", "write when it was")
        found.where(
            pl.col("valid_until_read") <= pl.coalesce("valid_from_read", pl.lit(self.now)),
            "valid_until",
            "is not after the price's start",
            "write when the price ends, or leave it empty",
        )
        return read.with_columns(
            list_minor_kept=pl.col("price_read") // unit,
            sale_minor_kept=pl.col("sale_price_read") // unit,
            valid_from_kept="valid_from_read",
            valid_until_kept="valid_until_read",
            updated_at_kept="updated_at_read",
        )

    def _stock(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        self._check_number("quantity", read, found)
        found.where(pl.col("quantity").is_null(), "quantity", "is empty", "fill it in")
        found.where(
            pl.col("quantity_read") % 1000 != 0,
            "quantity",
            "has more than three decimals",
            "round it to three, or use a smaller unit",
        )
        plain = pl.col("may_oversell").str.to_lowercase()
        told = plain.replace_strict(_YES_NO, default=None, return_dtype=pl.Boolean)
        found.where(
            pl.col("may_oversell").is_not_null() & told.is_null(),
            "may_oversell",
            "says neither yes nor no",
            "write yes or no",
        )
        version = pl.col("version").cast(pl.Int64, strict=False)
        found.where(
            pl.col("version").is_not_null() & version.is_null(), "version", "is no whole number", "write it in digits"
        )
        thousandths = (pl.col("quantity_read") // 1000).cast(pl.Decimal(18, 0))
        return read.with_columns(
            # A form that nobody names is the product's only one.
            variant_kept=pl.coalesce("variant", "product"),
            product_kept=pl.when(pl.col("variant").is_not_null()).then("product"),
            quantity_kept=(thousandths / pl.lit(1000).cast(pl.Decimal(18, 3))).cast(pl.Decimal(18, 3)),
            may_oversell_kept=told,
            version_kept=version,
            updated_at_kept="updated_at_read",
        )

    def _check_number(self, name: str, read: pl.DataFrame, found: Problems) -> None:
        if name not in self.mapping.columns:
            return
        number = pl.col(f"{name}_read")
        found.where(
            pl.col(name).is_not_null() & number.is_null(),
            name,
            "is no number",
            "write it in digits",
        )
        found.where(number.abs() >= _MOST_MILLIONTHS, name, "is too large", "check the unit and the decimal sign")


_A_CURRENCY = gettext_noop("use a three-letter ISO 4217 code such as CNY, GBP or USD")


def _looked_up(column: str, known: Mapping[str, object], kind: pl.DataType) -> pl.Expr:
    if not known:
        return pl.lit(None, dtype=kind)
    plain = pl.col(column) if column == "currency" else pl.col(column).str.to_lowercase()
    return plain.replace_strict(known, default=None, return_dtype=kind)


def _json(texts: Mapping[str, pl.Expr]) -> pl.Expr:
    """Texts as one JSON object without those that are null; null where all are."""
    told = pl.struct(text.alias(name) for name, text in texts.items()).struct.json_encode()
    # Polars writes nulls out: an option that is not there is none.
    bare = told.str.replace_all(r'"(?:[^"\\]|\\.)*":null,?', "").str.replace(r",\}$", "}")
    return pl.when(pl.any_horizontal(text.is_not_null() for text in texts.values())).then(bare).otherwise(None)


class Walk(walking.Walk):
    """One file on its way in: laid aside by what its rows are about, given back part by part, each thing once."""

    def __init__(
        self, source: reading.Source, columns: WareColumns, spill: Spill, left_out: LeftOut, progress: Progress
    ) -> None:
        super().__init__(source, columns, left_out, progress)
        self.outdated = 0
        self.counts: dict[str, int] = {}
        self._sums: dict[str, int] = {}
        self._units = Decimal(0)
        self._told = columns
        self._spill = spill

    def _take(self, raw: pl.DataFrame) -> pl.DataFrame:
        rows, bad = self._told.chunk(raw)
        self._spill.add(rows)
        return bad

    def parts(self) -> Iterator[pl.DataFrame]:
        """Rows of the file's kind, some 50,000 at once. Of several of one thing the newest counts, else the first; what
        differs and is not older by its own update time is a conflict."""
        for rows in self._spill.read():
            ranked = rows.sort("key", "updated_at", "row", descending=[False, True, False], nulls_last=True)
            chosen = ranked.unique("key", keep="first", maintain_order=True)
            others = ranked.join(chosen.select("row"), on="row", how="anti", maintain_order="left")
            if not others.is_empty():
                self._set_aside(others, chosen)
            self._count(chosen)
            yield chosen.sort("row")
            self._recorded(chosen.height)

    def totals(self) -> dict[str, object]:
        """The control totals; whole after `parts`."""
        sums = {code: str(money.Money(minor, code).decimal) for code, minor in sorted(self._sums.items())}
        return {
            "rows": self.rows_read,
            **self.counts,
            **({"price_sum": sums} if self._told.what == "prices" else {}),
            **({"units": f"{self._units.normalize():f}"} if self._told.what == "stock" else {}),
            "repeated_rows": self.repeated,
            "outdated_rows": self.outdated,
            "rejected_rows": self.left_out.rows_bad + self.left_out.rows_held,
        }

    def _count(self, rows: pl.DataFrame) -> None:
        if self._told.what == "products":
            self._add("products", rows["product"].n_unique())
            self._add("variants", int(rows["variant"].count()))
            for name in ("title", "category", "brand", "barcode"):
                self._add(f"with_{name}", int(rows[name].count()))
        elif self._told.what == "prices":
            self._add("prices", rows.height)
            self._add("sale_prices", int(rows["sale_minor"].count()))
            for currency, minor in rows.group_by("currency").agg(pl.col("list_minor").sum()).iter_rows():
                self._sums[currency] = self._sums.get(currency, 0) + minor
        else:
            self._add("levels", rows.height)
            self._units += sum(rows["quantity"], Decimal(0))

    def _add(self, name: str, many: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + many

    def _set_aside(self, others: pl.DataFrame, chosen: pl.DataFrame) -> None:
        found = repeats.beside(
            others,
            chosen,
            key="key",
            names=[name for name in KINDS[self._told.what].rows if name not in {*_ROW, *_UPDATED}],
            ref=pl.coalesce("variant", "product"),
            column=self._told.spoken,
            shown=lambda column, _: pl.col(column).cast(pl.String),
            says=gettext("{} stands twice: {} {} here, {} where it is kept"),
        )
        self.outdated += found.outdated
        self.repeated += found.repeated
        self.left_out.add_late(pl.DataFrame(schema=checking.PROBLEMS), found.held, found.conflicts)


@contextmanager
def walk(
    what: What,
    path: Path,
    wanted: FileMapping | None,
    *,
    zone: str,
    currency: str,
    now: datetime,
    progress: Progress = lambda *_: None,
    zone_told: str | None = None,
    currency_told: str | None = None,
) -> Iterator[Walk]:
    """Open `path`, tie the mapping to its columns, and walk. `zone` and `currency` are the shop's; those `_told` are
    instead of the mapping's."""
    hints = wanted or load(what, "generic")
    source, chosen = walking.opened(path, hints, lambda columns: bind(what, hints, columns))
    chosen = replace(chosen, zone=zone_told or chosen.zone)
    columns = WareColumns(
        source=source,
        mapping=chosen,
        zone=civil.zone(zone),
        now=now.astimezone(UTC),
        notes=walking.how_it_is_read(wanted, chosen, source.columns),
        what=what,
        currency=currency_told or currency,
        is_told=currency_told is not None,
    )
    with walking.spilled(source, KINDS[what].rows) as (spill, left_out):
        yield Walk(source, columns, spill, left_out, progress)
