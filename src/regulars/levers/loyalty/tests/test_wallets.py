"""What somebody has, as doors ask for it."""

from datetime import date, timedelta

import pytest
from django.utils.translation import override

from regulars.facts.customers import identity
from regulars.kit.ids import BadId
from regulars.levers.loyalty import points, wallets
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, an_award, key, spends

pytestmark = pytest.mark.django_db


def test_a_wallet_says_what_the_clock_has_made_of_it_whether_booked_or_not():
    priya = a_member()
    an_award(priya, 10, matures_at=MONDAY + DAY)
    an_award(priya, 20, expires_on=date(2026, 3, 3))
    [now], [then] = (wallets.of(customer=priya, at=at) for at in (MONDAY, FRIDAY))
    assert (now.balance.pending, now.balance.available) == (10, 20)
    assert (then.balance.pending, then.balance.available) == (0, 10)
    assert [(lot.pending, lot.available) for lot in wallets.lots(customer=priya, at=MONDAY)] == [(0, 20), (10, 0)]
    assert [(lot.pending, lot.available) for lot in wallets.lots(customer=priya, at=FRIDAY)] == [(0, 10)]
    [before] = wallets.of(customer=priya, at=MONDAY - DAY, known=True)
    assert (before.balance.pending, before.balance.available) == (0, 0)


def test_somebody_without_points_has_an_empty_wallet_that_has_its_name():
    with override("zh-hans"):
        [wallet] = wallets.of(customer=a_member(), at=MONDAY)
    assert (wallet.title, wallet.is_open, wallet.balance.available) == ("积分", False, 0)


def test_a_hold_and_an_entry_are_found_by_their_public_ids():
    priya = a_member(points=50)
    kept = points.hold(customer=priya, amount=30, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP)
    assert wallets.hold(kept.public_id, at=MONDAY) == kept
    assert wallets.holds(customer=priya, at=MONDAY) == [kept]
    assert wallets.holds(customer=priya, at=FRIDAY) == []
    spent = spends(priya, 5)
    public_id = points.statement(customer=priya).items[0].public_id
    assert wallets.entry(public_id) == wallets.Whose(spent, priya, "points")
    with pytest.raises(BadId):
        wallets.entry("ent_nobody")
    with pytest.raises(points.UnknownEntry):
        wallets.entry("ent_" + "0" * 26)


def test_a_hold_is_seen_where_its_points_are_whoever_was_joined_or_parted_since():
    priya, li = a_member("priya", points=50), a_member("li", points=60)
    told = {"at": MONDAY, "by": THE_SHOP}
    first = points.hold(customer=priya, amount=10, key=key(), **told)
    other = points.hold(customer=li, amount=20, key=key(), **told)
    asked = {"one": priya, "other": li, "why": identity.Reason.ASKED, "at": MONDAY, "by": MAREK}
    identity.join(key=key(), **asked)
    assert wallets.holds(customer=priya, at=MONDAY) == wallets.holds(customer=li, at=MONDAY) == [other, first]
    both = points.hold(customer=priya, amount=60, key=key(), **told)
    points.capture(hold=both.id, amount=15, rest=False, key=key(), **told)
    [mine, *_] = wallets.holds(customer=li, at=MONDAY)
    assert (mine.id, mine.amount, mine.captured, mine.open) == (both.id, 60, 15, 45)
    identity.keep_apart(key=key(), **asked)
    # Of the one that took of both, each sees what is kept of theirs.
    assert [(one.id, one.amount, one.open) for one in wallets.holds(customer=priya, at=MONDAY)] == [
        (both.id, 40, 25),
        (first.id, 10, 10),
    ]
    assert [(one.id, one.amount, one.open) for one in wallets.holds(customer=li, at=MONDAY)] == [
        (both.id, 20, 20),
        (other.id, 20, 20),
    ]
    assert wallets.hold(both.public_id, at=MONDAY).open == 45


def test_a_hold_whose_time_ran_out_is_over_whether_booked_or_not():
    priya = a_member()
    an_award(priya, 40, expires_on=date(2026, 4, 30))
    an_award(priya, 20, expires_on=date(2026, 3, 4))
    kept = points.hold(customer=priya, amount=50, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP)
    points.capture(hold=kept.id, amount=5, rest=False, key=key(), at=MONDAY, by=THE_SHOP)
    last = MONDAY + DAY - timedelta(seconds=1)
    assert (wallets.hold(kept.public_id, at=last).state, wallets.hold(kept.public_id, at=last).open) == ("open", 45)
    told = []
    for booked in (False, True):
        if booked:
            clockwork.book_due(at=FRIDAY, by=THE_SHOP)
        over = wallets.hold(kept.public_id, at=FRIDAY)
        assert (over.state, over.captured, over.released, over.open) == ("expired", 5, 45, 0)
        [ends] = points.expiring(customer=priya, at=FRIDAY)
        assert (ends.on, ends.available, ends.pending) == (date(2026, 4, 30), 40, 0)
        [lot] = wallets.lots(customer=priya, at=FRIDAY)
        assert (lot.available, lot.held) == (40, 0)
        told.append((over, ends, lot))
    assert told[0] == told[1]


def test_holds_of_people_who_became_one_are_the_ones_they_have_together():
    priya, bo = a_member(points=50), a_member("bo", points=60)
    kept = [points.hold(customer=who, amount=10, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP) for who in (priya, bo)]
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    assert wallets.holds(customer=priya, at=MONDAY) == wallets.holds(customer=bo, at=MONDAY) == kept[::-1]
    identity.undecide(one=priya, other=bo, why=identity.Reason.MISTAKE, key=key(), at=MONDAY, by=MAREK)
    assert [wallets.holds(customer=who, at=MONDAY) for who in (priya, bo)] == [[one] for one in kept]


def test_it_is_known_whether_a_key_was_told():
    priya = a_member()
    points.award(customer=priya, amount=1, key="mine", at=MONDAY, by=THE_SHOP)
    assert (wallets.was_told("mine"), wallets.was_told("another")) == (True, False)
