"""Shelves: what one store has in stock, without going through its goods one by one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from regulars.kit import ids

PRODUCT_PREFIX = "prd"


@dataclass(frozen=True)
class Summary:
    """How many variants a store's stock is told of, of how many nothing can be had, and when any was told last."""

    variants: int
    sold_out: int
    told_at: datetime | None


@dataclass(frozen=True)
class Changed:
    """One variant whose level in the store changed, and what it came to."""

    product_public_id: str
    product: str
    variant: str
    change: Decimal
    on_hand: Decimal
    why: str
    at: datetime


def summary(*, store: int) -> Summary:
    """What the store has. One query over its stock, by an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE on_hand <= held), max(told_at)"
            " FROM commerce_stock WHERE store_id = %s",
            [store],
        )
        count, out, told_at = cursor.fetchone() or (0, 0, None)
    return Summary(count, out, told_at)


def lately(*, store: int, limit: int = 10) -> list[Changed]:
    """The goods whose level in the store was written last, each with its last movement. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.public_id, COALESCE(NULLIF(product.title, ''), product.ref),"
            " CASE WHEN form.ref = product.ref THEN '' ELSE COALESCE(NULLIF(form.title, ''), form.ref) END,"
            " move.change, move.on_hand, move.why, move.at"
            " FROM (SELECT id, variant_id FROM commerce_stock WHERE store_id = %s"
            " ORDER BY recorded_at DESC, id DESC LIMIT %s) AS stock"
            " JOIN commerce_variant AS form ON form.id = stock.variant_id"
            " JOIN commerce_product AS product ON product.id = form.product_id"
            " JOIN LATERAL (SELECT * FROM commerce_stock_movement AS move WHERE move.stock_id = stock.id"
            " ORDER BY move.id DESC LIMIT 1) AS move ON TRUE ORDER BY move.recorded_at DESC, move.id DESC",
            [store, limit],
        )
        return [Changed(ids.public(PRODUCT_PREFIX, uuid), *rest) for uuid, *rest in cursor.fetchall()]
