"""What people kept of what they bought, purchase by purchase, of many people in one query: what status is made of.

What a purchase comes to is the money that was paid for it and has not gone back, without shipping, points and gift
cards that it was paid with (a gift card counts when it is sold). Orders that were cancelled, drafts and tests are none.
"""

from collections.abc import Collection
from fractions import Fraction
from typing import Final

import msgspec
from django.db import connection

from regulars.kit import money
from regulars.runtime.database import arrays


class Purchase(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`at_us`: when, in microseconds since 1970. `minor`: what it comes to in the currency asked for, rounded down;
    None where nobody knows what its own was worth. `store`: the number of the store it was bought in. `categories`:
    category to what was asked for what was kept of it."""

    order: int
    at_us: int
    minor: int | None
    is_in_store: bool
    store: int | None = None
    currency: str | None = None
    rate: str | None = None
    own_minor: int | None = None
    categories: tuple[tuple[str, int], ...] = ()


_DECODER: Final = msgspec.json.Decoder(list[Purchase])
# As `kept` and `standing` have it: a sale counts as paid where its source does not say.
_KEPT: Final = """
  COALESCE(sale.paid_minor, sale.total_minor - GREATEST(back.off_minor - back.money_minor, 0))
      - GREATEST(back.money_minor, COALESCE(sale.refunded_minor, 0))
      - GREATEST(sale.shipping_minor - back.shipping_minor, 0) - COALESCE(tender.minor, 0) - COALESCE(loose.minor, 0)
"""
# Of returns that name no order, what was found to be of this one.
_SQL: Final = """
WITH loose AS MATERIALIZED (
    SELECT line.order_id, sum(matched.amount_minor) AS minor FROM commerce_return AS came
      JOIN commerce_return_line AS back ON back.goods_return_id = came.id
      JOIN commerce_return_match AS matched ON matched.return_line_id = back.id
      JOIN commerce_line AS line ON line.id = matched.line_id
     WHERE came.customer_id = ANY(%(people)s::bigint[]) AND came.order_id IS NULL AND NOT came.is_void GROUP BY 1)
SELECT one.customer_id, json_agg(json_build_array(one.id, one.at_us,
         CASE WHEN one.currency = %(currency)s THEN one.kept END, one.is_in_store, one.store_id,
         CASE WHEN one.currency <> %(currency)s THEN one.currency END,
         CASE WHEN one.shop_currency = %(currency)s THEN one.rate::text END,
         CASE WHEN one.currency <> %(currency)s THEN one.kept END{categories}))::text
  FROM (
    SELECT sale.id, sale.customer_id, (date_part('epoch', sale.placed_at) * 1000000)::bigint AS at_us, sale.currency,
           sale.shop_currency, sale.rate, sale.store_id,
           sale.store_id IS NOT NULL AND sale.fulfilment IN ('', 'carry_out') AS is_in_store,
           GREATEST({kept}, 0)::bigint AS kept
      FROM commerce_order AS sale
      LEFT JOIN LATERAL (
        SELECT COALESCE(sum(came.amount_minor), 0)::bigint AS off_minor,
               COALESCE(sum(COALESCE(came.paid_back_minor, came.amount_minor)), 0)::bigint AS money_minor,
               COALESCE(sum(came.shipping_minor), 0)::bigint AS shipping_minor
          FROM commerce_return AS came
         WHERE came.order_id = sale.id AND came.currency = sale.currency AND NOT came.is_void) AS back ON true
      LEFT JOIN loose ON loose.order_id = sale.id
      LEFT JOIN LATERAL (
        SELECT sum(tender.amount_minor) AS minor FROM commerce_tender AS tender
         WHERE tender.order_id = sale.id AND tender.state = 'captured' AND tender.kind IN ('points', 'gift_card')
        ) AS tender ON true
     WHERE sale.customer_id = ANY(%(people)s::bigint[]) AND sale.kind = 'purchase' AND sale.cancelled_at IS NULL
       AND sale.deleted_at IS NULL OFFSET 0) AS one{of_lines}
 GROUP BY one.customer_id
"""
_OF_LINES: Final = """
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(each.category, each.minor)) AS told FROM (
      SELECT product.category, sum(floor(line.amount_minor * (line.quantity - line.returned_quantity) / line.quantity)
               )::bigint AS minor
        FROM commerce_line AS line JOIN commerce_product AS product ON product.id = line.product_id
       WHERE line.order_id = one.id AND line.quantity > 0 AND line.quantity > line.returned_quantity
         AND product.category <> '' AND NOT line.is_gift_card GROUP BY 1) AS each) AS line ON true
"""


def of(people: Collection[int], *, currency: str, with_categories: bool = False) -> dict[int, list[Purchase]]:
    """The purchases of these people that stand, in any order; of which nothing was kept, they come to 0. One query."""
    sql = _SQL.format(
        kept=_KEPT,
        categories=", COALESCE(line.told, '[]'::json)" if with_categories else "",
        of_lines=_OF_LINES if with_categories else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {"people": arrays.of_numbers(people), "currency": currency})
        rows = cursor.fetchall()
    return {person: [_in(one, currency) for one in _DECODER.decode(told)] for person, told in rows}


def _in(one: Purchase, currency: str) -> Purchase:
    if one.own_minor is None or one.currency is None or one.rate is None:
        return one
    worth = Fraction(one.rate) * one.own_minor
    worth *= Fraction(10) ** (money.exponent(currency) - money.exponent(one.currency))
    return msgspec.structs.replace(one, minor=int(worth))
