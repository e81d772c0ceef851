"""Writing many returns at once: decide what is new, turn references into numbers, COPY, match, and tell."""

from datetime import datetime

import polars as pl
from django.db import connection

from regulars.facts.commerce import _copying, _deciding, _documents, _rematching
from regulars.facts.commerce.notices import GoodsReturned, ReturnsImported
from regulars.facts.commerce.outcome import Outcome
from regulars.kit.actors import Actor, Origin
from regulars.runtime.database import bulk
from regulars.runtime.notices.outbox import announce, lock_subjects


def write(
    *,
    namespace: str,
    returns: pl.DataFrame,
    lines: pl.DataFrame,
    origin: Origin,
    match: bool,
    at: datetime,
    by: Actor,
) -> Outcome:
    """`goods_returns.record_many` without its transaction."""
    bulk.expect_many_rows(lines.height)
    if returns["ref"].is_duplicated().any():
        raise ValueError("a reference stands twice in one batch of returns; keep one")
    header = ["customer_ref", "order_ref", "returned_at", "currency"]
    line = ["number", "product_ref", "quantity", "unit_price", "amount_minor"]
    amounts = lines.group_by("ref").agg(pl.col("amount_minor").sum())
    incoming = _deciding.fingerprints(
        returns.join(amounts, on="ref", how="left").with_columns(pl.col("amount_minor").fill_null(0)),
        lines,
        header=header,
        line=line,
    )
    who = _documents.buyers(namespace, incoming, at=at, by=by, origin=origin)
    _rematching.lock()
    known = _copying.rows(
        "SELECT ref, id, fingerprint, source_updated_at, version FROM commerce_return"
        " WHERE namespace = %s AND ref = ANY(%s) ORDER BY id FOR UPDATE",
        [namespace, incoming["ref"].to_list()],
        _deciding.KNOWN,
    )
    sorted_out = _deciding.sort_out(incoming, known)
    fresh = sorted_out.filter(pl.col("verdict") == "new")
    newer = sorted_out.filter(pl.col("verdict") == "newer")
    fresh = fresh.with_columns(
        pl.Series("id", _copying.reserve_ids("commerce_return_id_seq", fresh.height), dtype=pl.Int64)
    )
    writing = pl.concat([fresh, newer])
    rows = _numbered(namespace, writing, who, origin)
    line_rows = _documents.numbered_lines(
        namespace,
        lines.join(writing.select("ref", goods_return_id="id"), on="ref"),
        "goods_return_id",
        at=at,
        by=by,
    )
    _copying.copy("commerce_return", rows.filter(pl.col("id").is_in(fresh["id"].implode())))
    _copying.copy("commerce_return_line", line_rows.filter(pl.col("goods_return_id").is_in(fresh["id"].implode())))
    replaced = newer["id"].to_list()
    before = _documents.customers_of("commerce_return", replaced)
    if replaced:
        _replace(rows.filter(pl.col("id").is_in(replaced)), line_rows, replaced)
    if match:
        _rematching.rematch_orders(rows["order_id"].drop_nulls().unique().to_list())
        _rematching.rematch_customers(sorted({*before, *rows["customer_id"].drop_nulls().to_list()}))
    _announce(namespace, origin, rows, at, by)
    return _deciding.outcome(sorted_out, fresh)


def _numbered(namespace: str, returns: pl.DataFrame, who: pl.DataFrame, origin: Origin) -> pl.DataFrame:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ref, id FROM commerce_order WHERE namespace = %s AND ref = ANY(%s)",
            [namespace, returns["order_ref"].drop_nulls().unique().to_list()],
        )
        order = dict(cursor.fetchall())
    return returns.join(who, on="customer_ref", how="left", maintain_order="left").select(
        "id",
        pl.lit(namespace).alias("namespace"),
        "ref",
        "customer_id",
        "came_with_id",
        _documents.number(pl.col("order_ref"), order).alias("order_id"),
        "returned_at",
        "returned_on",
        "currency",
        "amount_minor",
        pl.lit(origin).alias("origin"),
        "source_updated_at",
        _documents.bytea(pl.col("fingerprint")),
    )


def _replace(rows: pl.DataFrame, line_rows: pl.DataFrame, replaced: list[int]) -> None:
    _rematching.unmatch_returns(replaced)
    _documents.overwrite("commerce_return", rows.drop("namespace", "ref", "origin"))
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
    notices = [
        (GoodsReturned(goods_return=number, order=order, customer=customer, at=at, origin="live"), amount)
        for number, order, customer, amount in rows.select("id", "order_id", "customer_id", "amount_minor").iter_rows()
    ]
    lock_subjects([notice for notice, _ in notices])
    for notice, amount in notices:
        announce_live(notice, amount, by, "")


def announce_live(notice: GoodsReturned, amount_minor: int, by: Actor, why: str) -> None:
    """Tell that goods came back just now."""
    announce(notice, by=by, verb="commerce.goods_returns.record", after={"amount_minor": amount_minor}, why=why)
