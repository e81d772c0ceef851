"""The trail keeps what was done and cannot be talked out of it."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from regulars.kit.actors import Actor
from regulars.runtime.trail import trail
from regulars.runtime.trail.models import Line
from regulars.runtime.trail.only_ids import NotForTheTrail
from regulars.runtime.trail.requests import request_id

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
MAREK = Actor("operator", "7")
INES = Actor("operator", "8")

pytestmark = pytest.mark.django_db


def test_a_line_says_who_what_before_and_after():
    request = request_id.set("req-1")
    trail.record(
        by=MAREK,
        verb="orders.cancel",
        subject="order:ord_1",
        at=MONDAY,
        before={"cancelled": False},
        after={"cancelled": True, "lines": [1, 2]},
        why="asked_by_customer",
    )
    request_id.reset(request)

    [line] = trail.of("order:ord_1")

    assert (line.by, line.verb, line.why, line.request_id) == (
        "operator:7",
        "orders.cancel",
        "asked_by_customer",
        "req-1",
    )
    assert line.before == {"cancelled": False}
    assert line.after == {"cancelled": True, "lines": [1, 2]}
    assert line.at == MONDAY


def test_pages_go_backwards_in_one_query_each(django_assert_num_queries):
    for number in range(5):
        trail.record(by=MAREK, verb="orders.note", subject="order:ord_1", at=MONDAY, after={"n": number})
    trail.record(by=INES, verb="orders.note", subject="order:ord_2", at=MONDAY)

    with django_assert_num_queries(1):
        first = trail.of("order:ord_1", limit=3)
    second = trail.of("order:ord_1", before=first[-1].number, limit=3)

    assert [line.after["n"] for line in first + second] == [4, 3, 2, 1, 0]
    assert [line.subject for line in trail.by_actor(INES)] == ["order:ord_2"]


@pytest.mark.parametrize("act", ["UPDATE trail_line SET verb = 'x'", "DELETE FROM trail_line", "TRUNCATE trail_line"])
def test_the_apps_role_has_no_right_to_change_a_line(act):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act)


@pytest.mark.parametrize("act", ["UPDATE trail_line SET verb = 'x'", "DELETE FROM trail_line", "TRUNCATE trail_line"])
def test_the_owner_is_stopped_by_the_trigger(fresh_database, act):
    with (
        psycopg.connect(fresh_database["REGULARS_DATABASE_OWNER_URL"]) as owner,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        owner.execute(act)


def test_an_act_undone_leaves_no_line():
    with transaction.atomic():
        trail.record(by=MAREK, verb="orders.cancel", subject="order:ord_1", at=MONDAY)
        transaction.set_rollback(True)
    assert not Line.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"mail": "li.na@example.com"},
        {"phone": "+44 20 7946 0958"},
        {"note": "x" * 201},
        {"nested": {"name": "Li Na"}},
        {"list": [{"name": "Li Na"}]},
        {"price": float("nan")},
        {"when": MONDAY},
        {"nul": "a\x00b"},
        {"ids": list(range(1001))},
    ],
)
def test_what_is_not_an_id_or_a_plain_value_is_stopped(values):
    with pytest.raises(NotForTheTrail) as stopped:
        trail.record(by=MAREK, verb="members.rename", subject="customer:1", at=MONDAY, after=values)
    assert "example.com" not in str(stopped.value)
    assert not Line.objects.exists()


def test_subject_and_why_are_only_ids_too():
    with pytest.raises(NotForTheTrail):
        trail.record(by=MAREK, verb="x.y", subject="customer:li.na@example.com", at=MONDAY)
    with pytest.raises(NotForTheTrail):
        trail.record(by=MAREK, verb="x.y", subject="customer:1", at=MONDAY, why="wrote to li.na@example.com")
