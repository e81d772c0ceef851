"""Writing many returns at once: decide what is new, turn references into numbers, COPY, match, and tell."""

from datetime import datetime

import polars as pl

from regulars.facts.commerce import _changes, _copying, _deciding, _documents, _rematching, _waiting
from regulars.facts.commerce.notices import GoodsReturned, ReturnsImported
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.commerce.return_reports import MORE_OF_LINES, MORE_OF_RETURNS, ReturnBatch
from regulars.facts.company import stores
from regulars.kit.actors import Actor, Origin
from regulars.runtime.database import bulk
from regulars.runtime.notices.outbox import announce, announce_many

_HEADER = ["customer_ref", "order_ref", "returned_at", "currency"]
_LINE = ["number", "product_ref", "quantity", "unit_price", "amount_minor"]
_MORE = tuple(name for name in MORE_OF_RETURNS if name not in {"version", "delivery"})
_AMOUNTS = ("shipping_minor", "tax_minor", "money_minor")
#: Of two that were told at one moment, one that came to nothing counts, then the one of more money.
_FURTHER = ("void", "back")

_KNOWN = pl.Schema(
    {
        **_deciding.KNOWN,
        "known_void": pl.Int64(),
        "known_back": pl.Int64(),
        "known_paid_back": pl.Int64(),
        "was_order": pl.Int64(),
    }
)


def write(batch: ReturnBatch, *, is_further: bool, match: bool, at: datetime, by: Actor) -> Outcome:
    """`goods_returns.record_many` without its transaction."""
    namespace, origin = batch.namespace, batch.origin
    bulk.expect_many_rows(batch.lines.height)
    incoming = _complete(batch)
    refs, named = incoming["ref"].to_list(), _documents.distinct(incoming["order_ref"])
    also = _documents.customers_by_ref("commerce_return", namespace, refs)
    also |= set(_waiting.orders(namespace, named)["order_customer"].drop_nulls())
    who = _documents.buyers(namespace, incoming, also=also, at=at, by=by, origin=origin)
    sales = _waiting.settled_orders(namespace, named)
    _rematching.lock()
    known = _copying.rows(
        "SELECT ref, id, fingerprint, source_updated_at, version, is_void::int, amount_minor,"
        " COALESCE(paid_back_minor, amount_minor), order_id"
        " FROM commerce_return WHERE namespace = %s AND ref = ANY(%s) ORDER BY id FOR UPDATE",
        [namespace, refs],
        _KNOWN,
    )
    sorted_out = _deciding.sort_out(incoming, known, further=_FURTHER if is_further else ())
    fresh = _deciding.those(sorted_out, "new")
    newer = _deciding.those(sorted_out, "newer")
    again = _deciding.those(sorted_out, "again")
    fresh = _deciding.numbered(fresh, _copying.reserve_ids("commerce_return_id_seq", fresh.height))
    writing = fresh if newer.is_empty() else pl.concat([fresh, newer])
    rows = _numbered(namespace, writing, who, sales, origin, at, by)
    line_rows = _documents.numbered_lines(
        namespace,
        _copying.collected(batch.lines.lazy().join(writing.lazy().select("ref", goods_return_id="id"), on="ref")),
        "goods_return_id",
        at=at,
        by=by,
    )
    added, added_lines = rows, line_rows
    if not newer.is_empty():
        added = rows.filter(pl.col("id").is_in(fresh["id"].implode()))
        added_lines = line_rows.filter(pl.col("goods_return_id").is_in(fresh["id"].implode()))
    _copying.copy("commerce_return", added)
    _copying.copy("commerce_return_line", added_lines)
    replaced = newer["id"].to_list()
    before = _documents.customers_of("commerce_return", replaced)
    if replaced:
        _replace(rows.filter(pl.col("id").is_in(replaced)), line_rows, replaced)
    if not again.is_empty():
        _documents.overwrite("commerce_return", again.select("id", "source_updated_at", "version"))
    if match:
        touched = {*rows["order_id"].drop_nulls().to_list(), *newer["was_order"].drop_nulls().to_list()}
        _rematching.rematch_orders(sorted(touched))
        _rematching.rematch_customers(sorted({*before, *rows["customer_id"].drop_nulls().to_list()}))
    if is_further or origin == "live":
        _changes.write(_changes.of_returns(rows, writing), by=by)
    _announce(namespace, origin, rows, at, by)
    return _deciding.outcome(sorted_out, fresh)


def _complete(batch: ReturnBatch) -> pl.DataFrame:
    """The batch's returns with what went back in all, and their fingerprints."""
    returns = batch.returns
    if returns["ref"].is_duplicated().any():
        raise ValueError("a reference stands twice in one batch of returns; keep one")
    amounts = batch.lines.lazy().group_by("ref").agg(pl.col("amount_minor").sum())
    whole = (
        returns.lazy()
        .join(amounts, on="ref", how="left", maintain_order="left")
        .with_columns(pl.col("amount_minor").fill_null(0))
    )
    whole = _deciding.contents(
        whole,
        batch.lines,
        kinds=returns.schema,
        header=_HEADER,
        line=_LINE,
        more=_deciding.told(returns, _MORE),
        more_of_lines=MORE_OF_LINES,
    )
    missing = {name: kind for name, kind in MORE_OF_RETURNS.items() if name not in returns.columns}
    whole = whole.with_columns(
        *(pl.lit(None, dtype=kind).alias(name) for name, kind in missing.items()),
    ).with_columns(
        *(pl.col(name).fill_null(0) for name in (*_AMOUNTS, "differs_minor")),
        pl.col("is_void").fill_null(value=False),
        pl.col("reason").fill_null(""),
        goes_with_order=pl.col("order_ref").is_not_null() & pl.col("customer_ref").is_null(),
    )
    # What came to nothing is told with its amounts, and none of them went back.
    counts = ~pl.col("is_void")
    whole = whole.with_columns(paid_back_minor=pl.when(counts).then("paid_back_minor"))
    whole = whole.with_columns(pl.when(counts).then(pl.col(name)).otherwise(0).alias(name) for name in _AMOUNTS)
    whole = whole.with_columns(
        amount_minor=pl.when(counts).then(pl.sum_horizontal("amount_minor", *_AMOUNTS)).otherwise(0),
        void=pl.col("is_void").cast(pl.Int64),
    ).with_columns(back=pl.col("amount_minor"))
    return _deciding.fingerprinted(_copying.collected(whole))


def _numbered(
    namespace: str,
    returns: pl.DataFrame,
    who: pl.DataFrame,
    sales: pl.DataFrame,
    origin: Origin,
    at: datetime,
    by: Actor,
) -> pl.DataFrame:
    codes = _documents.distinct(returns["store"])
    store = stores.resolve_many(codes=codes, at=at, by=by) if codes else {}
    theirs = pl.col("goes_with_order")
    return _copying.collected(
        returns.lazy()
        .join(who.lazy(), on="customer_ref", how="left", maintain_order="left")
        .join(sales.lazy(), on="order_ref", how="left", maintain_order="left")
        .select(
            "id",
            pl.lit(namespace).alias("namespace"),
            "ref",
            pl.when(theirs).then("order_customer").otherwise("customer_id").alias("customer_id"),
            pl.when(theirs).then("order_came_with").otherwise("came_with_id").alias("came_with_id"),
            "order_id",
            pl.col("order_ref").fill_null(""),
            "goes_with_order",
            "returned_at",
            "returned_on",
            "currency",
            "amount_minor",
            *_AMOUNTS,
            "paid_back_minor",
            "differs_minor",
            "is_void",
            _documents.number(pl.col("store"), store).alias("store_id"),
            "reason",
            pl.lit(origin).alias("origin"),
            "source_updated_at",
            "version",
            _documents.bytea(pl.col("fingerprint")),
        )
    )


def _replace(rows: pl.DataFrame, line_rows: pl.DataFrame, replaced: list[int]) -> None:
    _rematching.unmatch_returns(replaced)
    matched = pl.lit(0, dtype=pl.Int64).alias("matched_minor")
    _documents.overwrite("commerce_return", rows.drop("namespace", "ref", "origin").with_columns(matched))
    missing = {name: kind for name, kind in MORE_OF_LINES.items() if name not in line_rows.columns}
    line_rows = line_rows.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in missing.items())
    _documents.overwrite_lines(
        "commerce_return_line",
        "goods_return_id",
        line_rows.filter(pl.col("goods_return_id").is_in(replaced)),
        replaced,
    )


def _announce(namespace: str, origin: Origin, rows: pl.DataFrame, at: datetime, by: Actor) -> None:
    if rows.is_empty():
        return
    numbers = rows["id"].to_list()
    if origin == "history":
        announce(
            ReturnsImported(
                first_return=min(numbers), last_return=max(numbers), count=rows.height, at=at, origin="history"
            ),
            by=by,
            verb="commerce.goods_returns.record_many",
            after={"namespace": namespace, "count": rows.height},
        )
        return
    announce_many(
        [
            (
                GoodsReturned(goods_return=number, order=order, customer=customer, at=at, origin="live"),
                {"amount_minor": amount},
            )
            for number, order, customer, amount in rows.select(
                "id", "order_id", "customer_id", "amount_minor"
            ).iter_rows()
        ],
        by=by,
        verb="commerce.goods_returns.record",
    )


def announce_live(notice: GoodsReturned, amount_minor: int, by: Actor, why: str) -> None:
    """Tell that goods came back just now."""
    announce(notice, by=by, verb="commerce.goods_returns.record", after={"amount_minor": amount_minor}, why=why)
