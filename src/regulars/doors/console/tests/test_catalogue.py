"""The catalogue in the console: found by what people call it, with prices and stock, mended by who may."""

from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.commerce import bundles, catalogue, holds, prices, stock, variants
from regulars.facts.commerce.holds import Wanted
from regulars.facts.commerce.prices import PriceReport
from regulars.facts.commerce.stock import StockReport
from regulars.facts.company import company, stores
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

GTIN = "4006381333931"


def a_product(ref: str, title: str, *, forms=(), brand: str = "", **more) -> str:
    """Its public id. Each of `forms`: (reference, title, sku, barcode)."""
    told = {"ref": ref, "title": title, "brand": brand, **more}
    rows = [
        {"ref": form, "product_ref": ref, "title": name, "sku": sku, "barcode": barcode}
        for form, name, sku, barcode in forms or [(ref, "", "", "")]
    ]
    done = catalogue.record_many(
        namespace="till",
        told=pl.DataFrame([told], schema=catalogue.PRODUCTS),
        forms=pl.DataFrame(rows, schema=catalogue.VARIANTS),
        at=MONDAY,
        by=SYSTEM,
        origin="history",
    )
    [number] = done.products.ids.values()
    return catalogue.get_many([number])[number].public_id


@pytest.fixture
def tea():
    """Jasmine tea in two sizes, in the reader's languages, with prices, stock and a hold, and a box of both."""
    company.settle(
        name="Willow", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=SYSTEM
    )
    where = a_product(
        "tea-01",
        "Jasmine tea <loose>",
        titles='{"zh-hans": "茉莉花茶"}',
        category="Tea > Green",
        brand="Leaf",
        forms=[("tea-01-s", "100 g", "JT100", GTIN), ("tea-01-l", "250 g", "JT250", "")],
    )
    now = timezone.now()
    for form, price, sale in (("tea-01-s", 1250, 990), ("tea-01-l", 2800, None)):
        for days, list_minor, sale_minor in ((90, price + 100, None), (10, price, sale)):
            told = PriceReport(
                "till", "tea-01", "GBP", list_minor, now - timedelta(days=days), sale_minor=sale_minor, variant_ref=form
            )
            prices.record(report=told, at=now, by=SYSTEM)
    numbers = variants.find_many(namespace="till", refs=["tea-01-s", "tea-01-l"])
    for form, store, count in (("tea-01-s", "S1", "12"), ("tea-01-s", "S2", "0"), ("tea-01-l", "S1", "3")):
        stock.record(report=StockReport("till", form, store, Decimal(count)), at=MONDAY, by=SYSTEM)
    wanted = [Wanted(numbers["tea-01-s"][0], stores.by_code("S1").id, Decimal(2))]
    holds.hold(wanted=wanted, key="basket-1", expires_at=now + timedelta(hours=1), at=now, by=SYSTEM)
    a_product("box-1", "Gift box", category="Gifts")
    [box] = [number for number, _ in variants.find_many(namespace="till", refs=["box-1"]).values()]
    bundles.compose(bundle=box, parts={numbers["tea-01-s"][0]: Decimal(2)}, at=MONDAY, by=SYSTEM)
    return where


def test_without_products_the_page_says_how_they_come():
    page = signed_in("shop_assistant").get("/console/catalogue/").content.decode()
    assert "Nothing is sold here yet" in page
    assert "No category yet" in signed_in("agent").get("/console/catalogue/categories").content.decode()


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ("q=jasmine", True),
        ("q=茉莉", True),
        ("q=TEA-0", True),
        ("q=JT250", True),
        ("q=tea-01-l", True),
        (f"q={GTIN}", True),
        (f"q=0{GTIN}", True),
        ("q=JT25", False),
        ("q=%25", False),
        ("category=Tea", True),
        ("category=Tea+%3E+Green&brand=Leaf&status=active", True),
        ("brand=Other", False),
        ("status=draft", False),
        ("status=nonsense", True),
        ("after=nonsense", True),
    ],
)
def test_a_product_is_found_by_what_people_call_it(tea, asked, is_found):
    page = signed_in("agent").get(f"/console/catalogue/?{asked}").content.decode()
    assert (f"/console/catalogue/{tea}/" in page) is is_found
    if not is_found:
        assert "No product fits" in page


@pytest.mark.parametrize("word", ["茉莉", "茉", "jasm", "TEA-0"])
def test_a_word_is_found_by_an_index_also_of_one_chinese_letter(tea, word):
    with connection.cursor() as cursor:
        # As it is with many products, of which few have it.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    with CaptureQueriesContext(connection) as asked:
        assert [ware.public_id for ware in catalogue.page(search=word).items] == [tea]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + asked[0]["sql"].replace("%", "%%"), [])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "commerce_product_pieces" in plan


def test_the_list_shows_price_and_stock_now_and_costs_the_same_however_many(tea):
    client = signed_in("agent")
    costs = []
    for _round in range(2):
        with CaptureQueriesContext(connection) as spent:
            page = client.get("/console/catalogue/?q=tea").content.decode()
        costs.append(len(spent))
        for number in range(55):
            a_product(f"cup-{number:02}", f"Tea cup {number}")
    assert costs == [11, 11]
    assert "£9.90 – £28.00" in page or "£9.90 – £28.00" in client.get("/console/catalogue/?q=jasmine").content.decode()
    assert 'rel="next"' in page
    listed = client.get("/console/catalogue/?q=jasmine").content.decode()
    assert ">13<" in listed.replace("\n", "")
    assert "Jasmine tea &lt;loose&gt;" in listed
    client.cookies["django_language"] = "zh-hans"
    assert "茉莉花茶" in client.get("/console/catalogue/?q=jasmine").content.decode()


def test_a_product_shows_prices_stock_holds_and_how_they_came(tea):
    client = signed_in("shop_assistant")
    client.get(f"/console/catalogue/{tea}/")
    with CaptureQueriesContext(connection) as spent:
        page = client.get(f"/console/catalogue/{tea}/").content.decode()
    assert len(spent) == 16, [query["sql"][:90] for query in spent]
    for words in (
        "JT100",
        GTIN,
        "£9.90",
        "£12.50",
        "£13.50",
        "100 g",
        "basket",
        "until now",
        "told by its source",
        "holds now",
    ):
        assert words in page, words
    assert "Change</summary>" not in page
    assert client.post(f"/console/catalogue/{tea}/change", {}).status_code == 403


@pytest.mark.parametrize(
    ("told", "shown", "hidden"),
    [
        ({"EUR": 1250}, "€12.50", "£"),
        ({"EUR": 1250, "GBP": 990}, "£9.90", ""),
        ({"USD": 1500, "EUR": 1250}, "€12.50", "£"),
    ],
)
def test_a_price_is_shown_in_the_currency_there_is(told, shown, hidden):
    company.settle(
        name="Willow", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=SYSTEM
    )
    where, now = a_product("cup", "Cup"), timezone.now()
    for currency, minor in told.items():
        report = PriceReport("till", "cup", currency, minor, now - timedelta(days=40))
        prices.record(report=report, at=now, by=SYSTEM)
    client = signed_in("agent")
    for path in ("/console/catalogue/", f"/console/catalogue/{where}/"):
        page = client.get(path).content.decode()
        variants_alone = page.split("All that was told of its prices")[0]
        assert shown in variants_alone
        assert not hidden or hidden not in variants_alone
    assert "No price is on record" not in page
    assert variants_alone.count(shown) == 3  # now, over time, and the lowest of the days before


def test_a_bundle_names_its_parts(tea):
    [box] = [ware.public_id for ware in catalogue.page(search="box-1").items]
    page = signed_in("agent").get(f"/console/catalogue/{box}/").content.decode()
    assert f'2 × <a href="/console/catalogue/{tea}/">Jasmine tea &lt;loose&gt; · 100 g</a>' in page


def test_the_tree_counts_what_is_in_a_category_and_below(tea):
    page = signed_in("agent").get("/console/catalogue/categories").content.decode()
    assert "?category=Tea%20%3E%20Green" in page
    assert page.index(">Gifts<") < page.index(">Tea<") < page.index(">Green<")


def test_a_manager_mends_a_product_until_its_source_tells_something_newer(tea):
    ana = signed_in("manager")
    told = {"title": "Jasmine pearls", "category": "Tea/White", "brand": "Leaf", "status": "discontinued"}
    assert ana.post(f"/console/catalogue/{tea}/change", told).status_code == 302
    ware = catalogue.by_public_id(tea)
    assert (ware.title, ware.category, ware.status) == ("Jasmine pearls", "Tea > White", "discontinued")
    [line] = [one for one in trail.of(f"product:{ware.id}", limit=5) if one.verb == "commerce.corrections.describe"]
    assert line.after == {"title": "Jasmine pearls", "category": "Tea > White", "status": "discontinued"}
    assert ana.post(f"/console/catalogue/{tea}/change", told).status_code == 302
    assert len(trail.of(f"product:{ware.id}", limit=5)) == 1
    a_product("tea-01", "What it was before", source_updated_at=MONDAY)
    assert catalogue.by_public_id(tea).title == "Jasmine pearls"
    a_product("tea-01", "Told later", source_updated_at=timezone.now() + timedelta(hours=1))
    assert catalogue.by_public_id(tea).title == "Told later"
    late = ana.post(f"/console/catalogue/{tea}/change", told)
    assert late.status_code == 422
    assert "told something newer" in late.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("title", "", "required"), ("status", "gone", "not one of the available"), ("brand", "a\tb", "cannot be")],
)
def test_what_a_product_cannot_be_is_said(tea, field, value, words):
    told = {"title": "Jasmine", "category": "", "brand": "", "status": "active"} | {field: value}
    answer = signed_in("manager").post(f"/console/catalogue/{tea}/change", told)
    assert answer.status_code == 422
    assert words in answer.content.decode() or "characters nobody can see" in answer.content.decode()
    assert catalogue.by_public_id(tea).title == "Jasmine tea <loose>"
