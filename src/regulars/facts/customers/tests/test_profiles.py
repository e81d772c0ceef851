from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from regulars.facts.customers import customers, finding, profiles, traits
from regulars.facts.customers.profiles import MaskedProfile, Profile, Purpose
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

LI = Profile(
    given_name="Wei",
    family_name="Li",
    email="Li.Wei+tea@Example.com",
    phone="138 1234 1234",
    birthday="1990-12-31",
    address="上海市南京路 1 号",
    note="Allergic to walnuts",
    country="CN",
    language="zh-Hans",
)

pytestmark = pytest.mark.django_db


def test_li_is_masked_in_lists_and_revealed_for_a_purpose() -> None:
    li, stranger = a_customer("li"), a_customer("stranger")
    told = described(li, LI)
    assert set(told.changed) == {name for name, value in vars(LI).items() if value}
    assert told.shared == ()
    assert profiles.masked([li, stranger]) == {
        li: MaskedProfile("W** L**", "L***@example.com", "138****1234"),
        stranger: MaskedProfile(),
    }
    shown = profiles.reveal(
        customer=li, fields=["phone", "email", "display_name"], purpose=Purpose.DELIVERY, at=MONDAY, by=MAREK
    )
    assert shown == {"phone": "+8613812341234", "email": "Li.Wei+tea@example.com", "display_name": ""}
    seen = trail.of(f"customer:{li}")[0]
    assert (seen.verb, seen.why, seen.by) == ("customers.reveal", "delivery", "operator:7")
    assert seen.after == {"fields": ["phone", "email", "display_name"]}
    assert (customers.get(li).country, customers.get(li).language) == ("CN", "zh-Hans")


def test_nothing_of_a_person_can_be_read_in_any_table() -> None:
    """The canary: every value of every column of every table, as text and as bytes."""
    li = a_customer("li")
    canaries = Profile(
        given_name="Canarygiven",
        family_name="Canaryfamily",
        display_name="Canary Shown",
        email="canary.mail@canary-domain.com",
        phone="+8613987654321",
        birthday="1987-06-05",
        address="Canary street 7",
        note="Canary note",
        lunar_birthday="1987-05-10",
        traits={"allergy": "Canary walnuts"},
    )
    traits.define(code="allergy", kind=traits.Kind.TEXT, names={"en": "Allergy"}, is_personal=True, at=MONDAY, by=MAREK)
    described(li, canaries)
    described(li, Profile(email="second.canary@canary-domain.com", phone="+8613987654322"), key="again")
    profiles.reveal(customer=li, fields=profiles.SEALED, purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    sought = ["canary", "13987654321", "13987654322", "1987-06-05", "1987-05-10"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [table for (table,) in cursor.fetchall()]
        assert {"customers_profile", "customers_identifier", "trail_line"} <= set(tables)
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    text = bytes(value).decode("latin1") if isinstance(value, memoryview | bytes) else str(value)
                    found = [canary for canary in sought if canary in text.casefold()]
                    assert not found, f"{found} can be read in {table}"


def test_a_repeat_is_harmless_even_after_a_later_change() -> None:
    li = a_customer("li")
    first = described(li, LI, key="form-1")
    described(li, Profile(phone="+8613900000000"), key="form-2")
    assert described(li, LI, key="form-1") == first
    assert profiles.reveal(customer=li, fields=["phone"], purpose=Purpose.SERVICE, at=MONDAY, by=MAREK) == {
        "phone": "+8613900000000"
    }
    assert described(li, Profile(phone="+8613900000000"), key="form-3").changed == ()
    assert [line.verb for line in trail.of(f"customer:{li}")].count("customers.describe") == 2
    with pytest.raises(Refusal, match="give each act its own key"):
        described(a_customer("ines"), LI, key="form-1")


def test_fields_not_told_stay_and_empty_ones_are_cleared() -> None:
    li = a_customer("li")
    described(li, LI)
    changed = described(li, Profile(note="", email=""), key="form-2").changed
    assert changed == ("email", "note")
    shown = profiles.reveal(customer=li, fields=profiles.SEALED, purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    assert (shown["note"], shown["email"], shown["given_name"]) == ("", "", "Wei")
    assert finding.by_email("li.wei+tea@example.com") == []


def test_li_is_found_by_what_she_is_called() -> None:
    li, ines, wang = a_customer("li"), a_customer("ines"), a_customer("wang")
    described(li, LI)
    described(ines, Profile(display_name="Inés Álvarez"))
    described(wang, Profile(display_name="王小丽"))
    assert finding.by_email(" LI.WEI+TEA@EXAMPLE.COM ") == [li]
    assert finding.by_email("liwei@example.com") == []
    assert finding.by_phone("138-1234-1234", "CN") == finding.by_phone("+8613812341234") == [li]
    assert finding.by_name_prefix("We") == finding.by_name_prefix("wei") == [li]
    assert finding.by_name_prefix("alv") == finding.by_name_prefix("ÁLVAREZ") == [ines]
    assert finding.by_name_prefix("王") == finding.by_name_prefix("王小丽") == [wang]
    assert finding.by_name_prefix("w") == finding.by_name_prefix("") == []
    described(wang, Profile(display_name="李小丽"), key="married")
    assert finding.by_name_prefix("王") == []


def test_a_family_phone_is_kept_for_both_and_identifies_the_first() -> None:
    li, mother = a_customer("li"), a_customer("mother")
    described(li, Profile(phone="+8613812341234"))
    told = described(mother, Profile(phone="138 1234 1234", display_name="妈妈"))
    assert told.shared == ("phone",)
    assert finding.by_phone("13812341234") == [li, mother]
    described(li, Profile(phone="+8613900000000"), key="new phone")
    assert finding.by_phone("13812341234") == [mother]


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        (Profile(email="li@"), "email"),
        (Profile(phone="123"), "phone"),
        (Profile(birthday="31.12.1990"), "birthday"),
        (Profile(birthday="1890-01-01"), "birthday"),
        (Profile(birthday="2990-01-01"), "birthday"),
        (Profile(note="x" * 2001), "note"),
        (Profile(given_name="a\x00b"), "given_name"),
        (Profile(country="China"), "country"),
        (Profile(language="中文"), "language"),
    ],
)
def test_a_bad_field_is_refused_and_nothing_is_written(profile: Profile, field: str) -> None:
    li = a_customer("li")
    with pytest.raises(Refusal) as refused:
        described(li, profile)
    assert refused.value.facts["field"] == field
    assert refused.value.message.startswith(f"{field}: ")
    assert ";" in refused.value.message
    assert "customers.describe" not in {line.verb for line in trail.of(f"customer:{li}")}
    assert described(li, LI).changed, "the key is free again"


def test_only_sealed_fields_of_known_people_are_revealed() -> None:
    li = a_customer("li")
    with pytest.raises(Refusal, match="no sealed field; choose from"):
        profiles.reveal(customer=li, fields=["email_digest"], purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    with pytest.raises(Refusal, match="look it up again"):
        profiles.reveal(customer=10**12, fields=["email"], purpose=Purpose.SERVICE, at=MONDAY, by=MAREK)
    with pytest.raises(Refusal, match="look it up again"):
        described(10**12, LI)


def test_a_list_costs_the_same_however_long(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    people = [a_customer(f"c{number}") for number in range(30)]
    for number, person in enumerate(people):
        described(person, Profile(display_name=f"Person {number}", email=f"p{number}@example.com"), key=f"k{number}")
    with django_assert_max_num_queries(3):
        assert len(profiles.masked(people)) == 30


def test_a_birthday_may_be_today() -> None:
    li = a_customer("li")
    assert described(li, Profile(birthday=MONDAY.date().isoformat())).changed == ("birthday",)
    with pytest.raises(Refusal):
        described(li, Profile(birthday=(MONDAY.date() + timedelta(days=1)).isoformat()), key="tomorrow")


def test_a_text_that_cannot_be_kept_is_told_by_what_is_wrong_with_it() -> None:
    with pytest.raises(profiles.Unreadable, match="given_name: has a character of code zero"):
        described(a_customer("li"), Profile(given_name="We\x00i"))
