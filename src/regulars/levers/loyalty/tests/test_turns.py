"""An award for every so many orders, in whatever order their news comes; and what was taken back by hand stays so."""

import itertools
import random

import pytest

from regulars.facts.commerce import orders
from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason as Why
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import checkups, earning
from regulars.levers.loyalty.models import Earning, Entry, Lot
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, has, said, takes_back
from regulars.levers.loyalty.tests.test_earning import SPEND, a_programme, an_order, buyer, comes_back, settles
from tests.often import a_few

pytestmark = pytest.mark.django_db
EVERY_SECOND = "{id: second, kind: nth_order, every: 2, points: 10, at_least: 5}"
LATER = MONDAY + 60 * DAY


@pytest.fixture(autouse=True)
def the_books_agree_after_each():
    yield
    assert not list(checkups.broken())


def day(number):
    return MONDAY + number * DAY


# Of the 24, `make test` takes those in which the newest comes first, and as they were bought.
@pytest.mark.parametrize(
    "turn",
    a_few(7, sorted(itertools.permutations(range(4)), key=lambda turn: (turn != (0, 1, 2, 3), turn[0] != 3))),
    ids=lambda turn: "".join(map(str, turn)),
)
def test_in_whatever_order_four_orders_are_told_of_two_awards_are_given(turn):
    a_programme(EVERY_SECOND)
    for place in turn:
        order = an_order(str(place), at=day(place))
        settles(order, at=LATER)
    assert has(buyer(order), at=LATER) == (0, 20, 0, 0)
    for more, points in ((4, 20), (5, 30)):
        settles(an_order(str(more), at=day(more)), at=LATER)
        assert has(buyer(order), at=LATER) == (0, points, 0, 0)


def test_an_older_order_told_later_moves_the_numbers_and_no_award_is_given_twice():
    a_programme(EVERY_SECOND)
    first, third = an_order("1", at=day(1)), an_order("3", at=day(3))
    settles(first)
    settles(third)
    second = an_order("2", at=day(2))
    settles(second, at=FRIDAY)
    assert has(buyer(second), at=FRIDAY)[1] == 10
    assert Earning.objects.get(subject=f"order:{second}").missed == {"second": ["nth_given", {"number": 2}]}
    settles(an_order("4", at=day(4)), at=LATER)
    assert has(buyer(second), at=LATER)[1] == 20


def test_a_cancelled_order_that_an_award_rested_on_takes_the_latest_one_with_it():
    a_programme(EVERY_SECOND)
    all_of = [an_order(str(place), at=day(place)) for place in range(4)]
    for order in all_of:
        settles(order, at=LATER)
    orders.cancel(order=all_of[0], at=LATER, by=MAREK)
    settles(all_of[0], at=LATER)
    priya = buyer(all_of[0])
    assert has(priya, at=LATER) == (0, 10, 0, 0)
    assert said(priya)[-1] == "reverse: an order that counted does not count any more"
    settles(an_order("5", at=day(5)), at=LATER)
    assert has(priya, at=LATER) == (0, 20, 0, 0)


def test_an_award_that_came_back_with_its_goods_is_given_to_no_other_order():
    a_programme(EVERY_SECOND)
    for place in range(2):
        order = an_order(str(place), at=day(place))
        settles(order, at=LATER)
    comes_back(order, ["1"], key="r", at=LATER)
    settles(order, at=LATER)
    assert has(buyer(order), at=LATER)[1] == 0
    for place, points in ((2, 0), (3, 10)):
        settles(an_order(str(place), at=day(place)), at=LATER)
        assert has(buyer(order), at=LATER)[1] == points
    # One of less than counts has its number and no award, and nobody after it has it instead.
    settles(an_order("4", at=day(4)), at=LATER)
    settles(an_order("5", at=day(5), lines=(("tea", "1", "1.00"),)), at=LATER)
    settles(an_order("6", at=day(6)), at=LATER)
    assert has(buyer(order), at=LATER)[1] == 10


def test_what_was_bought_before_the_programme_counts_in_the_number_and_earns_by_back_fill_alone():
    for place in range(5):
        an_order(str(place), at=day(place), origin="history")
    a_programme(EVERY_SECOND, from_at=day(5))
    sixth = an_order("5", at=day(5))
    settles(sixth, at=LATER)
    settles(an_order("6", at=day(6)), at=LATER)
    assert has(buyer(sixth), at=LATER)[1] == 10
    for size in (2, 3):
        list(earning.backfill(programme="tried", at=LATER, by=SHELL, size=size))
        assert has(buyer(sixth), at=LATER)[1] == 30
    assert sorted(Earning.objects.exclude(lines={}).values_list("effective_at", flat=True)) == [day(1), day(3), day(5)]


def test_joined_people_are_given_no_award_for_the_numbers_they_had_apart():
    a_programme(EVERY_SECOND)
    one = [an_order(f"a{place}", customer="priya", at=day(place)) for place in range(3)]
    other = [an_order(f"b{place}", customer="priya2", at=day(place)) for place in range(2)]
    for order in one + other:
        settles(order, at=LATER)
    identity.join(one=buyer(one[0]), other=buyer(other[0]), why=Why.ASKED, key="j", at=LATER, by=MAREK)
    priya = buyer(one[0])
    assert has(priya, at=LATER)[1] == 20
    settles(an_order("c", customer="priya", at=day(9)), at=LATER)
    assert has(priya, at=LATER)[1] == 30


@pytest.mark.parametrize("seed", range(6))
def test_any_history_of_orders_ends_at_an_award_for_every_second_that_stands(seed):
    dice = random.Random(seed)
    a_programme(EVERY_SECOND)
    made: dict[int, int] = {}
    for place in dice.sample(range(12), 12):
        made[place] = an_order(str(place), at=day(place))
        settles(made[place], at=LATER)
        if dice.random() < 0.4:
            gone = dice.choice(list(made))
            orders.cancel(order=made[gone], at=LATER, by=MAREK)
            settles(made.pop(gone), at=LATER)
    last = an_order("12", at=day(12))
    settles(last, at=LATER)
    assert has(buyer(last), at=LATER)[1] == (len(made) + 1) // 2 * 10


def test_what_was_taken_back_by_hand_is_not_given_again_whatever_becomes_of_the_order():
    a_programme(SPEND)
    order = an_order(lines=(("hat", "4", "20.00"),), source_updated_at=MONDAY)
    settles(order)
    priya = buyer(order)
    takes_back(Entry.objects.get(kind="award").id, amount=10)
    assert has(priya) == (0, 30, 0, 0)
    comes_back(order, ["2"], key="r")
    settles(order, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 10, 0, 0)
    # More than it had is more than it had: 100.00 kept of 140.00.
    an_order(lines=(("hat", "7", "20.00"),), source_updated_at=FRIDAY)
    settles(order, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 40, 0, 0)
    # All of it goes, and comes again: of 70 for all that is left, 10 stay with the shop.
    takes_back(Entry.objects.filter(kind="award").latest("id").id)
    assert has(priya, at=FRIDAY)[1] == 10
    assert settles(order, at=FRIDAY).awards == 0
    assert sum(Lot.objects.values_list("original", flat=True)) == 70


def test_an_order_that_was_called_off_and_stands_again_has_no_award_that_was_taken_back_by_hand():
    a_programme(SPEND)
    order = an_order(source_updated_at=MONDAY)
    settles(order)
    takes_back(Entry.objects.get(kind="award").id)
    an_order(source_updated_at=MONDAY + DAY, lines=(("tea", "1", "0.10"),))
    settles(order, at=MONDAY + DAY)
    an_order(source_updated_at=FRIDAY)
    settles(order, at=FRIDAY)
    assert has(buyer(order), at=FRIDAY) == (0, 0, 0, 0)
