"""Until somebody is looked at again nothing about them changes: random trees over random lives."""

import os
from datetime import UTC, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.kit.conditions import changing, holding, reading
from regulars.kit.conditions.tests.builders import SHOP
from tests.conditions.lives import MIDDLE, ZONES, a_life, moment, trees

TICK = timedelta(microseconds=1)
#: While clocks change, somebody is looked at each minute, and may be late by that.
UNQUIET = timedelta(minutes=1)
FAR = MIDDLE + timedelta(days=800)


def instants_between(chance, life, start, end):
    """Where something is likely to happen: so many hours or days after what happened, at midnights, and at the end."""
    marks = [row.at for rows in life.rows.values() for row in rows] + [MIDDLE, start]
    for _ in range(12):
        mark = chance.choice(marks) + timedelta(
            days=chance.choice((0, 1, 2, 3, 4, 5, 7, 14, 28, 30, 31, 61, 92, 153)), hours=chance.randint(-24, 24)
        )
        yield mark + chance.choice((-1, 0, 1)) * TICK
    yield start + (end - start) * chance.random()
    yield end - TICK


@settings(max_examples=int(os.environ.get("REGULARS_CHANGES", "150")), deadline=None)
@given(st.lists(trees, min_size=1, max_size=4), st.sampled_from(ZONES), st.integers())
def test_until_the_next_change_nothing_changes(told, zone, seed):
    chance = Random(seed)
    people = [a_life(chance) for _ in range(6)]
    at = moment(chance)
    for one in told:
        condition = reading.read({"version": 1, "zone": zone, "if": one}, SHOP)
        for life in people:
            now = holding.holds(condition, life, at=at).holds
            changes = changing.next_change(condition, life, at=at)
            assert changes is None or changes > at
            until = changes or FAR
            if until - at <= UNQUIET:
                continue
            for then in instants_between(chance, life, at, until):
                if at < then < until:
                    assert holding.holds(condition, life, at=then).holds == now, (then.astimezone(UTC), changes)
