"""A batch as the warehouse would get it once recorded, without recording it. Pure: for reports from a file alone.

Kinds, sums and return matching are the very functions that recording uses, so both ways agree to the minor unit.
"""

from dataclasses import dataclass

import polars as pl

from regulars.facts.commerce import deriving, matching
from regulars.facts.commerce.matching import THOUSANDTHS

#: Nothing that came back was ever sold on them.
_NO_SALES = ("adjustment", *deriving.UNCOUNTED)


@dataclass(frozen=True)
class OnPaper:
    """Frames with the columns of the published tables of those names (customers: number and country).

    Numbers start at 1 in this batch. `refs` says what the batch itself calls each customer: customer_id, ref.
    `returned` and `matched` are thousandths of goods that came back, and of those among them whose purchase is here.
    """

    customers: pl.DataFrame
    orders: pl.DataFrame
    lines: pl.DataFrame
    returns: pl.DataFrame
    products: pl.DataFrame
    refs: pl.DataFrame
    returned: int
    matched: int


def tables(*, orders: pl.DataFrame, lines: pl.DataFrame, returns: pl.DataFrame, return_lines: pl.DataFrame) -> OnPaper:
    """The frames of `orders.OrderBatch` and `goods_returns.ReturnBatch`, one source's, as they would stand recorded.

    Customers are numbered by their references in order; a return's reference to an order the batch does not hold counts
    as none.
    """
    whole = deriving.orders_with_sums(orders.lazy(), lines.lazy(), columns=orders.columns).collect(engine="in-memory")
    told = pl.concat([whole["customer_ref"], returns["customer_ref"]]).str.strip_chars().drop_nulls().unique().sort()
    refs = pl.DataFrame({"customer_id": pl.int_range(1, told.len() + 1, eager=True), "ref": told})
    countries = (
        whole.select(ref=pl.col("customer_ref").str.strip_chars(), country="country", at="placed_at")
        .drop_nulls()
        .sort("at")
        .group_by("ref")
        .agg(pl.col("country").first())
    )
    sales = _numbered(whole, refs, "order_id").with_columns(is_cancelled=pl.lit(value=False))
    back = _numbered(returns, refs, "return_id").join(
        sales.select("order_id", "placed_at", order_ref="ref"), on="order_ref", how="left", maintain_order="left"
    )
    products = _products(lines, return_lines)
    sold = (
        _with_product(lines, products)
        .join(sales.select("ref", "order_id", "customer_id", "placed_at", "kind"), on="ref", maintain_order="left")
        .with_columns(line_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )
    came = (
        _with_product(return_lines, products)
        .join(
            back.select("ref", "return_id", "order_id", "customer_id", "returned_at", "placed_at"),
            on="ref",
            maintain_order="left",
        )
        .with_columns(line_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )
    matches = _matches(sold, came)
    matched = matches.group_by("return_id").agg(matched_minor=pl.col("amount_minor").sum())
    amounts = return_lines.group_by("ref").agg(pl.col("amount_minor").sum())
    return OnPaper(
        customers=refs.join(countries, on="ref", how="left").select("customer_id", "country"),
        orders=sales.select(
            *("order_id", "customer_id", "kind", "placed_at", "placed_on", "channel", "store", "currency"),
            *("goods_minor", "discount_minor", "total_minor", "is_cancelled"),
        ),
        lines=sold.select(
            *("line_id", "order_id", pl.col("number").cast(pl.Int64), "product_id"),
            *("quantity", "unit_price", "amount_minor"),
        ),
        products=products,
        returns=back.join(amounts, on="ref", how="left")
        .join(matched, on="return_id", how="left")
        .select(
            *("return_id", "customer_id", "order_id", "returned_at", "returned_on", "currency"),
            pl.col("amount_minor").fill_null(0),
            pl.col("matched_minor").fill_null(0),
        ),
        refs=refs,
        returned=int(return_lines.select(_thousandths())["quantity"].sum()),
        matched=int(matches["quantity"].sum()),
    )


def _numbered(documents: pl.DataFrame, refs: pl.DataFrame, key: str) -> pl.DataFrame:
    return (
        documents.with_columns(pl.col("customer_ref").str.strip_chars())
        .join(refs, left_on="customer_ref", right_on="ref", how="left", maintain_order="left")
        .with_row_index(key, offset=1)
        .with_columns(pl.col(key).cast(pl.Int64))
    )


def _products(lines: pl.DataFrame, return_lines: pl.DataFrame) -> pl.DataFrame:
    told = pl.concat([some.select("product_ref", "title", "category") for some in (lines, return_lines)])
    names = [pl.col(name).drop_nulls().first().fill_null("") for name in ("title", "category")]
    return told.group_by(ref="product_ref", maintain_order=True).agg(*names).with_row_index("product_id", offset=1)


def _with_product(lines: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    numbers = products.select(pl.col("product_id").cast(pl.Int64), product_ref="ref")
    return lines.join(numbers, on="product_ref", maintain_order="left")


def _matches(sold: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """return_id, quantity, amount_minor: returns that name their order first, the others with what those leave."""
    sold = sold.select(
        "order_id", "customer_id", "placed_at", "kind", _thousandths(), id="line_id", product="product_id"
    ).filter(pl.col("quantity") > 0)
    came = came.with_columns(_thousandths(), id="line_id", product="product_id")
    columns = list(matching.PURCHASES)
    names_order = pl.col("order_id").is_not_null()
    named = matching.match(
        purchases=sold.select("id", "product", "quantity", customer="order_id", at="placed_at").select(columns),
        returns=came.filter(names_order)
        .select(
            "id",
            "product",
            "quantity",
            "amount_minor",
            customer="order_id",
            at=pl.max_horizontal("returned_at", "placed_at"),
        )
        .select(list(matching.RETURNS)),
    )
    gone = named.group_by(id="purchase_id").agg(gone=pl.col("quantity").sum())
    free = matching.match(
        purchases=sold.filter(pl.col("customer_id").is_not_null(), ~pl.col("kind").is_in(_NO_SALES))
        .join(gone, on="id", how="left", maintain_order="left")
        .select(
            "id",
            "product",
            customer="customer_id",
            at="placed_at",
            quantity=pl.col("quantity") - pl.col("gone").fill_null(0),
        )
        .select(columns),
        returns=came.filter(~names_order, pl.col("customer_id").is_not_null())
        .select("id", "product", "quantity", "amount_minor", customer="customer_id", at="returned_at")
        .select(list(matching.RETURNS)),
    )
    return (
        pl.concat([named, free])
        .join(came.select("id", document="return_id"), left_on="return_id", right_on="id")
        .select("quantity", "amount_minor", return_id="document")
    )


def _thousandths() -> pl.Expr:
    return (pl.col("quantity").cast(pl.Decimal(38, 3)) * THOUSANDTHS).cast(pl.Int64).alias("quantity")
