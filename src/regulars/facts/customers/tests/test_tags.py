import itertools
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from regulars.facts.customers import identity, tags
from regulars.facts.customers.customers import UnknownCustomer
from regulars.facts.customers.identity import Reason
from regulars.facts.customers.tags import BadTag, Told, UnknownTag
from regulars.facts.customers.tests.builders import MAREK, MONDAY, THE_IMPORT, a_customer
from regulars.runtime import rooms
from regulars.runtime.trail import trail

DAY = timedelta(1)

pytestmark = pytest.mark.django_db


def having(*customers: int) -> dict[int, list[str]]:
    return {customer: [tag.code for tag in told] for customer, told in tags.of_many(customers).items()}


def test_staff_set_a_tag_take_it_off_and_the_history_tells() -> None:
    li = a_customer("li")
    tags.define(code="VIP", names={"en": "Very important", "zh-hans": "贵宾"}, at=MONDAY, by=MAREK)
    assert tags.tag(customer=li, tag="vip", key="1", at=MONDAY, by=MAREK)
    assert tags.tag(customer=li, tag="vip", key="1", at=MONDAY + DAY, by=MAREK)
    assert having(li) == {li: ["vip"]}
    assert rooms.fields()["customers.tags"].read([li]) == {li: ("vip",)}
    assert tags.untag(customer=li, tag="Vip", key="2", at=MONDAY + DAY, by=MAREK)
    assert not tags.untag(customer=li, tag="Vip", key="3", at=MONDAY + DAY, by=MAREK)
    assert having(li) == {}
    steps = tags.history(li)
    assert [(step.is_on, step.source, step.by, step.at) for step in steps] == [
        (False, "staff", "operator:7", MONDAY + DAY),
        (True, "staff", "operator:7", MONDAY),
    ]
    with pytest.raises(UnknownTag, match="define it first"):
        tags.tag(customer=li, tag="gold", key="4", at=MONDAY, by=MAREK)


def test_a_file_sets_many_and_makes_the_missing_tags() -> None:
    li, ines = a_customer("li"), a_customer("ines")
    told = [Told(li, "老客户", True, "a", MONDAY), Told(ines, " 老客户", True, "b", MONDAY)]
    assert tags.tell_many(told=told, by=THE_IMPORT, origin="history", source="till") == {li, ines}
    assert tags.tell_many(told=told, by=THE_IMPORT, origin="history", source="till") == set()
    assert having(li, ines) == {li: ["老客户"], ines: ["老客户"]}
    assert trail.of("customers:many")[0].after == {"count": 2, "first": li, "last": ines, "source": "till"}
    with pytest.raises(UnknownCustomer):
        tags.tell_many(told=[Told(10**12, "x", True, "c", MONDAY)], by=THE_IMPORT, origin="history")


def test_the_last_word_counts_whatever_came_in_first() -> None:
    said = [(True, 0), (False, 1), (True, 2), (False, 2)]
    for number, order in enumerate(itertools.permutations(said)):
        who = a_customer(f"li {number}")
        for place, (is_on, day) in enumerate(order):
            told = Told(who, "vip", is_on, f"{number}:{place}", MONDAY + day * DAY)
            tags.tell_many(told=[told], by=THE_IMPORT, origin="history")
        assert having(who) == {}


def test_a_person_has_the_tags_of_all_records_and_gives_them_back() -> None:
    app, till = a_customer("app"), a_customer("till")
    tags.tell_many(
        told=[Told(app, "tea", True, "a", MONDAY), Told(till, "vip", True, "b", MONDAY)], by=MAREK, origin="history"
    )
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    assert having(app) == {app: ["tea", "vip"]}
    assert tags.untag(customer=app, tag="vip", key="off", at=MONDAY + DAY, by=MAREK)
    assert having(app) == {app: ["tea"]}
    tags.tell_many(told=[Told(till, "vip", True, "again", MONDAY + 2 * DAY)], by=MAREK, origin="history")
    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY, by=MAREK)
    assert having(app, till) == {app: ["tea"], till: ["vip"]}


def test_a_tag_taken_off_a_person_is_back_with_the_record_it_was_set_on_when_they_part() -> None:
    app, till = a_customer("app"), a_customer("till")
    tags.tell_many(told=[Told(till, "vip", True, "on", MONDAY)], by=MAREK, origin="history")
    identity.join(one=app, other=till, why=Reason.ASKED, key="join", at=MONDAY, by=MAREK)
    assert tags.untag(customer=app, tag="vip", key="off", at=MONDAY + DAY, by=MAREK)
    assert tags.untag(customer=app, tag="vip", key="off", at=MONDAY + DAY, by=MAREK)
    assert having(app, till) == {}

    identity.undecide(one=app, other=till, why=Reason.MISTAKE, key="part", at=MONDAY, by=MAREK)

    assert having(app, till) == {till: ["vip"]}


@pytest.mark.parametrize("code", ["", "  ", "a,b", "x" * 41, "li@example.com", "13812341234", "a\x00b"])
def test_what_is_no_tag_is_refused(code: str) -> None:
    with pytest.raises(BadTag):
        tags.define(code=code, at=MONDAY, by=MAREK)


def test_the_history_cannot_be_changed() -> None:
    tags.tell_many(told=[Told(a_customer("li"), "vip", True, "a", MONDAY)], by=MAREK, origin="history")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE customers_tagging SET is_on = false")
