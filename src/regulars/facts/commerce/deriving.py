"""What follows from a batch's own rows: an order's kind and its sums. Pure, and the same with or without a database."""

import polars as pl


def orders_with_sums(orders: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """`orders.ORDERS` with `goods_minor`, `kind`, and nothing left open but who bought and where.

    A purchase has at least one line of positive quantity and price; whatever else is no adjustment is a giveaway.
    """
    goods = lines.group_by("ref").agg(
        pl.col("amount_minor").sum().alias("goods_minor"),
        ((pl.col("quantity") > 0) & (pl.col("unit_price") > 0)).any().alias("is_paid"),
    )
    amounts = [pl.col(name).fill_null(0) for name in ("discount_minor", "shipping_minor", "tax_minor")]
    return (
        orders.join(goods, on="ref", how="left", maintain_order="left")
        .with_columns(*amounts, pl.col("goods_minor").fill_null(0), pl.col("is_adjustment").fill_null(value=False))
        .with_columns(
            pl.col("channel").fill_null(
                pl.when(pl.col("store").is_null()).then(pl.lit("web")).otherwise(pl.lit("store"))
            ),
            pl.col("total_minor").fill_null(
                pl.col("goods_minor") - pl.col("discount_minor") + pl.col("shipping_minor") + pl.col("tax_minor")
            ),
            kind=pl.when("is_adjustment")
            .then(pl.lit("adjustment"))
            .when(pl.col("is_paid").fill_null(value=False))
            .then(pl.lit("purchase"))
            .otherwise(pl.lit("giveaway")),
        )
    )
