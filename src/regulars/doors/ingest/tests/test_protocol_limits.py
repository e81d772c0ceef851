"""A small request must not become a large one here."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from regulars.doors.ingest import protocol
from regulars.facts.events import messages

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


def test_a_number_that_is_none_costs_neither_its_batch_nor_its_message():
    told = rb'{"userId":"wu","event":"A","properties":{"a":NaN,"b":[-Infinity,1.50],"c":"NaN: Infinity \" NaN,"}}'

    batch = protocol.read("/v1/batch", b'{"batch":[%s,%s]}' % (told, told), received_at=NOW).messages
    single = protocol.read("/v1/track", told, received_at=NOW).messages

    said = {"a": None, "b": [None, Decimal("1.50")], "c": 'NaN: Infinity " NaN,'}
    assert [one.properties for one in batch.calls or ()] == [said, said]
    assert messages.decoded(single.text(0))["properties"] == messages.decoded(told)["properties"] == said


def test_quotes_without_an_end_are_not_tried_one_by_one():
    with pytest.raises(protocol.Unreadable, match="not_json"):
        protocol.read("/v1/track", b'{"' + rb"\"" * 200_000 + b"NaN", received_at=NOW)


def test_gzip_of_several_members_is_one_body():
    told = json.dumps({"batch": [{"type": "page", "userId": "li-1"}]}).encode()
    packed = b"".join(gzip.compress(told[start : start + 20]) for start in range(0, len(told), 20))

    assert protocol.unpacked(packed) == told
    assert protocol.unpacked(packed + bytes(512)) == told


def test_members_together_are_no_larger_than_one_body():
    half = gzip.compress(b" " * (protocol.LARGEST_BODY // 2))

    assert len(protocol.unpacked(half + half)) == protocol.LARGEST_BODY
    with pytest.raises(protocol.Unreadable, match="too_large"):
        protocol.unpacked(half + half + gzip.compress(b" "))


@pytest.mark.parametrize(
    "second",
    [gzip.compress(b"[1, 2, 3]", mtime=0)[:-4], protocol.GZIP + b"no gzip at all"],
    ids=["cut off", "no gzip"],
)
def test_a_broken_second_member_is_no_end(second):
    with pytest.raises(protocol.Unreadable, match="not_gzip"):
        protocol.unpacked(gzip.compress(b"{}") + second)


def test_very_many_members_are_not_unpacked():
    with pytest.raises(protocol.Unreadable, match="not_gzip"):
        protocol.unpacked(gzip.compress(b"") * 400_000)
