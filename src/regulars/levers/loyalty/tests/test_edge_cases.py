"""What other programmes get wrong, as far as no other test here is about it; docs/algorithms/points-edge-cases.md has
the whole list."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from regulars.facts.commerce.orders import TenderReport
from regulars.levers.loyalty import checkups, points, programmes, warning
from regulars.levers.loyalty._earning import seeing
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.models import Lot
from regulars.levers.loyalty.tests import orders_seen
from regulars.levers.loyalty.tests.builders import (
    DAY,
    FRIDAY,
    MAREK,
    MONDAY,
    THE_SHOP,
    a_member,
    an_award,
    has,
    lots_of,
    said,
    spends,
    takes_back,
)
from regulars.levers.loyalty.tests.test_earning import SPEND, a_programme, an_order, buyer, comes_back, settles

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def the_books_agree_after_each():
    yield
    assert not list(checkups.broken())


def test_of_an_order_paid_in_part_with_points_what_comes_back_comes_in_the_same_mix():
    """Four hats, a quarter of them paid with 20 points: one comes back, then the others."""
    a_programme(SPEND)
    priya = a_member()
    an_award(priya, 12, expires_on=date(2026, 3, 31))
    an_award(priya, 8, expires_on=date(2026, 12, 31))
    spent = spends(priya, 20)
    tenders = [TenderReport("a", "card", "captured", 6000), TenderReport("b", "points", "captured", 2000)]
    order = an_order(lines=(("hat", "4", "20.00"),), tenders=tenders)
    settles(order)
    assert has(priya) == (0, 30, 0, 0)
    comes_back(order, ["1"], key="r1")
    settles(order, at=FRIDAY)
    takes_back(spent, at=FRIDAY, amount=5)
    # A quarter of what was earned has gone, and a quarter of what was spent is there again, in the lots it came from.
    assert has(priya, at=FRIDAY) == (0, 22 + 5, 0, 0)
    comes_back(order, ["3"], key="r2")
    settles(order, at=FRIDAY)
    takes_back(spent, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 20, 0, 0)
    left = [(one[1], one[2], one[4]) for one in lots_of(priya, at=FRIDAY)]
    assert left == [(12, date(2026, 3, 31), 12), (8, date(2026, 12, 31), 8), (30, None, 0)]


@pytest.mark.parametrize("swept", [False, True])
def test_points_that_come_back_to_a_lot_that_is_over_stay_over_and_are_owed_by_nobody(swept):
    priya = a_member()
    an_award(priya, 30, expires_on=date(2026, 3, 3))
    spent = spends(priya, 30)
    if swept:
        clockwork.book_due(at=FRIDAY, by=THE_SHOP)
    takes_back(spent, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 0)
    assert said(priya)[-1] == "expire: not spent before they expired"
    assert Lot.objects.get().expires_on == date(2026, 3, 3)


def test_a_return_takes_what_the_order_earned_then_and_not_what_it_would_earn_now(monkeypatch):
    """A bonus for a group they have left since, under a programme that gives twice as much by now."""
    monkeypatch.setattr(programmes.vocabulary, "current", lambda: orders_seen.ASKED)
    a_programme(SPEND, "{id: club, kind: audience_bonus, audience: aud_regulars, times: 2, multiplies: [spend]}")
    inside = {"aud_regulars": (MONDAY - DAY).isoformat()}
    monkeypatch.setattr(seeing, "memberships", lambda people, _asked: dict.fromkeys(people, inside))
    order = an_order(lines=(("hat", "4", "20.00"),))
    settles(order)
    assert has(buyer(order))[1] == 80
    monkeypatch.setattr(seeing, "memberships", lambda people, _asked: {})
    a_programme("{id: spend, kind: spend, points: 4, per: 2}", from_at=MONDAY + DAY)
    comes_back(order, ["1"], key="r1")
    settles(order, at=FRIDAY)
    assert has(buyer(order), at=FRIDAY)[1] == 60
    comes_back(order, ["3"], key="r2")
    settles(order, at=FRIDAY)
    assert has(buyer(order), at=FRIDAY) == (0, 0, 0, 0)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_a_programme_that_moves_to_another_zone_shortens_nothing_that_was_promised(zone):
    above = "pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 10}"
    a_programme(SPEND, above=above)
    first = an_order("1")
    settles(first)
    priya, promised = buyer(first), datetime(2026, 3, 13, tzinfo=UTC)
    a_programme(SPEND, above=above, zone=zone, from_at=MONDAY + DAY)
    second = an_order("2", at=MONDAY + 2 * DAY)
    settles(second, at=MONDAY + 2 * DAY)
    old, new = Lot.objects.order_by("id")
    assert (old.expires_on, old.expires_at) == (date(2026, 3, 12), promised)
    # What is earned from now on ends with a day of the new zone.
    assert new.expires_on == date(2026, 3, 14)
    assert new.expires_at == datetime(2026, 3, 14, 15 if zone == "Asia/Tokyo" else 31 - 24, tzinfo=UTC) + (
        DAY if zone == "America/Los_Angeles" else 0 * DAY
    )
    assert has(priya, at=promised)[1] == 40
    assert has(priya, at=promised - DAY / 24)[1] == 80


def test_a_new_version_counts_for_nothing_that_was_bought_before_it():
    a_programme(SPEND)
    bought = an_order()
    made = programmes.draft(
        text="programme: tried\nmoney: GBP\npending: {until: placed, days: 0}\n"
        "rules: [{id: spend, kind: spend, points: 9, per: 2}]",
        at=FRIDAY,
        by=MAREK,
    )
    programmes.approve(programme="tried", version=made.number, cost=0, at=FRIDAY, by=THE_SHOP)
    programmes.activate(programme="tried", version=made.number, from_at=MONDAY - DAY, at=FRIDAY, by=MAREK)
    settles(bought, at=FRIDAY)
    assert has(buyer(bought), at=FRIDAY)[1] == 40


def test_where_a_law_asks_for_a_notice_its_days_are_in_the_programme_and_it_is_told_on_them():
    a_programme(
        SPEND,
        above="pending: {until: placed, days: 0}\nexpiry: {kind: activity, months: 12}\n"
        "notice_days: 45\npolicies: quebec",
    )
    settles(an_order())
    last = datetime(2027, 3, 2, 12, tzinfo=UTC)
    told = [days for days in range(70, -1, -1) if warning.warn_due(at=last - days * DAY, by=MAREK)]
    assert told == [45]
    assert 30 <= told[0] <= 60


def test_what_nobody_captures_in_time_can_be_spent_again_and_what_was_captured_for_nothing_is_given_back():
    """A till that dies with an order half paid."""
    priya = a_member()
    an_award(priya, 50, expires_on=date(2026, 3, 31))
    hold = points.hold(customer=priya, amount=50, key="h", at=MONDAY, by=THE_SHOP, lasts=DAY)
    assert has(priya) == (0, 0, 50, 0)
    assert has(priya, at=FRIDAY) == (0, 50, 0, 0)
    again = points.hold(customer=priya, amount=50, key="h2", at=FRIDAY, by=THE_SHOP, owner="cart-2")
    assert points.release(hold=again.id, key="r", at=FRIDAY, by=THE_SHOP)
    third = points.hold(customer=priya, amount=50, key="h3", at=FRIDAY, by=THE_SHOP, owner="cart-3")
    took = points.capture(hold=third.id, key="c", at=FRIDAY, by=THE_SHOP).of("capture").id
    takes_back(took, at=FRIDAY)
    assert has(priya, at=FRIDAY) == (0, 50, 0, 0)
    assert Lot.objects.get().expires_on == date(2026, 3, 31)
    assert hold.id != again.id


def test_every_test_that_the_list_names_is_there():
    here = Path(__file__).parent
    listed = (here.parents[4] / "docs/algorithms/points-edge-cases.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", listed)
    assert len(named) > 30
    assert [name for file, name in named if f"def {name}(" not in (here / file).read_text(encoding="utf-8")] == []
