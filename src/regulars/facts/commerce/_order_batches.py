"""Writing many orders at once: decide what is new, turn references into numbers, COPY, and tell."""

from datetime import datetime

import polars as pl

from regulars.facts.commerce import _copying, _deciding, _documents, _rematching, deriving
from regulars.facts.commerce.notices import OrderChanged, OrderRecorded, OrdersImported
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.customers import customers
from regulars.kit.actors import Actor, Origin
from regulars.runtime.database import bulk
from regulars.runtime.notices.outbox import announce, lock_subjects

_HEADER = ["customer_ref", "channel", "store", "placed_at", "currency", "is_adjustment"]
_AMOUNTS = ["discount_minor", "shipping_minor", "tax_minor", "total_minor"]
_LINE = ["number", "product_ref", "quantity", "unit_price", "amount_minor", "discount_minor"]


def write(
    *, namespace: str, orders: pl.DataFrame, lines: pl.DataFrame, origin: Origin, at: datetime, by: Actor
) -> Outcome:
    """`orders.record_many` without its transaction."""
    bulk.expect_many_rows(lines.height)
    incoming = _complete(orders, lines)
    who = _documents.buyers(namespace, incoming, at=at, by=by, origin=origin)
    known = _copying.rows(
        "SELECT ref, id, fingerprint, source_updated_at FROM commerce_order"
        " WHERE namespace = %s AND ref = ANY(%s) ORDER BY id FOR UPDATE",
        [namespace, incoming["ref"].to_list()],
        _deciding.KNOWN,
    )
    sorted_out = _deciding.sort_out(incoming, known)
    fresh = sorted_out.filter(pl.col("verdict") == "new")
    newer = sorted_out.filter(pl.col("verdict") == "newer")
    fresh = fresh.with_columns(
        pl.Series("id", _copying.reserve_ids("commerce_order_id_seq", fresh.height), dtype=pl.Int64)
    )
    writing = pl.concat([fresh, newer])
    wanted = lines.join(writing.select("ref", order_id="id"), on="ref")
    rows = _numbered(namespace, writing, who, at, by, origin)
    line_rows = _documents.numbered_lines(namespace, wanted, "order_id", at=at, by=by).with_columns(
        pl.col("discount_minor").fill_null(0)
    )
    _copying.copy("commerce_order", rows.filter(pl.col("id").is_in(fresh["id"].implode())))
    _copying.copy("commerce_line", line_rows.filter(pl.col("order_id").is_in(fresh["id"].implode())))
    _replace(rows.filter(pl.col("id").is_in(newer["id"].implode())), line_rows)
    if origin == "live":
        _rematching.rematch_waiting(rows["customer_id"].drop_nulls().unique().to_list())
    _tell_customers(writing, rows, at, by)
    _announce(namespace, origin, fresh, newer, rows, at, by)
    return _deciding.outcome(sorted_out, fresh)


def _complete(orders: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The batch's orders with what follows from their lines, and their fingerprints."""
    if orders["ref"].is_duplicated().any():
        raise ValueError("a reference stands twice in one batch of orders; keep one")
    whole = deriving.orders_with_sums(orders, lines)
    return _deciding.fingerprints(whole, lines, header=_HEADER + _AMOUNTS, line=_LINE)


def _numbered(
    namespace: str, orders: pl.DataFrame, who: pl.DataFrame, at: datetime, by: Actor, origin: Origin
) -> pl.DataFrame:
    """Rows for the table: references turned into numbers."""
    channel, store = _documents.places(orders, at=at, by=by)
    return orders.join(who, on="customer_ref", how="left", maintain_order="left").select(
        "id",
        pl.lit(namespace).alias("namespace"),
        "ref",
        "customer_id",
        "came_with_id",
        _documents.number(pl.col("channel"), channel).alias("channel_id"),
        _documents.number(pl.col("store"), store).alias("store_id"),
        "placed_at",
        "placed_on",
        "currency",
        "kind",
        "goods_minor",
        "discount_minor",
        "shipping_minor",
        "tax_minor",
        "total_minor",
        pl.lit(origin).alias("origin"),
        "source_updated_at",
        _documents.bytea(pl.col("fingerprint")),
    )


def _replace(rows: pl.DataFrame, line_rows: pl.DataFrame) -> None:
    """Newer versions take the place of what is on record; what was matched to their lines is matched anew."""
    if rows.is_empty():
        return
    orders = rows["id"].to_list()
    before = _documents.customers_of("commerce_order", orders)
    _rematching.unmatch_orders(orders)
    _documents.overwrite("commerce_order", rows.drop("namespace", "ref", "origin"))
    _documents.overwrite_lines("commerce_line", "order_id", line_rows.filter(pl.col("order_id").is_in(orders)), orders)
    _rematching.rematch_orders(orders)
    _rematching.rematch_customers(sorted({*before, *rows["customer_id"].drop_nulls().to_list()}))


def _tell_customers(writing: pl.DataFrame, rows: pl.DataFrame, at: datetime, by: Actor) -> None:
    # Told of the record, not of the person: what is joined can be parted again.
    told = rows.select("id", record=pl.coalesce("came_with_id", "customer_id"))
    seen = (
        told.join(writing.select("id", "country", "placed_at"), on="id")
        .drop_nulls("record")
        .sort("placed_at", "id")
        .group_by("record")
        .agg(pl.col("placed_at").min(), pl.col("country").drop_nulls().first())
    )
    customers.note_many(
        at=at,
        by=by,
        first_seen=dict(seen.select("record", "placed_at").iter_rows()),
        countries=dict(seen.select("record", "country").drop_nulls().iter_rows()),
    )


def _announce(
    namespace: str,
    origin: Origin,
    fresh: pl.DataFrame,
    newer: pl.DataFrame,
    rows: pl.DataFrame,
    at: datetime,
    by: Actor,
) -> None:
    if rows.is_empty():
        return
    numbers = rows["id"].to_list()
    if origin == "history":
        announce(
            OrdersImported(
                first_order=min(numbers), last_order=max(numbers), count=rows.height, at=at, origin="history"
            ),
            by=by,
            verb="commerce.orders.record_many",
            after={"namespace": namespace, "new": fresh.height, "changed": newer.height},
        )
        return
    fresh_ids = set(fresh["id"].to_list())
    notices = [
        (
            (OrderRecorded if order in fresh_ids else OrderChanged)(
                order=order, customer=customer, at=at, origin="live"
            ),
            total,
        )
        for order, customer, total in rows.select("id", "customer_id", "total_minor").iter_rows()
    ]
    lock_subjects([notice for notice, _ in notices])
    for notice, total in notices:
        announce(notice, by=by, verb="commerce.orders.record", after={"total_minor": total})
