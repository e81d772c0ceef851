"""A notice and its trail line are one act."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import pytest
from django.db import DatabaseError, connection, transaction

from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.notices.models import Recorded
from regulars.runtime.notices.notice import FromANewerRelease, Notice, body_of, read
from regulars.runtime.notices.outbox import announce, announce_many
from regulars.runtime.notices.tests.builders import MONDAY, Bought, tell
from regulars.runtime.trail import trail
from regulars.runtime.trail.only_ids import NotForTheTrail

pytestmark = pytest.mark.django_db


def test_notice_and_trail_line_are_written_together():
    number = announce(
        Bought(person="ines", number=3, at=MONDAY, origin="history"),
        by=Actor("import", "12"),
        verb="orders.record",
        after={"lines": 2},
        why="nightly",
    )

    row = Recorded.objects.get(id=number)
    assert (row.kind, row.version, row.subject, row.origin) == ("tests.bought", 1, "customer:ines", "history")
    assert row.body == {"person": "ines", "number": 3}
    [line] = trail.of("customer:ines")
    assert (line.by, line.verb, line.after, line.why) == ("import:12", "orders.record", {"lines": 2}, "nightly")
    assert read(row.kind, row.version, row.body, at=row.at, origin=row.origin) == Bought(
        person="ines", number=3, at=MONDAY, origin="history"
    )


def test_an_act_undone_tells_nobody():
    with transaction.atomic():
        tell("ines")
        transaction.set_rollback(True)
    assert not Recorded.objects.exists()
    assert trail.of("customer:ines") == []


def test_announcing_costs_two_statements(django_assert_num_queries):
    with django_assert_num_queries(2):
        announce(Bought(person="ines", at=MONDAY), by=SYSTEM, verb="tests.buy")


def test_many_are_announced_as_one_by_one_in_three_statements(django_assert_num_queries):
    people = ["ines", "li", "wei"]
    told = [(Bought(person=who, number=place, at=MONDAY), {"lines": place}) for place, who in enumerate(people)]
    with django_assert_num_queries(3):
        announce_many(told, by=SYSTEM, verb="tests.buy")

    rows = Recorded.objects.order_by("id")
    assert [read(row.kind, row.version, row.body, at=row.at, origin=row.origin) for row in rows] == [
        notice for notice, _ in told
    ]
    assert [trail.of(f"customer:{who}")[0].after for who in people] == [{"lines": 0}, {"lines": 1}, {"lines": 2}]
    with pytest.raises(NotForTheTrail):
        announce_many([(Bought(person="ines@example.com", at=MONDAY), {})], by=SYSTEM, verb="tests.buy")


def test_personal_data_does_not_enter():
    with pytest.raises(NotForTheTrail):
        tell("ines@example.com")


@pytest.mark.parametrize(
    "act", ["UPDATE notices_notice SET kind = 'x'", "DELETE FROM notices_notice", "TRUNCATE notices_notice CASCADE"]
)
def test_notices_are_append_only_by_right(act):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act)


@dataclass(frozen=True, kw_only=True)
class Moved(Notice):
    kind: ClassVar[str] = "tests.moved"
    version: ClassVar[int] = 2

    order: str
    days: tuple[date, ...]

    @property
    def subject(self):
        return f"order:{self.order}"

    @classmethod
    def from_older(cls, version, body):
        return {"order": body["order"], "days": [body["day"]]}


def test_days_and_lists_come_back_as_they_went():
    moved = Moved(order="ord_1", days=(date(2026, 3, 2), date(2026, 3, 3)), at=MONDAY)
    assert body_of(moved) == {"order": "ord_1", "days": ["2026-03-02", "2026-03-03"]}
    assert read("tests.moved", 2, body_of(moved), at=MONDAY, origin="live") == moved


def test_what_an_earlier_release_wrote_is_read_and_what_a_later_one_wrote_waits():
    old = read("tests.moved", 1, {"order": "ord_1", "day": "2026-03-02"}, at=MONDAY, origin="live")
    assert old.days == (date(2026, 3, 2),)
    with pytest.raises(FromANewerRelease):
        read("tests.moved", 3, {}, at=MONDAY, origin="live")


def test_two_rooms_cannot_use_one_word():
    with pytest.raises(TypeError, match=r"tests\.bought"):
        type("Other", (Notice,), {"kind": "tests.bought"})
