"""What banners in browsers tell of consent."""

from datetime import timedelta

import pytest

from regulars.facts.customers import consent, customers
from regulars.facts.events import consents
from regulars.facts.events.following import follow_everything
from regulars.facts.events.tests.shoppers import MONDAY, a_source, page, sent, viewed


def banner(**answers: object) -> dict[str, object]:
    return {"context": {"consent": {"categoryPreferences": answers}}}


@pytest.mark.parametrize(
    ("told", "answers"),
    [
        ({}, {}),
        (banner(Analytics=True, Advertising=False), {"analytics": True, "sharing": False}),
        (banner(Advertising=True), {}),
        (banner(C0002=True, performance=False), {"analytics": False}),
        (banner(analytics="yes", essential=True), {}),
        ({"context": {"consent": "all"}}, {}),
        ({"context": None}, {}),
    ],
)
def test_a_no_counts_and_a_yes_to_advertising_opens_nothing(told, answers):
    assert consents.told(told) == answers


@pytest.mark.django_db
def test_a_banner_goes_on_record_where_it_changes():
    source = a_source()
    yes, no = banner(Analytics=True, Functional=True), banner(Analytics=False, Functional=True)
    sent(source, page("tab-1", **yes), viewed("li", **yes), viewed("li", "Chess", **yes))
    follow_everything()
    update = {"type": "track", "event": "Segment Consent Preference Updated", "userId": "li", **no}
    later = MONDAY + timedelta(hours=1)
    sent(source, update, at=later)
    follow_everything()
    (li,) = customers.find_by_ref(ref="li", namespace="shop")
    told = [(line.purpose, line.is_granted, line.place, line.at) for line in consent.history(customer=li)]
    assert told[0] == ("analytics", False, "cookie_banner", later)
    assert sorted(told[1:]) == [
        ("analytics", True, "cookie_banner", MONDAY),
        ("personalisation", True, "cookie_banner", MONDAY),
    ]
    assert not consent.may_use(customer=li, purpose="analytics", at=later)
    assert not consent.may_send(customer=li, purpose="marketing", channel="email", at=later)
