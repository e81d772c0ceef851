"""Points brought along from another system."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.levers.loyalty import freezing, ledger_seen, points
from regulars.levers.loyalty.models import Entry
from regulars.levers.loyalty.opening import Brought, Opening, bring
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, a_member, has, said

pytestmark = pytest.mark.django_db
MAY = date(2026, 5, 31)


def brings(*told, source="till"):
    return bring(told=told, source=source, at=FRIDAY, by=MAREK)


def test_what_they_had_comes_along_with_its_ends_and_says_where_it_is_from():
    priya = a_member()
    done = brings(Opening("1", priya, 300, MONDAY, MAY), Opening("2", priya, 50, MONDAY - DAY))
    assert done == Brought(2, 0, ())
    assert has(priya, at=FRIDAY) == (0, 350, 0, 0)
    assert [one.on for one in points.expiring(customer=priya, at=FRIDAY)] == [MAY, None]
    assert set(said(priya)) == {"award: brought along from the system used before"}
    assert set(Entry.objects.values_list("effective_at", "origin")) == {(MONDAY, "history"), (MONDAY - DAY, "history")}
    assert {one.book: one.amount for one in ledger_seen.totals().books if one.amount} == {
        "available": 350,
        "migration": -350,
    }


def test_told_again_nothing_comes_and_other_content_is_named():
    priya, bo = a_member(), a_member("bo")
    one, two = Opening("1", priya, 300, MONDAY, MAY), Opening("2", bo, 50, MONDAY)
    brings(one, two)
    assert brings(one, two) == Brought(0, 2, ())
    assert brings(replace(one, amount=301), replace(two, customer=priya), Opening("3", bo, 1, MONDAY)) == Brought(
        1, 0, ("1", "2")
    )
    assert brings(one, source="another till") == Brought(1, 0, ())
    assert (has(priya, at=FRIDAY)[1], has(bo, at=FRIDAY)[1]) == (600, 51)


def test_whose_points_are_frozen_is_left_out_and_keeps_nobody_else_waiting():
    priya, bo = a_member(points=5), a_member("bo")
    freezing.freeze(customer=priya, why="estate", key="f", at=MONDAY, by=MAREK)
    one, two = Opening("1", priya, 300, MONDAY, MAY), Opening("2", bo, 50, MONDAY)
    assert brings(one, two) == Brought(1, 0, (), ("1",))
    freezing.thaw(customer=priya, key="t", at=FRIDAY, by=MAREK)
    assert brings(one, two) == Brought(1, 1, ())
    assert (has(priya, at=FRIDAY)[1], has(bo, at=FRIDAY)[1]) == (305, 50)


def test_many_parts_cost_no_more_questions_than_few():
    priya = a_member()
    asked = []
    for many in (5, 50):
        told = [Opening(f"{many}/{n}", priya, 10, MONDAY, MAY + n * DAY) for n in range(many)]
        with CaptureQueriesContext(connection) as seen:
            brings(*told)
        asked.append(len(seen))
    assert asked[1] <= asked[0]
