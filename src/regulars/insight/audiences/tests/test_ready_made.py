"""What most shops want is there to be taken."""

import pytest
from django.utils import translation

from regulars.insight.audiences import audiences, deciding, ready_made, vocabulary
from regulars.insight.audiences.asking import Kept
from regulars.insight.audiences.audiences import BadAudience
from regulars.insight.audiences.members import of_customer
from regulars.insight.audiences.tests.builders import MAREK, bought
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


def taken(code: str) -> int:
    return ready_made.take(code=code, language="en", at=clock.now(), by=MAREK).number


def test_everybody_who_ever_bought_is_in_one_stage_of_life_but_for_the_new_who_are_active_too() -> None:
    stages = {one.code.partition(".")[2]: taken(one.code) for one in ready_made.LIFECYCLE}
    days = {"priya": (3,), "tomas": (3, 40), "ines": (100,), "li": (364, 400), "omar": (366,), "zoe": (31,)}
    people = {}
    for who, ago in days.items():
        for place, one in enumerate(ago):
            people[who] = bought(who, ref=f"{who}{place}", days_ago=one)
    deciding.decide(list(people.values()), because="facts", kept=Kept())
    names = {number: name for name, number in stages.items()}
    found = {who: {names[one.audience] for one in of_customer(number)} for who, number in people.items()}
    assert found == {
        "priya": {"new", "active"},
        "tomas": {"active"},
        "ines": {"sleeping"},
        "li": {"sleeping"},
        "omar": {"lost"},
        "zoe": {"active"},
    }


def test_what_was_taken_is_offered_no_more_and_taken_once() -> None:
    before = {one.code for one in ready_made.offered()}
    assert taken("lifecycle.new") == taken("lifecycle.new")
    assert before - {one.code for one in ready_made.offered()} == {"lifecycle.new"}
    with pytest.raises(BadAudience, match="there is no"):
        taken("lifecycle.old")


def test_what_was_taken_is_called_in_the_language_of_whoever_reads_until_somebody_renames_it() -> None:
    number = ready_made.take(code="lifecycle.new", language="zh", at=clock.now(), by=MAREK).number
    asked = {"version": 1, "zone": "UTC", "if": {"audience": audiences.get(number).id}}
    assert audiences.get(number).name == "New customers"
    with translation.override("zh-hans"):
        assert audiences.get(number).name == "新客"
        assert audiences.get(number).meaning == "至今只下过一单，且在最近 30 天内。"
        assert "新客" in vocabulary.current().audiences.values()

    # Who saves it as it stands in their language has not renamed it; nobody else may be called so in any language.
    audiences.change(audience=number, name="新客", key="saved", at=clock.now(), by=MAREK)
    assert audiences.get(number).name == "New customers"
    for name in ("New customers", "新客"):
        with pytest.raises(audiences.NameTaken):
            audiences.define(name=name, condition=asked, key=name, at=clock.now(), by=MAREK)

    audiences.change(audience=number, name="Fresh faces", key="renamed", at=clock.now(), by=MAREK)
    with translation.override("zh-hans"):
        assert audiences.get(number).name == "Fresh faces"


def test_the_kinds_of_customers_are_offered_where_readings_can_be_asked() -> None:
    offered = {one.code: one for one in ready_made.offered()}
    assert offered["rfm.champions"].names == {"en": "RFM: Champions", "zh": "RFM：最佳顾客"}
    assert taken("rfm.champions")
