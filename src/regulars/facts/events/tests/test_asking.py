"""What customers did, as conditions ask for it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.facts.events import asking, fields
from regulars.facts.events.following import follow_everything
from regulars.facts.events.models import Visitor
from regulars.facts.events.tests.shoppers import MONDAY, a_source, identify, page, sent, viewed
from regulars.facts.sources import plan
from regulars.kit.actors import SYSTEM
from regulars.kit.conditions.holding import Row
from regulars.runtime.database.offered import Wanted

pytestmark = pytest.mark.django_db


def _did(event: str, **properties: object) -> dict[str, object]:
    return {"type": "track", "event": event, "userId": "li", "properties": properties}


def _li() -> int:
    (found,) = customers.find_by_ref(ref="li", namespace="shop")
    return found


def _asked(wanted: Wanted = Wanted()) -> list[Row]:
    follow_everything()
    li = _li()
    return sorted(asking.read([li, 10**12], wanted).get(li, []), key=lambda row: row.at)


@pytest.mark.parametrize(
    ("told", "values", "products"),
    [
        (
            _did("product_viewed", product_id=7, category=" Games > Board ", price="19.90", quantity=2),
            {"name": "Product Viewed", "product": "7", "category": "Games > Board"},
            [
                {"product": "7", "category": "Games > Board", "quantity": Decimal(2), "price": 1990, "amount": 3980},
            ],
        ),
        (
            _did("Order Completed", total="100.005", products=[{"id": "a", "price": 3}, {"sku": "b"}, "junk"]),
            {"name": "Order Completed", "value": 10001},
            [{"product": "a", "price": 300, "amount": 300}, {"product": "b"}],
        ),
        (
            _did("Order Completed", total=50, currency="usd", products=[{"id": "a", "price": 3}]),
            {"name": "Order Completed"},
            [{"product": "a"}],
        ),
        (_did("Checkout Started", total=50, currency="cny"), {"name": "Checkout Started", "value": 5000}, []),
        (_did("Products Searched", query="tea pot"), {"name": "Products Searched", "search": "tea pot"}, []),
        (_did("Products Searched", query="who is li@example.com"), {"name": "Products Searched"}, []),
        (_did("Store Visited", storeId="S1"), {"name": "Store Visited", "store": "S1"}, []),
        (_did("Coupon Applied", coupon_id="SPRING"), {"name": "Coupon Applied", "coupon": "SPRING"}, []),
        (
            _did("Product Reviewed", product_id="mug", rating=4.5),
            {"name": "Product Reviewed", "product": "mug", "rating": Decimal("4.5")},
            [{"product": "mug"}],
        ),
        (_did("Sang a Song", id="x1", value="a lot", rating=True), {"name": "Sang a Song"}, []),
        (_did("Sang", product_id={"a": 1}, value=10**40, category=["x"]), {"name": "Sang"}, []),
        (page("tab", userId="li"), {"kind": "page", "page": "Home"}, []),
        (identify("li", {"plan": "gold"}), {"kind": "identify"}, []),
    ],
)
def test_what_an_event_says(told, values, products):
    sent(a_source(), told)
    (row,) = _asked()
    assert row.values == {"kind": "track", "source": "web"} | values
    assert row.at == MONDAY
    assert list(row.parts.get("products", ())) == products


def test_amounts_are_in_the_money_of_the_shop():
    company.settle(name="Kiku", currency="JPY", zone="Asia/Tokyo", language="en", country="JP", at=MONDAY, by=SYSTEM)
    sent(a_source(), _did("Order Completed", total="1200.5", currency="JPY"))
    assert [row.values["value"] for row in _asked()] == [1201]


def test_only_what_is_wanted_is_brought(django_assert_num_queries):
    web, app = a_source(), a_source("app")
    a_while_ago = MONDAY - timedelta(days=40)
    for place, one in enumerate((viewed("li", "Mug"), _did("Sang"), page("tab", userId="li"))):
        sent(web, one, at=a_while_ago + timedelta(seconds=place))
    sent(app, viewed("li", "Coat", event="viewed_product"))
    follow_everything()

    def products(**wanted):
        return [row.values.get("product", row.values.get("name")) for row in _asked(Wanted(**wanted))]

    assert products(only={"name": frozenset({"Product Viewed"})}) == ["mug", "coat"]
    assert products(only={"name": frozenset({"Product Viewed", "Sang"})}) == ["mug", "Sang", "coat"]
    assert products(only={"name": frozenset({"Sang"})}) == ["Sang"]
    assert products(only={"name": frozenset()}) == []
    assert products(only={"source": frozenset({"app"}), "product": frozenset({"coat"})}) == ["coat"]
    assert products(only={"kind": frozenset({"page", "unheard"})}) == [None]
    assert products(since=MONDAY - timedelta(days=1)) == ["coat"]
    li = _li()
    with django_assert_num_queries(3):
        asking.read([li], Wanted())


def test_what_was_done_on_a_device_that_many_use_is_nobodys():
    sent(a_source(), viewed("li", "Mug", anonymousId="tab"), page("tab"))
    assert len(_asked()) == 2
    Visitor.objects.filter(kind="device").update(is_shared=True)
    assert len(_asked()) == 1


def test_the_names_that_can_be_asked_for_are_those_understood_and_those_that_came():
    sent(a_source(), viewed("li"), _did("Sang a Song"))
    follow_everything()
    assert plan.names() == {"Product Viewed", "Sang a Song"}
    names = dict(fields.COLLECTIONS[0].columns[0].choices())
    assert names["Product Viewed"] == "Looked at a product"
    assert list(names)[-1] == "Sang a Song"
