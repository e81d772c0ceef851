"""Fills an empty database with made-up customers, orders and events of any number, for benchmarks: only volume."""

from datetime import UTC, datetime

from django.db import connection, connections

from regulars.facts.sources import sources
from regulars.kit.actors import SYSTEM

#: Orders and events lie so many days back, as many of each on every day.
DAYS = 700
_CUSTOMERS = (
    "INSERT INTO customers_customer (origin, country, first_seen_at)"
    " SELECT 'history', 'GB', now() - interval '700 days' FROM generate_series(1, %(customers)s)"
)
_PRODUCTS = (
    "INSERT INTO commerce_product (namespace, ref, title, category)"
    " SELECT 'bench', 'p' || n, 'Thing ' || n, 'Home > Kitchen' FROM generate_series(1, 1000) AS n"
)
_ORDERS = (
    "INSERT INTO commerce_order (namespace, ref, customer_id, channel_id, placed_at, placed_on, currency, kind,"
    " goods_minor, discount_minor, shipping_minor, tax_minor, total_minor, origin, fingerprint)"
    " SELECT 'bench', n::text, 1 + floor(%(customers)s * (n * 2654435761 %% 4294967296 / 4294967296.0) ^ 2)::bigint,"
    " (SELECT min(id) FROM company_channel), at, at::date,"
    " 'CNY', 'purchase', 500 + 2 * (n %% 9973), 0, 0, 0,"
    " 500 + 2 * (n %% 9973), 'history', '\\x00' FROM (SELECT n, now() - (%(ago)s + n * 6700417 %% %(days)s)"
    " * interval '1 day' AS at FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS made"
)
_LINES = (
    "INSERT INTO commerce_line (order_id, number, product_id, quantity, unit_price, amount_minor, discount_minor)"
    " SELECT sale.id, k, 1 + (sale.id * 7 + k * 13) %% 1000, 1, sale.goods_minor / 200.0, sale.goods_minor / 2, 0"
    " FROM commerce_order AS sale"
    " CROSS JOIN generate_series(1, 2) AS k WHERE sale.ref::bigint >= %(first)s"
)
_VISITORS = (
    "INSERT INTO events_visitor (id, namespace, kind, ref, customer_id, first_seen_at, last_seen_at, events, counts,"
    " products, last_source) SELECT md5('v' || n)::uuid, 'shop', 'user', n::text, n, now() - interval '700 days',"
    " now(), 10, '{}', '{}', 1 FROM generate_series(1, %(customers)s) AS n"
)
_EVENTS = """
INSERT INTO events_event (id, source, kind, name, visitor, user_ref, message_id, occurred_at, received_at, why_then,
       origin, data)
SELECT (1 + n / 1000) << 14 | n %% 1000, (SELECT min(id) FROM sources_source), CASE WHEN n %% 5 < 3 THEN 1 ELSE 3 END,
       CASE n %% 5 WHEN 0 THEN 'Product Viewed' WHEN 1 THEN 'Order Completed' WHEN 2 THEN 'Product Added'
       ELSE 'Home' END,
       md5('v' || (1 + n %% %(customers)s))::uuid, (1 + n %% %(customers)s)::text, n::text,
       now() - n * 6700417 %% %(days)s * interval '1 day', now(), 0, 'live', jsonb_build_object('context',
       jsonb_build_object('userAgent', 'Mozilla/5.0 (X11; Linux x86_64)', 'page', jsonb_build_object('path', '/a')),
       'properties', CASE n %% 5 WHEN 1 THEN jsonb_build_object('total', 50, 'products', jsonb_build_array(
           jsonb_build_object('product_id', 'p1', 'price', 3), jsonb_build_object('product_id', 'p2', 'quantity', 2)))
       ELSE jsonb_build_object('product_id', 'p' || n %% 1000, 'price', 9.5, 'category', 'Home', 'path', '/x') END)
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


def begin(*, customers: int, with_visitors: bool = True) -> None:
    """A shop with its people and goods; `with_visitors`, each is a visitor too."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO company_channel (code, name, kind) VALUES ('web', 'web', 'web')")
    sources.make(name="web", kind="web", namespace="shop", zone="UTC", at=datetime.now(UTC), by=SYSTEM)
    values = {"customers": customers}
    _run(values, _CUSTOMERS, _PRODUCTS, *([_VISITORS] if with_visitors else []))


def add(
    *, customers: int, orders: tuple[int, int], events: tuple[int, int] | None = None, days: int = DAYS, ago: int = 0
) -> None:
    """The orders, of two lines each, and the events with numbers from the first to the last, on `days` up to the one
    that was `ago` days ago; the events up to today."""
    values = {"customers": customers, "days": days, "ago": ago}
    _run(values | {"first": orders[0], "last": orders[1]}, _ORDERS, _LINES)
    if events is not None:
        with connection.cursor() as cursor:
            for back in range(DAYS // 28 + 1):
                cursor.execute("SELECT events_make_month((now() - %s * interval '28 days')::date)", [back])
        _run(values | {"first": events[0], "last": events[1]}, _EVENTS)
    with connections["owner"].cursor() as cursor:
        if events is not None:
            cursor.execute("SELECT setval('events_batch_number', %s, true)", [1 + events[1] // 1000])
        cursor.execute("VACUUM (ANALYZE)")


def _run(values: dict[str, int], *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)
