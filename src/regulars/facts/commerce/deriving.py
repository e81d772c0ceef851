"""What follows from a batch's own rows: an order's kind and its sums. Pure, and the same with or without a database."""

from collections.abc import Collection
from functools import lru_cache

import polars as pl

from regulars.kit import money

#: Orders of a sale that is on record already.
DOUBLE = "double"
#: Kinds that count nowhere: nobody bought or was given anything by them.
UNCOUNTED = ("draft", "test", DOUBLE)
#: How much of a minor unit a price is rounded by, at most.
ROUNDED = 0.5


def orders_with_sums(orders: pl.LazyFrame, lines: pl.LazyFrame, *, columns: Collection[str]) -> pl.LazyFrame:
    """`order_reports.ORDERS` with `goods_minor`, `kind` and `differs_minor`; open is but who bought and where.

    A purchase has at least one line of positive quantity and price; whatever else is no adjustment is a giveaway. Tests
    and drafts are neither. `differs_minor`: so much is the total more than its parts come to. `columns` are those of
    `orders`.
    """
    goods = lines.group_by("ref").agg(*_OF_GOODS)
    whole = orders.join(goods, on="ref", how="left", maintain_order="left")
    for step in _steps(frozenset(columns)):
        whole = whole.with_columns(*step)
    return whole.drop("expected_minor")


def lines_that_differ(orders: pl.DataFrame, lines: pl.DataFrame) -> pl.LazyFrame:
    """Of which orders (`ref`) lines cost something else than their quantity times their unit price, less their
    discount, and how much all of these are apart (`lines_differ_minor`).

    Unit prices are rounded, to half of a minor unit for each that was bought; and so is the line.
    """
    currencies = sorted(set(orders["currency"].to_list()))
    units = pl.col("currency").replace_strict(
        {one: 10.0 ** money.exponent(one) for one in currencies}, return_dtype=pl.Float64()
    )
    told = lines.lazy().join(orders.lazy().select("ref", units.alias("unit")), on="ref")
    quantity = pl.col("quantity").cast(pl.Float64)
    due = quantity * pl.col("unit_price").cast(pl.Float64) * pl.col("unit") - pl.col("discount_minor").fill_null(0)
    return (
        told.select("ref", "amount_minor", due=due, slack=quantity.abs() * ROUNDED + 1)
        .filter((pl.col("amount_minor") - pl.col("due")).abs() > pl.col("slack"))
        .group_by("ref")
        .agg(lines_differ_minor=(pl.col("amount_minor") - pl.col("due").round()).abs().sum().cast(pl.Int64))
    )


_OF_GOODS = (
    pl.col("amount_minor").sum().alias("goods_minor"),
    ((pl.col("quantity") > 0) & (pl.col("unit_price") > 0)).any().alias("is_paid"),
)


# To put them together costs about as much as to have them computed for one order.
@lru_cache(128)
def _steps(columns: frozenset[str]) -> tuple[tuple[pl.Expr, ...], ...]:
    channel = pl.when(pl.col("store").is_null()).then(pl.lit("web")).otherwise(pl.lit("store"))
    expected = pl.col("expected_minor")
    total = pl.when("is_adjustment").then(expected).otherwise(expected.clip(lower_bound=0))
    return (
        (
            *(pl.col(name).fill_null(0) for name in ("discount_minor", "shipping_minor", "tax_minor", "goods_minor")),
            pl.col("is_adjustment").fill_null(value=False),
        ),
        (_expected(columns).alias("expected_minor"),),
        (pl.col("channel").fill_null(channel), pl.col("total_minor").fill_null(total), _kind(columns).alias("kind")),
        ((pl.col("total_minor") - expected).alias("differs_minor"),),
    )


def _expected(columns: Collection[str]) -> pl.Expr:
    tax = pl.col("tax_minor")
    if "prices_include_tax" in columns:
        tax = pl.when(pl.col("prices_include_tax").fill_null(value=False)).then(0).otherwise(tax)
    whole = pl.col("goods_minor") - pl.col("discount_minor") + pl.col("shipping_minor") + tax
    return whole + pl.col("fees_minor").fill_null(0) if "fees_minor" in columns else whole


def _kind(columns: Collection[str]) -> pl.Expr:
    counted = (
        pl.when("is_adjustment")
        .then(pl.lit("adjustment"))
        .when(pl.col("is_paid").fill_null(value=False))
        .then(pl.lit("purchase"))
        .otherwise(pl.lit("giveaway"))
    )
    if "state" in columns:
        counted = pl.when(pl.col("state").eq_missing(pl.lit("draft"))).then(pl.lit("draft")).otherwise(counted)
    if "is_test" in columns:
        counted = pl.when(pl.col("is_test").fill_null(value=False)).then(pl.lit("test")).otherwise(counted)
    return counted
