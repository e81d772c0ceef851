"""What a page of orders, goods, connections, messages or webhooks reads is the same of 40,000 rows and of 200,000."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.commerce import catalogue
from regulars.facts.company import channels, stores
from regulars.facts.sources import connections
from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import deliveries, endpoints

pytestmark = pytest.mark.long

#: Where no index knows which fit, 20,000 orders are looked at for a page: there are more than that.
FEW, MANY = 40_000, 200_000
#: Of how many pages of 8 KB one question may read more where there is five times as much: trees are deeper, and a page
#: of what is rare has twenty rows and not four. Reading a whole table of them would be some thousands.
MORE, BESIDE = 1.3, 400
TABLES = ("commerce_product", "commerce_variant", "commerce_order", "commerce_line", "sources_delivery")
PRODUCTS = """
INSERT INTO commerce_product (namespace, ref, title, category, brand, titles, status)
SELECT 'bench', 'p' || n, CASE WHEN n %% 9973 = 7 THEN '雾岭' || n ELSE 'A thing of no importance, ' || n END,
       CASE WHEN n %% 9973 = 7 THEN 'Rare > One' ELSE 'Things > Nr ' || n %% 40 END,
       CASE WHEN n %% 9973 = 7 THEN 'Rara' ELSE 'Brand ' || n %% 30 END, '{"zh-hans": "东西"}',
       CASE WHEN n %% 9973 = 7 THEN 'draft' ELSE 'active' END
  FROM generate_series(%(first)s, %(last)s) AS n
"""
FORMS = """
INSERT INTO commerce_variant (product_id, namespace, ref, sku)
SELECT id, namespace, ref, 'SKU-' || ref FROM commerce_product AS product
 WHERE NOT EXISTS (SELECT 1 FROM commerce_variant AS form WHERE form.product_id = product.id)
"""
ORDERS = """
INSERT INTO commerce_order (namespace, ref, number, channel_id, store_id, placed_at, placed_on, currency, kind,
                            goods_minor, discount_minor, shipping_minor, tax_minor, total_minor, paid_minor, origin,
                            differs_minor, fingerprint)
SELECT 'bench', 'o' || n, '#' || n, %(channel)s, CASE WHEN n %% 9973 = 7 THEN %(store)s END, placed.at, placed.at::date,
       'GBP', CASE WHEN n %% 9973 = 8 THEN 'test' ELSE 'purchase' END, 500, 0, 0, 0, 500, 500, 'history',
       CASE WHEN n %% 9973 = 9 THEN 1 ELSE 0 END, '\\x00112233445566778899aabbccddeeff'
  FROM generate_series(%(first)s, %(last)s) AS n
 CROSS JOIN LATERAL (SELECT TIMESTAMPTZ '2020-01-01' + n * INTERVAL '13 minutes' AS at) AS placed
"""
LINES = """
INSERT INTO commerce_line (order_id, number, product_id, quantity, unit_price, amount_minor, discount_minor)
SELECT id, 1, (SELECT min(id) FROM commerce_product), 1, 5, 500, 0 FROM commerce_order AS sale
 WHERE NOT EXISTS (SELECT 1 FROM commerce_line AS line WHERE line.order_id = sale.id)
"""
MESSAGES = """
INSERT INTO sources_delivery (connection_id, key, topic, headers, sealed_for, size, arrived_at, repeats, tries, came,
                              state, code, why, settled_at)
SELECT CASE WHEN n %% 9973 = 7 THEN %(quiet)s ELSE %(busy)s END, 'k' || n, 'orders/updated', '{}', -1, 900,
       now() - n * INTERVAL '7 seconds', 0, 1, '{}', CASE WHEN n %% 9973 = 8 THEN 'not_understood' ELSE 'done' END,
       '', '', now() FROM generate_series(%(first)s, %(last)s) AS n
"""
SENT = """
INSERT INTO outbound_delivery (endpoint_id, message_id, kind, subject, state, attempts, wanted_at, tries, ended_at,
                               error)
SELECT %(endpoint)s, 'msg_' || lpad(n::text, 26, '0'), 'order.recorded', 'order:' || n,
       CASE WHEN n %% 9973 = 7 THEN 'given_up' ELSE 'delivered' END, 1, now(), '[]', now(), ''
  FROM generate_series(%(first)s, %(last)s) AS n
"""


def put(first: int, last: int, **known: int) -> None:
    with connection.cursor() as cursor:
        for statement in (PRODUCTS, FORMS, ORDERS, LINES, MESSAGES, SENT):
            cursor.execute(statement, {"first": first, "last": last, **known})
    with databases["owner"].cursor() as cursor:
        for table in (*TABLES, "outbound_delivery"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def read_of(ask: Callable[[], object]) -> dict[str, int]:
    """What each question of one answer reads, in pages of the database."""
    cache.clear()
    with CaptureQueriesContext(connection) as asked:
        ask()
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for one in asked:
            if not one["sql"].lstrip().startswith(("SELECT", "WITH")) or "FOR UPDATE" in one["sql"]:
                continue
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + one["sql"].replace("%", "%%"), [])
            [(plan,)] = cursor.fetchall()
            read = plan[0]["Plan"]
            found[one["sql"][:160]] = read["Shared Hit Blocks"] + read["Shared Read Blocks"]
    return found


def askings(client: Any, busy: str, quiet: str, endpoint: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    def page(path: str) -> Callable[[], object]:
        def ask() -> object:
            answer = client.get(f"/console/{path}")
            assert answer.status_code == 200
            return answer

        return ask

    orders = ("", "?store=S1", "?state=test", "?flagged=1", "?channel=web", "?buyer=guest", "?q=%2317", "?state=unpaid")
    goods = ("", "?q=雾岭", "?q=thing", "?q=SKU-p70", "?q=nowhere+to+be+found", "?category=Rare", "?brand=Rara")
    for asked in orders:
        yield f"orders {asked}", page(f"orders/{asked}")
    for asked in (*goods, "?status=draft", "?category=Things+%3E+Nr+3"):
        yield f"catalogue {asked}", page(f"catalogue/{asked}")
    yield "connections", page("connections/")
    for name, one in (("busy", busy), ("quiet", quiet)):
        for asked in ("", "?state=not_understood"):
            yield f"{name} connection {asked}", page(f"connections/{one}/{asked}")
    yield "webhooks", page("webhooks/")
    yield "a webhook", page(f"webhooks/{endpoint.public_id}/")
    yield "given up", lambda: deliveries.of_endpoint(endpoint.id, state="given_up")
    yield "one message", lambda: deliveries.get(endpoint=endpoint.id, message_id="msg_" + "7".zfill(26))
    yield "today", page("")


def test_what_is_read_for_a_page_of_a_list_does_not_grow_with_the_table(fresh_database: dict[str, str]):
    web = channels.describe(code="web", name="Web", kind="web", at=MONDAY, by=SYSTEM).id
    channels.describe(code="till", name="Till", kind="store", at=MONDAY, by=SYSTEM)
    store = stores.describe(code="S1", name="Leeds", at=MONDAY, by=SYSTEM, channel="till")
    shops = [
        connections.connect(
            name=name, kind="generic", zone="Europe/London", credentials={"secret": "s" * 32}, at=MONDAY, by=SYSTEM
        )
        for name in ("busy", "quiet")
    ]
    endpoint = endpoints.make(name="crm", url="https://example.com/hooks", at=MONDAY, by=SYSTEM).endpoint
    known = {
        "channel": web,
        "store": store.id,
        "busy": shops[0].id,
        "quiet": shops[1].id,
        "endpoint": endpoint.id,
    }
    client = signed_in("owner")
    asked = list(askings(client, shops[0].public_id, shops[1].public_id, endpoint))
    put(1, FEW, **known)
    before = {name: read_of(ask) for name, ask in asked}
    put(FEW + 1, MANY, **known)
    after = {name: read_of(ask) for name, ask in asked}
    for name in before:
        print(f"{name}: {sum(before[name].values()):,} and {sum(after[name].values()):,} pages")
    grown = {
        f"{name}: {sql}": (before[name].get(sql), read)
        for name, told in after.items()
        for sql, read in told.items()
        if read > MORE * before[name].get(sql, 0) + BESIDE
    }
    assert not grown, "\n".join(f"{read}: {name}" for name, read in grown.items())
    assert len(catalogue.page(search="雾岭").items) == len([n for n in range(1, MANY + 1) if n % 9973 == 7])
