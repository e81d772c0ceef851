"""Orders and returns in one row, whatever the page size."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnReport
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.events import intake, messages, spec
from regulars.facts.events.following import follow_everything
from regulars.facts.events.messages import Envelope, Sender
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit.actors import Actor
from regulars.kit.paging import BadCursor
from regulars.oversight.timeline import phrases, timeline
from regulars.oversight.timeline.timeline import Visit
from regulars.runtime.secrets import lookup

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
MAREK = Actor("operator", "7")


def priya_buys(ref: str, at: datetime) -> orders.OrderView:
    report = OrderReport(
        namespace="shop",
        ref=ref,
        customer_ref="priya",
        placed_at=at,
        currency="GBP",
        lines=[LineReport(1, "coat", Decimal(2), Decimal("40.00"), title="Wool coat")],
    )
    return orders.record(report=report, at=at, by=MAREK)


def all_of(customer: int, size: int) -> list[tuple[str, str]]:
    found, cursor = [], None
    while True:
        page = timeline.of(customer, cursor, size=size)
        found += [(moment.what, moment.ref) for moment in page.items]
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_every_page_size_tells_the_same_story(size):
    first = priya_buys("1", MONDAY)
    # Both of these at one instant, so that paging must part an order from a return.
    later = MONDAY + timedelta(days=3)
    goods_returns.refund(order=first.id, at=later, by=MAREK, key="rma-1")
    priya_buys("2", later)
    priya_buys("3", later)

    story = all_of(first.customer_id, size)

    assert story == [("purchase", "3"), ("purchase", "2"), ("return", "refund:rma-1"), ("purchase", "1")]


def test_a_page_costs_three_queries(django_assert_num_queries):
    first = priya_buys("1", MONDAY)
    goods_returns.refund(order=first.id, at=MONDAY + timedelta(days=3), by=MAREK, key="rma-1")
    with django_assert_num_queries(3):
        timeline.of(first.customer_id)


def test_lines_tell_what_came_back_and_a_cancelled_order_says_so():
    coat = priya_buys("1", MONDAY)
    goods_returns.refund(order=coat.id, lines={1: Decimal(1)}, at=MONDAY + timedelta(days=1), by=MAREK, key="rma-1")
    other = priya_buys("2", MONDAY - timedelta(days=1))
    orders.cancel(order=other.id, at=MONDAY, by=MAREK)

    back, kept, cancelled = timeline.of(coat.customer_id).items

    assert (back.what, back.total_minor) == ("return", 4000)
    assert (kept.lines[0].title, kept.lines[0].returned) == ("Wool coat", Decimal(1))
    assert cancelled.is_cancelled


def li_does(source: Source, *deeds: dict[str, object], at: datetime) -> None:
    sent(source, *[{"userId": "priya", **deed} for deed in deeds], at=at)
    follow_everything()


def a_shop(name: str = "web", *, is_order_feed: bool = False) -> Source:
    return sources.make(
        name=name, kind="web", namespace="shop", zone="UTC", is_order_feed=is_order_feed, at=MONDAY, by=MAREK
    )


def sent(source: Source, *told: dict[str, object], at: datetime) -> None:
    who = Sender(source.id, source.namespace, ZoneInfo("UTC"), lookup.key_of("events"))
    read = [
        messages.read(
            json.dumps({"messageId": f"{source.name}-{at}-{place}", "timestamp": at.isoformat(), **one}).encode(),
            envelope=Envelope({}, None, at + timedelta(hours=1)),
            sender=who,
        )
        for place, one in enumerate(told)
    ]
    said = intake.take_many(told=read, received_at=at + timedelta(hours=1))
    assert [verdict.said for verdict in said] == ["accepted"] * len(told)


def did(event: str, **properties: object) -> dict[str, object]:
    return {"type": "track", "event": event, "properties": properties}


def looked(name: str = "") -> dict[str, object]:
    return {"type": "page", "name": name}


def stories(customer: int, size: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = timeline.of(customer, cursor, size=size)
        for one in page.items:
            if isinstance(one, Visit):
                found += [f"{deed.words} x{deed.count}" for deed in one.deeds]
            else:
                found.append(one.ref)
        cursor = page.next
        if cursor is None:
            return found


def test_a_draft_is_told_as_one_and_a_void_refund_as_cancelled():
    report = OrderReport(
        "shop", "9", MONDAY, "GBP", [LineReport(1, "coat", Decimal(1), Decimal(40))], "priya", state="draft"
    )
    draft = orders.record(report=report, at=MONDAY, by=MAREK)
    void = ReturnReport("shop", "r", MONDAY, "GBP", customer_ref="priya", money_minor=5, is_void=True)
    goods_returns.record(report=void, at=MONDAY, by=MAREK)
    told = {moment.what: moment.is_cancelled for moment in timeline.of(draft.customer_id).items}
    assert told == {"draft": False, "return": True}


def test_a_visit_is_one_line_that_names_the_most_telling(django_assert_num_queries):
    shop = a_shop()
    order = priya_buys("1", MONDAY)
    for minute in range(12):
        at = MONDAY + timedelta(hours=1, minutes=minute)
        deed = did("Product Viewed", name="Monopoly", product_id="m") if minute == 5 else looked()
        li_does(shop, deed, at=at)
    li_does(shop, looked(), at=MONDAY + timedelta(hours=3))

    # One less than with a return: there are no lines to fetch.
    with django_assert_num_queries(5):
        later, visit, bought = timeline.of(order.customer_id or 0).items

    assert isinstance(later, Visit)
    assert isinstance(visit, Visit)
    assert (later.count, later.most_telling.words) == (1, "Looked at a page")
    assert (visit.count, visit.most_telling.words, visit.sources) == (12, "Viewed Monopoly", ("web",))
    assert [deed.count for deed in visit.deeds] == [6, 1, 5]
    assert visit.at - visit.since_at == timedelta(minutes=11)
    assert isinstance(bought, timeline.Moment)
    with override("zh-hans"):
        assert visit.most_telling.words == "浏览了Monopoly"


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_page_size_tells_all_of_a_visit_once(size):
    shop = a_shop()
    order = priya_buys("1", MONDAY + timedelta(minutes=3))
    for minute in range(6):
        deeds = [did(f"Deed {minute}-{number}") for number in range(9)]
        li_does(shop, *deeds, at=MONDAY + timedelta(minutes=minute))

    told = stories(order.customer_id or 0, size)

    wanted = [f"Deed {minute}-{number} x1" for minute in reversed(range(6)) for number in reversed(range(9))]
    # The order was placed in the minute of the fourth lot, and stands before it.
    wanted.insert(18, "1")
    assert told == wanted


def test_what_an_order_feed_told_is_told_by_the_order():
    feed, web = a_shop("feed", is_order_feed=True), a_shop("web")
    order = priya_buys("1", MONDAY)
    li_does(feed, did("Order Completed", order_id="1"), at=MONDAY + timedelta(hours=1))
    li_does(web, did("Order Completed", order_id="9"), at=MONDAY + timedelta(hours=2))

    assert stories(order.customer_id or 0, 20) == ["Placed order 9 x1", "1"]


def test_known_events_are_told_in_words_and_others_speak_for_themselves():
    for known in spec.KNOWN:
        assert phrases.weight(known.name) >= 1
        assert phrases.told(known.name, "") != known.name
        assert "%(" not in phrases.told(known.name, "x%y")
    assert phrases.told("viewed_product", "Go") == "Viewed Go"
    assert phrases.told("Birthday Wished", "") == "Birthday Wished"
    assert phrases.subject("Product Viewed", {"product_id": "c", "name": "Chess"}) == "Chess"
    assert phrases.subject("Products Searched", {"query": "board games"}) == "board games"
    assert phrases.subject(phrases.PAGE, {}, called="Home") == "Home"


def test_a_strange_cursor_is_refused():
    with pytest.raises(BadCursor):
        timeline.of(1, "nonsense")
