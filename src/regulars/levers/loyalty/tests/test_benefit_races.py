"""What many want at the same moment: a quota of days, one that rolls, a membership that there is once, a
freeze."""

from functools import partial

from regulars.levers.loyalty import memberships, tiers
from regulars.levers.loyalty.models import Freeze
from regulars.levers.loyalty.tests import test_memberships as plans
from regulars.levers.loyalty.tests.builders import FRIDAY, MAREK
from regulars.levers.loyalty.tests.test_benefits import a_club, uses
from regulars.levers.loyalty.tests.test_earning import buyer
from regulars.levers.loyalty.tests.test_interleavings import at_once
from regulars.levers.loyalty.tests.test_tiers import buys


def frozen(member, nth):
    told = {"programme": "club", "tiers": "status", "reason": "service", "key": f"f{nth}"}
    tiers.freeze(customer=member, at=FRIDAY, by=MAREK, **told)
    return str(Freeze.objects.filter(record_id=member).count())


def test_of_fifty_at_once_as_many_are_used_as_there_are_and_one_of_ten_joins(fresh_database):
    a_club()
    members = [buyer(buys(f"m{nth}", "120.00")) for nth in range(2)]
    told = [(member, benefit) for member in members for benefit in ("club.ship", "club.clean")]
    wants = [partial(uses, *told[nth % 4]) for nth in range(50)]
    answers = at_once([partial(lambda want: want().benefit, want) for want in wants])
    assert (answers["ship"], answers["clean"], answers["benefits.used_up"]) == (4, 2, 44)
    freezes = [partial(frozen, members[0], nth) for nth in range(10)]
    assert at_once(freezes) == {"1": 1, "tiers.already_frozen": 9}
    plans.a_club(at=FRIDAY, trial_days=30)
    joins = [partial(plans.joins, members[0], at=FRIDAY, key_=f"j{nth}") for nth in range(10)]
    answers = at_once([partial(lambda join: join().state, join) for join in joins])
    assert answers == {"trial": 1, "memberships.already_member": 9}
    [one] = memberships.of(customer=members[0], at=FRIDAY)
    assert [step.kind for step in memberships.history(one.id)] == ["joined"]
