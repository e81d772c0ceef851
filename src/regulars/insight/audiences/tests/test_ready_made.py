"""What most shops want is there to be taken."""

import pytest

from regulars.insight.audiences import deciding, ready_made
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


def test_the_kinds_of_customers_are_offered_where_readings_can_be_asked() -> None:
    offered = {one.code: one for one in ready_made.offered()}
    assert offered["rfm.champions"].names == {"en": "RFM: Champions", "zh": "RFM：最佳顾客"}
    assert taken("rfm.champions")
