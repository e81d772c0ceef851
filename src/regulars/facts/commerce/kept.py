"""What customers kept of their orders: all that promises such as points are settled by, of many orders in one query.

Paid, refunded and what came back are as `orders.standing` says; here they stand beside the lines, the means of payment
and when the goods arrived.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from regulars.facts.commerce.deriving import DOUBLE
from regulars.runtime.database import arrays

#: Orders read at once where all of history is.
PAGE = 1_000
#: Customers by their numbers: after the first, up to and with the second.
Stretch = tuple[int, int]
EVERYBODY: Stretch = (0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class KeptLine:
    """One line. `amount_minor` is what it cost after its own discount; `kept` of `quantity` did not come back."""

    number: int
    quantity: Decimal
    kept: Decimal
    amount_minor: int
    product: str
    category: str
    brand: str
    sku: str
    tax_minor: int | None
    is_gift_card: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One order as it stands. Amounts in minor units of `currency`.

    `record` is the customer record it was told for, `customer` the person. `counts`: it is a purchase that stands;
    `is_off`: it was cancelled, or its source has it no more.
    `due_minor`: its total less what its refunds take off it; `kept_minor`: paid less refunded; `money_back_minor` went
    back for no goods. `rate`: of `shop_currency` for one of `currency`. `arrived_at`: when all that was sent had
    arrived, of what was carried out when it was placed; None while something is under way, or nobody told.
    `paid_at`: when the last of it was captured, where its source says so. `back_at`: when the last of its goods came
    back.
    """

    order: int
    customer: int | None
    record: int | None
    placed_at: datetime
    placed_on: date
    currency: str
    origin: str
    counts: bool
    kind: str
    is_off: bool
    channel: str
    store: str
    fulfilment: str
    total_minor: int
    due_minor: int
    kept_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    prices_include_tax: bool
    money_back_minor: int
    shop_currency: str | None
    rate: Decimal | None
    arrived_at: datetime | None
    paid_at: datetime | None
    back_at: datetime | None
    tenders: Mapping[str, int]
    lines: Sequence[KeptLine]

    @property
    def is_double(self) -> bool:
        """It is no sale of its own: the same one is on record already."""
        return self.kind == DOUBLE


# A sale counts as paid where its source does not say; see `standing`.
_SELECT = """
SELECT sale.id, sale.customer_id, COALESCE(sale.came_with_id, sale.customer_id), sale.placed_at, sale.placed_on,
       sale.currency, sale.origin,
       sale.kind = 'purchase' AND sale.cancelled_at IS NULL AND sale.deleted_at IS NULL AS counts,
       sale.kind, sale.cancelled_at IS NOT NULL OR sale.deleted_at IS NOT NULL,
       channel.code, COALESCE(store.code, ''), sale.fulfilment, sale.total_minor,
       sale.total_minor - back.off_minor,
       COALESCE(sale.paid_minor, sale.total_minor - GREATEST(back.off_minor - back.money_minor, 0))
           - GREATEST(back.money_minor, COALESCE(sale.refunded_minor, 0)),
       sale.discount_minor, sale.shipping_minor, sale.tax_minor, sale.prices_include_tax, back.for_no_goods_minor,
       sale.shop_currency, sale.rate,
       CASE WHEN sale.fulfilment = 'carry_out' THEN sale.placed_at ELSE sent.arrived_at END,
       tender.paid_at, CASE WHEN line.is_back THEN (
         SELECT max(came.returned_at) FROM commerce_line AS back
           JOIN commerce_return_match AS matched ON matched.line_id = back.id
           JOIN commerce_return_line AS one ON one.id = matched.return_line_id
           JOIN commerce_return AS came ON came.id = one.goods_return_id
          WHERE back.order_id = sale.id) END,
       tender.paid::text, line.lines::text
  FROM commerce_order AS sale
  JOIN company_channel AS channel ON channel.id = sale.channel_id
  LEFT JOIN company_store AS store ON store.id = sale.store_id
  LEFT JOIN LATERAL (
    SELECT COALESCE(sum(came.amount_minor), 0)::bigint AS off_minor,
           COALESCE(sum(COALESCE(came.paid_back_minor, came.amount_minor)), 0)::bigint AS money_minor,
           COALESCE(sum(came.money_minor), 0)::bigint AS for_no_goods_minor
      FROM commerce_return AS came
     WHERE came.order_id = sale.id AND came.currency = sale.currency AND NOT came.is_void) AS back ON true
  LEFT JOIN LATERAL (
    SELECT CASE WHEN bool_and(shipment.arrived_at IS NOT NULL) THEN max(shipment.arrived_at) END AS arrived_at
      FROM commerce_shipment AS shipment
     WHERE shipment.order_id = sale.id AND shipment.state NOT IN ('cancelled', 'went_back')) AS sent ON true
  LEFT JOIN LATERAL (
    SELECT max(each.at) AS paid_at, json_object_agg(each.kind, each.minor) AS paid
      FROM (SELECT tender.kind, sum(tender.amount_minor) AS minor, max(tender.at) AS at
              FROM commerce_tender AS tender WHERE tender.order_id = sale.id AND tender.state = 'captured'
             GROUP BY 1) AS each) AS tender ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(line.number, line.quantity::text, (line.quantity - line.returned_quantity)::text,
             line.amount_minor, product.ref, product.category, product.brand, line.sku, line.tax_minor,
             line.is_gift_card) ORDER BY line.number) AS lines, bool_or(line.returned_quantity > 0) AS is_back
      FROM commerce_line AS line JOIN commerce_product AS product ON product.id = line.product_id
     WHERE line.order_id = sale.id AND line.quantity > 0) AS line ON true
"""
_BY_CUSTOMER = """
SELECT array_agg(id), max(customer_id), (array_agg(placed_at))[count(*)::int],
       (array_agg(id))[count(*)::int] FROM (
  SELECT sale.id, sale.customer_id, sale.placed_at FROM commerce_order AS sale
   WHERE sale.customer_id > %s AND sale.customer_id <= %s AND sale.kind = 'purchase'{bounds}{place}
   ORDER BY sale.customer_id, sale.placed_at, sale.id LIMIT %s) AS page
"""
# The first column by itself too: the index has the others the other way round.
_AFTER = " AND sale.customer_id >= %s AND (sale.customer_id, sale.placed_at, sale.id) > (%s, %s, %s)"
_NUMBERS = """
SELECT id, number FROM (
  SELECT sale.id, count(*) FILTER (WHERE sale.cancelled_at IS NULL AND sale.deleted_at IS NULL)
           OVER (PARTITION BY sale.customer_id ORDER BY sale.placed_at, sale.id) AS number
    FROM commerce_order AS sale
   WHERE sale.kind = 'purchase'
     AND sale.customer_id IN (SELECT customer_id FROM commerce_order WHERE id = ANY(%(orders)s::bigint[]))
) AS numbered WHERE id = ANY(%(orders)s::bigint[])
"""
_EVERY = """
SELECT customer_id, id, number FROM (
  SELECT sale.customer_id, sale.id, row_number() OVER (PARTITION BY sale.customer_id ORDER BY sale.placed_at, sale.id)
         AS number
    FROM commerce_order AS sale
   WHERE sale.customer_id = ANY(%s) AND sale.kind = 'purchase' AND sale.cancelled_at IS NULL
     AND sale.deleted_at IS NULL) AS numbered
 WHERE number %% %s = 0 ORDER BY customer_id, number
"""
_MOMENTS = """
SELECT sale.id, ARRAY(SELECT earlier.placed_at FROM commerce_order AS earlier
                       WHERE earlier.customer_id = sale.customer_id AND earlier.kind = 'purchase'
                         AND earlier.cancelled_at IS NULL AND earlier.deleted_at IS NULL
                         AND (earlier.placed_at, earlier.id) < (sale.placed_at, sale.id)
                       ORDER BY earlier.placed_at DESC LIMIT %s)
  FROM commerce_order AS sale WHERE sale.id = ANY(%s) AND sale.customer_id IS NOT NULL
"""
_LATER = _MOMENTS.replace(") < (", ") > (").replace("DESC", "ASC")


def of(orders: Collection[int]) -> dict[int, Kept]:
    """What was kept of each; unknown numbers are left out. One query."""
    return {one.order: one for one in _read("WHERE sale.id = ANY(%s::bigint[])", [arrays.of_numbers(orders)])}


def pages(*, since: datetime | None = None, until: datetime | None = None, size: int = PAGE) -> Iterator[list[Kept]]:
    """Every purchase of a customer's placed from `since` until before `until`, in the order of their placing; the
    cancelled ones too, which keep nothing. One query a page."""
    bounds, values = _within(since, until)
    after: tuple[datetime, int] | None = None
    while True:
        place = "" if after is None else " AND (sale.placed_at, sale.id) > (%s, %s)"
        found = _read(
            f"WHERE sale.customer_id IS NOT NULL AND sale.kind = 'purchase'{bounds}{place}"
            " ORDER BY sale.placed_at, sale.id LIMIT %s",
            [*values, *(after or ()), size],
        )
        if found:
            yield found
        if len(found) < size:
            return
        after = (found[-1].placed_at, found[-1].order)


def count(*, since: datetime, until: datetime) -> int:
    """How many purchases of customers' were placed in that time, as `pages` has them. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM commerce_order AS sale WHERE sale.customer_id IS NOT NULL AND sale.kind = 'purchase'"
            " AND sale.placed_at >= %s AND sale.placed_at < %s",
            [since, until],
        )
        [(found,)] = cursor.fetchall()
    return int(found)


def pages_by_customer(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    size: int = PAGE,
    within: Stretch = EVERYBODY,
) -> Iterator[list[Kept]]:
    """What `pages` has of these customers, one after the other, of each in the order of their placing. Two queries a
    page."""
    bounds, values = _within(since, until)
    after: Sequence[Any] = ()
    while True:
        with connection.cursor() as cursor:
            asked = [*within, *values, *after[:1], *after, size]
            cursor.execute(_BY_CUSTOMER.format(bounds=bounds, place=_AFTER if after else ""), asked)
            [(orders, *after)] = cursor.fetchall()
        if orders:
            found = of(orders)
            # What went since the numbers were read is nobody's any more.
            yield [found[order] for order in orders if order in found]
        if len(orders or ()) < size:
            return


def _within(since: datetime | None, until: datetime | None) -> tuple[str, list[datetime]]:
    bounds = [(sign, bound) for sign, bound in ((">=", since), ("<", until)) if bound is not None]
    return "".join(f" AND sale.placed_at {sign} %s" for sign, _ in bounds), [bound for _, bound in bounds]


def numbers(orders: Collection[int]) -> dict[int, int]:
    """Which purchase of its customer's each one is, by when they were placed, without the cancelled ones. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, {"orders": arrays.of_numbers(orders)})
        return dict(cursor.fetchall())


def every_nth(customers: Collection[int], every: int) -> dict[int, dict[int, int]]:
    """Of each customer every so many of the purchases that `numbers` counts: order to its number. One query."""
    found: dict[int, dict[int, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_EVERY, [list(customers), every])
        for customer, order, number in cursor.fetchall():
            found.setdefault(customer, {})[order] = number
    return found


def moments_before(orders: Collection[int], *, most: int = 400) -> dict[int, list[datetime]]:
    """When its customer bought before each, the latest first, at most so many. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_MOMENTS, [most, list(orders)])
        return dict(cursor.fetchall())


def moments_after(orders: Collection[int], *, most: int = 400) -> dict[int, list[datetime]]:
    """When its customer bought after each, the earliest first, at most so many. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LATER, [most, list(orders)])
        return dict(cursor.fetchall())


def named(names: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The orders that their sources call so, by namespace and reference; those not on record are left out. One
    query."""
    namespaces, refs = [one for one, _ref in names], [ref for _one, ref in names]
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [namespaces, refs])
        return {(namespace, ref): order for namespace, ref, order in cursor.fetchall()}


def names(orders: Collection[int]) -> dict[int, tuple[str, str]]:
    """Namespace and reference of each. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, namespace, ref FROM commerce_order WHERE id = ANY(%s)", [list(orders)])
        return {order: (namespace, ref) for order, namespace, ref in cursor.fetchall()}


_NAMED = """
SELECT sale.namespace, sale.ref, sale.id FROM unnest(%s::text[], %s::text[]) AS told(namespace, ref)
  JOIN commerce_order AS sale ON sale.namespace = told.namespace AND sale.ref = told.ref
"""


def orders_of_returns(returns: Collection[int]) -> dict[int, set[int]]:
    """The orders that each return took something from: the one it names, and those it was matched to. One query."""
    found: dict[int, set[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, order_id FROM commerce_return WHERE id = ANY(%(of)s) AND order_id IS NOT NULL UNION"
            " SELECT back.goods_return_id, line.order_id FROM commerce_return_line AS back"
            " JOIN commerce_return_match AS matched ON matched.return_line_id = back.id"
            " JOIN commerce_line AS line ON line.id = matched.line_id WHERE back.goods_return_id = ANY(%(of)s)",
            {"of": list(returns)},
        )
        for number, order in cursor.fetchall():
            found.setdefault(number, set()).add(order)
    return found


def _read(where: str, values: Sequence[Any]) -> list[Kept]:
    with connection.cursor() as cursor:
        cursor.execute(_SELECT + where, values)
        rows = cursor.fetchall()
    return [_kept(*row) for row in rows]


def _kept(*row: Any) -> Kept:
    *values, tenders, lines = row
    paid = {} if tenders is None else msgspec.json.decode(tenders)
    told = () if lines is None else msgspec.json.decode(lines)
    return Kept(*[*values, paid, tuple([_line(*line) for line in told])])


def _line(number: int, quantity: str, kept: str, *rest: Any) -> KeptLine:
    return KeptLine(number, Decimal(quantity), Decimal(kept), *rest)
