"""A shop is connected, its history read, its messages come badly, and a poll makes good what they missed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from regulars.doors.connectors import taking
from regulars.doors.connectors.shopify.tests.builders import (
    SETTING,
    backfill,
    badly,
    caller,
    connected,
    poll,
    recorded,
    send,
    told,
)
from regulars.doors.connectors.shopify.tests.shopfront import Shopfront, opened
from regulars.doors.connectors.tests.shopkeeping import EXAMPLES, LONG_PAST, kept, measured
from regulars.facts.sources import cursors, inbox


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "127.0.0.1")


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[object]:
    return [
        (kind, key, found[kind].get(key), wanted[kind].get(key))
        for kind in wanted
        for key in sorted(found[kind].keys() | wanted[kind].keys())
        if found[kind].get(key) != wanted[kind].get(key)
    ]


def live_through(seed: int, past: int, acts: int, *, is_long: bool = False) -> None:
    front = Shopfront(seed=seed)
    front.fill(past)
    with opened(front) as address, kept(is_long):
        connection = connected(address, f"teas-{seed}")
        front.pass_time(120)
        with measured("back-fill", is_long):
            backfill(connection, front)
        assert differences(recorded(front, connection), told(front, connection)) == []

        front.pass_time(5)
        front.live(acts)
        front.failures = [503]
        for message in badly(front.sent, seed):
            assert send(connection, message) == 200
        with measured("messages", is_long), caller(front) as asking:
            taking.take_waiting(connection=connection.id, limit=10_000, caller=asking)
        assert {one.state for one in inbox.search(connection=connection.id)} <= {"done", "repeated"}

        front.pass_time(600)
        with measured("poll", is_long):
            poll(connection, front)
        assert differences(recorded(front, connection), told(front, connection)) == []
        streams = cursors.of(connection.id)
        assert not any(one.problem for one in streams)
        assert all(one.gaps_found == one.gaps_mended for one in streams)

        # And once more, for nothing: all is known.
        gaps = [one.gaps_found for one in streams]
        front.pass_time(600)
        with measured("poll for nothing", is_long):
            poll(connection, front)
        assert [one.gaps_found for one in cursors.of(connection.id)] == gaps


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=EXAMPLES <= 3,
    # A seed cannot be made smaller.
    phases=[Phase.generate],
)
@given(seed=st.integers(1, 10**9))
def test_the_end_is_the_shops_own_state_whatever_was_lost_doubled_or_shuffled(db, seed: int):
    live_through(seed, past=5, acts=16)


@pytest.mark.skipif(not LONG_PAST, reason="long: make shopfronts")
def test_long_form_ten_thousand_orders_of_the_past(fresh_database: dict[str, str]):
    live_through(seed=2026, past=LONG_PAST, acts=400, is_long=True)
