"""What a page about one person shows of who they are, read together."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from regulars.facts.company import company
from regulars.facts.customers import consent, customers, identity, profiles, reviews, sheets
from regulars.facts.customers.customers import UnknownCustomer
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described

pytestmark = pytest.mark.django_db
LATER = MONDAY + timedelta(days=1)


def test_a_joined_record_leads_to_the_sheet_of_its_person(django_assert_num_queries):
    till, app = a_customer("li-1"), a_customer("li-app", namespace="app")
    mother = a_customer("mother")
    described(till, Profile(display_name="Li Wei", birthday="1990-05-17", phone="+8613812341234"))
    described(mother, Profile(phone="+8613812341234"))
    consent.give(
        customer=app, purpose="marketing", channel="email", place="app", key="yes", at=MONDAY, by=MAREK, proof="f"
    )
    public_ids = profiles.public_ids([till, app])
    identity.join(one=till, other=app, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    shop = company.shop()
    with django_assert_num_queries(5):
        sheet = sheets.by_public_id(public_ids[app], at=LATER, shop=shop)
    assert sheet == sheets.by_public_id(public_ids[till], at=LATER, shop=shop)
    assert (sheet.person, sheet.records) == (customers.get(till), (till, app))
    assert sheet.refs == (("app", "li-app"), ("till", "li-1"))
    assert (sheet.masked.name, sheet.masked.phone) == ("L** W**", "138****1234")
    assert sheet.consent == consent.standing(customer=till, at=LATER)
    assert sheet.consent.known.birthday == date(1990, 5, 17)
    assert sheet.questions == tuple(one.public_id for one in reviews.of_records([till, app]))
    assert len(sheet.questions) == 1
    with pytest.raises(UnknownCustomer):
        sheets.by_public_id(customers.public_id(uuid4()), at=LATER, shop=shop)
