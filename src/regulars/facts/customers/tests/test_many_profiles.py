from dataclasses import replace
from datetime import timedelta

import pytest

from regulars.facts.customers import customers, finding, profiles
from regulars.facts.customers.profiles import MaskedProfile, Profile
from regulars.facts.customers.tests.builders import MONDAY, THE_IMPORT, a_customer, described
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

LI = Profile(display_name="李伟", email="li@example.com", phone="13812341234", country="CN", language="zh-Hans")
INES = Profile(given_name="Ines", family_name="Okafor", email="ines@example.com", country="GB", language="en")

pytestmark = pytest.mark.django_db


def told(who: dict[int, Profile], *, key: str = "first") -> profiles.DescribedMany:
    return profiles.describe_many(profiles=who, key=key, at=MONDAY, by=THE_IMPORT)


def test_many_are_described_as_one_would_be() -> None:
    li, ines, twin = a_customer("li"), a_customer("ines"), a_customer("twin")
    done = told({li: LI, ines: INES})
    assert (done.changed, done.shared) == (2, ())
    described(twin, replace(LI, email="twin@example.com", phone="13812341235"))
    assert profiles.masked([li, ines, twin]) == {
        li: MaskedProfile("李*", "l***@example.com", "138****1234"),
        ines: MaskedProfile("I** O**", "i***@example.com", ""),
        twin: MaskedProfile("李*", "t***@example.com", "138****1235"),
    }
    assert finding.by_email("LI@example.com") == [li]
    assert finding.by_phone("13812341234", "CN") == [li]
    assert finding.by_name_prefix("oka") == [ines]
    assert (customers.get(ines).country, customers.get(ines).language) == ("GB", "en")


def test_a_repeat_changes_nothing_even_after_a_later_change() -> None:
    li = a_customer("li")
    told({li: LI})
    described(li, Profile(email="li.wei@example.com"), key="later")
    assert told({li: LI}).changed == 0
    assert profiles.masked([li])[li].email == "l***@example.com"
    assert finding.by_email("li.wei@example.com") == [li]
    assert finding.by_email("li@example.com") == []


def test_a_second_batch_replaces_what_it_tells_and_leaves_the_rest() -> None:
    li = a_customer("li")
    told({li: LI})
    assert told({li: Profile(display_name="王伟", email="")}, key="second").changed == 1
    assert profiles.masked([li])[li] == MaskedProfile("王*", "", "138****1234")
    assert finding.by_email("li@example.com") == []
    assert finding.by_name_prefix("李") == []
    assert finding.by_name_prefix("王") == [li]


def test_a_contact_identifies_one_and_is_kept_for_both() -> None:
    li, wei, ines = a_customer("li"), a_customer("wei"), a_customer("ines")
    described(ines, Profile(email="ines@example.com"))
    done = told({wei: Profile(phone="13812341234", email="INES@example.com"), li: Profile(phone="13812341234")})
    assert done.shared == ((wei, "email"), (wei, "phone"))
    assert finding.by_phone("13812341234", "CN") == [li, wei]
    assert finding.by_email("ines@example.com") == [ines, wei]


def test_one_bad_profile_stops_the_batch() -> None:
    li, ines = a_customer("li"), a_customer("ines")
    with pytest.raises(Refusal, match="e-mail"):
        told({li: LI, ines: Profile(email="nowhere")})
    assert profiles.masked([li])[li] == MaskedProfile()
    with pytest.raises(Refusal, match="there is no number"):
        told({li: LI, 0: INES})


def test_the_trail_has_one_line_and_no_person_in_it() -> None:
    li, ines = a_customer("li"), a_customer("ines")
    told({li: LI, ines: INES})
    line = trail.of("customers:many")[0]
    assert (line.verb, line.by) == ("customers.describe_many", "import:1")
    assert line.after == {"count": 2, "first": li, "last": ines, "shared": 0}


def test_the_cost_does_not_grow_with_the_number(django_assert_max_num_queries) -> None:
    some = customers.resolve_many(
        namespace="till", refs=[f"M{n}" for n in range(300)], at=MONDAY + timedelta(1), by=THE_IMPORT, origin="history"
    )
    who = {customer: replace(LI, email=f"{ref}@example.com", phone=None) for ref, customer in some.items()}
    with django_assert_max_num_queries(30):
        assert told(who).changed == 300
