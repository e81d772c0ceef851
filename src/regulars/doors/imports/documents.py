"""Rows that came together, as orders and returns: whole, once each, with the first version or the newest. Pure."""

from dataclasses import dataclass

import polars as pl

#: Conflicts within a file, listed for whoever must choose.
CONFLICTS = pl.Schema(
    {
        "ref": pl.String(),
        "row": pl.Int64(),
        "line_in_file": pl.Int64(),
        "column": pl.String(),
        "kept": pl.String(),
        "left_out": pl.String(),
    }
)

ORDERS = (
    *("ref", "customer_ref", "country", "channel", "store", "placed_at", "placed_on", "currency", "is_adjustment"),
    *("discount_minor", "shipping_minor", "tax_minor", "total_minor", "source_updated_at"),
)
LINES = (
    "ref",
    "number",
    "product_ref",
    "title",
    "category",
    "quantity",
    "unit_price",
    "amount_minor",
    "discount_minor",
)
RETURNS = ("ref", "customer_ref", "order_ref", "returned_at", "returned_on", "currency", "source_updated_at")

#: What all rows of one order must say alike.
_ALIKE = {
    "customer_ref": "customer",
    "currency": "currency",
    "store": "store",
    "on": "day",
    "order_ref": "returned order",
}


@dataclass(frozen=True)
class Documents:
    """What one part of a file holds.

    `orders`, `lines`, `returns` and `return_lines` are the frames `facts.commerce` takes. `rows` are the rows they were
    made of; `held` those kept out because another row of their order is bad. `conflicts`: CONFLICTS. `outdated` counts
    rows of orders that stand in the file in a newer version, `repeated` rows that repeat a numbered line word by word.
    """

    orders: pl.DataFrame
    lines: pl.DataFrame
    returns: pl.DataFrame
    return_lines: pl.DataFrame
    rows: pl.DataFrame
    held: pl.DataFrame
    conflicts: pl.DataFrame
    outdated: int
    repeated: int


def assemble(part: pl.DataFrame) -> Documents:
    """Documents from rows (normalising.ROWS) in the order of the file; all rows of an order must be among them.

    A row with a problem holds back its whole order: an order without one of its lines would be wrong about money.
    """
    broken = part.filter("is_bad")["ref"].drop_nulls().unique()
    is_held = pl.col("ref").is_in(broken.implode())
    held = part.filter(is_held & ~pl.col("is_bad"))
    good = part.filter(~is_held & ~pl.col("is_bad"))
    # A sale and a return under one number are two documents; so are a sale and an adjustment.
    mixed = good.group_by("ref").agg(
        (pl.col("kind") == "sale").any().alias("has_sale"),
    )
    good = good.join(mixed, on="ref", how="left").with_columns(
        ref=pl.when((pl.col("kind") == "adjustment") & pl.col("has_sale"))
        .then(pl.col("ref") + "#adjustment")
        .otherwise(pl.col("ref")),
        is_return=pl.col("kind") == "return",
    )
    document = ["ref", "is_return"]
    newest = pl.col("source_updated_at").max().over(document)
    is_newest = newest.is_null() | (pl.col("source_updated_at") == newest).fill_null(value=False)
    current = good.filter(is_newest)
    outdated = good.height - current.height
    current, conflicts = _alike(current, document)
    current, repeated, twice = _numbered(current, document)
    back, sold = current.filter("is_return"), current.filter(~pl.col("is_return"))
    return Documents(
        orders=_orders(sold),
        lines=_lines(sold),
        returns=_returns(back),
        return_lines=_lines(back).drop("discount_minor"),
        rows=current,
        held=held,
        conflicts=pl.concat([conflicts, twice]),
        outdated=outdated,
        repeated=repeated,
    )


def _alike(rows: pl.DataFrame, document: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that say the same as the first row of their document, and the others as conflicts."""
    first = {name: pl.col(name).first().over(document) for name in _ALIKE}
    differs = {name: ~pl.col(name).eq_missing(first[name]) for name in _ALIKE}
    differing = rows.with_columns(**{f"first_{name}": one for name, one in first.items()}).filter(
        pl.any_horizontal(differs.values())
    )
    if differing.is_empty():
        return rows, pl.DataFrame(schema=CONFLICTS)
    conflicts = [
        differing.filter(~pl.col(name).eq_missing(pl.col(f"first_{name}"))).select(
            "ref",
            "row",
            "line_in_file",
            column=pl.lit(spoken),
            kept=pl.col(f"first_{name}").cast(pl.String),
            left_out=pl.col(name).cast(pl.String),
        )
        for name, spoken in _ALIKE.items()
    ]
    return rows.filter(~pl.any_horizontal(differs.values())), pl.concat(conflicts).sort("row")


def _numbered(rows: pl.DataFrame, document: list[str]) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Rows with a line number each. A number that comes again in a document: once, and a conflict if it says other."""
    is_first = pl.int_range(pl.len()).over([*document, "number"]) == 0
    is_told = pl.col("number").is_not_null().all().over(document)
    kept = rows.filter(is_first | ~is_told)
    again = rows.filter(~is_first & is_told)
    conflicts = pl.DataFrame(schema=CONFLICTS)
    repeated = 0
    if not again.is_empty():
        firsts = kept.select(*document, "number", first_content="content", kept="line_in_file")
        known = again.join(firsts, on=[*document, "number"], how="left")
        other = known.filter(pl.col("content") != pl.col("first_content"))
        repeated = again.height - other.height
        conflicts = other.select(
            "ref",
            "row",
            "line_in_file",
            column=pl.lit("line"),
            kept=pl.format("line {} of the file", pl.col("kept")),
            left_out=pl.format("line {} of the file", pl.col("line_in_file")),
        )
    place = (pl.int_range(pl.len(), dtype=pl.Int32) + 1).over(document)
    number = pl.when(pl.col("number").is_not_null().all().over(document)).then(pl.col("number")).otherwise(place)
    return kept.with_columns(number=number), repeated, conflicts


def _first_told(name: str) -> pl.Expr:
    return pl.col(name).drop_nulls().first()


def _orders(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("ref", maintain_order=True)
        .agg(
            pl.col("customer_ref").first(),
            _first_told("country"),
            _first_told("channel"),
            pl.col("store").first(),
            # An invoice may run over a minute's end: it was placed when it began.
            pl.col("at").min().alias("placed_at"),
            pl.col("on").min().alias("placed_on"),
            pl.col("currency").first(),
            (pl.col("kind") == "adjustment").all().alias("is_adjustment"),
            _first_told("order_discount_minor").alias("discount_minor"),
            _first_told("shipping_minor"),
            _first_told("tax_minor"),
            pl.lit(None, dtype=pl.Int64).alias("total_minor"),
            pl.col("source_updated_at").first(),
        )
        .select(ORDERS)
    )


def _returns(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("ref", maintain_order=True)
        .agg(
            pl.col("customer_ref").first(),
            pl.col("order_ref").first(),
            pl.col("at").min().alias("returned_at"),
            pl.col("on").min().alias("returned_on"),
            pl.col("currency").first(),
            pl.col("source_updated_at").first(),
        )
        .select(RETURNS)
    )


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    """Quantities and prices as decimals, for the database."""
    return rows.with_columns(
        quantity=_decimal("quantity", 3),
        unit_price=_decimal("unit_price", 6),
    ).select(LINES)


def _decimal(name: str, places: int) -> pl.Expr:
    one = pl.lit(10**places).cast(pl.Decimal(38, places))
    return (pl.col(name).cast(pl.Decimal(38, 0)) / one).cast(pl.Decimal(18, places)).alias(name)
