import pytest

from regulars.facts.customers import customers
from regulars.facts.events import fields
from regulars.facts.events.following import follow_everything
from regulars.facts.events.tests.shoppers import MONDAY, a_source, sent, viewed

pytestmark = pytest.mark.django_db


def test_what_somebody_did_can_be_asked_of_many_at_once() -> None:
    web = a_source()
    sent(web, viewed("ines", "Mug"), viewed("ines", "Coat"))
    follow_everything()
    (ines,) = customers.find_by_ref(ref="ines")
    told = {field.name: field.read([ines, 10**12]) for field in fields.FIELDS}
    assert told["events.last_seen_at"] == {ines: MONDAY}
    assert told["events.last_source"] == {ines: "web"}
    assert told["events.events"] == {ines: 2}
    assert told["events.products_viewed"] == {ines: ("coat", "mug")}
