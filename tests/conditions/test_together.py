"""Many conditions looked at together say what each says by itself: random trees over random lives."""

import os
from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.kit.conditions import changing, holding, reading
from regulars.kit.conditions.tests.builders import SHOP
from regulars.kit.conditions.together import Together
from tests.conditions.lives import ZONES, a_life, moment, trees

AHEAD = (timedelta(0), timedelta(hours=36), timedelta(days=40), timedelta(days=800))


@settings(max_examples=int(os.environ.get("REGULARS_TOGETHER", "150")), deadline=None)
@given(st.lists(trees, min_size=1, max_size=5), st.lists(st.sampled_from(ZONES), min_size=5, max_size=5), st.integers())
def test_together_they_say_what_each_says_by_itself(told, zones, seed):
    chance = Random(seed)
    conditions = [
        reading.read({"version": 1, "zone": zone, "if": one}, SHOP) for one, zone in zip(told, zones, strict=False)
    ]
    at = moment(chance)
    until = at + chance.choice(AHEAD)
    instant = Together(conditions).at(at, until=until)
    for life in [a_life(chance) for _ in range(6)]:
        person = instant.person(life.fields, life.rows, set(life.audiences))
        for place, condition in enumerate(conditions):
            verdict, changes = changing.look(condition, life, at=at)
            assert verdict == holding.holds(condition, life, at=at)
            soon = changes if changes is not None and changes <= until else None
            for is_whole in chance.choice(((False, True), (True, False))):
                found = person.look(place, life.cuts, is_whole=is_whole)
                assert found.holds == verdict.holds
                assert (found.changes if found.changes is not None and found.changes <= until else None) == soon
            assert person.look(place, life.cuts, is_whole=True).verdict() == verdict
