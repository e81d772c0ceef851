"""A manager freezes somebody's points: nothing moves, nothing ends, and the days that were left are left."""

from datetime import date

import pytest

from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason as Why
from regulars.levers.loyalty import checkups, examination, freezing, ledger_seen, points, wallets, warning
from regulars.levers.loyalty._ledger import clockwork
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

pytestmark = pytest.mark.django_db


def freezes(who, *, at=MONDAY, why="dispute", told=None):
    freezing.freeze(customer=who, why=why, key=told or key(), at=at, by=MAREK)


def thaws(who, *, at=FRIDAY, told=None):
    freezing.thaw(customer=who, key=told or key(), at=at, by=MAREK)


def sweeps(at):
    clockwork.book_due(at=at, by=THE_SHOP)
    assert list(checkups.broken()) == []


def ends(who, *, at):
    return [(one.on and str(one.on), one.available) for one in points.expiring(customer=who, at=at)]


def test_what_is_frozen_has_the_days_left_that_it_had():
    priya, bo = a_member(), a_member("bo")
    for who in (priya, bo):
        an_award(who, 7, expires_on=MONDAY.date() - DAY)
        an_award(who, 10, expires_on=MONDAY.date() + DAY)
        an_award(who, 20, expires_on=MONDAY.date() + 30 * DAY)
        an_award(who, 5)
    coat = spends(priya, 12, at=MONDAY)
    points.hold(customer=priya, amount=3, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP)
    freezes(priya, told="frost")
    freezes(priya, told="frost")
    with pytest.raises(freezing.AlreadyFrozen):
        freezes(priya)
    with pytest.raises(points.AccountFrozen, match="the shop has frozen"):
        spends(priya, 1)
    a_week_later = MONDAY + 7 * DAY
    sweeps(a_week_later)
    # The hold ran out, what was over before stays over, and nothing else ended.
    assert (has(priya, at=a_week_later), has(bo, at=a_week_later)) == ((0, 23, 0, 0), (0, 25, 0, 0))
    # Three of them were kept for a purchase, which nobody has booked as over.
    assert ends(priya, at=a_week_later) == [("2026-04-08", 15), (None, 5)]
    assert [str(one.expires_on) for one in wallets.lots(customer=priya, at=a_week_later)] == ["2026-04-08", "None"]
    assert [one.customer for one in warning.due(currency="points", days=60, at=MONDAY, zone="UTC")] == [bo]
    assert [one.frozen_for for one in wallets.of(customer=priya, at=a_week_later)] == ["dispute"]

    thaws(priya, at=a_week_later, told="spring")
    thaws(priya, at=a_week_later, told="spring")
    with pytest.raises(freezing.NotFrozen):
        thaws(priya)
    sweeps(a_week_later)
    assert has(priya, at=a_week_later) == (0, 23, 0, 0)
    assert ends(priya, at=a_week_later) == [("2026-04-08", 18), (None, 5)]
    assert sum("nothing ended while it was frozen" in line for line in said(priya)) == 2
    # What was spent before comes back to a lot that has its days, too.
    takes_back(coat, at=a_week_later)
    assert has(priya, at=a_week_later + DAY)[1] == 35
    sweeps(a_week_later + 2 * DAY)
    assert has(priya, at=a_week_later + 2 * DAY)[1] == 25


def test_who_is_joined_with_somebody_frozen_is_frozen_with_them():
    priya, again = a_member(), a_member("priya2")
    for who in (priya, again):
        an_award(who, 10, expires_on=MONDAY.date() + 10 * DAY)
    freezes(again)
    identity.join(one=priya, other=again, why=Why.ASKED, key="j", at=MONDAY + 5 * DAY, by=MAREK)
    with pytest.raises(points.AccountFrozen):
        spends(priya, 1, at=MONDAY + 6 * DAY)
    sweeps(MONDAY + 30 * DAY)
    assert has(priya, at=MONDAY + 30 * DAY) == (0, 20, 0, 0)
    identity.keep_apart(one=priya, other=again, why=Why.ASKED, key="a", at=MONDAY + 20 * DAY, by=MAREK)
    thaws(priya, at=MONDAY + 20 * DAY)
    thaws(again, at=MONDAY + 30 * DAY)
    sweeps(MONDAY + 30 * DAY)
    # Priya's own rested for fifteen days, the other's for thirty.
    assert dict(Lot.objects.values_list("record_id", "expires_on")) == {
        priya: date(2026, 3, 12) + 15 * DAY,
        again: date(2026, 3, 12) + 30 * DAY,
    }
    assert has(again, at=MONDAY + 30 * DAY) == (0, 10, 0, 0)


def test_a_freeze_is_no_finding_and_only_a_person_ends_it():
    priya = a_member(points=5)
    freezes(priya, why="estate")
    [account] = Account.objects.filter(customer_id=priya)
    assert [one.by_hand for one in ledger_seen.frozen()] == ["the member has died"]
    assert all("frozen" not in finding.said for check in checkups.CHECKUPS for finding in check())
    with pytest.raises(examination.AnothersFreeze):
        examination.thaw(account=account.id, at=FRIDAY, by=MAREK)
    with pytest.raises(freezing.BadFreeze, match="blocked"):
        freezes(priya, why="a story")
    thaws(priya)
    assert spends(priya, 5, at=FRIDAY)
    assert not Entry.objects.filter(kind="extend").exists()
