"""`regulars bench console`: lists and pages over many members, beside a page that reads a few rows by key."""

import json
import re
import statistics
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import click
from django.core.cache import cache
from django.db import connections
from django.test import Client

from regulars.doors.console import bench_goods, insight
from regulars.facts.company import channels, company
from regulars.facts.customers import profiles
from regulars.facts.customers.profiles import Profile
from regulars.insight.measures import refreshing
from regulars.kit.actors import SYSTEM
from regulars.kit.refusals import Refusal
from regulars.runtime.database import ready, scratch
from regulars.runtime.database.needs import without_database
from regulars.runtime.staff import operators

#: In the server, of every list and page.
GOAL_MS = 300.0
NAMED = 2_000
PASSWORD = "seven green teapots"  # noqa: S105 - opens nothing but the benchmark's own database
LIST = "/console/members/"

#: Sizes and habits of a shop: a third of the customers come back, a few come very often, most are from a few countries.
CUSTOMERS = """
INSERT INTO customers_customer (origin, country, language, first_seen_at)
SELECT 'history', (ARRAY['GB','GB','GB','GB','CN','CN','CN','DE','FR','US','ES','IT','NL','SE','NO','DK'])
                  [1 + (power(random(), 1.5) * 15)::int],
       (ARRAY['en','en','zh','de','fr'])[1 + (random() * 4)::int],
       TIMESTAMPTZ '2024-01-01' + random() * 700 * INTERVAL '1 day'
  FROM generate_series(1, %(members)s)
"""
IDENTIFIERS = """
INSERT INTO customers_identifier (customer_id, namespace, kind, value, since_at)
SELECT id, 'bench', 'external', 'c' || id, first_seen_at FROM customers_customer
"""
PRODUCTS = """
INSERT INTO commerce_product (namespace, ref, title, category)
SELECT 'bench', 'p' || n, 'A thing of no great importance, ' || n, 'Things > Nr ' || n %% 200
  FROM generate_series(1, %(products)s) AS n
"""
ORDERS = """
INSERT INTO commerce_order (namespace, ref, number, customer_id, channel_id, store_id, placed_at, placed_on, currency,
                            kind, goods_minor, discount_minor, shipping_minor, tax_minor, total_minor, paid_minor,
                            cancelled_at, differs_minor, origin, fingerprint)
SELECT 'bench', 'o' || who.id || '-' || n, '#' || who.id || '-' || n, CASE WHEN lot %% 31 <> 0 THEN who.id END,
       CASE WHEN lot %% 5 = 0 THEN %(in_store)s ELSE %(in_web)s END,
       CASE WHEN lot %% 5 = 0 THEN %(first_store)s + lot / 5 %% %(stores)s END, placed.at, placed.at::date, 'GBP',
       CASE WHEN lot %% 4001 = 0 THEN 'test' WHEN lot %% 1009 = 0 THEN 'draft' ELSE 'purchase' END,
       worth.minor, 0, 0, 0, worth.minor, CASE WHEN lot %% 2003 = 0 THEN worth.minor / 2 ELSE worth.minor END,
       CASE WHEN lot %% 997 = 0 THEN placed.at + INTERVAL '1 day' END, CASE WHEN lot %% 5003 = 0 THEN 1 ELSE 0 END,
       'history', '\\x00112233445566778899aabbccddeeff'
  FROM (SELECT id, first_seen_at,
               CASE WHEN id = %(regular)s THEN 2000 ELSE 1 + (-%(often)s * ln(1 - random()))::int END AS times
          FROM customers_customer) AS who
 CROSS JOIN LATERAL generate_series(1, who.times) AS n
 CROSS JOIN LATERAL (SELECT CASE WHEN who.id = %(regular)s THEN 1 ELSE who.id * 7 + n * 13 END AS lot) AS picked
 CROSS JOIN LATERAL (SELECT who.first_seen_at + (who.id * 31 + n * 7919) %% 700 * INTERVAL '9 hours' AS at) AS placed
 CROSS JOIN LATERAL (SELECT 500 + ((who.id * 7919 + n * 104729) %% 19997) AS minor) AS worth
"""
LINES = """
INSERT INTO commerce_line (order_id, number, product_id, quantity, unit_price, amount_minor, discount_minor)
SELECT id, 1, (SELECT min(id) FROM commerce_product) + id %% %(products)s, 1, goods_minor / 100.0, goods_minor, 0
  FROM commerce_order
"""
STEPS = (
    ("customers", CUSTOMERS),
    ("identifiers", IDENTIFIERS),
    ("products", PRODUCTS),
    ("orders", ORDERS),
    ("lines", LINES),
    *bench_goods.STEPS,
)
#: So many products for each member: a hundred thousand in the shop of a million.
PRODUCTS_OF = 10

#: A way to narrow or sort the list, by what it asks of the database.
LISTS = {
    "members": "",
    "by orders": "?sort=orders",
    "by last purchase": "?sort=last_purchase",
    "by last purchase, longest ago first": "?sort=last_purchase&dir=up",
    "by net spend, least first": "?sort=spend&dir=up",
    "newest": "?sort=newest",
    "a common country": "?country=GB",
    "a rare country, by orders": "?country=DK&sort=orders",
    "a language": "?language=zh",
    "a group": "?segment=champions",
    "regulars": "?state=regular",
    "slipping away": "?state=lapsing",
    "not regulars, by last purchase": "?state=occasional&sort=last_purchase",
    "a square of the grid": "?r=5&f=1",
    "an empty corner": "?r=1&f=5&m=1&country=DK",
    "orders from 4 to 6": "?orders_from=4&orders_to=6",
    "spend from 100 to 101": "?spend_from=100&spend_to=101",
    "bought in one week, by net spend": "?last_from=2025-06-01&last_to=2025-06-07",
    "nobody": "?orders_from=900000",
    "a reference": "?q=c4711",
    "first letters": "?q=wil",
    "several filters": "?country=CN&language=en&orders_from=2&spend_from=50&segment=loyal",
}


class NotEmpty(Refusal):
    """The database has customers, whose shop the benchmark would spoil."""

    code = "console.bench_not_empty"


def _say(words: str) -> None:
    click.echo(words, err=True)


@without_database
@click.command("console")
@click.option("--members", type=click.IntRange(2_000), default=1_000_000, show_default=True)
@click.option(
    "--orders", type=click.IntRange(0), default=0, help="How many orders, about; 0 for what a third who come back make."
)
@click.option(
    "--times", type=click.IntRange(5), default=20, show_default=True, help="How often each page is asked for."
)
@click.option(
    "--here",
    is_flag=True,
    help="In the database of REGULARS_DATABASE_URL or REGULARS_HOME, which must be empty; what is made stays there."
    " Without it in one of its own that is removed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def console(members: int, orders: int, times: int, here: bool, as_json: bool) -> None:
    """Lists and pages of members, orders, goods, stores and shops, Today and Insight, beside a page of a few rows read
    by key."""
    if not here:
        arguments = ["--members", str(members), "--orders", str(orders), "--times", str(times)]
        arguments += ["--json"] if as_json else []
        scratch.run(["bench", "console", "--here", *arguments])
        return
    with ready.database_ready(say=_say):
        facts = measure(members, orders, times)
    click.echo(json.dumps(facts) if as_json else _told(facts))


def measure(members: int, orders: int, times: int) -> dict[str, object]:
    """Build the shop where there is none, then ask for each page `times` times. Milliseconds in the server."""
    build_seconds = _build(members, orders)
    client = _come_in()
    cache.clear()
    pages = dict(_pages(client, members)) | dict(bench_goods.pages(client))
    beside = _timed(client, ["/console/account"] * times)
    rows = {}
    for name, addresses in pages.items():
        some = _timed(client, [addresses[number % len(addresses)] for number in range(times)])
        rows[name] = {**some, "ratio": round(some["p50"] / beside["p50"], 1)}
        _say(f"  {name}: p50 {some['p50']}, p95 {some['p95']} ms")
    return {
        "members": members,
        "orders": _orders(),
        "build_seconds": build_seconds,
        "beside": beside,
        "pages": rows,
        "slowest_p95_ms": max(row["p95"] for row in rows.values()),
        "goal_ms": GOAL_MS,
    }


def _build(members: int, orders: int) -> float:
    began = time.perf_counter()
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM customers_customer), EXISTS (SELECT FROM commerce_order)")
        if any(cursor.fetchone()):
            raise NotEmpty("database: it has customers or orders; take an empty one, the benchmark fills it")
        now = datetime.now(UTC)
        company.settle(
            name="Willow & Loaf", currency="GBP", zone="Europe/London", language="en", country="GB", at=now, by=SYSTEM
        )
        web = channels.resolve_many(codes=["web"], at=now, by=SYSTEM)["web"]
        asked = {
            "members": members,
            "regular": members // 2,
            "products": max(1000, members // PRODUCTS_OF),
            "in_web": web,
            "often": max(0.7, orders / members - 0.9),
            **bench_goods.make(members),
        }
        for name, statement in STEPS:
            cursor.execute(statement, asked)
            _say(f"  {name}: {cursor.rowcount:,} rows, {time.perf_counter() - began:.0f} s")
        cursor.execute("SELECT id FROM customers_customer ORDER BY id DESC LIMIT %s", [NAMED])
        chosen = [number for (number,) in cursor.fetchall()]
    profiles.describe_many(
        profiles={
            number: Profile(display_name=f"Willow Nr {number}", email=f"willow{number}@mail.example")
            for number in chosen
        },
        key="bench",
        at=now,
        by=SYSTEM,
    )
    refreshing.refresh(at=now, by=SYSTEM, tell=_say)
    # What the job of every minute does after a refresh.
    insight.draw()
    # What autovacuum does within a minute or so of an import.
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return round(time.perf_counter() - began, 1)


def _orders() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce_order")
        [(number,)] = cursor.fetchall()
    return int(number)


def _come_in() -> Client:
    now = datetime.now(UTC)
    handed = operators.invite(email="marek@shop.example", name="Marek", role="owner", at=now, by=SYSTEM)
    operators.choose_password(token=handed.token, password=PASSWORD, at=now)
    client = Client(SERVER_NAME="127.0.0.1")
    answer = client.post("/console/sign-in", {"email": "marek@shop.example", "password": PASSWORD})
    if answer.status_code != 302:
        raise AssertionError(f"sign-in answered {answer.status_code}")
    return client


def _pages(client: Client, members: int) -> Iterable[tuple[str, list[str]]]:
    """What is asked for, by name: several addresses where the data should not be the same each time."""
    yield "today", ["/console/"]
    yield "insight", ["/console/insight/"]
    for name, asked in LISTS.items():
        yield f"list: {name}", [LIST + asked]
    yield "list: page 40 by net spend", [_deep(client, "?sort=spend", 40)]
    yield "list: page 40 of a country by last purchase", [_deep(client, "?country=CN&sort=last_purchase", 40)]
    seen = [client.get(f"{LIST}?q=c{members * part // 11}").content.decode() for part in range(1, 10)]
    found = [re.findall(r'class="name" href="([^"]+)"', page) for page in seen]
    yield "member", [addresses[0] for addresses in found if addresses]
    [regular] = re.findall(r'class="name" href="([^"]+)"', client.get(f"{LIST}?q=c{members // 2}").content.decode())[:1]
    yield "member with 2,000 orders", [regular]
    older = re.search(r'href="(\?before=[^"#]+)', client.get(regular).content.decode())
    if older is None:
        raise AssertionError("the regular's page has no older part")
    yield "member with 2,000 orders, older", [regular + older[1]]


def _deep(client: Client, asked: str, pages: int) -> str:
    """The address of a page far down the list, as somebody gets there: by turning pages."""
    for _ in range(pages):
        following = re.search(r'rel="next" href="(\?[^"]+)"', client.get(LIST + asked).content.decode())
        if following is None:
            break
        asked = following[1].replace("&amp;", "&")
    return LIST + asked


def _timed(client: Client, addresses: Iterable[str]) -> dict[str, float]:
    spent = []
    for address in addresses:
        began = time.perf_counter()
        answer = client.get(address)
        spent.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise AssertionError(f"{address} answered {answer.status_code}")
    # The first visit warms what every later one finds warm: it counts towards the 95 %, as it does for people.
    return {
        "p50": round(statistics.median(spent), 1),
        "p95": round(statistics.quantiles(spent, n=20, method="inclusive")[-1], 1),
        "most": round(max(spent), 1),
    }


def _told(facts: dict[str, object]) -> str:
    pages, beside = facts["pages"], facts["beside"]
    assert isinstance(pages, dict)
    assert isinstance(beside, dict)

    def line(name: str, row: dict[str, float]) -> str:
        return f"{name:44} {row['p50']:6.1f} {row['p95']:6.1f} {row['most']:6.1f}  {row.get('ratio', 1.0):5.1f}"

    return "\n".join(
        [
            f"{'':44}    p50    p95   most  times the page beside",
            *(line(name, row) for name, row in pages.items()),
            line("beside: a page of a few rows read by key", beside),
            f"console: the slowest p95 of {len(pages)} pages is {facts['slowest_p95_ms']} ms at"
            f" {facts['members']:,} members with {facts['orders']:,} orders (goal: {GOAL_MS:.0f} at most)",
        ]
    )


BENCHMARKS = (console,)
