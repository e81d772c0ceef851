"""Rows that came together, as orders and returns: whole, once each, with the first version or the newest. Pure."""

from dataclasses import dataclass

import polars as pl

from regulars.doors.imports.checking import masked

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

#: Rows of one order may be this far apart in time; it was placed when the first one was.
_ONE_SALE = pl.duration(hours=1)
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
    made of; `held` those kept out because another row of their order is bad; `overdrawn` those of orders that take off
    more than they are worth. `conflicts`: CONFLICTS. `outdated` counts
    rows of orders that stand in the file in a newer version, `repeated` rows that repeat a numbered line word by word.
    """

    orders: pl.DataFrame
    lines: pl.DataFrame
    returns: pl.DataFrame
    return_lines: pl.DataFrame
    rows: pl.DataFrame
    held: pl.DataFrame
    overdrawn: pl.DataFrame
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
    good = _apart(good)
    current = _newest(good)
    outdated = good.height - current.height
    current, conflicts = _alike(current)
    current, repeated, twice = _numbered(current)
    current, overdrawn = _worth_something(current)
    back, sold = current.filter("is_return"), current.filter(~pl.col("is_return"))
    return Documents(
        orders=_orders(sold),
        lines=_lines(sold),
        returns=_returns(back),
        return_lines=_lines(back).drop("discount_minor"),
        rows=current,
        held=held,
        overdrawn=overdrawn,
        conflicts=pl.concat([conflicts, twice]),
        outdated=outdated,
        repeated=repeated,
    )


_DOCUMENT = ["ref", "is_return"]


def _apart(rows: pl.DataFrame) -> pl.DataFrame:
    """A sale and a return under one number are two documents; so are a sale and an adjustment."""
    rows = rows.with_columns(is_return=pl.col("kind") == "return")
    adjustments = rows.filter(pl.col("kind") == "adjustment").select("ref").unique()
    if adjustments.is_empty():
        return rows
    mixed = rows.filter(pl.col("kind") == "sale").join(adjustments, on="ref", how="semi")["ref"].unique()
    is_mixed = (pl.col("kind") == "adjustment") & pl.col("ref").is_in(mixed.implode())
    return rows.with_columns(ref=pl.when(is_mixed).then(pl.col("ref") + "#adjustment").otherwise(pl.col("ref")))


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    """Of a document that stands in the file in several versions, the rows of the latest."""
    if rows["source_updated_at"].null_count() == rows.height:
        return rows
    newest = pl.col("source_updated_at").max().over(_DOCUMENT)
    return rows.filter(newest.is_null() | (pl.col("source_updated_at") == newest))


def _alike(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that say the same as the first row of their document, and the others as conflicts.

    Rows get the number of their document in the part, and whether all its rows have a line number.
    """
    first = (
        rows.group_by(_DOCUMENT, maintain_order=True)
        .agg(
            *(pl.col(name).first().alias(f"first_{name}") for name in _ALIKE),
            first_at=pl.col("at").first(),
            is_numbered=pl.col("number").is_not_null().all(),
        )
        .with_columns(document=pl.int_range(pl.len(), dtype=pl.Int32))
    )
    joined = rows.join(first, on=_DOCUMENT, how="left", maintain_order="left")
    differs = {name: ~pl.col(name).eq_missing(pl.col(f"first_{name}")) for name in _ALIKE}
    # A till writes line by line, and may do so over midnight.
    differs["on"] &= (pl.col("at") - pl.col("first_at")).abs() > _ONE_SALE
    joined = joined.with_columns(differs=pl.any_horizontal(differs.values()))
    differing = joined.filter("differs")
    firsts = [*(f"first_{name}" for name in _ALIKE), "first_at"]
    if differing.is_empty():
        return joined.drop("differs", *firsts), pl.DataFrame(schema=CONFLICTS)
    conflicts = [
        differing.filter(differs[name]).select(
            "ref",
            "row",
            "line_in_file",
            column=pl.lit(spoken),
            kept=_shown(f"first_{name}", name),
            left_out=_shown(name, name),
        )
        for name, spoken in _ALIKE.items()
    ]
    return joined.filter(~pl.col("differs")).drop("differs", *firsts), pl.concat(conflicts).sort("row")


def _shown(column: str, name: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    return masked(text) if name == "customer_ref" else text


def _numbered(rows: pl.DataFrame) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """Rows with a line number each. A number that comes again in a document: once, and a conflict if it says other."""
    conflicts = pl.DataFrame(schema=CONFLICTS)
    repeated = 0
    told = rows.filter("is_numbered")
    kept = told.unique(["document", "number"], keep="first", maintain_order=True)
    if kept.height < told.height:
        known = told.join(
            kept.select("document", "number", first_row="row", first_content="content", first_line="line_in_file"),
            on=["document", "number"],
            how="left",
            maintain_order="left",
        ).filter(pl.col("row") != pl.col("first_row"))
        other = known.filter(pl.col("content") != pl.col("first_content"))
        repeated = known.height - other.height
        conflicts = other.select(
            "ref",
            "row",
            "line_in_file",
            column=pl.lit("line"),
            kept=pl.format("line {} of the file", "first_line"),
            left_out=pl.format("line {} of the file", "line_in_file"),
        )
    counted = rows.filter(~pl.col("is_numbered")).with_columns(
        number=(pl.int_range(pl.len(), dtype=pl.Int32) + 1).over("document")
    )
    return pl.concat([kept, counted]).drop("document", "is_numbered"), repeated, conflicts


def _worth_something(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of orders whose total is not below nothing, and the others."""
    if rows["order_discount_minor"].null_count() == rows.height:
        return rows, rows.clear()
    extras = (_first_told(f"{name}_minor").fill_null(0) for name in ("shipping", "tax"))
    left = pl.sum_horizontal(pl.col("amount_minor").sum(), *extras) - _first_told("order_discount_minor")
    below = rows.filter(pl.col("kind") == "sale").group_by("ref").agg(left.alias("left")).filter(pl.col("left") < 0)
    is_below = ~pl.col("is_return") & pl.col("ref").is_in(below["ref"].implode())
    return rows.filter(~is_below), rows.filter(is_below)


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
