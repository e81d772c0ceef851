"""Refunds and shipments that were told before their order: they wait, and are taken when it comes.

Who puts new orders on record holds a lock with others who do; who finds no order for what it writes holds it alone, and
looks again. So nothing waits for an order that is there. Taken after the customers, before the matching of returns.
"""

from collections.abc import Collection, Sequence

import polars as pl
from django.db import connection

from regulars.facts.commerce import _changes, _copying, _rematching
from regulars.kit.actors import Actor

ORDERS = pl.Schema(
    {
        "order_ref": pl.String(),
        "order_id": pl.Int64(),
        "order_customer": pl.Int64(),
        "order_came_with": pl.Int64(),
    }
)
_KEY = "hashtext('commerce.waiting')"
_TAKE_RETURNS = """
UPDATE commerce_return AS back SET order_id = sale.id,
       customer_id = CASE WHEN back.goes_with_order THEN sale.customer_id ELSE back.customer_id END,
       came_with_id = CASE WHEN back.goes_with_order THEN sale.came_with_id ELSE back.came_with_id END
  FROM commerce_order AS sale
 WHERE sale.id = ANY(%s) AND back.namespace = sale.namespace AND back.order_ref = sale.ref AND back.order_id IS NULL
RETURNING sale.id, back.customer_id, back.returned_at, back.amount_minor,
          COALESCE(back.paid_back_minor, back.amount_minor)
"""
_TAKE_SHIPMENTS = """
UPDATE commerce_shipment AS shipment SET order_id = sale.id FROM commerce_order AS sale
 WHERE sale.id = ANY(%s) AND shipment.namespace = sale.namespace AND shipment.order_ref = sale.ref
   AND shipment.order_id IS NULL
RETURNING sale.id, shipment.state, COALESCE(shipment.arrived_at, shipment.shipped_at, shipment.recorded_at)
"""
_ARE_WAITING = """
SELECT EXISTS (SELECT FROM commerce_order AS sale JOIN commerce_return AS back ON back.namespace = sale.namespace
          AND back.order_ref = sale.ref AND back.order_id IS NULL AND back.order_ref <> ''
         WHERE sale.id = ANY(%(orders)s)),
       EXISTS (SELECT FROM commerce_order AS sale JOIN commerce_shipment AS shipment
          ON shipment.namespace = sale.namespace AND shipment.order_ref = sale.ref AND shipment.order_id IS NULL
         WHERE sale.id = ANY(%(orders)s))
"""
_ANY = """
SELECT EXISTS (SELECT FROM commerce_return WHERE order_id IS NULL AND order_ref <> ''),
       EXISTS (SELECT FROM commerce_shipment WHERE order_id IS NULL)
"""


def orders(namespace: str, refs: Collection[str]) -> pl.DataFrame:
    """Those of these orders that are on record: ORDERS. One query."""
    return _copying.rows(
        "SELECT ref, id, customer_id, came_with_id FROM commerce_order WHERE namespace = %s AND ref = ANY(%s)",
        [namespace, list(refs)],
        ORDERS,
    )


def settled_orders(namespace: str, refs: Collection[str]) -> pl.DataFrame:
    """`orders`, where one that is not there now cannot come before this transaction ends without finding what waits."""
    found = orders(namespace, refs)
    if found.height == len(refs):
        return found
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_KEY})")
    return orders(namespace, refs)


def take(new_orders: Sequence[int], *, by: Actor) -> None:
    """Give these orders, just written, what waits for them. Two queries where nothing does."""
    if not new_orders:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
        cursor.execute(_ANY)
        if not any(cursor.fetchone() or ()):
            return
        cursor.execute(_ARE_WAITING, {"orders": list(new_orders)})
        [(returns, shipments)] = cursor.fetchall()
    if returns:
        _take_returns(new_orders, by)
    if shipments:
        _take_shipments(new_orders, by)


def follow(changed_orders: Sequence[int]) -> None:
    """What came back of these orders belongs to whom the orders belong to, where it does not say to whom."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce_return AS back SET customer_id = sale.customer_id, came_with_id = sale.came_with_id"
            " FROM commerce_order AS sale WHERE sale.id = ANY(%s) AND back.order_id = sale.id AND back.goes_with_order"
            " AND (back.customer_id, back.came_with_id) IS DISTINCT FROM (sale.customer_id, sale.came_with_id)",
            [list(changed_orders)],
        )


def _take_returns(new_orders: Sequence[int], by: Actor) -> None:
    _rematching.lock()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_RETURNS, [list(new_orders)])
        taken = cursor.fetchall()
    _rematching.rematch_orders(sorted({order for order, *_ in taken}))
    _rematching.rematch_customers(sorted({customer for _, customer, *_ in taken if customer is not None}))
    rows = [
        (order, "refunded" if money or not worth else "returned", at, None, money or worth, "", False)
        for order, _, at, worth, money in taken
    ]
    _changes.write(pl.DataFrame(rows, schema=_changes.ROWS, orient="row"), by=by)


def _take_shipments(new_orders: Sequence[int], by: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_SHIPMENTS, [list(new_orders)])
        taken = cursor.fetchall()
    rows = [
        (order, what, at, None, None, "", False)
        for order, state, at in taken
        if (what := _changes.OF_SHIPMENTS.get(state))
    ]
    _changes.write(pl.DataFrame(rows, schema=_changes.ROWS, orient="row"), by=by)
