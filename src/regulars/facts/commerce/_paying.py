"""How orders are paid: their tenders beside them, replaced as a whole with each version of the order."""

import polars as pl
from django.db import connection

from regulars.facts.commerce import _copying

_NONE = pl.DataFrame(schema={"order_id": pl.Int64(), "ref": pl.String()})


def told(tenders: pl.DataFrame) -> pl.LazyFrame:
    """What each order's tenders say, as one text: ref, tenders."""
    return (
        tenders.lazy()
        .sort("ref", "tender_ref")
        .select(
            "ref",
            tenders=pl.concat_str(
                ["tender_ref", "kind", "state", pl.col("amount_minor"), pl.col("at").dt.epoch("us")],
                separator="\x1f",
                ignore_nulls=True,
            ),
        )
        .group_by("ref")
        .agg(pl.col("tenders").str.join("\x1e"))
    )


def write(tenders: pl.DataFrame | None, *, fresh: pl.DataFrame, newer: pl.DataFrame) -> None:
    """Put the tenders of these orders (ref, id …) on record; those of newer versions replace what is there."""
    if tenders is not None:
        _copying.copy("commerce_tender", _rows(tenders, fresh))
    if newer.is_empty():
        return
    mine = _NONE if tenders is None else _rows(tenders, newer)
    orders = newer["id"].to_list()
    with connection.cursor() as cursor:
        if not mine.is_empty():
            cursor.execute("DROP TABLE IF EXISTS pg_temp.told_tender")
            cursor.execute(
                "CREATE TEMPORARY TABLE told_tender ON COMMIT DROP AS SELECT order_id, ref, kind, state,"
                " amount_minor, at FROM commerce_tender WITH NO DATA"
            )
            _copying.copy("told_tender", mine)
            cursor.execute(
                "INSERT INTO commerce_tender (order_id, ref, kind, state, amount_minor, at)"
                " SELECT order_id, ref, kind, state, amount_minor, at FROM told_tender"
                " ON CONFLICT (order_id, ref) DO UPDATE SET kind = excluded.kind, state = excluded.state,"
                " amount_minor = excluded.amount_minor, at = excluded.at"
            )
        cursor.execute(
            "UPDATE commerce_tender AS tender SET state = 'dropped', amount_minor = 0 WHERE order_id = ANY(%s)"
            " AND state <> 'dropped' AND (order_id, ref) NOT IN"
            " (SELECT told.order_id, told.ref FROM unnest(%s::bigint[], %s::text[]) AS told(order_id, ref))",
            [orders, mine["order_id"].to_list(), mine["ref"].to_list()],
        )


def _rows(tenders: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    return _copying.collected(
        tenders.lazy()
        .join(orders.lazy().select("ref", order_id="id"), on="ref")
        .select("order_id", "kind", "state", "amount_minor", "at", ref="tender_ref")
    )
