"""Shelves: what one store has in stock in sum and lately, and what lately moved and is held of some goods."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from regulars.kit import ids

PRODUCT_PREFIX, HOLD_PREFIX = "prd", "hld"


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


@dataclass(frozen=True)
class Moved:
    """One change of a variant's level in a store. `why`: `told` by its source, or a hold was `captured`."""

    variant: int
    store: int
    why: str
    change: Decimal
    on_hand: Decimal
    at: datetime
    source: str


@dataclass(frozen=True)
class Kept:
    """So much of a variant in a store is kept by a hold until `expires_at`; its purpose is a basket or a pick-up."""

    hold_public_id: str
    purpose: str
    variant: int
    store: int
    quantity: Decimal
    held_at: datetime
    expires_at: datetime


def summary(*, store: int) -> Summary:
    """What the store has. One query over its stock, by an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE on_hand <= held + reserved), max(told_at)"
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


def movements_of(variants: Sequence[int], *, limit: int = 20) -> list[Moved]:
    """How the levels of these variants changed in all stores, latest first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stock.variant_id, stock.store_id, move.why, move.change, move.on_hand, move.at, move.source"
            " FROM commerce_stock AS stock JOIN LATERAL (SELECT * FROM commerce_stock_movement AS move"
            " WHERE move.stock_id = stock.id ORDER BY move.id DESC LIMIT %s) AS move ON TRUE"
            " WHERE stock.variant_id = ANY(%s) ORDER BY move.id DESC LIMIT %s",
            [limit, list(variants), limit],
        )
        return [Moved(*row) for row in cursor.fetchall()]


def held_of(variants: Sequence[int], *, at: datetime, limit: int = 20) -> list[Kept]:
    """What is held of these variants now, what ends first first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hold.public_id, hold.purpose, stock.variant_id, stock.store_id, line.quantity, hold.held_at,"
            " hold.expires_at FROM commerce_stock AS stock JOIN commerce_hold_line AS line ON line.stock_id = stock.id"
            " JOIN commerce_hold AS hold ON hold.id = line.hold_id"
            " WHERE stock.variant_id = ANY(%s) AND hold.state = 'held' AND hold.expires_at > %s"
            " ORDER BY hold.expires_at, line.id LIMIT %s",
            [list(variants), at, limit],
        )
        return [Kept(ids.public(HOLD_PREFIX, uuid), *rest) for uuid, *rest in cursor.fetchall()]
