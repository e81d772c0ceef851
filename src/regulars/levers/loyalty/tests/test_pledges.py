"""What is promised to a cause follows what customers keep; what is paid of it is paid once and never more."""

import pytest
from django.db import connection

from regulars.kit.money import Money
from regulars.levers.loyalty import pledges
from regulars.levers.loyalty.points import KeyUsedOtherwise
from regulars.levers.loyalty.tests.builders import FRIDAY, MAREK
from regulars.levers.loyalty.tests.test_earning import a_programme, an_order, comes_back, settles

pytestmark = pytest.mark.django_db


def pays(minor, key="p1"):
    return pledges.pay(cause="trees", amount=Money(minor, "GBP"), key=key, at=FRIDAY, by=MAREK)


def stands() -> list[tuple[str, int, int]]:
    return [(one.cause, one.paid.minor, one.open.minor) for one in pledges.totals()]


def test_a_cause_is_paid_what_is_open_once_and_never_more():
    a_programme("{id: trees, kind: donation, percent: 1, cause: trees}")
    order = an_order(lines=(("hat", "2", "40.00"),))
    settles(order)
    assert stands() == [("trees", 0, 80)]
    with pytest.raises(pledges.MoreThanPromised):
        pays(81)
    assert pays(50).open == Money(30, "GBP")
    assert pays(50).open == Money(30, "GBP")
    with pytest.raises(KeyUsedOtherwise):
        pays(30)
    for minor in (31, 0, -1):
        with pytest.raises(pledges.MoreThanPromised):
            pays(minor, "p2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT verb, subject FROM trail_line WHERE verb LIKE 'loyalty.pledges.%%'")
        assert cursor.fetchall() == [("loyalty.pledges.pay", "cause:trees")]


def test_what_comes_back_after_it_was_paid_is_made_up_for_by_the_next_promises():
    a_programme("{id: trees, kind: donation, percent: 1, cause: trees}")
    order = an_order(lines=(("hat", "2", "40.00"),))
    settles(order)
    pays(80)
    comes_back(order, ["1"], key="r")
    settles(order, at=FRIDAY)
    assert stands() == [("trees", 80, -40)]
    settles(an_order("1002", at=FRIDAY), at=FRIDAY)
    assert stands() == [("trees", 80, 40)]
    assert pledges.totals("trees")[0].all_in_all == Money(120, "GBP")
    assert pledges.totals("whales") == []
