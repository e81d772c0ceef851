"""Asking a shop: in pages, within its budget, again when it is busy, and never more than once where that counts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.protocol import About, Asking, PageOf
from regulars.doors.connectors.shopify.client import ShopifyClient
from regulars.doors.connectors.shopify.tests.builders import OWN
from regulars.doors.connectors.shopify.tests.shopfront import DOMAIN, SECRET, TOKEN, Shopfront, opened
from regulars.doors.connectors.shopify.translate import TOPICS, read
from regulars.facts.sources.connections import Secrets
from regulars.kit import civil

ALL = {"since": None, "until": datetime(2027, 1, 1, tzinfo=UTC)}


@pytest.fixture
def front() -> Shopfront:
    shop = Shopfront(seed=3)
    shop.fill(10)
    return shop


@pytest.fixture
def address(front) -> Iterator[str]:
    with opened(front) as where:
        yield where


def client(
    address: str,
    *,
    front: Shopfront | None = None,
    slept: list[float] | None = None,
    patience: float = 10**6,
    **credentials,
) -> ShopifyClient:
    settings = {"shop": DOMAIN, "address": address, "currency": "USD"}
    about = About(1, "teas", "teas", civil.zone("UTC"), "GB", settings)
    waits = [] if slept is None else slept

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if front is not None:
            front.rest(seconds)

    caller = Caller(own=OWN, patience=patience, sleep=sleep)
    told = credentials or {"client_secret": SECRET, "access_token": TOKEN}
    kept: dict[str, str] = {}
    return ShopifyClient(Asking(about, Secrets(told, {}, kept), caller, kept.update))


def everything(of: ShopifyClient, stream: str, **more) -> list[dict]:
    items, cursor = [], ""
    while True:
        page: PageOf = of.page(stream, cursor=cursor, **(ALL | more))
        items += page.items
        if not (cursor := page.cursor):
            return items


def test_every_stream_is_read_whole_in_pages_the_longest_unchanged_first(front, address):
    asking = client(address, front=front)
    orders = everything(asking, "orders")
    assert sorted(int(one["id"]) for one in orders) == sorted(front.orders)
    times = [one["updated_at"] for one in orders]
    assert times == sorted(times)
    assert len(everything(asking, "customers")) == len(front.customers)
    assert len(everything(asking, "products")) == len(front.products)
    assert len(everything(asking, "stores")) == len(front.locations)
    assert len(everything(asking, "stock")) == len(front.levels)


def test_only_what_changed_is_asked_for(front, address):
    since = sorted(one["updated_at"] for one in front.orders.values())[6]
    found = everything(client(address, front=front), "orders", since=since)
    assert {int(one["id"]) for one in found} == {
        number for number, one in front.orders.items() if one["updated_at"] >= since
    }
    assert everything(client(address, front=front), "orders", until=datetime(2026, 1, 1, tzinfo=UTC)) == []


def test_what_changes_while_it_is_read_is_not_passed_over(front, address):
    asking, seen = client(address, front=front), []
    page = asking.page("orders", cursor="", **ALL)
    while True:
        seen += [int(one["id"]) for one in page.items]
        # Those that were read already change, and come last; new ones come, too.
        front.pass_time(5)
        if len(seen) < 12:
            front.orders[seen[0]]["updated_at"] = front.now
        if len(front.orders) < 12:
            front.add_order()
        if not page.cursor:
            break
        page = asking.page("orders", cursor=page.cursor, **ALL)
    assert set(seen) == set(front.orders)


def test_long_orders_are_read_to_their_last_line_refund_and_payment(front, address):
    number = front.add_order()
    order = front.orders[number]
    order["gift"], order["status"] = order["lines"][0]["price"], "PAID"
    for n in range(70):
        order["lines"].append({**order["lines"][0], "id": front.id(), "sku": f"S{n}"})
    for line in order["lines"][:9]:
        back = {line["id"]: (1, line["price"])}
        order["refunds"].append({"id": front.id(), "lines": back, "created_at": front.now})
    order["refunds"].append(
        {
            "id": front.id(),
            "created_at": front.now,
            "lines": {one["id"]: (1, one["price"]) for one in order["lines"][9:40]},
        }
    )
    found = client(address, front=front).one("orders", str(number))
    assert found is not None
    assert [int(line["id"]) for line in found["line_items"]] == [line["id"] for line in order["lines"]]
    assert len(found["refunds"]) == 10
    assert len(found["refunds"][-1]["refund_line_items"]) == 31
    assert {one["gateway"] for one in found["transactions"]} == {order["gateway"], "gift_card"}
    about = About(1, "teas", "teas", civil.zone("UTC"), "GB", {"shop": DOMAIN})
    assert len(read("orders", found, about)) >= 11


def test_what_is_not_there_is_none(front, address):
    assert client(address, front=front).one("orders", "7") is None
    assert client(address, front=front).one("stock", "7:8") is None


def test_it_waits_for_the_bucket_instead_of_being_thrown_back(front, address):
    slept: list[float] = []
    front.bucket = front.largest = 900.0
    front.restores = 50.0
    everything(client(address, front=front, slept=slept), "orders")
    assert front.throttled <= 1
    assert slept
    assert max(slept) < 60


def test_a_page_that_costs_too_much_is_asked_for_in_smaller_pieces(front, address):
    front.largest = front.bucket = 400.0
    assert len(everything(client(address, front=front), "orders")) == len(front.orders)
    front.largest = front.bucket = 20.0
    with pytest.raises(CallFailed) as failed:
        everything(client(address, front=front), "orders")
    assert failed.value.code == "too_dear"


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_busy_shop_is_asked_again(front, address, status):
    front.failures = [status, status]
    slept: list[float] = []
    assert client(address, slept=slept).about()["currency"] == "USD"
    assert len(slept) == 2


def test_a_shop_that_stays_busy_is_left_alone(front, address):
    front.failures = [503] * 10
    with pytest.raises(CallFailed) as failed:
        client(address).about()
    assert failed.value.code == "status_503"
    front.failures = [429] * 10
    with pytest.raises(Rest):
        client(address, patience=1.0).about()


def test_a_token_is_lent_for_a_day_and_asked_for_again_when_it_ends_early(front, address):
    asking = client(address, client_id="id", client_secret=SECRET)
    assert asking.about()["name"] == "Leafy Teas"
    assert front.grants == 1
    kept = asking._asking.secrets.kept
    assert kept["access_token"] == TOKEN
    # The next one who asks has it from there.
    again = ShopifyClient(asking._asking)
    again.about()
    assert front.grants == 1
    kept["access_token"] = "ended"  # type: ignore[index]  # kept is written to on purpose
    ShopifyClient(asking._asking).about()
    assert front.grants == 2
    kept["until"] = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()  # type: ignore[index]  # as above
    ShopifyClient(asking._asking).about()
    assert front.grants == 3


@pytest.mark.parametrize(
    "credentials",
    [
        {"client_secret": SECRET, "access_token": "wrong"},
        {"client_secret": "wrong", "client_id": "id"},
        {"client_secret": SECRET},
    ],
)
def test_wrong_credentials_are_said(address, credentials):
    with pytest.raises(CallFailed) as failed:
        client(address, **credentials).about()
    assert failed.value.code == "not_allowed"


def test_a_shop_in_a_private_network_is_not_called_unless_it_is_named(address):
    about = About(1, "teas", "teas", civil.zone("UTC"), "GB", {"shop": DOMAIN, "address": address})
    with pytest.raises(CallFailed) as failed:
        ShopifyClient(Asking(about, Secrets({"access_token": TOKEN}), Caller(own=()), lambda kept: None)).about()
    assert failed.value.code == "bad_url"


def test_each_topic_is_subscribed_to_once(front, address):
    url = "https://regulars.example.com/hooks/shopify/con_x"
    assert list(client(address).subscribe(url)) == list(TOPICS)
    assert {"topic": "ORDERS_CREATE", "uri": url} in front.subscriptions
    assert list(client(address).subscribe(url)) == []
    # The shop gives up subscriptions that failed too often.
    front.subscriptions.pop()
    assert len(client(address).subscribe(url)) == 1


def test_the_query_costs_what_a_shop_allows(front, address):
    """At the first try, on the smallest plan: else each walk would begin with a refusal."""
    for stream in ("orders", "products", "customers", "stock"):
        front.bucket = front.largest = 1000.0
        before = front.asked
        client(address).page(stream, cursor="", since=None, until=datetime(2026, 3, 3, tzinfo=UTC))
        assert front.asked - before <= 4, stream
    assert json.dumps(front.subscriptions) == "[]"
