"""Whoever stands where more could only leave them is left there by more: random trees over random lives."""

import os
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.kit.conditions import holding, leaning, reading
from regulars.kit.conditions.tests.builders import SHOP
from tests.conditions.lives import NAMES, ZONES, a_life, an_event, an_order, moment, trees


def more_of(collection, chance):
    """Rows of one sort: events of one name, or orders."""
    name = chance.choice(NAMES)
    rows = [an_event(chance) if collection == "events" else an_order(chance) for _ in range(chance.randint(1, 3))]
    if collection == "events":
        rows = [replace(row, values={**row.values, "name": name}) for row in rows]

    def asks(which):
        if which.collection != collection:
            return False
        named = {check.than for check in which.checks if (check.asked, check.test) == ("name", "is")}
        return collection != "events" or named <= {name}

    return rows, asks


@settings(max_examples=int(os.environ.get("REGULARS_CHANGES", "150")), deadline=None)
@given(st.lists(trees, min_size=1, max_size=4), st.sampled_from(ZONES), st.integers())
def test_what_more_cannot_do_it_does_not(told, zone, seed):
    chance = Random(seed)
    at = moment(chance)
    later = at + timedelta(hours=chance.randint(1, 400))
    for one in told:
        condition = reading.read({"version": 1, "zone": zone, "if": one}, SHOP)
        for life in [a_life(chance) for _ in range(6)]:
            collection = chance.choice(("events", "orders"))
            rows, asks = more_of(collection, chance)
            ways = leaning.ways(condition, asks)
            more = replace(life, rows={**life.rows, collection: [*life.rows[collection], *rows]})
            for instant in (at, later):
                before = holding.holds(condition, life, at=instant).holds
                after = holding.holds(condition, more, at=instant).holds
                assert before == after or ways & (leaning.IN if after else leaning.OUT)
