"""Keeps what is stored of return matches equal to what `matching.match` says. Doing it again changes nothing."""

from collections.abc import Sequence

import polars as pl
from django.db import connection

from regulars.facts.commerce import _copying
from regulars.facts.commerce.matching import MATCHES, PURCHASES, RETURNS, THOUSANDTHS, match

_CHUNK = 5000

#: Money for no goods counts against its order's, where that counts.
_SUMS = """
UPDATE commerce_return AS back SET matched_minor = summed.minor
  FROM (SELECT told.id, COALESCE(matched.minor, 0) + CASE WHEN sale.id IS NULL THEN 0 ELSE told.money_minor END AS minor
          FROM commerce_return AS told
          LEFT JOIN LATERAL (SELECT sum(paired.amount_minor) AS minor FROM commerce_return_line AS line
                  JOIN commerce_return_match AS paired ON paired.return_line_id = line.id
                 WHERE line.goods_return_id = told.id) AS matched ON true
          LEFT JOIN commerce_order AS sale ON sale.id = told.order_id AND sale.kind NOT IN ('draft', 'test', 'double')
               AND sale.cancelled_at IS NULL
         WHERE told.id IN (SELECT line.goods_return_id FROM commerce_return_line AS line WHERE line.id = ANY(%(lines)s)
                           UNION SELECT named.id FROM commerce_return AS named WHERE named.order_id = ANY(%(orders)s))
       ) AS summed
 WHERE back.id = summed.id AND back.matched_minor <> summed.minor
"""

#: The same sums as `standing` makes of one order.
_FLAGS = """
UPDATE commerce_order AS sale SET set_off_minor = summed.set_off, over_refunded_minor = summed.more,
       tenders_differ_minor = summed.apart
  FROM (SELECT told.id, back.set_off, CASE WHEN tendered.captured IS NULL THEN 0
               WHEN tendered.captured <> COALESCE(told.paid_minor, tendered.captured)
               THEN tendered.captured - told.paid_minor
               WHEN told.cancelled_at IS NOT NULL OR told.kind IN ('draft', 'test', 'double', 'adjustment') THEN 0
               ELSE GREATEST(0, tendered.captured - told.total_minor
                              - GREATEST(back.money, COALESCE(told.refunded_minor, 0))) END AS apart,
               CASE WHEN told.kind = 'adjustment' THEN 0 ELSE GREATEST(0,
               GREATEST(back.money, COALESCE(told.refunded_minor, 0))
             - COALESCE(told.paid_minor, CASE WHEN told.cancelled_at IS NOT NULL
                        OR told.kind IN ('draft', 'test', 'double')
                   THEN GREATEST(back.money, COALESCE(told.refunded_minor, 0))
                   ELSE told.total_minor - back.set_off END)) END AS more
          FROM commerce_order AS told
          CROSS JOIN LATERAL (SELECT COALESCE(sum(paid.minor), 0)::bigint AS money,
                  GREATEST(0, COALESCE(sum(came.amount_minor - paid.minor), 0))::bigint AS set_off
                  FROM commerce_return AS came
                 CROSS JOIN LATERAL (SELECT COALESCE(came.paid_back_minor, came.amount_minor) AS minor) AS paid
                 WHERE came.order_id = told.id AND came.currency = told.currency) AS back
          CROSS JOIN LATERAL (SELECT COALESCE(sum(tender.amount_minor) FILTER (WHERE tender.state = 'captured'),
                         CASE WHEN count(*) > 0 THEN 0 END)::bigint AS captured
                  FROM commerce_tender AS tender
                 WHERE tender.order_id = told.id AND tender.state <> 'dropped') AS tendered
         WHERE told.id = ANY(%s)) AS summed
 WHERE sale.id = summed.id AND (sale.set_off_minor, sale.over_refunded_minor, sale.tenders_differ_minor)
       IS DISTINCT FROM (summed.set_off, summed.more, summed.apart)
"""

_RETURNS_OF_CUSTOMERS = """
SELECT line.id, back.customer_id, line.product_id, back.returned_at, (line.quantity * %s)::bigint, line.amount_minor
  FROM commerce_return AS back JOIN commerce_return_line AS line ON line.goods_return_id = back.id
 WHERE back.customer_id = ANY(%s) AND back.order_id IS NULL AND NOT back.is_void
"""

# What came back on a return that names its order is not there any more for those that name none.
# IS TRUE keeps the planner from joining by pairs first: without statistics, which a table has none of right after an
# import, it would walk all lines of a customer's orders once for every pair.
_PURCHASES_OF_CUSTOMERS = """
SELECT line.id, sale.customer_id, line.product_id, sale.placed_at,
       ((line.quantity - COALESCE(named.quantity, 0)) * %s)::bigint
  FROM commerce_order AS sale JOIN commerce_line AS line ON line.order_id = sale.id
  LEFT JOIN LATERAL (SELECT sum(paired.quantity) AS quantity FROM commerce_return_match AS paired
          JOIN commerce_return_line AS came ON came.id = paired.return_line_id
          JOIN commerce_return AS back ON back.id = came.goods_return_id
         WHERE paired.line_id = line.id AND back.order_id IS NOT NULL) AS named ON true
 WHERE sale.customer_id = ANY(%s) AND sale.kind NOT IN ('adjustment', 'draft', 'test', 'double')
   AND sale.cancelled_at IS NULL AND line.quantity > 0
   AND ((sale.customer_id, line.product_id) IN (SELECT back.customer_id, came.product_id FROM commerce_return AS back
          JOIN commerce_return_line AS came ON came.goods_return_id = back.id
         WHERE back.customer_id = ANY(%s) AND back.order_id IS NULL)) IS TRUE
"""

_RETURNS_OF_ORDERS = """
SELECT line.id, back.order_id, {what}, GREATEST(back.returned_at, sale.placed_at),
       (line.quantity * %s)::bigint, line.amount_minor,
       row_number() OVER (ORDER BY back.returned_at, back.namespace, back.ref, line.number)
  FROM commerce_return AS back JOIN commerce_order AS sale ON sale.id = back.order_id
  JOIN commerce_return_line AS line ON line.goods_return_id = back.id
 WHERE back.order_id = ANY(%s) AND NOT back.is_void AND {named}
"""

_IN_TURN = pl.Schema({**RETURNS, "turn": pl.Int64()})

_PURCHASES_OF_ORDERS = """
SELECT line.id, line.order_id, {what}, sale.placed_at, (line.quantity * %s)::bigint
  FROM commerce_order AS sale JOIN commerce_line AS line ON line.order_id = sale.id
 WHERE sale.id = ANY(%s) AND sale.kind NOT IN ('draft', 'test', 'double') AND sale.cancelled_at IS NULL
   AND line.quantity > 0
"""


def rematch_customers(customers: Sequence[int]) -> None:
    """Match anew the returns of these customers that name no order."""
    for start in range(0, len(customers), _CHUNK):
        some = list(customers[start : start + _CHUNK])
        lock()
        returns = _copying.rows(_RETURNS_OF_CUSTOMERS, [THOUSANDTHS, some], RETURNS)
        if returns.is_empty():
            continue
        purchases = _copying.rows(_PURCHASES_OF_CUSTOMERS, [THOUSANDTHS, some, some], PURCHASES)
        _store(returns["id"].to_list(), match(purchases=purchases, returns=returns))


def rematch_orders(orders: Sequence[int]) -> None:
    """Match anew the returns that name these orders: to the line they name, else to the lines of that product."""
    lock()
    if not orders:
        return
    values = [THOUSANDTHS, list(orders)]
    by_line = _RETURNS_OF_ORDERS.format(what="line.of_line", named="line.of_line IS NOT NULL")
    by_product = _RETURNS_OF_ORDERS.format(what="line.product_id", named="line.of_line IS NULL")
    named, unnamed = _copying.rows(by_line, values, _IN_TURN), _copying.rows(by_product, values, _IN_TURN)
    if named.is_empty() and unnamed.is_empty():
        _sum(list(orders))
        flag(list(orders))
        return
    lines = _copying.rows(_PURCHASES_OF_ORDERS.format(what="line.number"), values, PURCHASES)
    exact = _match_in_turn(lines, named)
    taken = exact.group_by(pl.col("purchase_id").alias("id")).agg(pl.col("quantity").sum().alias("taken"))
    left = (
        _copying.rows(_PURCHASES_OF_ORDERS.format(what="line.product_id"), values, PURCHASES)
        .join(taken, on="id", how="left")
        .with_columns(pl.col("quantity") - pl.col("taken").fill_null(0))
        .select(*PURCHASES)
    )
    _store(
        [*named["id"].to_list(), *unnamed["id"].to_list()],
        pl.concat([exact, _match_in_turn(left, unnamed)]),
        list(orders),
    )
    flag(list(orders))


def _match_in_turn(purchases: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """`match`, where of what came back at one moment the references decide what is first, not which was told first."""
    turns = returns.select(return_id="turn", number="id")
    return (
        match(purchases=purchases, returns=returns.with_columns(id="turn").select(*RETURNS))
        .join(turns, on="return_id")
        .select(*(pl.col("number").alias("return_id") if name == "return_id" else name for name in MATCHES))
    )


def rematch_waiting(customers: Sequence[int]) -> None:
    """Match anew those of these customers whose returns wait for a purchase: it may just have been told."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT back.customer_id FROM commerce_return AS back"
            " JOIN commerce_return_line AS line ON line.goods_return_id = back.id"
            " WHERE back.customer_id = ANY(%s) AND back.order_id IS NULL AND line.matched_quantity < line.quantity",
            [list(customers)],
        )
        waiting = sorted(number for (number,) in cursor.fetchall())
    if waiting:
        rematch_customers(waiting)


def _sum(orders: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {"orders": list(orders), "lines": []})


def flag(orders: Sequence[int]) -> None:
    """What follows of their refunds and tenders for these orders, as `standing` says it."""
    with connection.cursor() as cursor:
        cursor.execute(_FLAGS, [list(orders)])


def unmatch_orders(orders: Sequence[int]) -> None:
    """Forget every match of a return line that touches these orders' lines, before the lines change."""
    lock()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT paired.return_line_id FROM commerce_return_match AS paired"
            " JOIN commerce_line AS line ON line.id = paired.line_id WHERE line.order_id = ANY(%s)",
            [list(orders)],
        )
        touched = [number for (number,) in cursor.fetchall()]
    if touched:
        _store(touched, pl.DataFrame(schema=MATCHES))


def unmatch_returns(goods_returns: Sequence[int]) -> None:
    """Forget every match of these returns, before their lines change."""
    lock()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM commerce_return_line WHERE goods_return_id = ANY(%s)", [list(goods_returns)])
        touched = [number for (number,) in cursor.fetchall()]
    _store(touched, pl.DataFrame(schema=MATCHES))


def lock() -> None:
    """One matcher at a time until commit: two that see each other's half would both take the same purchase.

    Taken before any row of a return is locked, so that nobody holds a row and waits for who waits for the row.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('commerce.return_matching'))")


def _store(return_lines: list[int], matches: pl.DataFrame, orders: Sequence[int] = ()) -> None:
    """`matches` is all there is for `return_lines`; rows that stay as they are are not written.

    The sums of their returns are made anew, and those of all that name one of `orders`.
    """
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.told_match, pg_temp.told_scope")
        cursor.execute(
            "CREATE TEMPORARY TABLE told_match (return_id bigint, purchase_id bigint, quantity bigint,"
            " amount_minor bigint) ON COMMIT DROP"
        )
        cursor.execute(
            "CREATE TEMPORARY TABLE told_scope ON COMMIT DROP AS SELECT id FROM unnest(%s::bigint[]) AS scope(id)",
            [return_lines],
        )
        _copying.copy("told_match", matches)
        cursor.execute(
            "CREATE TEMPORARY TABLE touched_line ON COMMIT DROP AS SELECT purchase_id AS id FROM told_match"
            " UNION SELECT paired.line_id FROM commerce_return_match AS paired JOIN told_scope"
            " ON told_scope.id = paired.return_line_id"
        )
        cursor.execute(
            "DELETE FROM commerce_return_match AS paired USING told_scope WHERE told_scope.id = paired.return_line_id"
            " AND NOT EXISTS (SELECT FROM told_match AS told WHERE told.return_id = paired.return_line_id"
            " AND told.purchase_id = paired.line_id AND told.quantity = paired.quantity * %s"
            " AND told.amount_minor = paired.amount_minor)",
            [THOUSANDTHS],
        )
        cursor.execute(
            "INSERT INTO commerce_return_match (return_line_id, line_id, quantity, amount_minor)"
            " SELECT return_id, purchase_id, quantity::numeric / %s, amount_minor FROM told_match"
            " ON CONFLICT (return_line_id, line_id) DO NOTHING",
            [THOUSANDTHS],
        )
        cursor.execute(
            "UPDATE commerce_return_line AS line SET matched_quantity = summed.quantity FROM"
            " (SELECT told_scope.id, COALESCE(sum(paired.quantity), 0) AS quantity FROM told_scope"
            " LEFT JOIN commerce_return_match AS paired ON paired.return_line_id = told_scope.id GROUP BY 1) AS summed"
            " WHERE line.id = summed.id AND line.matched_quantity <> summed.quantity"
        )
        cursor.execute(_SUMS, {"orders": list(orders), "lines": return_lines})
        cursor.execute(
            "UPDATE commerce_line AS line SET returned_quantity = summed.quantity FROM"
            " (SELECT touched_line.id, COALESCE(sum(paired.quantity), 0) AS quantity FROM touched_line"
            " LEFT JOIN commerce_return_match AS paired ON paired.line_id = touched_line.id GROUP BY 1) AS summed"
            " WHERE line.id = summed.id AND line.returned_quantity <> summed.quantity"
        )
        cursor.execute("DROP TABLE touched_line")
