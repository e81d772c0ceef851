"""What was there before a table came is filled in, in slices; and what the warehouse gets of profiles and tags."""

import pytest
from django.db import connection

from regulars.facts.customers import filling, identity, profiles, tags, traits
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.models import AlsoKnown, Filling, Profile, Value
from regulars.facts.customers.published import PUBLISHED
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, described
from regulars.facts.customers.traits import Kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def ines() -> int:
    traits.define(code="size", kind=Kind.NUMBER, names={"en": "Size"}, at=MONDAY, by=MAREK)
    traits.define(code="likes", kind=Kind.LIST, names={"en": "Likes"}, at=MONDAY, by=MAREK)
    traits.define(code="allergy", kind=Kind.TEXT, names={"en": "Allergy"}, is_personal=True, at=MONDAY, by=MAREK)
    number = a_customer("ines")
    told = {"size": 41, "likes": ["tea", "jazz"], "allergy": "nuts"}
    described(number, profiles.Profile(is_employee=True, interests=("hats",), traits=told))
    return number


def published(name: str) -> list[dict[str, object]]:
    [table] = [one for one in PUBLISHED if one.name == name]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(table.columns)} FROM ({table.sql}) AS told ORDER BY 1")
        return [dict(zip(table.columns, row, strict=True)) for row in cursor.fetchall()]


def values() -> set[tuple[str, str, str]]:
    return {(str(one["name"]), str(one["kind"]), str(one["value"])) for one in published("customer_values")}


ALL = {
    ("is_employee", "yes_no", "yes"),
    ("interests", "list", "hats"),
    ("trait.size", "number", "41"),
    ("trait.likes", "list", "tea"),
    ("trait.likes", "list", "jazz"),
}


def test_what_is_nobodys_secret_is_a_row_each_and_follows_the_profile(ines: int) -> None:
    assert values() == ALL, "what is personal is not among them"
    before = {row["value_id"] for row in published("customer_values")}
    described(ines, profiles.Profile(traits={"likes": ["tea"], "size": None}), key="later")
    assert values() == {one for one in ALL if one[2] not in ("jazz", "41")}
    assert {row["value_id"] for row in published("customer_values")} < before, "rows that stay are not written again"


def test_of_joined_records_the_values_stand_with_the_person(ines: int) -> None:
    online = a_customer("ines-online")
    described(online, profiles.Profile(traits={"size": 42}))
    identity.join(one=ines, other=online, why=Reason.DOCUMENT, key="j", at=MONDAY, by=MAREK)
    assert {row["customer_id"] for row in published("customer_values")} == {ines}
    identity.undecide(one=ines, other=online, why=Reason.MISTAKE, key="u", at=MONDAY, by=MAREK)
    assert {row["customer_id"] for row in published("customer_values") if row["value"] == "42"} == {online}


def test_tags_are_published_as_they_stand(ines: int) -> None:
    for key, is_on in (("a", True), ("b", False)):
        told = [tags.Told(ines, "vip", is_on, key, MONDAY)]
        tags.tell_many(told=told, by=MAREK, origin="live")
        [row] = published("customer_tags")
        assert (row["customer_id"], row["tag"], row["is_on"]) == (ines, "vip", is_on)


def test_what_was_there_before_is_filled_in_once(ines: int) -> None:
    online = a_customer("ines-online")
    described(online, profiles.Profile(email="ines@shop.cn", display_name="Ines"))
    identity.join(one=ines, other=online, why=Reason.DOCUMENT, key="j", at=MONDAY, by=MAREK)
    known = set(AlsoKnown.objects.values_list("record_id", "kind", "digest"))
    assert known
    AlsoKnown.objects.all().delete()
    Value.objects.all().delete()

    assert filling.go_on(at=MONDAY) == 2
    assert set(AlsoKnown.objects.values_list("record_id", "kind", "digest")) == known
    assert values() == ALL
    assert not Filling.objects.filter(ended_at=None).exists()
    assert filling.go_on(at=MONDAY) == 0
    assert Profile.objects.get(customer_id=ines).traits["is_employee"] == "yes"
