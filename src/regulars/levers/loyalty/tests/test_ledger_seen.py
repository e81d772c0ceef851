"""The whole ledger at a glance."""

from datetime import date

import pytest

from regulars.levers.loyalty import checkups, freezes, ledger_seen, points
from regulars.levers.loyalty.models import Account
from regulars.levers.loyalty.tests.builders import DAY, MONDAY, THE_SHOP, a_member, an_award, key, spends, takes_back
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


def test_books_add_up_to_nothing_and_agree_with_the_accounts():
    priya, bo = a_member(points=50), a_member("bo")
    coat = an_award(bo, 30)
    spends(bo, 20)
    takes_back(coat)
    points.hold(customer=priya, amount=15, key=key(), at=MONDAY, by=THE_SHOP)
    found = ledger_seen.totals()
    told = {one.book: one.amount for one in found.books if one.amount}
    assert told == {"available": 35, "held": 15, "debt": -20, "issuance": -50, "redeemed": 20}
    assert (found.total, found.accounts, found.agrees) == (0, 2, True)
    Account.objects.filter(customer_id=priya).update(available=34)
    assert ledger_seen.totals().differs == ("available",)


def test_the_last_entries_by_kind_and_by_day():
    priya, bo = a_member(points=50), a_member("bo", points=30)
    spends(bo, 20)
    page = ledger_seen.latest(limit=2)
    assert [(line.kind, line.customer) for line in page.items] == [("redeem", bo), ("award", bo)]
    assert [line.customer for line in ledger_seen.latest(limit=2, cursor=page.next).items] == [priya]
    assert [line.kind for line in ledger_seen.latest(kind="redeem").items] == ["redeem"]
    today = clock.now().date()
    assert len(ledger_seen.latest(on=today).items) == 3
    assert ledger_seen.latest(on=date(2026, 3, 2)).items == ()
    assert ledger_seen.latest(on=today - DAY * 2).items == ()


def test_frozen_accounts_are_listed_with_why():
    priya = a_member(points=50)
    bo = a_member("bo", points=30)
    mine = Account.objects.get(customer_id=priya).id
    Account.objects.filter(id=mine).update(frozen_at=MONDAY, frozen_why="balances, lots")
    words = "the balance is not the sum of what was posted; the balance is not the sum of the awards"
    assert ledger_seen.frozen() == [ledger_seen.Frozen(mine, priya, "points", MONDAY, "", words)]
    assert ledger_seen.frozen(person=bo) == []
    Account.objects.filter(id=mine).update(frozen_why="violates check constraint, it says")
    assert [one.found for one in ledger_seen.frozen(person=priya)] == ["violates check constraint, it says"]


def test_every_invariant_has_its_words():
    assert [name for name in checkups.INVARIANTS if freezes.found(name) == name] == []
