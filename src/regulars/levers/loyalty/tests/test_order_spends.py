"""Points that were spent for an order which never came, went back, or was paid twice: found, given back, left."""

from datetime import timedelta
from functools import partial

import pytest

from regulars.facts.commerce import orders
from regulars.levers.loyalty import checkups, currencies, order_spends, points
from regulars.levers.loyalty.currencies import CurrencyView
from regulars.levers.loyalty.order_spends import OrderNamed
from regulars.levers.loyalty.rules.spend_fate import SpendSeen, fate
from regulars.levers.loyalty.tests.builders import (
    DAY,
    FRIDAY,
    MAREK,
    MONDAY,
    THE_SHOP,
    a_member,
    an_award,
    has,
    key,
    said,
)
from regulars.levers.loyalty.tests.test_earning import an_order, comes_back
from regulars.levers.loyalty.tests.test_interleavings import at_once
from regulars.runtime.notices.dispatch import react_to_everything

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("seen", "hours", "said"),
    [
        ((50, False, False, False), 24, "waiting"),
        ((50, False, False, False), 25, "missing"),
        ((50, True, False, False), 25, "stands"),
        ((50, True, True, False), 1, "off"),
        ((50, True, True, True), 1, "off"),
        ((50, True, False, True), 1, "twice"),
        ((50, False, False, True), 1, "twice"),
        ((0, False, False, False), 99, "given_back"),
        ((0, True, True, True), 99, "given_back"),
    ],
)
def test_what_is_said_of_points_spent_for_an_order(seen, hours, said):
    left, is_there, is_off, before = seen
    one = SpendSeen(left, MONDAY, is_there, is_off, before)
    assert fate(one, at=MONDAY + hours * HOUR, within=24 * HOUR) == said


def spends(li, amount, ref, *, key_=None) -> None:
    order = OrderNamed("shop", ref)
    points.redeem(customer=li, amount=amount, key=key_ or key(), at=MONDAY, by=THE_SHOP, order=order)


def wrong(at=FRIDAY) -> dict[str, tuple[str, int]]:
    order_spends.settle(at=at)
    return {one.named.ref: (one.state, one.parts) for one in order_spends.listed().items}


@pytest.mark.django_db
def test_lis_points_come_back_from_an_order_that_never_came_from_one_that_is_off_and_from_one_paid_twice():
    li = a_member("li", first=60, second=140)
    hold = points.hold(customer=li, amount=30, key=key(), at=MONDAY, by=THE_SHOP, order=OrderNamed("shop", "never"))
    points.capture(hold=hold.id, amount=10, rest=False, key=key(), at=MONDAY, by=THE_SHOP)
    points.capture(hold=hold.id, amount=10, key=key(), at=MONDAY, by=THE_SHOP)
    spends(li, 20, "off")
    spends(li, 15, "twice")
    spends(li, 15, "twice")
    spends(li, 40, "back", key_="back")
    spends(li, 40, "back", key_="back")
    with pytest.raises(points.KeyUsedOtherwise):
        spends(li, 40, "other", key_="back")
    for ref in ("off", "twice", "back"):
        an_order(ref, customer="li")
    assert wrong(at=MONDAY + HOUR) == {"twice": ("twice", 15)}
    assert has(li) == (0, 90, 0, 0)
    orders.cancel(order=orders.by_ref(namespace="shop", ref="off").id, at=FRIDAY, by=THE_SHOP)
    comes_back(orders.by_ref(namespace="shop", ref="back").id, ["1"], key="all of it")
    react_to_everything()
    found = {"never": ("missing", 10), "off": ("off", 20), "back": ("off", 40), "twice": ("twice", 15)}
    assert wrong() == found
    assert order_spends.count_wrong() == 5

    by_ref = {one.named.ref: one for one in order_spends.listed().items}
    for ref in ("off", "twice", "back"):
        told = {"spend": by_ref[ref].id, "at": FRIDAY, "by": MAREK}
        done = order_spends.give_back(**told)
        assert (done.state, done.parts, order_spends.give_back(**told)) == ("given_back", 0, done)
    assert has(li, at=FRIDAY) == (0, 90 + 20 + 15 + 40, 0, 0)
    assert {line for line in said(li) if line.startswith("reverse")} == {
        "reverse: given back: order off was cancelled or came back",
        "reverse: given back: order back was cancelled or came back",
        "reverse: given back: spent twice for order twice",
    }
    # Of the two parts of the hold one is left as it is; the other's order comes late after all.
    first, second = order_spends.listed().items
    assert order_spends.leave(spend=first.id, at=FRIDAY, by=MAREK).state == "left"
    an_order("never", customer="li", at=FRIDAY)
    with pytest.raises(order_spends.NothingWrong):
        order_spends.give_back(spend=second.id, at=FRIDAY, by=MAREK)
    assert wrong(at=FRIDAY + HOUR) == {}
    with pytest.raises(order_spends.NothingWrong):
        order_spends.leave(spend=second.id, at=FRIDAY, by=MAREK)
    with pytest.raises(order_spends.UnknownOrderSpend):
        order_spends.leave(spend=0, at=FRIDAY, by=MAREK)
    # What nobody told of is found by the night's look.
    assert not list(checkups.broken())
    order_spends.look_again_at_all(at=FRIDAY + DAY)
    assert wrong(at=FRIDAY + DAY) == {}


@pytest.mark.django_db
def test_what_was_given_back_another_way_is_asked_about_no_more():
    li = a_member("li", first=60)
    done = points.redeem(customer=li, amount=20, key=key(), at=MONDAY, by=THE_SHOP, order=OrderNamed("shop", "never"))
    assert wrong() == {"never": ("missing", 20)}
    points.reverse(entry=done.of("redeem").id, amount=5, key=key(), at=FRIDAY, by=MAREK)
    assert wrong(at=FRIDAY + HOUR) == {"never": ("missing", 15)}
    points.reverse(entry=done.of("redeem").id, key=key(), at=FRIDAY, by=MAREK)
    assert wrong(at=FRIDAY + 2 * HOUR) == {}
    assert has(li, at=FRIDAY) == (0, 60, 0, 0)


def test_of_ten_who_decide_at_once_the_points_come_back_once(fresh_database):
    li = a_member("li", first=60)
    spends(li, 20, "never")
    assert wrong() == {"never": ("missing", 20)}
    [one] = order_spends.listed().items
    verbs = [partial(verb, spend=one.id, at=FRIDAY, by=MAREK) for verb in (order_spends.give_back, order_spends.leave)]
    answers = at_once([partial(lambda verb: verb().state, verbs[nth % 2]) for nth in range(10)])
    assert has(li, at=FRIDAY) == (0, 60, 0, 0)
    assert order_spends.by_public_id(one.public_id).state == "given_back"
    assert answers["given_back"] == 5
    assert answers["left"] + answers["points.order_stands"] == 5


@pytest.mark.django_db
def test_an_order_paid_with_two_kinds_of_points_was_not_paid_twice():
    currencies.ensure(currency=CurrencyView("stars"), at=MONDAY, by=MAREK)
    li = a_member("li", points=50)
    an_award(li, 50, currency="stars")
    for kind in ("points", "stars"):
        points.redeem(
            customer=li, amount=5, currency=kind, order=OrderNamed("shop", "both"), key=key(), at=MONDAY, by=THE_SHOP
        )
    an_order("both", customer="li")
    assert wrong() == {}
