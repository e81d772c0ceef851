import pytest

from regulars.facts.customers import customers, search
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import a_customer, described

pytestmark = pytest.mark.django_db


def test_one_box_finds_li_by_anything_she_is_called() -> None:
    li = a_customer("17850")
    described(li, Profile(given_name="Wei", family_name="Li", email="li@example.com", phone="+8613812341234"))
    for asked in (customers.get(li).public_id, "17850", " li@example.com", "138 1234 1234", "+86 138 1234 1234", "wei"):
        assert search.find(asked) == [li], asked


@pytest.mark.parametrize("asked", ["", " ", "cus_", "nobody@example.com", "+1", "x", "a\x00b", "%", "😀", "1" * 5000])
def test_what_names_nobody_finds_nobody(asked: str) -> None:
    described(a_customer("17850"), Profile(display_name="Wei Li"))
    assert search.find(asked) == []


def test_who_is_known_by_a_contact_alone_is_found_in_whatever_form_it_is_typed() -> None:
    li, wu = a_customer("Li@Example.com", namespace="online_retail"), a_customer("+8613812341234", namespace="web")
    a_customer("17850")
    for asked in ("li@example.com", " LI@EXAMPLE.COM"):
        assert search.find(asked) == [li], asked
    for asked in ("13812341234", "138 1234 1234", "+86 138 1234 1234", "008613812341234"):
        assert search.find(asked) == [wu], asked
    assert customers.find_by_ref(ref="nobody@example.com") == []
