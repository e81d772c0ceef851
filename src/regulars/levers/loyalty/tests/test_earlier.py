"""What became of points in another system."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction

from regulars.facts.customers import identity
from regulars.levers.loyalty import earlier, opening
from regulars.levers.loyalty.earlier import Line, Movement
from regulars.levers.loyalty.opening import Brought, Opening
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, a_member, has

pytestmark = pytest.mark.django_db


def brings(*told, source="till"):
    return earlier.bring(told=told, source=source, at=FRIDAY, by=MAREK)


def of(customer, **more):
    return [(one.kind, one.amount) for one in earlier.lines(customer=customer, **more).items]


def test_it_is_there_to_be_read_and_moves_no_points():
    priya = a_member()
    done = brings(
        Movement("1", priya, "earned", 300, MONDAY - 9 * DAY),
        Movement("2", priya, "spent", -120, MONDAY - 5 * DAY),
        Movement("3", priya, "ended", -80, MONDAY),
    )
    assert done == Brought(3, 0, ())
    assert of(priya) == [("ended", -80), ("spent", -120), ("earned", 300)]
    sums = earlier.sums(customer=priya)
    assert (sums.amounts, sums.balance, sums.count) == ({"earned": 300, "spent": -120, "ended": -80}, 100, 3)
    assert (sums.first_at, sums.last_at) == (MONDAY - 9 * DAY, MONDAY)
    assert has(priya, at=FRIDAY) == (0, 0, 0, 0)
    assert earlier.sums(customer=a_member("bo")) is None


def test_told_again_nothing_comes_and_other_content_is_named():
    priya, bo = a_member(), a_member("bo")
    one, two = Movement("1", priya, "earned", 300, MONDAY), Movement("2", bo, "spent", -5, MONDAY)
    brings(one, two)
    assert brings(one, two) == Brought(0, 2, ())
    for other in (
        replace(one, amount=301),
        replace(one, kind="changed"),
        replace(one, customer=bo),
        replace(one, happened_at=MONDAY + timedelta(seconds=1)),
    ):
        assert brings(other, two) == Brought(0, 1, ("1",))
    assert brings(one, source="another till") == Brought(1, 0, ())
    assert brings() == Brought(0, 0, ())


def test_page_by_page_the_latest_first_also_of_one_moment():
    priya = a_member()
    brings(*(Movement(str(nth), priya, "earned", nth, MONDAY + nth // 2 * DAY) for nth in range(1, 6)))
    seen, cursor = [], None
    for _page in range(3):
        page = earlier.lines(customer=priya, limit=2, cursor=cursor)
        seen += [one.amount for one in page.items]
        cursor = page.next
    assert (sorted(seen), seen[0] in (4, 5), cursor) == ([1, 2, 3, 4, 5], True, None)


def test_of_joined_records_all_of_it_is_the_persons_and_parted_each_has_its_own():
    priya, bo = a_member(), a_member("bo")
    brings(Movement("1", priya, "earned", 1, MONDAY), Movement("2", bo, "earned", 2, FRIDAY))
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key="j", at=FRIDAY, by=MAREK)
    assert of(priya) == of(bo) == [("earned", 2), ("earned", 1)]
    assert {one.customer for one in earlier.lines(customer=priya).items} == {priya, bo}


def test_whose_history_does_not_come_to_what_was_brought_is_counted():
    priya, bo, li = a_member(), a_member("bo"), a_member("li")
    brings(
        Movement("1", priya, "earned", 300, MONDAY),
        Movement("2", priya, "spent", -100, MONDAY),
        Movement("3", bo, "earned", 50, MONDAY),
    )
    assert earlier.unequal() == 2
    opening.bring(
        told=[Opening("a", priya, 200, MONDAY), Opening("b", bo, 49, MONDAY), Opening("c", li, 7, MONDAY)],
        source="till",
        at=FRIDAY,
        by=MAREK,
    )
    assert earlier.unequal() == 1


def test_nobody_changes_it():
    brings(Movement("1", a_member(), "earned", 1, MONDAY))
    for act in ("UPDATE loyalty_earlier SET amount = 2", "DELETE FROM loyalty_earlier"):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(act)


def test_a_line_is_what_it_was_told_as():
    priya = a_member()
    brings(Movement("1", priya, "changed", -3, MONDAY))
    [line] = earlier.lines(customer=priya).items
    assert line == Line(line.id, priya, "changed", -3, MONDAY, "till")
