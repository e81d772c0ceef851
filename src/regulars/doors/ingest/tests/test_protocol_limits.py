"""A small request must not become a large one here."""

import json
from datetime import UTC, datetime

import pytest

from regulars.doors.ingest import protocol

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_a_context_for_very_many_messages_is_small():
    """A megabyte of context for ten thousand messages would be ten gigabytes."""
    batch = {"context": {"a": "x" * 1_000_000}, "batch": [{"type": "page", "userId": "li-1"}] * 10_000}

    with pytest.raises(protocol.Unreadable, match="too_large"):
        protocol.read("/v1/batch", json.dumps(batch).encode(), received_at=NOW)


def test_an_ordinary_context_is_no_trouble():
    batch = {"context": {"library": {"name": "x" * 1_000}}, "batch": [{"type": "page", "userId": "li-1"}] * 2_500}

    assert len(protocol.read("/v1/batch", json.dumps(batch).encode(), received_at=NOW).messages) == 2_500


def test_half_a_character_in_one_message_costs_no_other():
    told = rb'{"batch":[{"type":"page","userId":"li-\ud83d"},{"type":"page","userId":"wu"}]}'

    assert len(protocol.read("/v1/batch", told, received_at=NOW).messages) == 2
