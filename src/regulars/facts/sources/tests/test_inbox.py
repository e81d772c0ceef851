"""The inbox: what is counted, and by what."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from regulars.facts.sources import connections, inbox
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_what_somebody_may_have_to_look_at_is_counted_and_nothing_else_is_read() -> None:
    till = connections.connect(
        name="till", kind="generic", zone="Europe/London", credentials={"secret": "s" * 32}, at=NOW, by=SYSTEM
    )
    states: tuple[inbox.State, ...] = ("done", "done", "repeated", "waiting", "waiting", "not_understood", "set_aside")
    for n, state in enumerate(states):
        kept = inbox.keep(connection=till.id, key=str(n), topic="t", body=b"{}", at=NOW + timedelta(minutes=n))
        if state != "waiting":
            inbox.settle(number=kept.id, as_=state, at=NOW)
    found = inbox.counts()[till.id]
    assert found.by_state == {"waiting": 2, "not_understood": 1, "set_aside": 1}
    assert found.waiting_since == NOW + timedelta(minutes=3)

    with connection.cursor() as cursor:
        # As it is with many rows, of which these few are few.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + inbox._COUNTS, inbox._COUNTS_OF)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "sources_delivery_state" in plan or "sources_delivery_waiting" in plan
    assert "Seq Scan on sources_delivery" not in plan


def test_bodies_go_after_thirty_days_once_taken_and_everything_after_ninety() -> None:
    till = connections.connect(
        name="till", kind="generic", zone="Europe/London", credentials={"secret": "s" * 32}, at=NOW, by=SYSTEM
    )
    cases: tuple[tuple[int, inbox.State], ...] = (
        (29, "done"),
        (31, "done"),
        (31, "set_aside"),
        (31, "not_understood"),
        (91, "not_understood"),
    )
    numbers = {}
    for days, state in cases:
        kept = inbox.keep(
            connection=till.id, key=f"{days}{state}", topic="t", body=b"{}", at=NOW - timedelta(days=days)
        )
        inbox.settle(number=kept.id, as_=state, at=NOW)
        numbers[days, state] = kept.id
    assert inbox.forget_old(at=NOW) == 3
    assert inbox.forget_old(at=NOW) == 0
    assert {key: inbox.get(number).has_body for key, number in numbers.items() if key[0] < 90} == {
        (29, "done"): True,
        (31, "done"): False,
        (31, "set_aside"): False,
        (31, "not_understood"): True,
    }
    with pytest.raises(inbox.UnknownDelivery):
        inbox.get(numbers[91, "not_understood"])
    with pytest.raises(inbox.NothingToReplay):
        inbox.replay(number=numbers[31, "done"], at=NOW, by=SYSTEM)
