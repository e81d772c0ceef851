"""Orders in the console: found, told whole, with every change and its source."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.commerce import goods_returns, order_list, orders, shipments
from regulars.facts.commerce.goods_returns import ReturnReport
from regulars.facts.commerce.order_list import OrderFilter
from regulars.facts.commerce.order_reports import LineReport, OrderReport, TenderReport
from regulars.facts.commerce.shipments import CarrierEvent, ShipmentReport
from regulars.facts.company import company, stores
from regulars.facts.customers import customers
from regulars.kit.actors import SYSTEM, Actor
from regulars.kit.windows import Window

pytestmark = pytest.mark.django_db

THE_SHOP = Actor("connector", "willow-web")
HOUR = timedelta(hours=1)


def a_report(ref: str, *, at=MONDAY, price="40.00", lines=None, **more) -> OrderReport:
    goods = lines or [LineReport(1, "coat", Decimal(1), Decimal(price), title="Rain coat <red>")]
    told = {"customer_ref": None, "channel": "web", **more}
    return OrderReport(namespace="willow", ref=ref, placed_at=at, currency="GBP", lines=goods, **told)


def an_order(ref: str, *, at=MONDAY, by=THE_SHOP, **more) -> str:
    """Its public id."""
    return orders.record(report=a_report(ref, at=at, **more), at=at, by=by, on_tie="further").public_id


@pytest.fixture
def shop():
    """One order of each kind, by reference."""
    company.settle(
        name="Willow", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=SYSTEM
    )
    stores.describe(code="S1", name="Harbour", at=MONDAY, by=SYSTEM)
    made = {
        "plain": an_order("plain", number="#1001", customer_ref="priya"),
        "guest": an_order("guest", number="#1002", at=MONDAY + HOUR),
        "till": an_order("till", channel="store", store="S1", customer_ref="li", at=MONDAY + 2 * HOUR),
        "draft": an_order("draft", state="draft", at=MONDAY + 3 * HOUR),
        "test": an_order("test", is_test=True, at=MONDAY + 4 * HOUR),
        "unpaid": an_order("unpaid", paid_minor=1000, at=MONDAY + 5 * HOUR),
        "flagged": an_order("flagged", total_minor=4500, at=MONDAY + 6 * HOUR),
        "cancelled": an_order("cancelled", cancelled_at=MONDAY + 8 * HOUR, at=MONDAY + 7 * HOUR),
        "refunded": an_order("refunded", customer_ref="priya", at=MONDAY + 48 * HOUR),
    }
    goods_returns.refund(
        order=orders.by_public_id(made["refunded"]).id, key="r1", at=MONDAY + 50 * HOUR, by=SYSTEM, why="too small"
    )
    return made


def listed(client, asked: str, shop) -> set[str]:
    page = client.get(f"/console/orders/?{asked}").content.decode()
    return {ref for ref, where in shop.items() if f"/console/orders/{where}/" in page}


def test_without_orders_the_page_says_how_they_come():
    page = signed_in("shop_assistant").get("/console/orders/").content.decode()
    assert "No order yet" in page
    assert "regulars import orders" in page


#: What is asked, and which orders are found.
ASKED = [
    ("", "plain guest till draft test unpaid flagged cancelled refunded"),
    ("q=1001", "plain"),
    ("q=%231002", "guest"),
    ("q=till", "till"),
    ("q=til", ""),
    ("state=draft", "draft"),
    ("state=test", "test"),
    ("state=unpaid", "unpaid"),
    ("state=cancelled", "cancelled"),
    ("state=refunded", "refunded"),
    ("flagged=1", "flagged"),
    ("store=S1", "till"),
    ("channel=store", "till"),
    ("channel=store&state=refunded", ""),
    ("buyer=member", "plain till refunded"),
    ("buyer=guest&state=cancelled", "cancelled"),
    ("first=2026-03-03", "refunded"),
    ("first=2026-03-02&last=2026-03-02&buyer=member", "plain till"),
    ("first=2026-03-02&last=2026-03-01&q=plain", "plain"),
    ("member=cus_00000000000000000000000000", ""),
    ("state=odd&after=odd&first=odd", "plain guest till draft test unpaid flagged cancelled refunded"),
]


def test_orders_are_found_by_what_people_ask(shop):
    client = signed_in("agent")
    for asked, refs in ASKED:
        assert listed(client, asked, shop) == set(refs.split()), asked


def test_an_order_is_found_by_its_public_id_and_a_members_by_theirs(shop):
    client = signed_in("agent")
    assert listed(client, f"q={shop['guest']}", shop) == {"guest"}
    [priya] = customers.find_by_ref(ref="priya")
    page = client.get(f"/console/orders/?member={customers.get(priya).public_id}").content.decode()
    assert "Member: priya" in page
    assert listed(client, f"member={customers.get(priya).public_id}", shop) == {"plain", "refunded"}
    assert "?member=" in client.get(f"/console/members/{customers.get(priya).public_id}/").content.decode()


def test_each_line_says_how_its_order_stands(shop):
    page = " ".join(signed_in("agent").get("/console/orders/").content.decode().split())
    for words in (
        "draft</span>",
        "test</span>",
        "partly paid</span>",
        "cancelled</span>",
        "refunded</span>",
        "differs",
    ):
        assert words in page
    assert "Rain coat &lt;red&gt;" in page
    assert page.index(shop["refunded"]) < page.index(shop["cancelled"]) < page.index(shop["plain"])


def test_pages_follow_each_other_and_cost_the_same_however_many(shop):
    client = signed_in("agent")
    costs = []
    for count in (0, 60):
        more = [a_report(f"more-{n}", at=MONDAY - (n + 1) * HOUR, customer_ref="li") for n in range(count)]
        orders.record_all(reports=more, at=MONDAY, by=THE_SHOP, origin="live")
        client.get("/console/orders/")
        with CaptureQueriesContext(connection) as spent:
            page = client.get("/console/orders/").content.decode()
        costs.append(len(spent))
    assert costs == [12, 12], [query["sql"][:80] for query in spent]
    seen, cursor = [], None
    while True:
        found = order_list.page(OrderFilter(), cursor=cursor, size=20)
        seen += [one.ref for one in found.items]
        if (cursor := found.next) is None:
            break
    assert len(seen) == len(set(seen)) == 69
    assert 'rel="next"' in page


def test_where_no_index_knows_it_looks_back_piece_by_piece(shop):
    for number in range(12):
        an_order(f"more-{number}", at=MONDAY - (number + 1) * HOUR)
    wanted = OrderFilter(state="cancelled", placed=Window(MONDAY - 100 * HOUR, MONDAY + 5 * HOUR))
    first = order_list.page(wanted, looked_at=5)
    assert (first.items, first.looked_back_to) == ((), MONDAY)
    second = order_list.page(wanted, cursor=first.next, looked_at=5)
    assert (second.items, second.looked_back_to) == ((), MONDAY - 5 * HOUR)
    assert order_list.page(wanted, cursor=second.next, looked_at=50).next is None
    found = order_list.page(OrderFilter(state="cancelled"), looked_at=5)
    assert [one.ref for one in found.items] == ["cancelled"]


def test_an_order_is_told_whole_with_every_change_and_its_source():
    company.settle(
        name="Willow", currency="CNY", zone="Asia/Shanghai", language="zh-hans", country="CN", at=MONDAY, by=SYSTEM
    )
    stores.describe(code="S1", name="Harbour", at=MONDAY, by=SYSTEM)
    lines = [
        LineReport(
            *(1, "ring", Decimal(2), Decimal("50.00")),
            discount_minor=500,
            title="Silver ring",
            sku="R-7",
            tax_minor=900,
            personalisation=("engraving", "gift_wrap"),
        ),
        LineReport(2, "card", Decimal(1), Decimal("25.00"), title="Gift card", is_gift_card=True),
    ]
    told = {
        "number": "#77",
        "customer_ref": "priya",
        "shipping_minor": 350,
        "tax_minor": 1900,
        "lines": lines,
        "shop_currency": "CNY",
        "rate": Decimal("9.20137"),
        "store": "S1",
        "fulfilment": "collect",
    }
    an_order("77", delivery="msg-1", **told)
    tenders = [
        TenderReport("t1", "card", "captured", 12000, MONDAY + HOUR),
        TenderReport("t2", "gift_card", "failed", 2250),
    ]
    where = an_order("77", source_updated_at=MONDAY + HOUR, tenders=tenders, delivery="msg-2", **told)
    shipments.record(
        report=ShipmentReport(
            *("willow", "f1", "77", "ready"),
            mode="collect",
            lines=[(1, Decimal(2))],
            store="S1",
            carrier="Runner",
            tracking="RX77",
            promised_until=MONDAY + 5 * HOUR,
            events=[CarrierEvent(MONDAY + 9 * HOUR, "ready_to_collect")],
        ),
        at=MONDAY + 9 * HOUR,
        by=THE_SHOP,
    )
    goods_returns.record(
        report=ReturnReport(
            *("willow", "back-1", MONDAY + 24 * HOUR, "GBP"),
            order_ref="77",
            shipping_minor=350,
            money_minor=100,
            reason="late",
            store="S1",
        ),
        at=MONDAY + 24 * HOUR,
        by=THE_SHOP,
    )
    client = signed_in("shop_assistant")
    client.get(f"/console/orders/{where}/")
    with CaptureQueriesContext(connection) as spent:
        page = " ".join(client.get(f"/console/orders/{where}/").content.decode().split())
    for words in (
        *(
            "Order #77",
            "£142.50",
            "1 GBP = 9.20137 CNY",
            "≈ CN¥",
            "engraving",
            "gift wrap",
            "R-7",
            ">gift card<",
            "msg-2",
        ),
        *(
            "Card</span>",
            "received",
            "failed",
            "Shipping",
            "Tax",
            "£19.00",
            "late</span>",
            "RX77",
            "Ready to be picked up",
        ),
        *("came back to Harbour", "Money for no goods", "Partly paid", "Placed", "Refunded", "willow-web", "−£4.50"),
        *("/console/catalogue/prd_", "/console/members/cus_", "2 × Silver ring"),
    ):
        assert words in page, words
    assert len(spent) == 19, [query["sql"][:80] for query in spent]


def test_test_orders_and_sums_that_differ_are_said(shop):
    client = signed_in("agent")
    assert "it counts nowhere" in client.get(f"/console/orders/{shop['test']}/").content.decode()
    page = client.get(f"/console/orders/{shop['flagged']}/").content.decode()
    assert "the parts come to £40.00, its source says £45.00, which is £5.00 apart" in page
    assert client.get("/console/orders/ord_nonsense/").status_code == 404


def test_a_store_shows_its_orders_lately(shop):
    page = signed_in("agent").get(f"/console/stores/{stores.by_code('S1').id}/").content.decode()
    assert f"/console/orders/{shop['till']}/" in page
    assert "/console/orders/?store=S1" in page
    assert shop["plain"] not in page


def test_why_goods_went_back_is_said_in_the_readers_language(shop):
    sale = orders.by_public_id(shop["plain"])
    report = ReturnReport("willow", "x1", MONDAY + HOUR, "GBP", order_ref=sale.ref, amount_minor=0, reason="exchange")
    goods_returns.record(report=report, at=MONDAY + HOUR, by=THE_SHOP)
    client = signed_in("manager")
    client.cookies["django_language"] = "zh-hans"
    page = client.get(f"/console/orders/{shop['plain']}/").content.decode()
    assert "x1</span> · 换货" in page


def test_ctrl_k_finds_an_order_for_who_may_see_it(shop):
    client = signed_in("shop_assistant")
    found = client.get("/console/search?s=1001").content.decode()
    assert f"/console/orders/{shop['plain']}/" in found
    assert "Order #1001" in found
    assert "£40.00" in found
    assert "/console/orders/" not in client.get("/console/search?s=none").content.decode()


def test_goods_that_came_back_in_exchange_are_shown_without_money_and_what_came_for_them(shop):
    first = orders.by_public_id(shop["plain"])
    back = ReturnReport(
        namespace="willow",
        ref="x1",
        order_ref="plain",
        returned_at=MONDAY + HOUR,
        currency="GBP",
        lines=[goods_returns.ReturnLineReport("coat", Decimal(1), 4000, of_line=1)],
        paid_back_minor=0,
        reason="exchange",
    )
    goods_returns.record(report=back, at=MONDAY + HOUR, by=THE_SHOP)
    other = an_order("instead", number="#2001", exchange_of="plain", at=MONDAY + 9 * HOUR)
    page = signed_in("owner").get(f"/console/orders/{first.public_id}/").content.decode()
    assert f"/console/orders/{other}/" in page
    for words in ("Exchanged for", "no money", "Set against goods that came back", "Goods came back"):
        assert words in page


def test_more_that_went_back_than_was_paid_is_said(shop):
    more = ReturnReport(
        namespace="willow", ref="x1", order_ref="guest", returned_at=MONDAY + HOUR, currency="GBP", amount_minor=4150
    )
    goods_returns.record(report=more, at=MONDAY + HOUR, by=THE_SHOP)
    client = signed_in("owner")
    page = client.get(f"/console/orders/{shop['guest']}/").content.decode()
    assert "£41.50 of £40.00, which is £1.50 too much" in page
    assert "guest" in listed(client, "flagged=1", shop)
