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
