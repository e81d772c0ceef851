"""A manager freezes somebody's points: nothing moves, nothing ends, and the days that were left are left."""

from datetime import date

import pytest
from django.db import connection

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
from regulars.runtime.trail import trail

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
    assert ends(priya, at=a_week_later) == [("2026-04-08", 18), (None, 5)]
    assert [str(one.expires_on) for one in wallets.lots(customer=priya, at=a_week_later)] == ["2026-04-08", "None"]
    assert [one.customer for one in warning.due_page(currency="points", days=60, at=MONDAY).items] == [bo]
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


def joins(one, other, *, at=MONDAY):
    identity.join(one=one, other=other, why=Why.ASKED, key=key(), at=at, by=MAREK)


def parts(one, other, *, at=MONDAY):
    identity.keep_apart(one=one, other=other, why=Why.ASKED, key=key(), at=at, by=MAREK)


def is_off(who, table, change):
    """Something wrote past the ledger. What it takes to mend it."""
    account = Account.objects.get(customer_id=who).id
    where = f"id = {account}"
    if table == "lot":
        where = f"id = {Lot.objects.filter(account_id=account).earliest('id').id}"
    back = change.replace("+", "~").replace("-", "+").replace("~", "-")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE loyalty_{table} SET {change} WHERE {where}")
    return f"UPDATE loyalty_{table} SET {back} WHERE {where}"


def frozen():
    return sorted(Account.objects.filter(frozen_at__isnull=False).values_list("customer_id", flat=True))


def examined_and_let_go_on():
    """Books that agree are let go on; those that do not, are refused."""
    for account in Account.objects.filter(frozen_at__isnull=False).values_list("id", flat=True):
        if not list(checkups.broken([account])):
            examination.thaw(account=account, at=FRIDAY, by=MAREK)
        else:
            with pytest.raises(examination.StillBroken):
                examination.thaw(account=account, at=FRIDAY, by=MAREK)


@pytest.mark.parametrize("whose", ["priya", "li"])
@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("account", "available = available + 5"),
        ("account", "available = available - 5"),
        ("account", "sequence = sequence + 1"),
        ("account", "sequence = sequence - 1"),
        ("lot", "available = available - 5, lapsed = lapsed + 5"),
    ],
)
def test_books_that_do_not_agree_stay_frozen_whoever_is_joined_and_can_be_mended_then(table, change, whose):
    people = {"priya": a_member(points=50), "li": a_member("li", points=60)}
    for who in people.values():
        points.hold(customer=who, amount=10, key=key(), at=MONDAY, by=THE_SHOP)
        spends(who, 20)
    mend = is_off(people[whose], table, change)
    examination.examine(at=MONDAY, by=MAREK)
    joins(*people.values())
    assert frozen() == sorted({people["priya"], people[whose]})
    for who in people.values():
        with pytest.raises(points.AccountFrozen):
            spends(who, 1)
    examined_and_let_go_on()
    if list(checkups.broken()):
        with connection.cursor() as cursor:
            cursor.execute(mend)
    assert list(checkups.broken()) == []
    examined_and_let_go_on()
    assert frozen() == []
    assert [has(who) for who in people.values()] == [(0, 50, 20, 0)] * 2
    parts(*people.values())
    assert [has(who) for who in people.values()] == [(0, 20, 10, 0), (0, 30, 10, 0)]
    assert list(checkups.broken()) == []


@pytest.mark.parametrize("change", ["available = available - 5", "sequence = sequence - 1"])
def test_books_that_nobody_has_looked_at_yet_keep_nobody_from_being_joined(change):
    priya, li = a_member(points=50), a_member("li", points=60)
    spends(li, 20)
    is_off(li, "account", change)
    joins(priya, li)
    assert frozen() == [priya, li]
    told = [trail.of(f"account:{account}") for account in Account.objects.values_list("id", flat=True)]
    assert [[line.verb for line in lines] for lines in told] == [["loyalty.examination.freeze"]] * 2
    assert len({line.why for lines in told for line in lines}) == 1


def test_who_is_parted_while_the_books_do_not_agree_is_frozen_on_both_sides():
    priya, li = a_member(points=50), a_member("li", points=60)
    joins(priya, li)
    mend = is_off(priya, "account", "available = available - 70")
    examination.examine(at=MONDAY, by=MAREK)
    parts(priya, li)
    assert frozen() == [priya, li]
    examined_and_let_go_on()
    assert frozen() == [priya], "what the other has agrees"
    with connection.cursor() as cursor:
        cursor.execute(mend.replace("+ 70", "+ 50"))
    examined_and_let_go_on()
    assert (has(priya), has(li)) == ((0, 50, 0, 0), (0, 60, 0, 0))


def test_what_a_manager_froze_stays_so_where_the_doctor_froze_what_it_comes_to():
    priya, li = a_member(points=50), a_member("li", points=60)
    mend = is_off(priya, "account", "available = available + 5")
    examination.examine(at=MONDAY, by=MAREK)
    freezes(li)
    joins(priya, li)
    with connection.cursor() as cursor:
        cursor.execute(mend)
    with pytest.raises(examination.AnothersFreeze):
        examination.thaw(account=Account.objects.get(customer_id=priya).id, at=FRIDAY, by=MAREK)
    both = ledger_seen.frozen()[0]
    assert (both.by_hand, bool(both.found)) == ("something is in dispute", True)
    with pytest.raises(points.AccountFrozen):
        spends(li, 1)
    thaws(li)
    assert has(li, at=FRIDAY) == (0, 110, 0, 0)


def test_who_rests_and_whose_books_do_not_agree_rests_on_when_joined():
    priya, li = a_member(points=50), a_member("li")
    an_award(li, 60, expires_on=MONDAY.date() + 10 * DAY, matures_at=MONDAY + DAY)
    freezes(li, at=MONDAY + 2 * DAY)
    is_off(li, "account", "pending = pending - 60")
    joins(priya, li, at=FRIDAY)
    with pytest.raises(points.AccountFrozen):
        spends(priya, 1, at=FRIDAY)
    # What was posted is right, so nothing is left to mend; the days since somebody froze it were moved by nobody.
    thaws(li, at=FRIDAY + 3 * DAY)
    assert frozen() == []
    assert list(checkups.broken()) == []
    assert has(li, at=FRIDAY + 3 * DAY) == (0, 110, 0, 0)
    assert ends(li, at=FRIDAY + 3 * DAY) == [(str(MONDAY.date() + 13 * DAY), 60), (None, 50)]


def test_a_manager_lets_nobody_go_on_whose_books_do_not_agree():
    priya, li = a_member(points=50), a_member("li", points=60)
    mend = is_off(li, "lot", "available = available - 5, lapsed = lapsed + 5")
    freezes(li)
    examination.examine(at=MONDAY, by=MAREK)
    joins(priya, li)
    with pytest.raises(freezing.StillBroken):
        thaws(priya)
    with connection.cursor() as cursor:
        cursor.execute(mend)
    thaws(priya)
    assert has(priya, at=FRIDAY) == (0, 110, 0, 0)
    assert frozen() == []
