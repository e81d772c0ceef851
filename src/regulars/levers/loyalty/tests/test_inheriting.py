"""What somebody who died could spend goes to an heir, as it was, where the programme says so."""

from datetime import date

import pytest

from regulars.facts.commerce import orders
from regulars.facts.customers import customers
from regulars.kit.actors import Actor
from regulars.levers.loyalty import adjustments, checkups, freezing, inheriting, missions, points, wallets
from regulars.levers.loyalty.models import Lot
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
from regulars.levers.loyalty.tests.test_earning import a_programme, an_order, buyer, settles
from regulars.runtime.preferences.preferences import write

pytestmark = pytest.mark.django_db
ASTRID = Actor("operator", "8")
SPEND = "{id: base, kind: spend, points: 1, per: 1}"


def it_may():
    a_programme(SPEND, above="estate: passes\npending: {until: placed, days: 0}")


def passes(who, to, *, at=FRIDAY, told=None):
    done = inheriting.pass_on(customer=who, to=to, key=told or key(), at=at, by=MAREK)
    assert list(checkups.broken()) == []
    return done


def left_of(who, *, at=FRIDAY):
    return [(one.original, one.available, one.expires_on, one.partner) for one in wallets.lots(customer=who, at=at)]


def test_an_heir_has_what_could_be_spent_with_its_own_ends_and_what_waits_stays():
    it_may()
    priya, li = a_member(), a_member("li", points=1)
    an_award(priya, 10, expires_on=MONDAY.date() + 2 * DAY, funding="partner", partner="the mill")
    an_award(priya, 40)
    an_award(priya, 7, matures_at=FRIDAY + 9 * DAY)
    spends(priya, 4)
    freezing.freeze(customer=priya, why="estate", key=key(), at=MONDAY, by=MAREK)
    done = passes(priya, li, told="will")
    assert passes(priya, li, told="will") == done
    # Frozen for four days, the first one lasts four days longer.
    assert left_of(li) == [(10, 6, date(2026, 3, 8), "the mill"), (1, 1, None, ""), (40, 40, None, "")]
    assert (has(priya, at=FRIDAY), has(li, at=FRIDAY)) == ((7, 0, 0, 0), (0, 47, 0, 0))
    with pytest.raises(points.AccountFrozen):
        spends(priya, 1, at=FRIDAY)
    assert said(li)[-1] == "merge_in: inherited"
    [entry] = [one for one in done.entries if one.kind == "merge_out"]
    told = points.explain(entry=entry.id)
    assert told is not None
    assert [(move.amount, move.from_book, move.to_book) for move in told.moved] == [
        (6, "available", "transit"),
        (40, "available", "transit"),
    ]
    [one] = inheriting.passed(customer=priya)
    assert (one.to, one.amount, one.is_back) == (li, 46, False)
    assert spends(li, 47, at=FRIDAY)


def test_what_the_heir_has_still_goes_back_and_what_was_spent_stays_spent():
    it_may()
    priya, li = a_member(points=30), a_member("li")
    owed = an_award(li, 5)
    spends(li, 5)
    takes_back(owed)
    entry = passes(priya, li).of("merge_out").id
    # What the heir owed is paid from it.
    assert has(li, at=FRIDAY) == (0, 25, 0, 0)
    spends(li, 5, at=FRIDAY)
    back = inheriting.pass_back(entry=entry, at=FRIDAY, by=MAREK)
    assert inheriting.pass_back(entry=entry, at=FRIDAY, by=MAREK) == back
    assert (has(priya, at=FRIDAY), has(li, at=FRIDAY)) == ((0, 20, 0, 0), (0, 0, 0, 0))
    assert list(Lot.objects.filter(record_id=priya).values_list("earned_by", flat=True)) == [None]
    assert list(checkups.broken()) == []
    with pytest.raises(points.NothingToReverse):
        inheriting.pass_back(entry=owed, at=FRIDAY, by=MAREK)


def test_what_may_not_be_passed_on_is_refused():
    priya, li, bo = a_member(points=30), a_member("li"), a_member("bo")
    with pytest.raises(inheriting.NoEstate, match="estate: passes"):
        passes(priya, li)
    it_may()
    with pytest.raises(inheriting.SamePerson):
        passes(priya, priya)
    with pytest.raises(inheriting.NothingToPassOn):
        passes(li, priya)
    gone = an_award(bo, 5)
    spends(bo, 5)
    takes_back(gone)
    with pytest.raises(inheriting.OwesStill):
        passes(bo, li)
    freezing.freeze(customer=priya, why="dispute", key=key(), at=MONDAY, by=MAREK)
    with pytest.raises(points.AccountFrozen):
        passes(priya, li)


def test_an_order_that_comes_back_takes_nothing_from_the_heir():
    it_may()
    order = an_order()
    settles(order)
    priya = customers.resolve_many(namespace="shop", refs=["priya"], at=MONDAY, by=MAREK, origin="live")["priya"]
    li = a_member("li")
    passes(priya, li)
    orders.cancel(order=order, at=FRIDAY, by=MAREK)
    settles(order, at=FRIDAY)
    assert (has(priya, at=FRIDAY), has(li, at=FRIDAY)) == ((0, 0, 0, 0), (0, 80, 0, 0))
    assert list(checkups.broken()) == []


def test_a_mission_that_is_undone_takes_nothing_from_the_heir():
    one = "{id: one, steps: [{what: orders, at_least: 1}], prize: {points: 30}}"
    rules = f"estate: passes\npending: {{until: placed, days: 0}}\nmissions: [{one}]"
    a_programme("{id: none, kind: nth_order, nth: 999, points: 1}", above=rules)
    order = an_order()
    priya, li = buyer(order), a_member("li")
    missions.settle(customer=priya, at=MONDAY, by=THE_SHOP)
    passes(priya, li)
    orders.cancel(order=order, at=FRIDAY, by=MAREK)
    [undone] = missions.settle(customer=priya, at=FRIDAY, by=THE_SHOP)
    assert not undone.is_done
    assert (has(priya, at=FRIDAY), has(li, at=FRIDAY)) == ((0, 0, 0, 0), (0, 30, 0, 0))
    assert list(checkups.broken()) == []


def test_much_waits_until_somebody_else_agrees():
    it_may()
    write(adjustments.APPROVAL_ABOVE, 20, at=MONDAY, by=MAREK)
    priya, li = a_member(points=30), a_member("li")
    for _again in range(2):
        came = adjustments.propose_to_pass_on(customer=priya, to=li, key="w", at=FRIDAY, by=MAREK)
    assert came.request is not None
    assert (came.request.heir, came.request.amount, came.request.because) == (li, -30, "passed on to an heir")
    with pytest.raises(adjustments.OwnRequest):
        adjustments.approve(request=came.request.id, at=FRIDAY, by=MAREK)
    first = adjustments.approve(request=came.request.id, at=FRIDAY, by=ASTRID)
    assert adjustments.approve(request=came.request.id, at=FRIDAY, by=ASTRID) == first
    assert has(li, at=FRIDAY) == (0, 30, 0, 0)
