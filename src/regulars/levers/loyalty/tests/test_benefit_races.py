"""A quota wanted by many at the same moment: one of days, and one that rolls."""

from functools import partial

from regulars.levers.loyalty.tests.test_benefits import a_club, uses
from regulars.levers.loyalty.tests.test_earning import buyer
from regulars.levers.loyalty.tests.test_interleavings import at_once
from regulars.levers.loyalty.tests.test_tiers import buys


def test_of_fifty_at_once_as_many_are_used_as_there_are(fresh_database):
    a_club()
    members = [buyer(buys(f"m{nth}", "120.00")) for nth in range(2)]
    told = [(member, benefit) for member in members for benefit in ("club.ship", "club.clean")]
    wants = [partial(uses, *told[nth % 4]) for nth in range(50)]
    answers = at_once([partial(lambda want: want().benefit, want) for want in wants])
    assert (answers["ship"], answers["clean"], answers["benefits.used_up"]) == (4, 2, 44)
