"""Stories of points: what somebody gets, spends, keeps for later, sends back and loses."""

from datetime import date, timedelta

import pytest
from django.db import connection

from regulars.facts.customers import identity
from regulars.levers.loyalty import checkups, currencies, examination, examinations, freezing, points
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty._ledger.statements import Change
from regulars.levers.loyalty.currencies import CurrencyView
from regulars.levers.loyalty.models import Account, Entry, Lot
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
    spends,
    takes_back,
)
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


def test_what_is_awarded_can_be_spent_and_no_more():
    priya = a_member(points=80)
    spends(priya, 30)
    assert has(priya) == (0, 50, 0, 0)
    with pytest.raises(points.NotEnoughPoints) as refused:
        spends(priya, 51)
    assert refused.value.facts["spendable"] == 50
    assert has(priya) == (0, 50, 0, 0)


def test_what_expires_first_is_spent_first_and_what_never_does_last():
    priya = a_member()
    for amount, until in ((10, None), (20, date(2026, 5, 31)), (30, date(2026, 4, 30))):
        an_award(priya, amount, expires_on=until)
    spends(priya, 45)
    left = dict(Lot.objects.values_list("expires_on", "available"))
    assert left == {None: 10, date(2026, 5, 31): 5, date(2026, 4, 30): 0}


def test_points_lapse_when_their_last_day_is_over_whether_anybody_booked_it_or_not():
    priya = a_member()
    an_award(priya, 40, expires_on=date(2026, 3, 4))
    last_moment = MONDAY.replace(day=4, hour=15, minute=59)
    assert has(priya, at=last_moment) == (0, 40, 0, 0), "the shop's day ends at 16:00 UTC"
    assert has(priya, at=last_moment + timedelta(minutes=1)) == (0, 0, 0, 0)
    with pytest.raises(points.NotEnoughPoints):
        spends(priya, 1, at=FRIDAY)
    an_award(priya, 5, at=FRIDAY)
    assert said(priya) == ["award: awarded", "expire: not spent before they expired", "award: awarded"]
    assert Entry.objects.get(kind="expire").effective_at == last_moment + timedelta(minutes=1)


def test_points_wait_until_they_mature():
    priya = a_member()
    an_award(priya, 40, matures_at=FRIDAY)
    assert has(priya) == (40, 0, 0, 0)
    with pytest.raises(points.NotEnoughPoints):
        spends(priya, 1)
    spends(priya, 15, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 25, 0, 0)


def test_a_hold_keeps_points_from_everybody_else_and_gives_back_what_is_not_wanted():
    priya = a_member(points=100)
    basket = points.hold(customer=priya, amount=70, key=key(), at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 30, 70, 0)
    with pytest.raises(points.NotEnoughPoints):
        spends(priya, 31)
    points.capture(hold=basket.id, amount=50, key=key(), at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 50, 0, 0)
    with pytest.raises(points.HoldIsOver):
        points.release(hold=basket.id, key=key(), at=MONDAY, by=THE_SHOP)


def test_a_hold_is_captured_bit_by_bit():
    priya = a_member(points=100)
    basket = points.hold(customer=priya, amount=70, key=key(), at=MONDAY, by=THE_SHOP)
    points.capture(hold=basket.id, amount=50, rest=False, key=key(), at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 30, 20, 0)
    with pytest.raises(points.BadAmount):
        points.capture(hold=basket.id, amount=21, key=key(), at=MONDAY, by=THE_SHOP)
    points.capture(hold=basket.id, key=key(), at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 30, 0, 0)


def test_the_clock_ends_a_hold_but_not_one_that_a_checkout_owns():
    priya = a_member(points=100)
    timed = points.hold(customer=priya, amount=60, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP)
    owned = points.hold(customer=priya, amount=30, owner="checkout:7", key=key(), at=MONDAY, by=THE_SHOP)
    assert has(priya, at=FRIDAY) == (0, 70, 30, 0)
    spends(priya, 65, at=FRIDAY)
    with pytest.raises(points.HoldIsOver):
        points.capture(hold=timed.id, key=key(), at=FRIDAY, by=THE_SHOP)
    points.capture(hold=owned.id, key=key(), at=FRIDAY, by=THE_SHOP)
    assert has(priya, at=FRIDAY) == (0, 5, 0, 0)
    assert "release: kept for a purchase that was not made in time" in said(priya)


def test_a_hold_of_nobody_that_tells_no_time_is_kept_for_half_an_hour():
    priya = a_member(points=100)
    basket = points.hold(customer=priya, amount=60, key=key(), at=MONDAY, by=THE_SHOP)
    assert basket.expires_at == MONDAY + points.HELD_FOR == MONDAY + timedelta(minutes=30)
    assert has(priya, at=basket.expires_at - timedelta(seconds=1)) == (0, 40, 60, 0)
    assert has(priya, at=basket.expires_at) == (0, 100, 0, 0)
    points.hold(customer=priya, amount=100, lasts=points.LONGEST_HOLD, key=key(), at=FRIDAY, by=THE_SHOP)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"lasts": DAY, "owner": "checkout:7"}, "has no clock"),
        ({"lasts": timedelta(minutes=-5)}, "-300 is no time"),
        ({"lasts": timedelta(0)}, "0 is no time"),
        ({"lasts": points.LONGEST_HOLD + timedelta(seconds=1)}, "at most 31622400"),
    ],
)
def test_a_hold_ends_at_one_word_after_it_began_and_some_day(told, said):
    priya = a_member(points=100)
    with pytest.raises(points.BadHold, match=said) as refused:
        points.hold(customer=priya, amount=60, key=key(), at=MONDAY, by=THE_SHOP, **told)
    assert refused.value.facts["field"] == "lasts_seconds"
    assert has(priya) == (0, 100, 0, 0)


def test_a_returned_coat_takes_its_own_points_with_it_and_not_the_oldest():
    priya = a_member(points=100)
    coat = an_award(priya, 40)
    takes_back(coat, amount=15)
    assert has(priya) == (0, 125, 0, 0)
    assert list(Lot.objects.order_by("id").values_list("available", "taken_back")) == [(100, 0), (25, 15)]
    takes_back(coat)
    assert has(priya) == (0, 100, 0, 0)
    with pytest.raises(points.NothingToReverse):
        takes_back(coat)


def test_points_that_were_spent_before_the_coat_came_back_are_owed_and_the_next_award_pays_them():
    priya = a_member()
    coat = an_award(priya, 40)
    spends(priya, 30)
    takes_back(coat, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 30)
    an_award(priya, 50, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 20, 0, 0)
    assert said(priya)[-1] == "settle: points that were owed are paid back"


def test_of_a_returned_coat_points_that_expired_are_owed_by_nobody():
    priya = a_member()
    coat = an_award(priya, 40, expires_on=date(2026, 3, 3))
    spends(priya, 10)
    takes_back(coat, amount=30, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 0)
    takes_back(coat, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 10)


def test_what_was_spent_goes_back_to_the_lots_it_came_from_with_the_end_they_had():
    priya = a_member()
    an_award(priya, 10, expires_on=date(2026, 3, 3))
    an_award(priya, 20)
    spent = spends(priya, 25)
    takes_back(spent, amount=5, at=MONDAY)
    assert list(Lot.objects.order_by("id").values_list("available", flat=True)) == [0, 10]
    takes_back(spent, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 20, 0, 0), "ten of them expired on Tuesday and stay expired"
    with pytest.raises(points.NothingToReverse):
        takes_back(spent, at=FRIDAY)


def test_where_it_was_the_shops_fault_expired_points_get_days_of_grace():
    priya = a_member()
    an_award(priya, 10, expires_on=date(2026, 3, 3))
    spent = spends(priya, 10)
    takes_back(spent, at=FRIDAY, grace_until=date(2026, 3, 20))
    assert has(priya, at=FRIDAY) == (0, 10, 0, 0)
    assert has(priya, at=FRIDAY + 30 * DAY) == (0, 0, 0, 0)


def test_a_reversal_is_not_reversed():
    priya = a_member()
    coat = an_award(priya, 40)
    back = takes_back(coat).of("reverse").id
    with pytest.raises(points.NothingToReverse):
        takes_back(back)


def test_points_are_given_and_taken_by_hand_and_forgiven():
    priya = a_member(points=10)
    points.adjust(customer=priya, amount=25, key=key(), at=MONDAY, by=MAREK)
    points.adjust(customer=priya, amount=-5, key=key(), at=MONDAY, by=MAREK)
    assert has(priya) == (0, 30, 0, 0)
    with pytest.raises(points.NotEnoughPoints):
        points.adjust(customer=priya, amount=-31, key=key(), at=MONDAY, by=MAREK)
    bo = a_member("bo")
    coat = an_award(bo, 40)
    spends(bo, 40)
    takes_back(coat)
    points.forgive(customer=bo, amount=15, key=key(), at=MONDAY, by=MAREK)
    assert has(bo) == (0, 0, 0, 25)
    points.forgive(customer=bo, key=key(), at=MONDAY, by=MAREK)
    assert has(bo) == (0, 0, 0, 0)


def test_expired_points_are_made_valid_again_and_valid_ones_longer():
    priya = a_member()
    done = points.award(customer=priya, amount=40, expires_on=date(2026, 3, 3), key=key(), at=MONDAY, by=THE_SHOP)
    [lot] = done.lots
    spends(priya, 10)
    an_award(priya, 1, at=FRIDAY)
    points.reinstate(lot=lot, expires_on=date(2026, 3, 31), key=key(), at=FRIDAY, by=MAREK)
    assert has(priya, at=FRIDAY) == (0, 31, 0, 0)
    again = points.statement(customer=priya).items[0]
    assert dict(again.reason.arguments) == {"lot": lot, "was": "2026-03-03", "until": "2026-03-31"}
    points.extend(lots={lot: date(2026, 5, 31)}, key=key(), at=FRIDAY, by=MAREK)
    assert [(one.on, one.available) for one in points.expiring(customer=priya, at=FRIDAY)] == [
        (date(2026, 5, 31), 30),
        (None, 1),
    ]


@pytest.mark.parametrize("verb", ["extend", "mature", "reinstate"])
def test_a_lot_is_found_under_its_own_kind_of_points_alone(verb):
    currencies.ensure(currency=CurrencyView("stars"), at=MONDAY, by=MAREK)
    priya = a_member(points=40)
    [lot] = Lot.objects.values_list("id", flat=True)
    until = date(2026, 5, 31)
    told = {
        "extend": {"lots": {lot: until}},
        "mature": {"lots": {lot: FRIDAY}},
        "reinstate": {"lot": lot, "expires_on": until},
    }[verb]
    with pytest.raises(points.UnknownEntry, match=f"{lot} is of points") as refused:
        getattr(points, verb)(currency="stars", key=key(), at=MONDAY, by=MAREK, **told)
    assert refused.value.facts == {"field": "lot", "value": lot}
    with pytest.raises(points.NoSuchCurrency):
        getattr(points, verb)(currency="moons", key=key(), at=MONDAY, by=MAREK, **told)
    assert has(priya) == (0, 40, 0, 0)
    assert Account.objects.count() == 1, "none is opened for what is refused"


def test_a_lot_that_is_not_where_its_record_says_is_refused_and_not_looked_for_for_ever():
    """What no verb does, and the doctor finds as `persons`."""
    priya, li = a_member("priya", points=5), a_member("li", points=40)
    lot = Lot.objects.get(original=40)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET person_id = %s, joined_at = created_at WHERE id = %s", [priya, li]
        )
    with pytest.raises(points.UnknownEntry):
        points.extend(lots={lot.id: date(2026, 5, 31)}, key=key(), at=MONDAY, by=MAREK)


def test_told_again_every_verb_gives_its_first_answer_and_writes_nothing():
    priya = a_member(points=100)
    first = points.redeem(customer=priya, amount=10, key="r", at=MONDAY, by=THE_SHOP)
    award = points.award(customer=priya, amount=7, key="a", at=MONDAY, by=THE_SHOP)
    back = points.reverse(entry=first.of("redeem").id, key="b", at=MONDAY, by=MAREK)
    basket = points.hold(customer=priya, amount=20, key="h", at=MONDAY, by=THE_SHOP)
    sold = points.capture(hold=basket.id, key="c", at=MONDAY, by=THE_SHOP)
    gift = points.adjust(customer=priya, amount=-4, key="g", at=MONDAY, by=MAREK)
    entries = Entry.objects.count()
    assert points.redeem(customer=priya, amount=10, key="r", at=FRIDAY, by=THE_SHOP) == first
    assert points.award(customer=priya, amount=7, key="a", at=FRIDAY, by=THE_SHOP) == award
    assert points.reverse(entry=first.of("redeem").id, key="b", at=FRIDAY, by=MAREK) == back
    assert points.hold(customer=priya, amount=20, key="h", at=FRIDAY, by=THE_SHOP) == basket
    assert points.capture(hold=basket.id, key="c", at=FRIDAY, by=THE_SHOP) == sold
    assert points.adjust(customer=priya, amount=-4, key="g", at=FRIDAY, by=MAREK) == gift
    assert Entry.objects.count() == entries


@pytest.mark.parametrize("amount", [11, 9])
def test_a_key_that_told_something_else_is_refused(amount):
    priya = a_member(points=100)
    points.redeem(customer=priya, amount=10, key="r", at=MONDAY, by=THE_SHOP)
    with pytest.raises(points.KeyUsedOtherwise):
        points.redeem(customer=priya, amount=amount, key="r", at=MONDAY, by=THE_SHOP)
    with pytest.raises(points.KeyUsedOtherwise):
        points.award(customer=priya, amount=10, key="r", at=MONDAY, by=THE_SHOP)


def test_a_refused_act_is_none_and_may_be_tried_again():
    priya = a_member()
    with pytest.raises(points.NotEnoughPoints):
        points.redeem(customer=priya, amount=10, key="r", at=MONDAY, by=THE_SHOP)
    an_award(priya, 10)
    points.redeem(customer=priya, amount=10, key="r", at=MONDAY, by=THE_SHOP)
    assert has(priya) == (0, 0, 0, 0)


@pytest.mark.parametrize("amount", [0, -1, 9 * 10**15 + 1, 1.5, True])
def test_what_is_no_amount_is_refused(amount):
    priya = a_member()
    with pytest.raises(points.BadAmount):
        an_award(priya, amount)


def test_the_books_say_what_was_at_a_moment_and_what_was_known_then():
    priya = a_member()
    an_award(priya, 40, expires_on=date(2026, 3, 3))
    spends(priya, 10)
    an_award(priya, 5, at=FRIDAY)
    then = [points.balance_as_of(customer=priya, as_of=MONDAY + n * DAY).available for n in (-1, 0, 1, 2, 4)]
    assert then == [0, 30, 30, 0, 5]
    early = Entry.objects.earliest("id").recorded_at - DAY
    assert points.balance_as_of(customer=priya, as_of=FRIDAY, known_at=early).available == 0


def test_a_frozen_account_takes_no_verb():
    priya = a_member(points=40)
    Account.objects.filter(customer_id=priya).update(frozen_at=MONDAY, frozen_why="L2")
    with pytest.raises(points.AccountFrozen):
        spends(priya, 1)
    assert has(priya) == (0, 40, 0, 0)


def test_the_statement_says_every_line_and_explains_it_down_to_its_lots():
    priya = a_member()
    coat = an_award(priya, 40, subject="order:7")
    tea = spends(priya, 30)
    takes_back(coat)
    page = points.statement(customer=priya, limit=2)
    assert [(line.kind, line.change.available, line.debt) for line in page.items] == [
        ("reverse", -10, 30),
        ("redeem", -30, 0),
    ]
    [first] = points.statement(customer=priya, limit=2, cursor=page.next).items
    assert (first.because, first.available, first.reverses) == ("awarded", 40, None)
    assert page.items[0].reverses == first.public_id
    [moved] = points.explain(entry=tea).moved
    assert (moved.subject, moved.from_book, moved.to_book, moved.amount) == ("order:7", "available", "redeemed", 30)
    assert points.explain(entry=10**9) is None


def test_the_sweep_books_once_what_the_clock_did_and_says_it_at_its_own_time():
    priya, bo = a_member(points=10), a_member("bo")
    an_award(priya, 40, expires_on=date(2026, 3, 3))
    an_award(bo, 25, matures_at=MONDAY + DAY)
    points.hold(customer=priya, amount=15, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP)
    before = has(priya, at=FRIDAY), has(bo, at=FRIDAY)
    assert clockwork.book_due(at=FRIDAY, by=THE_SHOP) == {"expire": 1, "activate": 1, "release": 1}
    assert (has(priya, at=MONDAY), has(bo, at=MONDAY)) == before == ((0, 10, 0, 0), (0, 25, 0, 0))
    assert clockwork.book_due(at=FRIDAY, by=THE_SHOP) == {}
    assert Entry.objects.get(kind="activate").effective_at == MONDAY + DAY


def test_an_account_whose_books_do_not_add_up_is_frozen_and_the_others_go_on():
    priya, bo = a_member(), a_member("bo")
    for who in (priya, bo):
        an_award(who, 40, expires_on=date(2026, 3, 3))
    Account.objects.filter(customer_id=priya).update(available=7)
    assert clockwork.book_due(at=FRIDAY, by=THE_SHOP) == {"expire": 1}
    assert has(bo) == (0, 0, 0, 0)
    with pytest.raises(points.AccountFrozen):
        an_award(priya, 5)


def test_beyond_the_debt_limit_what_is_owed_is_forgiven_at_once():
    currencies.ensure(currency=CurrencyView("points", debt_limit=12), at=MONDAY, by=MAREK)
    priya = a_member()
    coat = an_award(priya, 40)
    spends(priya, 30)
    takes_back(coat)
    assert has(priya) == (0, 0, 0, 12)


def test_what_is_only_held_is_not_forgiven_before_it_is_spent():
    currencies.ensure(currency=CurrencyView("points", debt_limit=12), at=MONDAY, by=MAREK)
    for ends, left in (("runs out", 0), ("is released", 0), ("is captured", 12)):
        priya = a_member(ends)
        coat = an_award(priya, 40)
        basket = points.hold(customer=priya, amount=30, key=key(), at=MONDAY, by=THE_SHOP, lasts=DAY).id
        takes_back(coat)
        assert has(priya) == (0, 0, 30, 30), "it may come back still"
        if ends == "is released":
            points.release(hold=basket, key=key(), at=MONDAY, by=THE_SHOP)
        elif ends == "is captured":
            points.capture(hold=basket, key=key(), at=MONDAY, by=THE_SHOP)
        assert has(priya, at=FRIDAY) == (0, 0, 0, left), ends
    assert list(checkups.broken()) == []


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_was_forgiven_because_it_was_spent_is_made_good_when_it_was_not(by_hand):
    """The coat is back with the shop, and so is what was had for its points: who keeps them had them for nothing."""
    currencies.ensure(currency=CurrencyView("points", debt_limit=None if by_hand else 12), at=MONDAY, by=MAREK)
    priya = a_member()
    coat = an_award(priya, 40)
    tea = spends(priya, 40)
    takes_back(coat)
    if by_hand:
        points.forgive(customer=priya, amount=28, key=key(), at=MONDAY, by=MAREK)
    assert has(priya) == (0, 0, 0, 12)
    takes_back(tea, amount=20)
    assert has(priya) == (0, 0, 0, 0)
    takes_back(tea)
    assert has(priya) == (0, 0, 0, 0)
    assert said(priya)[-1] == "settle: what was forgiven because it was spent is made good: it came back"
    an_award(priya, 9)
    assert has(priya) == (0, 9, 0, 0), "all of it is made good"
    assert list(checkups.broken()) == []


def test_what_the_clock_forgives_in_the_same_act_is_made_good_too():
    currencies.ensure(currency=CurrencyView("points", debt_limit=12), at=MONDAY, by=MAREK)
    priya, bo = a_member(), a_member("bo", points=20)
    coat = an_award(priya, 40)
    tea = spends(priya, 40)
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    points.hold(customer=bo, amount=20, key=key(), at=MONDAY, by=THE_SHOP, lasts=DAY)
    takes_back(coat)
    assert has(priya) == (0, 0, 20, 32), "what is held of the other's may be theirs still"
    # The hold runs out, and what is beyond the limit is forgiven by the clock: with the act that gives the tea back.
    takes_back(tea, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 20, 0, 0)
    assert list(checkups.broken()) == []


def test_a_wallet_may_be_spent_oldest_first_and_other_currencies_are_apart():
    currencies.ensure(currency=CurrencyView("stars", spend_order="oldest", scale=1), at=MONDAY, by=MAREK)
    priya = a_member(points=5)
    for until in (None, date(2026, 3, 31)):
        an_award(priya, 10, currency="stars", expires_on=until)
    points.redeem(customer=priya, amount=10, currency="stars", key=key(), at=MONDAY, by=THE_SHOP)
    assert [one.on for one in points.expiring(customer=priya, currency="stars", at=MONDAY)] == [date(2026, 3, 31)]
    assert has(priya) == (0, 5, 0, 0)
    with pytest.raises(points.NoSuchCurrency):
        an_award(priya, 1, currency="miles")
    with pytest.raises(currencies.BadCurrency):
        currencies.ensure(currency=CurrencyView("stars", scale=2), at=MONDAY, by=MAREK)


def test_joined_people_spend_together_but_pay_what_they_owe_each_from_their_own():
    priya, bo = a_member(points=50), a_member("bo")
    coat = an_award(bo, 40)
    spends(bo, 40)
    takes_back(coat)
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    assert has(bo) == has(priya) == (0, 50, 0, 40)
    with pytest.raises(points.NotEnoughPoints):
        spends(bo, 11)
    spends(bo, 10)
    an_award(bo, 25)
    assert has(priya) == (0, 40, 0, 15)
    identity.undecide(one=priya, other=bo, why=identity.Reason.MISTAKE, key=key(), at=FRIDAY, by=MAREK)
    assert (has(priya), has(bo)) == ((0, 40, 0, 0), (0, 0, 0, 15))
    kinds = [line.kind for line in points.statement(customer=priya).items]
    assert kinds == ["merge_out", "settle", "award", "redeem", "merge_in", "award"]
    assert list(checkups.broken()) == []


def test_a_hold_of_two_who_are_parted_ends_as_one():
    priya, bo = a_member(points=30), a_member("bo", points=20)
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    basket = points.hold(customer=bo, amount=45, owner="till", key=key(), at=MONDAY, by=THE_SHOP)
    identity.undecide(one=priya, other=bo, why=identity.Reason.MISTAKE, key=key(), at=MONDAY + DAY, by=MAREK)
    assert (has(priya), has(bo)) == ((0, 0, 30, 0), (0, 5, 15, 0))
    points.capture(hold=basket.id, amount=35, key=key(), at=FRIDAY, by=THE_SHOP)
    assert (has(priya), has(bo)) == ((0, 0, 0, 0), (0, 15, 0, 0))
    assert list(checkups.broken()) == []


def test_what_came_along_is_told_lot_by_lot_as_it_was_then():
    priya, bo = a_member(points=50), a_member("bo", points=30)
    shoes = an_award(bo, 20)
    points.hold(customer=bo, amount=4, key=key(), at=MONDAY, by=THE_SHOP)
    spends(bo, 35)
    takes_back(shoes)
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    an_award(bo, 40)
    spends(bo, 60)
    kept, owing, _later = Lot.objects.filter(record_id=bo).order_by("id").values_list("id", flat=True)
    lines = {line.kind: points.explain(entry=line.id) for line in points.statement(customer=priya).items}
    told = {
        kind: [(one.lot, one.from_book, one.to_book, one.amount) for one in lines[kind].moved]
        for kind in ("merge_out", "merge_in")
    }
    assert told == {
        "merge_out": [(kept, "held", "transit", 4), (owing, "transit", "debt", 9)],
        "merge_in": [(kept, "transit", "held", 4), (owing, "debt", "transit", 9)],
    }
    assert lines["merge_in"].line.change == Change(pending=0, available=0, held=4, debt=9)
    assert list(checkups.broken()) == []


@pytest.mark.parametrize(
    ("table", "change", "invariant"),
    [
        ("account", "available = available + 1", {"balances", "lots", "entries"}),
        ("account", "sequence = sequence + 1", {"entries"}),
        ("lot", "available = available - 1, lapsed = lapsed + 1", {"lots", "postings"}),
        ("hold_lot", "released = released + 1", {"holds"}),
    ],
)
def test_what_does_not_agree_is_found_at_its_own_account(table, change, invariant, capsys):
    priya, bo = a_member(points=30), a_member("bo", points=20)
    for who in (priya, bo):
        points.hold(customer=who, amount=5, key=key(), at=MONDAY, by=THE_SHOP)
    assert list(checkups.broken()) == []
    mine = Account.objects.get(customer_id=priya).id
    which = {
        "account": f"id = {mine}",
        "lot": f"account_id = {mine}",
        "hold_lot": f"lot_id IN (SELECT id FROM loyalty_lot WHERE account_id = {mine})",
    }
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE loyalty_{table} SET {change} WHERE {which[table]}")
    assert {one.invariant for one in checkups.broken()} == invariant
    with pytest.raises(SystemExit):
        examinations.ledger.main(["--json"])
    an_award(bo, 1)
    with pytest.raises(points.AccountFrozen):
        an_award(priya, 1)
    with pytest.raises(examination.StillBroken):
        examination.thaw(account=mine, at=FRIDAY, by=MAREK)
    back = change.replace("+", "~").replace("-", "+").replace("~", "-")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE loyalty_{table} SET {back} WHERE {which[table]}")
    # Nobody has looked yet: it is named with the way out, and so does the doctor.
    examinations.ledger.main([], standalone_mode=False)
    assert f"`regulars doctor ledger --thaw {mine}` lets it go on" in capsys.readouterr().out
    assert any("--thaw NUMBER" in finding.mend for check in checkups.CHECKUPS for finding in check())
    with pytest.raises(freezing.NotFrozen, match=f"ledger --thaw {mine}`"):
        freezing.thaw(customer=priya, key=key(), at=FRIDAY, by=MAREK)
    examination.thaw(account=mine, at=FRIDAY, by=MAREK)
    assert examination.examine(at=FRIDAY, by=MAREK).mended == ()
    an_award(priya, 1)


def test_who_moved_since_yesterday_is_looked_at_each_night_and_nobody_else():
    priya, bo = a_member(points=40), a_member("bo", points=40)
    Account.objects.update(available=7)
    hour = timedelta(hours=1)
    assert examination.examine_lately(since=clock.now() + hour, at=clock.now(), by=MAREK).accounts == 0
    seen = examination.examine_lately(since=clock.now() - hour, at=clock.now(), by=MAREK)
    assert (seen.accounts, len(seen.broken)) == (2, 2)
    for who in (priya, bo):
        with pytest.raises(points.AccountFrozen):
            spends(who, 1)


ENDS = "UPDATE loyalty_lot SET expires_on = %s, expires_at = %s::date + interval '1 day' WHERE id = %s"


@pytest.mark.parametrize("verb", ["spends", "keeps", "put off, and spends"])
def test_what_was_taken_of_an_award_when_its_last_day_was_over_is_found(verb):
    priya, bo = a_member(), a_member("bo")
    ends = FRIDAY.date()
    mine, theirs = (an_award(who, 40, expires_on=ends) for who in (priya, bo))
    lot, other = (Lot.objects.get(origin_entry=entry).id for entry in (mine, theirs))
    spends(bo, 40, at=FRIDAY)
    if verb == "keeps":
        points.hold(customer=priya, amount=10, owner="till", key=key(), at=FRIDAY, by=THE_SHOP)
    else:
        spends(priya, 10, at=FRIDAY)
    points.extend(lots={other: date(2026, 3, 1)}, key=key(), at=FRIDAY, by=MAREK)
    if verb == "put off, and spends":
        points.extend(lots={lot: date(2026, 3, 31)}, key=key(), at=FRIDAY, by=MAREK)
        spends(priya, 10, at=FRIDAY + 14 * DAY)
    assert list(checkups.broken()) == []
    with connection.cursor() as cursor:
        cursor.execute(ENDS, ["2026-03-03", "2026-03-03", lot])
    found = [(one.account, one.invariant) for one in checkups.broken()]
    assert found == [(Account.objects.get(customer_id=priya).id, "ends")]
