"""Sales that were told twice: found, confirmed, dismissed, and taken back."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from regulars.facts.commerce import checkups, doubles, kept, likeness, orders
from regulars.facts.commerce.likeness import Sale
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY, THE_SHOP, an_order
from regulars.facts.commerce.tests.test_order_races import together
from regulars.facts.customers import customers, identity
from regulars.facts.customers.identity import Reason
from regulars.runtime.trail import trail

MINUTE = timedelta(minutes=1)
SALE = Sale(1, 7, "shop", "#1001", None, MONDAY, "GBP", 8000)
TILL = Sale(2, 7, "till", "1001", 3, MONDAY + 2 * MINUTE, "GBP", 8000)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (SALE, TILL, "number"),
        (TILL, SALE, "number"),
        (SALE, replace(TILL, number="77"), "sources"),
        (replace(SALE, number=""), replace(TILL, number=""), "sources"),
        (replace(SALE, store=3), TILL, "number"),
        (replace(SALE, store=4), TILL, None),
        (SALE, replace(TILL, placed_at=MONDAY + 4 * MINUTE), None),
        (SALE, replace(TILL, placed_at=MONDAY - 3 * MINUTE), "number"),
        (SALE, replace(TILL, customer=8), None),
        (SALE, replace(TILL, goods_minor=8001), None),
        (SALE, replace(TILL, currency="EUR"), None),
        (replace(SALE, goods_minor=0), replace(TILL, goods_minor=0), None),
        (SALE, replace(TILL, namespace="shop"), None),
        (SALE, replace(TILL, namespace="shop", placed_at=MONDAY + MINUTE), "source"),
    ],
)
def test_what_looks_like_one_sale(one, other, alike):
    assert likeness.alike(one, other, within=3 * MINUTE) == alike


def records(ref, *, at=MONDAY, namespace="shop", told_at=None, **more) -> int:
    report = replace(an_order(ref, at=at, **more), namespace=namespace)
    return orders.record(report=report, at=told_at or at, by=THE_SHOP, on_tie="further").id


def priya_at_the_till() -> tuple[int, int, dict[str, int]]:
    """Her coat as the shop tells of it, and as the till does; and her two records."""
    coat = records("1001", number="#1001")
    told_again = records("T-77", namespace="till", customer="card-9", at=MONDAY + MINUTE, number="77")
    (priya,) = customers.find_by_ref(namespace="shop", ref="priya")
    (card,) = customers.find_by_ref(namespace="till", ref="card-9")
    identity.join(one=priya, other=card, why=Reason.ASKED, key="one", at=MONDAY + DAY, by=MAREK)
    return coat, told_again, {"one": priya, "other": card}


def looks_through() -> None:
    doubles.look_through(at=MONDAY)
    doubles.go_through()


@pytest.mark.django_db
def test_a_coat_told_by_shop_and_till_counts_once_until_that_is_taken_back():
    coat, twin, _ = priya_at_the_till()
    records("1002", at=MONDAY + 2 * DAY)
    looks_through()
    looks_through()
    [pair] = doubles.listed().items
    assert (pair.order.id, pair.twin.id, pair.alike, pair.waits) == (coat, twin, "sources", True)
    assert doubles.count_waiting() == 1
    assert (doubles.last_look().found, doubles.last_look().ended_at is not None) == (0, True)
    told = {"double": pair.id, "at": MONDAY + DAY, "by": MAREK}
    with pytest.raises(doubles.BadWhy):
        doubles.confirm(**told, why="I saw Priya")

    done = doubles.confirm(**told, why="store")
    assert (done.state, done.why, done.decided_by, done.twin.counts, done.waits) == (
        "same",
        "store",
        str(MAREK),
        False,
        False,
    )
    assert doubles.confirm(**told) == done
    with pytest.raises(doubles.DecidedOtherwise):
        doubles.dismiss(**told)
    # Whatever the till says later of it, it tells of the same sale; and nobody hears of it.
    heard = notices()
    again = {"number": "77", "lines": (("coat", "1", "90.00"),), "source_updated_at": MONDAY + 3 * DAY}
    records("T-77", namespace="till", customer="card-9", at=MONDAY + MINUTE, told_at=MONDAY + 3 * DAY, **again)
    assert orders.get(twin).kind == "double"
    assert orders.standing(twin).word == "double"
    assert notices() == heard
    one, other = (kept.of([coat, twin])[order] for order in (coat, twin))
    assert (one.counts, other.counts, other.is_double) == (True, False, True)
    assert [change.what for change in orders.history(twin)] == ["placed", "told_twice", "edited"]
    assert {one.what: one.state for look in checkups.CHECKUPS for one in look()}["Sales told twice"] == "fine"

    back = doubles.reopen(**told)
    assert (back.state, back.twin.counts, back.decided_at) == ("open", True, None)
    assert doubles.reopen(**told) == back
    assert orders.get(twin).kind == "purchase"
    assert doubles.dismiss(**told).state == "two"
    assert doubles.count_waiting() == 0
    verbs = [line.verb for line in trail.by_actor(MAREK) if line.verb.startswith("commerce.doubles")]
    assert sorted(verbs) == ["commerce.doubles.confirm", "commerce.doubles.dismiss", "commerce.doubles.reopen"]


@pytest.mark.django_db
def test_what_became_something_else_meanwhile_is_refused_and_what_stands_for_nothing_is_looked_at_again():
    coat, twin, both = priya_at_the_till()
    looks_through()
    [pair] = doubles.listed().items
    told = {"double": pair.id, "at": MONDAY + DAY, "by": MAREK}
    with pytest.raises(doubles.UnknownDouble):
        doubles.confirm(double=pair.id + 1, at=MONDAY, by=MAREK)

    doubles.confirm(**told)
    orders.cancel(order=coat, at=MONDAY + DAY, by=MAREK)
    [again] = doubles.listed().items
    assert (again.id, again.state, again.waits) == (pair.id, "same", True)
    assert doubles.reopen(**told).twin.counts
    with pytest.raises(doubles.NotBothCount):
        doubles.confirm(**told)
    assert (orders.get(twin).kind, doubles.count_waiting()) == ("purchase", 0)
    identity.keep_apart(**both, why=Reason.ASKED, key="two", at=MONDAY + DAY, by=MAREK)
    with pytest.raises(doubles.NotOnePerson):
        doubles.confirm(**told)


def test_what_comes_in_is_looked_at_once_and_of_ten_who_decide_one_does(fresh_database):
    assert doubles.look(at=MONDAY) == 0
    records("1001")
    records("1002", at=MONDAY + MINUTE)
    records("1003", at=MONDAY + MINUTE / 2, customer="li")
    # Nothing is looked at before every transaction of the server that began earlier has ended.
    ends_at = time.monotonic() + 20
    while not (found := doubles.look(at=MONDAY)) and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert (found, doubles.look(at=MONDAY)) == (1, 0)
    [pair] = doubles.listed().items
    verbs = iter([doubles.confirm, doubles.dismiss] * 5)

    def decides() -> str:
        try:
            return next(verbs)(double=pair.id, at=MONDAY, by=MAREK).state
        except doubles.DecidedOtherwise as refusal:
            return refusal.code

    answers = Counter(together(decides, times=10))
    won = doubles.by_public_id(pair.public_id).state
    assert answers == {won: 5, "doubles.decided_otherwise": 5}
    assert (orders.get(pair.twin.id).kind == "double") == (won == "same")


def notices() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM notices_notice")
        [(many,)] = cursor.fetchall()
    return int(many)
