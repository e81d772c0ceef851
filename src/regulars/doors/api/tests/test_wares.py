"""Products, prices, stock, holds and stores through the API."""

from datetime import UTC, datetime

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.commerce import catalogue
from regulars.facts.company import opening, stores

pytestmark = pytest.mark.django_db

PRICE = {"product_ref": "coat", "currency": "GBP", "price": "80.00", "valid_from": "2026-01-01T00:00:00Z"}
STOCK = {"variant_ref": "coat-m", "product_ref": "coat", "store": "S1", "on_hand": "3"}


def a_coat(li: Program) -> str:
    assert li.post("prices", PRICE).json() == {"outcome": "new"}
    assert li.post("stock", STOCK).json() == {"outcome": "new"}
    [coat] = li.get("products?search=coat").json()["items"]
    return coat["id"]


def test_prices_are_told_asked_and_corrected():
    li = Program()
    coat = a_coat(li)
    assert li.post("prices", PRICE).json() == {"outcome": "same"}
    assert problem(li.post("prices", {**PRICE, "price": "70"})) == (409, "prices.conflict", "valid_from")
    sale = {**PRICE, "sale_price": "60", "valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-02-03T00:00:00Z"}
    li.post("prices", sale)
    on_sale = li.get(f"products/{coat}/price?currency=GBP&at=2026-02-01T12:00:00Z").json()
    assert (on_sale["price"], on_sale["list_price"]) == ("60.00", "80.00")
    assert li.get(f"products/{coat}/price?currency=GBP").json()["price"] == "80.00"
    lowest = li.get(f"products/{coat}/lowest-price?currency=GBP&day=2026-02-20").json()
    assert (lowest["price"], lowest["is_whole"]) == ("60.00", True)
    assert problem(li.get(f"products/{coat}/price?currency=EUR")) == (404, "prices.none", "currency")
    assert problem(li.get(f"products/{coat}/lowest-price?currency=GBP&day=0001-01-01"))[1] == "prices.bad_day"
    assert problem(li.post("prices", {**PRICE, "price": "1.234"}))[1] == "number.too_fine"


def test_goods_are_held_captured_and_never_twice():
    li = Program()
    coat = a_coat(li)
    [form] = li.get(f"products/{coat}").json()["variants"]
    basket = {"lines": [{"variant": form["id"], "store": "S1", "quantity": "2"}], "minutes": 15}
    held = li.post("holds", basket, key="one").json()
    assert li.post("holds", basket, key="one").json() == held
    assert problem(li.post("holds", basket, key="two")) == (409, "holds.not_enough", "quantity")
    [level] = li.get(f"products/{coat}/stock").json()["items"]
    assert (level["on_hand"], level["held"], level["available"]) == ("3.000", "2.000", "1.000")
    assert li.post(f"holds/{held['id']}/capture").json()["state"] == "captured"
    assert problem(li.post(f"holds/{held['id']}/release")) == (409, "holds.over", "hold")
    assert li.get(f"holds/{held['id']}").json()["state"] == "captured"
    elsewhere = {**basket, "lines": [{**basket["lines"][0], "store": "S9"}]}
    assert problem(li.post("holds", elsewhere, key="three")) == (404, "company.unknown_store", "store")


def test_stores_say_when_they_are_open():
    now = datetime.now(UTC)
    soho = stores.describe(code="S1", name="Soho", zone="Europe/London", at=now, by=MAREK)
    stores.set_hours(store=soho.id, week=dict.fromkeys(range(1, 8), opening.read("00:00-24:00")), at=now, by=MAREK)
    stores.describe(code="S2", name="Camden", at=now, by=MAREK)
    first, second = Program().get("stores").json()["items"]
    assert (first["is_open"], first["week"][0], second["is_open"]) == (True, "00:00-24:00", None)


def test_pages_of_products_follow_each_other_and_what_is_not_there_is_404():
    li = Program()
    for ref in ("a", "b", "c"):
        li.post("prices", {**PRICE, "product_ref": ref})
    first = li.get("products?limit=2").json()
    rest = li.get(f"products?limit=2&cursor={first['next']}").json()
    assert [one["ref"] for one in first["items"] + rest["items"]] == ["c", "b", "a"]
    assert problem(li.get("products/prd_00000000000000000000000000"))[:2] == (404, "catalogue.unknown_product")
    assert catalogue.page(status="draft").items == ()


def test_a_store_is_added_placed_and_given_its_hours():
    li = Program()
    made = li.put("stores/S7", {"name": "Riverside", "zone": "Asia/Shanghai"}).json()
    assert (made["name"], made["zone"], made["is_open"]) == ("Riverside", "Asia/Shanghai", None)
    where = {"city": "Shanghai", "latitude": "31.2304", "longitude": "121.4737", "offers_pickup": True}
    placed = li.put("stores/S7/place", where).json()
    assert (placed["city"], placed["latitude"], placed["offers_pickup"]) == ("Shanghai", "31.230400", True)
    week = ["09:00-18:00"] * 6 + [""]
    assert li.put("stores/S7/hours", {"week": week}).json()["week"] == week
    assert li.put("stores/S7/days/2099-10-01", {"hours": ""}).json()["days"] == {"2099-10-01": ""}
    assert li.put("stores/S7/days/2099-10-01", {"hours": None}).json()["days"] == {}
    assert li.get("stores/S7").json() == li.get("stores").json()["items"][0]
    # As a shop's own code of a store may be.
    for code in ("uk%2Flondon", "uk/london"):
        assert li.put(f"stores/{code}", {"name": "London"}).json()["code"] == "uk/london"
        assert li.get(f"stores/{code}").json()["name"] == "London"
        assert li.put(f"stores/{code}/place", {"city": "London"}).json()["city"] == "London"
    assert problem(li.put("stores/S7/hours", {"week": ["late"] * 7})) == (422, "company.bad_hours", "week.0")
    assert problem(li.put("stores/S7/place", where | {"longitude": None}))[:2] == (422, "company.bad_place")
    assert problem(li.put("stores/S9/hours", {"week": week}))[:2] == (404, "company.unknown_store")
    assert problem(Program("company.read", name="eyes").put("stores/S7", {"name": "Mine"}))[0] == 403


def test_a_product_is_told_corrected_and_its_branch_named():
    li = Program()
    tea = {
        "ref": "tea",
        "title": "Green tea",
        "category": " > Tea > > Green",
        "source_updated_at": "2026-03-02T10:00:00Z",
    }
    first = li.post("products", tea).json()
    assert li.post("products", tea).json() == {"outcome": "same", "id": first["id"]}
    [found] = li.get("products?search=tea").json()["items"]
    assert first == {"outcome": "new", "id": found["id"]}
    assert (found["title"], found["category"]) == ("Green tea", "Tea > Green")
    assert problem(li.post("products", tea | {"title": "Tea"})) == (409, "catalogue.conflict", "ref")
    older = tea | {"title": "Old tea", "source_updated_at": "2026-03-01T10:00:00Z"}
    assert problem(li.post("products", older)) == (409, "catalogue.stale", "source_updated_at")
    mended = li.put(f"products/{found['id']}", {"title": "Longjing", "category": "Tea > Green", "brand": "West Lake"})
    assert (mended.json()["title"], mended.json()["brand"]) == ("Longjing", "West Lake")
    told = li.put("categories", {"path": "Tea > Green", "titles": {"zh-hans": "绿茶"}}).json()["items"]
    assert [(one["path"], one["titles"], one["products"]) for one in told] == [
        ("Tea", {}, 0),
        ("Tea > Green", {"zh-hans": "绿茶"}, 1),
    ]
    assert problem(li.put("categories", {"path": "Coffee", "titles": {}}))[:2] == (404, "categories.unknown")
    # What is nothing but separators is no branch.
    li.post("products", {"ref": "cup", "title": "Cup", "category": " > > "})
    [cup] = li.get("products?search=cup").json()["items"]
    assert cup["category"] == ""
