"""A device of one person says who looked around on it; one of many says nothing."""

import pytest

from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.rules import IdentityRules
from regulars.facts.events import devices, events
from regulars.facts.events.following import follow_everything
from regulars.facts.events.models import Visitor
from regulars.facts.events.tests.shoppers import MONDAY, a_source, page, sent
from regulars.facts.events.tests.test_visitors import MAREK, member

pytestmark = pytest.mark.django_db


def names_of(customer):
    return sorted(one.device_ref for one in events.of_customer(customer) if one.user_ref is None)


def test_a_tablet_in_the_shop_is_nobodys_once_a_fourth_person_signs_in():
    source = a_source()
    sent(source, page("tablet"), *(page("tablet", userId=who) for who in ("li", "wang", "zhao")))
    follow_everything()
    li = member("li")
    assert names_of(li) == ["tablet"]

    sent(source, page("tablet", userId="qian"), page("tablet"))
    follow_everything()

    assert Visitor.objects.get(ref="tablet").is_shared
    assert (names_of(li), devices.count_shared()) == ([], 1)
    found = events.summary(li)
    assert found is not None
    assert found.events == 1, "what li did signed in stays li's"


def test_two_of_the_four_are_one_person_and_the_device_counts_again_until_they_are_parted():
    source = a_source()
    sent(source, page("tablet"), *(page("tablet", userId=who) for who in ("li", "wang", "zhao", "li-at-the-till")))
    follow_everything()
    li, till = member("li"), member("li-at-the-till")
    assert names_of(li) == []

    identity.join(one=li, other=till, why=Reason.RECOGNISED, key="k1", at=MONDAY, by=MAREK)
    assert names_of(li) == ["tablet"]
    assert len(events.of_customer(li)) == 3

    identity.undecide(one=li, other=till, why=Reason.MISTAKE, key="k2", at=MONDAY, by=MAREK)
    assert names_of(li) == []


def test_other_rules_count_for_devices_too():
    source = a_source()
    sent(source, page("sofa"), page("sofa", userId="li"), page("sofa", userId="wang"))
    follow_everything()
    assert devices.count_shared() == 0

    identity.set_rules(rules=IdentityRules(most_people_a_device=1), at=MONDAY, by=MAREK)
    devices.reckon()

    assert (devices.count_shared(), names_of(member("li"))) == (1, [])
