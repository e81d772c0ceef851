"""What changed of orders, as it was told: derived from what was on record and what came; only added."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Change:
    """Which orders changed so, by `_STANDING`; when it was, and the columns of the sum before and after."""

    what: str
    which: pl.Expr
    at: str = "when"
    before: str | None = None
    after: str | None = None


#: What is written of a new order about the version before it.
_NEVER_THERE = {
    "was_kind": pl.lit("draft"),
    "was_total": pl.lit(None, dtype=pl.Int64),
    "was_paid": pl.lit(None, dtype=pl.Int64),
    "was_refunded": pl.lit(None, dtype=pl.Int64),
    "was_state": pl.lit(""),
    "was_cancelled_at": pl.lit(None, dtype=pl.Datetime("us", "UTC")),
    "is_first": pl.lit(value=True),
}
#: How a version stands, beside the one before it.
_STANDING = {
    "has_paid": pl.col("paid_minor").fill_null(0),
    "had_paid": pl.col("was_paid").fill_null(0),
    "has_back": pl.col("refunded_minor").fill_null(0),
    "had_back": pl.col("was_refunded").fill_null(0),
    "is_all": pl.col("paid_minor") >= pl.col("total_minor"),
    "counts": ~pl.col("kind").is_in(deriving.UNCOUNTED),
    "counted": ~pl.col("was_kind").is_in(deriving.UNCOUNTED),
    "is_off": pl.col("cancelled_at").is_not_null() | pl.col("called_off_at").is_not_null(),
    "was_off": pl.col("was_cancelled_at").is_not_null(),
}
_FIRST, _COUNTS, _MORE_PAID = pl.col("is_first"), pl.col("counts"), pl.col("has_paid") > pl.col("had_paid")
_SUM = {"before": "was_total", "after": "total_minor"}
_PAID = {"before": "had_paid", "after": "has_paid"}
_CHANGES = (
    _Change("drafted", _FIRST & (pl.col("kind") == "draft"), at="placed_at", **_SUM),
    _Change("tested", _FIRST & (pl.col("kind") == "test"), at="placed_at", **_SUM),
    _Change("placed", _FIRST & _COUNTS, at="placed_at", **_SUM),
    _Change("placed", ~_FIRST & _COUNTS & ~pl.col("counted"), **_SUM),
    _Change("part_paid", _MORE_PAID & ~pl.col("is_all"), **_PAID),
    _Change("paid", _MORE_PAID & pl.col("is_all"), **_PAID),
    _Change("unpaid", pl.col("has_paid") < pl.col("had_paid"), **_PAID),
    _Change("refunded", pl.col("has_back") > pl.col("had_back"), before="had_back", after="has_back"),
    _Change("completed", (pl.col("state") == "completed") & (pl.col("was_state") != "completed")),
    _Change("cancelled", pl.col("is_off") & ~pl.col("was_off"), at="cancelled_at", **_SUM),
    _Change("reopened", ~pl.col("is_off") & pl.col("was_off"), **_SUM),
)
_HAPPENED = [one.which.any().alias(str(place)) for place, one in enumerate(_CHANGES)]
_EDITED = _Change("edited", pl.lit(value=True), **_SUM)


def write(changes: pl.DataFrame, *, by: Actor) -> None:
    """Add `changes` (ROWS) in their order. Their source is who told them."""
    source = pl.Series("source", [str(by)[:120]] * changes.height, dtype=pl.String)
    _copying.copy("commerce_order_change", changes.hstack([source]))


def add(*, order: int, what: str, at: datetime, by: Actor, before: int | None = None, after: int | None = None) -> None:
    """Add one change that somebody made here."""
    write(pl.DataFrame([[order, what, at, before, after, "", False]], schema=ROWS, orient="row"), by=by)


def of_orders(fresh: pl.DataFrame, newer: pl.DataFrame, *, at: datetime) -> pl.DataFrame:
    """What changed with versions that go on record: new ones, and those that replace what is there (`was_…`)."""
    versions = []
    if not fresh.is_empty():
        versions.append(fresh.lazy().with_columns(**_NEVER_THERE))
    if not newer.is_empty():
        versions.append(newer.lazy().with_columns(is_first=pl.lit(value=False)))
    if not versions:
        return pl.DataFrame(schema=ROWS)
    when = pl.coalesce("source_updated_at", pl.when("is_first").then("placed_at"), pl.lit(at))
    told = _copying.collected(pl.concat(versions).with_columns(when=when, **_STANDING))
    # Of what may happen to an order little does: only that is looked for row by row.
    happened = told.select(_HAPPENED).row(0)
    which = [one for one, is_so in zip(_CHANGES, happened, strict=True) if is_so]
    found = [_rows(told.lazy().filter(one.which), one) for one in which]
    some = _copying.collected(pl.concat(found)) if found else pl.DataFrame(schema=ROWS)
    if newer.is_empty():
        return some
    told_with_sum = some.filter(pl.col("what").is_in(_WITH_TOTAL))["order_id"].implode()
    has_other_sum = (pl.col("total_minor") != pl.col("was_total")) & ~pl.col("id").is_in(told_with_sum)
    other = told.filter(~pl.col("is_first") & (has_other_sum | ~pl.col("id").is_in(some["order_id"].implode())))
    return pl.concat([some, _copying.collected(_rows(other.lazy(), _EDITED))])


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


def _rows(told: pl.LazyFrame, one: _Change) -> pl.LazyFrame:
    return told.select(
        pl.col("id").alias("order_id"),
        pl.lit(one.what).alias("what"),
        pl.col(one.at).alias("at"),
        (pl.lit(None, dtype=pl.Int64) if one.before is None else pl.col(one.before)).alias("before_minor"),
        (pl.lit(None, dtype=pl.Int64) if one.after is None else pl.col(one.after)).alias("after_minor"),
        pl.col("delivery").fill_null("").alias("delivery"),
        pl.lit(value=one.what == "refunded").alias("is_whole_refund"),
    )
