"""What the books said, by what had been written down until a moment: each act is a transaction of its own here."""

from datetime import date, timedelta

import pytest

from regulars.facts.customers import identity
from regulars.levers.loyalty import points
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.models import Lot
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, an_award, key, spends
from regulars.runtime.database import clock

pytestmark = pytest.mark.usefixtures("fresh_database_of_module")


def test_what_the_clock_does_counts_whatever_was_known_when():
    """Until Friday 30 lapse, 15 on a day that is put off, ten mature, and a hold of some of them runs out."""
    priya = a_member(points=100)
    an_award(priya, 30, expires_on=date(2026, 3, 3))
    an_award(priya, 10, matures_at=MONDAY + DAY)
    put_off = an_award(priya, 15, expires_on=date(2026, 3, 4))
    points.hold(customer=priya, amount=35, lasts=DAY, key=key(), at=MONDAY, by=THE_SHOP)
    before = points.balance_as_of(customer=priya, as_of=FRIDAY)
    assert before == points.Balance(pending=0, available=110, held=0, debt=0)
    known_at = clock.now()
    lot = Lot.objects.get(origin_entry=put_off).id
    points.extend(lots={lot: date(2026, 4, 1)}, key=key(), at=MONDAY + timedelta(hours=1), by=MAREK)
    spends(priya, 20, at=MONDAY + timedelta(hours=1))
    clockwork.book_due(at=FRIDAY, by=THE_SHOP)
    assert points.balance_as_of(customer=priya, as_of=FRIDAY, known_at=known_at) == before
    monday = points.balance_as_of(customer=priya, as_of=MONDAY, known_at=known_at)
    assert monday == points.Balance(pending=10, available=110, held=35, debt=0)
    now = points.balance_as_of(customer=priya, as_of=FRIDAY, known_at=clock.now())
    assert now == points.balance_as_of(customer=priya, as_of=FRIDAY) == points.balance(customer=priya, at=FRIDAY)
    assert now.available == 90 + 10 + 5


def test_who_came_later_was_not_known_before():
    anna, bo = a_member("anna", points=50), a_member("bo")
    an_award(bo, 30, expires_on=date(2026, 3, 3))
    alone = clock.now()
    identity.join(one=anna, other=bo, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    together = clock.now()
    clockwork.book_due(at=FRIDAY, by=THE_SHOP)
    for at in (MONDAY, FRIDAY):
        assert points.balance_as_of(customer=anna, as_of=at, known_at=alone).available == 50
    stood = [points.balance_as_of(customer=bo, as_of=at, known_at=together).available for at in (MONDAY, FRIDAY)]
    assert stood == [80, 50]
