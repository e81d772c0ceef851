"""What changed of orders, as it was told: derived from what was on record and what came; only added."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from regulars.facts.commerce import _copying, deriving
from regulars.kit.actors import Actor

#: What an order's history says of a shipment in these states.
OF_SHIPMENTS = {
    **dict.fromkeys(("on_its_way", "out", "attempted"), "shipped"),
    "ready": "ready",
    "delivered": "delivered",
    "collected": "collected",
}

#: These say what the order's total was and is.
_WITH_TOTAL = ("drafted", "tested", "placed", "cancelled", "reopened")

ROWS = pl.Schema(
    {
        "order_id": pl.Int64(),
        "what": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "before_minor": pl.Int64(),
        "after_minor": pl.Int64(),
        "delivery": pl.String(),
        "is_whole_refund": pl.Boolean(),
    }
)


def write(changes: pl.DataFrame, *, by: Actor) -> None:
    """Add `changes` (ROWS) in their order. Their source is who told them."""
    _copying.copy("commerce_order_change", changes.with_columns(source=pl.lit(str(by)[:120])))


def add(*, order: int, what: str, at: datetime, by: Actor, before: int | None = None, after: int | None = None) -> None:
    """Add one change that somebody made here."""
    write(pl.DataFrame([[order, what, at, before, after, "", False]], schema=ROWS, orient="row"), by=by)


def of_orders(fresh: pl.DataFrame, newer: pl.DataFrame, *, at: datetime) -> pl.DataFrame:
    """What changed with versions that go on record: new ones, and those that replace what is there (`was_…`)."""
    told = pl.concat(
        [
            fresh.with_columns(
                was_kind=pl.lit("draft"),
                was_total=pl.lit(None, dtype=pl.Int64),
                was_paid=pl.lit(None, dtype=pl.Int64),
                was_refunded=pl.lit(None, dtype=pl.Int64),
                was_state=pl.lit(""),
                was_cancelled_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
                is_first=pl.lit(value=True),
            ),
            newer.with_columns(is_first=pl.lit(value=False)),
        ]
    ).with_columns(
        when=pl.coalesce("source_updated_at", pl.when("is_first").then("placed_at"), pl.lit(at)),
        has_paid=pl.col("paid_minor").fill_null(0),
        had_paid=pl.col("was_paid").fill_null(0),
        has_back=pl.col("refunded_minor").fill_null(0),
        had_back=pl.col("was_refunded").fill_null(0),
        is_all=pl.col("paid_minor") >= pl.col("total_minor"),
        counts=~pl.col("kind").is_in(deriving.UNCOUNTED),
        counted=~pl.col("was_kind").is_in(deriving.UNCOUNTED),
        is_off=pl.col("cancelled_at").is_not_null() | pl.col("called_off_at").is_not_null(),
        was_off=pl.col("was_cancelled_at").is_not_null(),
    )
    first, more_paid = pl.col("is_first"), pl.col("has_paid") > pl.col("had_paid")
    found = [
        _some(told, first & (pl.col("kind") == "draft"), "drafted", at="placed_at", total=True),
        _some(told, first & (pl.col("kind") == "test"), "tested", at="placed_at", total=True),
        _some(told, first & pl.col("counts"), "placed", at="placed_at", total=True),
        _some(told, ~first & pl.col("counts") & ~pl.col("counted"), "placed", at="when", total=True),
        _paid(told, more_paid & ~pl.col("is_all"), "part_paid"),
        _paid(told, more_paid & pl.col("is_all"), "paid"),
        _paid(told, pl.col("has_paid") < pl.col("had_paid"), "unpaid"),
        _refunded(told),
        _some(told, (pl.col("state") == "completed") & (pl.col("was_state") != "completed"), "completed", at="when"),
        _some(told, pl.col("is_off") & ~pl.col("was_off"), "cancelled", at="cancelled_at", total=True),
        _some(told, ~pl.col("is_off") & pl.col("was_off"), "reopened", at="when", total=True),
    ]
    some = pl.concat(found)
    told_with_sum = some.filter(pl.col("what").is_in(_WITH_TOTAL))["order_id"].implode()
    has_other_sum = (pl.col("total_minor") != pl.col("was_total")) & ~pl.col("id").is_in(told_with_sum)
    other = told.filter(~first & (has_other_sum | ~pl.col("id").is_in(some["order_id"].implode())))
    return pl.concat([some, _some(other, pl.lit(value=True), "edited", at="when", total=True)])


def of_returns(rows: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """What refunds that go on record (`rows` of the table, and how they were `told`) change of their orders: money that
    went back, or goods that came back without. One that is told again with the same sums changes nothing of them."""
    was = told.select("id", "delivery", "known_back", "known_paid_back")
    paid_back = pl.coalesce("paid_back_minor", "amount_minor")
    is_money = (paid_back != pl.col("known_paid_back").fill_null(0)) | (pl.col("amount_minor") == 0)
    return (
        rows.filter(pl.col("order_id").is_not_null())
        .join(was, on="id", maintain_order="left")
        .filter(
            (paid_back.ne_missing(pl.col("known_paid_back"))) | pl.col("amount_minor").ne_missing(pl.col("known_back"))
        )
        .select(
            "order_id",
            pl.when(is_money).then(pl.lit("refunded")).otherwise(pl.lit("returned")).alias("what"),
            pl.col("returned_at").alias("at"),
            pl.when(is_money).then("known_paid_back").otherwise("known_back").alias("before_minor"),
            pl.when(is_money).then(paid_back).otherwise("amount_minor").alias("after_minor"),
            pl.col("delivery").fill_null(""),
            pl.lit(value=False).alias("is_whole_refund"),
        )
    )


def _paid(told: pl.DataFrame, which: pl.Expr, what: str) -> pl.DataFrame:
    return _some(told, which, what, at="when", columns=("had_paid", "has_paid"))


def _refunded(told: pl.DataFrame) -> pl.DataFrame:
    more_back = pl.col("has_back") > pl.col("had_back")
    found = _some(told, more_back, "refunded", at="when", columns=("had_back", "has_back"))
    return found.with_columns(is_whole_refund=pl.lit(value=True))


def _some(
    told: pl.DataFrame,
    which: pl.Expr,
    what: str,
    *,
    at: str,
    total: bool = False,
    columns: Sequence[str] = (),
) -> pl.DataFrame:
    before, after = columns or (("was_total", "total_minor") if total else (None, None))
    return told.filter(which.fill_null(value=False)).select(
        pl.col("id").alias("order_id"),
        pl.lit(what).alias("what"),
        pl.col(at).alias("at"),
        (pl.lit(None, dtype=pl.Int64) if before is None else pl.col(before)).alias("before_minor"),
        (pl.lit(None, dtype=pl.Int64) if after is None else pl.col(after)).alias("after_minor"),
        pl.col("delivery").fill_null("").alias("delivery"),
        pl.lit(value=False).alias("is_whole_refund"),
    )
