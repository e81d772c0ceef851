"""Control totals: sums and counts to compare with the source, made part by part in exact integers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl

from regulars.doors.imports.parsing import MILLION, Mark, millionths, tidy
from regulars.kit.money import Money

_KEYS = ("customers", "clean_customers", "products", "countries", "stores", "clean_days")
THOUSAND = Decimal(1000)
_MOST_APART = 8


@dataclass
class Tally:
    """Adds up the rows that came in. Distinct customers, products, countries and purchase days are kept as 64-bit
    hashes: eight bytes each, the one thing here that grows with the file."""

    zone: ZoneInfo
    counts: dict[str, int] = field(default_factory=dict)
    minor: dict[tuple[str, str], int] = field(default_factory=dict)
    thousandths: int = 0
    sold_thousandths: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    _seen: dict[str, list[pl.Series]] = field(default_factory=lambda: {name: [] for name in _KEYS})

    def add(self, rows: pl.DataFrame, *, orders: int, returns: int, adjustments: int) -> None:
        """Rows (normalising.ROWS, with `is_return`) of whole documents, and how many of each these make."""
        if rows.is_empty():
            return
        known = pl.col("customer_ref").is_not_null()
        is_return, is_adjustment = pl.col("kind") == "return", pl.col("kind") == "adjustment"
        is_clean = (pl.col("kind") == "sale") & known & (pl.col("quantity") > 0) & (pl.col("unit_price") > 0)
        counted = rows.select(
            lines=pl.len(),
            guest_lines=(~known).sum(),
            exact_duplicate_lines=pl.len() - pl.col("content").n_unique(),
            zero_price_lines=(pl.col("unit_price") == 0).sum(),
            zero_amount_lines=(pl.col("amount_minor") == 0).sum(),
            negative_price_lines=(pl.col("unit_price") < 0).sum(),
            zero_quantity_lines=(pl.col("quantity") == 0).sum(),
            return_lines=is_return.sum(),
            adjustment_lines=is_adjustment.sum(),
            clean_lines=is_clean.sum(),
            clean_orders=pl.col("ref").filter(is_clean).n_unique(),
            adjustments_of_money=pl.col("ref").filter(is_adjustment & (pl.col("amount_minor") != 0)).n_unique(),
        ).row(0, named=True)
        made = {
            "documents": orders + returns,
            "orders": orders - adjustments,
            "return_documents": returns,
            "adjustment_documents": adjustments,
        }
        for name, count in (counted | made).items():
            self.counts[name] = self.counts.get(name, 0) + int(count)
        self.thousandths += int(rows.filter(is_return)["quantity"].sum())
        self.sold_thousandths += int(rows.filter(pl.col("kind") == "sale")["quantity"].sum())
        signed = pl.when(is_return).then(-pl.col("amount_minor")).otherwise(pl.col("amount_minor"))
        sums = rows.group_by("currency").agg(
            net_value=signed.sum(),
            return_amount=pl.col("amount_minor").filter(is_return).sum(),
            adjustment_amount=pl.col("amount_minor").filter(is_adjustment).sum(),
            clean_value=pl.col("amount_minor").filter(is_clean).sum(),
            line_discounts=pl.col("discount_minor").filter(~is_return).sum(),
        )
        for row in sums.iter_rows(named=True):
            for name in sums.columns[1:]:
                key = (name, row["currency"])
                self.minor[key] = self.minor.get(key, 0) + row[name]
        earliest, latest = rows.select(first=pl.col("at").min(), last=pl.col("at").max()).row(0)
        self.first_at = min(filter(None, (self.first_at, earliest)))
        self.last_at = max(filter(None, (self.last_at, latest)))
        self._see("customers", rows.filter(known).select(key=pl.col("customer_ref").hash(seed=0)))
        clean = rows.filter(is_clean)
        self._see("clean_customers", clean.select(key=pl.col("customer_ref").hash(seed=0)))
        self._see("clean_days", clean.select(key=pl.col("customer_ref").hash(seed=0), day=pl.col("on").to_physical()))
        self._see("products", rows.select(key=pl.col("product_ref").hash(seed=0)))
        self._see("stores", rows.drop_nulls("store").select(key=pl.col("store").hash(seed=0)))
        self._see("countries", rows.drop_nulls("country_told").select(key=pl.col("country_told").hash(seed=0)))

    def facts(self) -> dict[str, object]:
        """Totals by name: whole numbers, amounts by currency as decimal text, instants on the clocks of the file."""
        days = self._distinct("clean_days")
        repeat = (
            0
            if days.is_empty()
            else days.struct.field("key").to_frame("key").group_by("key").len().filter(pl.col("len") > 1).height
        )
        counts = {name: self.counts.get(name, 0) for name in _COUNTS}
        amounts: dict[str, Mapping[str, str]] = {
            name: {
                currency: str(Money(minor, currency).decimal)
                for (of, currency), minor in sorted(self.minor.items())
                if of == name
            }
            for name in ("net_value", "return_amount", "adjustment_amount", "clean_value", "line_discounts")
        }
        return {
            **counts,
            "customers": len(self._distinct("customers")),
            "products": len(self._distinct("products")),
            "countries": len(self._distinct("countries")),
            "stores": len(self._distinct("stores")),
            "first_at": self._told(self.first_at),
            "last_at": self._told(self.last_at),
            "sold_quantity": thousandths(self.sold_thousandths),
            "returned_quantity": thousandths(self.thousandths),
            **amounts,
            "clean_customers": len(self._distinct("clean_customers")),
            "customers_who_came_back": repeat,
        }

    def _see(self, name: str, keys: pl.DataFrame) -> None:
        one = keys.to_series() if keys.width == 1 else keys.to_struct("key")
        seen = self._seen[name]
        seen.append(one.unique())
        # The same customers come again in other parts: what is kept grows with them, not with the parts.
        if len(seen) > _MOST_APART:
            self._distinct(name)

    def _distinct(self, name: str) -> pl.Series:
        if not self._seen[name]:
            return pl.Series(dtype=pl.UInt64)
        self._seen[name] = [pl.concat(self._seen[name]).unique()]
        return self._seen[name][0]

    def _told(self, instant: datetime | None) -> str | None:
        return instant.astimezone(self.zone).replace(tzinfo=None).isoformat(sep=" ") if instant else None


@dataclass
class Control:
    """Adds up columns that become nothing here, as they stand in the file: every row that was read, kept or not."""

    columns: Sequence[str]
    millionths: dict[str, int] = field(init=False)
    rows: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.millionths, self.rows = dict.fromkeys(self.columns, 0), dict.fromkeys(self.columns, 0)

    def add(self, raw: pl.DataFrame, mark: Mark) -> None:
        """One chunk of the file. What is no number counts for nothing."""
        for name in self.columns:
            column = tidy(pl.col(name)) if raw.schema[name] == pl.String else pl.col(name)
            read = raw.select(read=millionths(column, raw.schema[name], mark, is_amount=True))["read"]
            self.millionths[name] += int(read.sum())
            self.rows[name] += int((read != 0).sum())

    def facts(self) -> dict[str, Mapping[str, object]]:
        """Sums as decimal texts and the rows that have something else than nothing, by column; empty without any."""
        if not self.columns:
            return {}
        sums = {name: format((Decimal(total) / MILLION).normalize(), "f") for name, total in self.millionths.items()}
        return {"control_sums": sums, "control_rows": self.rows}


_COUNTS = (
    *("lines", "documents", "orders", "return_documents", "adjustment_documents", "adjustments_of_money"),
    *("guest_lines", "return_lines", "adjustment_lines", "clean_lines", "clean_orders", "exact_duplicate_lines"),
    *("zero_price_lines", "zero_amount_lines", "negative_price_lines", "zero_quantity_lines"),
)


def thousandths(quantity: int) -> str:
    """A quantity as people write it: 12, or 0.5."""
    return format((Decimal(quantity) / THOUSAND).normalize(), "f")
