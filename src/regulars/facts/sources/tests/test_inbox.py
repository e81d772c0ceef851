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
