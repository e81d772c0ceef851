"""What `regulars bench console` makes and asks of orders, goods, stores and connections."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from django.db import connections
from django.test import Client

from regulars.facts.company import channels, stores
from regulars.facts.sources import connections as shops
from regulars.kit.actors import SYSTEM

STORES = 200
_RETURNS = """
INSERT INTO commerce_return (namespace, ref, customer_id, order_id, order_ref, returned_at, returned_on, currency,
                             amount_minor, money_minor, origin, fingerprint)
SELECT 'bench', 'r' || id, customer_id, id, ref, placed_at + INTERVAL '3 days', placed_on + 3, currency,
       total_minor / 4, total_minor / 4, 'history', fingerprint
  FROM commerce_order WHERE id %% 40 = 0
"""
_CATEGORIES = """
INSERT INTO commerce_category (path, name, parent_id)
SELECT DISTINCT 'Things', 'Things', NULL FROM commerce_product
 UNION ALL
SELECT DISTINCT category, split_part(category, ' > ', 2), 'Things' FROM commerce_product
"""
_VARIANTS = """
INSERT INTO commerce_variant (product_id, namespace, ref, sku, title)
SELECT id, namespace, ref || '-' || form, 'SKU-' || id || '-' || form, 'Form ' || form
  FROM commerce_product CROSS JOIN generate_series(1, 2) AS form
"""
_PRICES = """
INSERT INTO commerce_price (product_id, variant_id, currency, list_minor, valid_from, source, told_at, origin)
SELECT product_id, id, 'GBP', 500 + id %% 9000 + month * 10, TIMESTAMPTZ '2024-01-01' + month * INTERVAL '30 days',
       'bench', TIMESTAMPTZ '2024-01-01' + month * INTERVAL '30 days', 'history'
  FROM commerce_variant CROSS JOIN generate_series(0, 2) AS month
"""
_STOCK = """
INSERT INTO commerce_stock (variant_id, store_id, on_hand, told, told_at, source)
SELECT form.id, %(first_store)s + (form.id * 7 + place * 53) %% %(stores)s, form.id %% 9, form.id %% 9,
       TIMESTAMPTZ '2025-06-01', 'bench'
  FROM commerce_variant AS form CROSS JOIN generate_series(1, 3) AS place
"""
_MOVES = """
INSERT INTO commerce_stock_movement (stock_id, why, change, on_hand, at, source)
SELECT id, 'told', on_hand, on_hand, told_at, 'bench' FROM commerce_stock
"""
_DELIVERIES = """
INSERT INTO sources_delivery (connection_id, key, topic, headers, sealed_for, size, arrived_at, repeats, tries, came,
                              state, code, why, settled_at)
SELECT %(connection)s, 'k' || n, 'orders/updated', '{}', -1, 900, now() - n * INTERVAL '7 seconds', 0, 1, '{}',
       CASE WHEN n %% 997 = 0 THEN 'not_understood' ELSE 'done' END,
       CASE WHEN n %% 997 = 0 THEN 'no_currency' ELSE '' END, '', now()
  FROM generate_series(1, %(deliveries)s) AS n
"""
STEPS = (
    ("refunds", _RETURNS),
    ("categories", _CATEGORIES),
    ("forms", _VARIANTS),
    ("prices", _PRICES),
    ("stock", _STOCK),
    ("movements", _MOVES),
    ("messages", _DELIVERIES),
)

#: Ways to narrow the lists, by what they ask of the database.
ORDERS = {
    "orders": "",
    "a store": "?store=S42",
    "a channel": "?channel=web",
    "not paid": "?state=unpaid",
    "refunded": "?state=refunded",
    "cancelled": "?state=cancelled",
    "drafts": "?state=draft",
    "tests": "?state=test",
    "guests": "?buyer=guest",
    "flagged": "?flagged=1",
    "a week": "?first=2025-02-01&last=2025-02-07",
    "a store, not paid": "?store=S42&state=unpaid",
    "a number": "?q={number}",
    "nobody's number": "?q=none-such",
}
CATALOGUE = {
    "catalogue": "",
    "words": "?q=importance",
    "nobody's word": "?q=zebra",
    "a reference": "?q=p77",
    "a branch": "?category=Things+%3E+Nr+7",
    "the trunk": "?category=Things",
    "a state": "?status=draft",
}


def make(members: int) -> Mapping[str, int]:
    """What cannot be said in SQL alone, and the values its steps are asked with."""
    now = datetime.now(UTC)
    way = channels.resolve_many(codes=["store"], at=now, by=SYSTEM, kind="store")["store"]
    codes = [f"S{n}" for n in range(1, STORES + 1)]
    houses = stores.resolve_many(codes=codes, at=now, by=SYSTEM, channel="store")
    made = [
        shops.connect(
            name=f"shop-{n}",
            kind="medusa",
            zone="Europe/London",
            credentials={"api_key": "none", "secret": "none"},
            settings={"address": f"https://shop-{n}.example"},
            at=now,
            by=SYSTEM,
        )
        for n in range(1, 6)
    ]
    return {
        "in_store": way,
        "first_store": min(houses.values()),
        "stores": STORES,
        "connection": made[0].id,
        "deliveries": members // 5,
    }


def pages(client: Client) -> Iterable[tuple[str, list[str]]]:
    """What is asked for, by name."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT number FROM commerce_order WHERE id = (SELECT max(id) / 2 FROM commerce_order)")
        [(number,)] = cursor.fetchall()
    for name, asked in ORDERS.items():
        yield f"orders: {name}", ["/console/orders/" + asked.format(number=quote(number))]
    yield "orders: page 40", [_turned(client, "/console/orders/", 40)]
    yield "order", _named(client, "/console/orders/")
    for name, asked in CATALOGUE.items():
        yield f"catalogue: {name}", ["/console/catalogue/" + asked]
    yield "catalogue: page 40", [_turned(client, "/console/catalogue/", 40)]
    yield "catalogue: categories", ["/console/catalogue/categories"]
    yield "product", _named(client, "/console/catalogue/")
    yield "stores", ["/console/stores/"]
    yield "store", _named(client, "/console/stores/")
    yield "connections", ["/console/connections/"]
    [busy, *_] = _named(client, "/console/connections/")
    yield "connection", [busy]


def _named(client: Client, address: str) -> list[str]:
    """The things of a list, as somebody clicks on them."""
    found = re.findall(r'class="name" href="([^"]+)"', client.get(address).content.decode())
    if not found:
        raise AssertionError(f"{address} names nothing")
    return list(dict.fromkeys(found))


def _turned(client: Client, address: str, pages: int) -> str:
    asked = ""
    for _ in range(pages):
        following = re.search(r'rel="next" href="(\?[^"]+)"', client.get(address + asked).content.decode())
        if following is None:
            break
        asked = following[1].replace("&amp;", "&")
    return address + asked
