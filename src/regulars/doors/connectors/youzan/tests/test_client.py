"""What Youzan answers otherwise: too often, without the right, goods that are gone; and polls that find nothing new."""

from collections.abc import Iterator

import pytest
from django.db import connection as database

from regulars.doors.connectors import polling, taking
from regulars.doors.connectors.calling import SETTING, CallFailed, Rest
from regulars.doors.connectors.tests.shopkeeping import (
    MAREK,
    backfill,
    caller,
    opened,
    poll,
    recorded_orders,
    send_badly,
)
from regulars.doors.connectors.youzan.client import YouzanClient
from regulars.doors.connectors.youzan.tests.shopfront import Shopfront
from regulars.doors.connectors.youzan.tests.test_story import connected
from regulars.facts.commerce import catalogue
from regulars.facts.sources import connections, cursors
from regulars.facts.sources.connections import Connection


@pytest.fixture
def front() -> Shopfront:
    shop = Shopfront(seed=7)
    shop.fill(6)
    shop.pass_time(120)
    return shop


@pytest.fixture
def teas(db: None, front: Shopfront, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv(SETTING, "127.0.0.1")
    with opened(front) as address:
        yield connected(address, "teas")


def client(teas: Connection, front: Shopfront) -> YouzanClient:
    return YouzanClient(taking.asking(teas, caller(), front.now))


def descriptions() -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM customers_description")
        return int(cursor.fetchone()[0])


def test_too_many_calls_are_made_more_slowly_and_given_up_after_a_while(teas, front):
    asks = client(teas, front)
    front.too_often = 3
    assert asks.one("orders", next(iter(front.orders))) is not None
    front.too_often = 9
    with pytest.raises(CallFailed) as failed:
        asks.one("orders", next(iter(front.orders)))
    assert failed.value.code == "too_many_calls"


def test_a_walk_that_would_wait_too_long_rests(teas, front, monkeypatch):
    asking = taking.asking(teas, caller(), front.now)
    monkeypatch.setattr(asking.caller, "_patience", 5.0)
    front.token, front.too_often = "another", 2
    with pytest.raises(Rest):
        YouzanClient(asking).one("orders", next(iter(front.orders)))


def test_an_app_without_the_right_to_goods_and_customers_reads_its_orders(teas, front):
    front.denied = frozenset({"youzan.items.onsale.get", "youzan.scrm.customer.list"})
    polling.begin_backfill(connection=teas, at=front.now)
    names = ("products", "stock", "customers", "orders", "refunds")
    came = [polling.walk(connection=teas.id, stream=name, caller=caller()) for name in names]
    assert came == ["failed", "failed", "failed", "ended", "ended"]
    assert len(recorded_orders(teas.namespace, front.orders, front.people)) == len(front.orders)
    assert {one.stream: one.problem for one in cursors.of(teas.id)}["customers"] == "not_allowed"


def test_who_may_not_ask_for_the_shops_name_is_connected_by_its_token(teas, front):
    assert client(teas, front).about() == {"name": "Leafy Teas"}
    front.denied = frozenset({"youzan.shop.get"})
    assert client(teas, front).about() == {}
    front.token = "another"
    told = {"client_secret": "not the app's"}
    connections.rotate_secret(connection=teas.id, credentials=told, at=front.now, by=MAREK)
    with pytest.raises(CallFailed) as failed:
        client(teas, front).about()
    assert failed.value.code == "not_allowed"


def test_what_there_is_no_more_is_nothing_and_goods_are_discontinued(teas, front):
    asks = client(teas, front)
    assert [asks.one(name, "28") for name in ("orders", "refunds", "customers", "products")] == [None] * 4
    backfill(teas, front.now)
    number = next(iter(front.goods))
    del front.goods[number]
    front.tell_goods("ITEM_STATE", number)
    send_badly(teas, front.sent, 1, lost=0)
    [product] = [one for one in catalogue.page(limit=50).items if one.ref == str(number)]
    assert product.status == "discontinued"


def test_polls_that_find_customers_as_they_are_write_nothing_down(teas, front):
    backfill(teas, front.now)
    written = descriptions()
    for _ in range(2):
        front.pass_time(7 * 3600)
        poll(teas, front.now)
    assert descriptions() == written
    front.is_quiet = True
    front.rename()
    before = descriptions()
    front.pass_time(7 * 3600)
    poll(teas, front.now)
    assert descriptions() <= before + 1
