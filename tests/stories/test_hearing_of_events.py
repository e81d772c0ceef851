"""No event that was promised points is passed over: not before the first look, while the shop is busy, when another
version came into force meanwhile, or while the member's points are frozen."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from regulars.facts.customers import customers
from regulars.facts.events import following, intake, stream
from regulars.facts.events.following import Tried
from regulars.facts.events.tests.shoppers import identify
from regulars.kit import civil
from regulars.kit.actors import SHELL, SYSTEM
from regulars.levers.loyalty import freezing, hearing, points, programmes
from regulars.runtime.database import clock
from tests.stories.test_live_audiences import Shop

ABOVE = "programme: club\nmoney: CNY\nzone: Asia/Shanghai\n"
CAPS = "caps: [{per: member, period: month, most: 90}]"
REVIEWS = f"rules: [{{id: review, kind: event, event: review, points: 10, once: about, {CAPS}}}]\n"
VISITS = "rules: [{id: visit, kind: event, event: store_visit, points: 3, once: month}]\n"
FLEETING = "pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 10}\n"


def in_force(text: str, *, at: datetime | None = None) -> None:
    at = at or clock.now()
    made = programmes.draft(text=ABOVE + text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)


def reviewed(product: str, who: str = "li") -> dict[str, Any]:
    return {"type": "track", "event": "Product Reviewed", "userId": who, "properties": {"product_id": product}}


def called(who: str) -> int:
    [number] = customers.find_by_ref(ref=who, namespace="shop")
    return number


def has(who: str) -> int:
    return points.balance(customer=called(who), at=clock.now()).spendable


def everything_is_heard() -> None:
    while hearing.listen():
        pass


@contextmanager
def somebody_sends() -> Iterator[None]:
    """Another process has drawn the number of its batch, and has not ended."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [intake.LOCK_CLASS])
            cursor.execute(f"SELECT nextval('{intake.SEQUENCE}')")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


@pytest.mark.usefixtures("fresh_database")
def test_what_comes_in_between_the_first_programme_and_the_first_look_earns() -> None:
    shop = Shop()
    shop.told(reviewed("before"), ago=timedelta())
    everything_is_heard()
    in_force(REVIEWS)
    shop.told(reviewed("oolong"), reviewed("sencha"), ago=timedelta())
    everything_is_heard()
    assert has("li") == 20
    shop.told(reviewed("oolong"), reviewed("assam"), ago=timedelta())
    everything_is_heard()
    assert has("li") == 30


@pytest.mark.usefixtures("fresh_database")
def test_a_shop_that_is_never_at_rest_is_heard() -> None:
    shop = Shop()
    in_force(REVIEWS)
    for product in ("oolong", "sencha"):
        shop.told(reviewed(product), ago=timedelta())
        with somebody_sends():
            everything_is_heard()
    assert has("li") == 20


@pytest.mark.usefixtures("fresh_database")
def test_what_was_done_before_another_version_came_earns_by_the_one_of_then() -> None:
    shop = Shop()
    in_force(REVIEWS)
    shop.told(reviewed("oolong"), ago=timedelta())
    in_force(VISITS)
    shop.told(reviewed("sencha"), ago=timedelta())
    everything_is_heard()
    assert has("li") == 10
    in_force(REVIEWS)
    shop.told(reviewed("assam"), ago=timedelta())
    programmes.end(programme="club", at=clock.now(), by=SYSTEM)
    shop.told(reviewed("mate"), ago=timedelta())
    everything_is_heard()
    assert has("li") == 20


@pytest.mark.django_db
def test_while_points_are_frozen_what_is_done_waits_and_others_do_not() -> None:
    shop = Shop()
    in_force(FLEETING + REVIEWS, at=clock.now() - timedelta(days=30))
    shop.told(identify("li", {}), identify("bo", {}), identify("mo", {}))
    for who in ("li", "mo"):
        freezing.freeze(customer=called(who), why="dispute", key=f"{who} stop", at=clock.now(), by=SYSTEM)
    long_ago = timedelta(days=12)
    shop.told(reviewed("oolong"), reviewed("oolong", "bo"), reviewed("sencha"), reviewed("sencha", "mo"), ago=long_ago)
    reader = stream.Reader(hearing.READER, take=hearing.take, after=following.PROFILES)
    stream.register([reader])
    stream.step(reader, 2**40)
    waiting = following.parked()
    assert [(one.reader, one.problem.split()[1]) for one in waiting] == [("loyalty", "points.account_frozen")] * 3
    assert [has(who) for who in ("li", "bo", "mo")] == [0, 0, 0]
    # Somebody looks, and nothing is lost by it.
    assert following.try_again(reader="loyalty", event=waiting[0].event, at=clock.now(), by=SYSTEM) == "still"
    freezing.thaw(customer=called("li"), key="li on", at=clock.now(), by=SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'loyalty.hear_late'")
        assert cursor.fetchall() == [(1,)]
    assert hearing.make_up(at=clock.now(), by=SYSTEM) == Tried(taken=2, over=0, still=1, left=0)
    assert [one.event for one in following.parked()] == [waiting[0].event]
    # Those of bo are over by now; what waited lasts from the day on which it is given.
    assert [has(who) for who in ("li", "bo", "mo")] == [20, 0, 0]
    today = civil.day_of(clock.now(), civil.zone("Asia/Shanghai"))
    [ends] = points.expiring(customer=called("li"), at=clock.now())
    assert ends.on is not None
    assert (ends.on - today).days in (10, 11)
