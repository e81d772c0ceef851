"""What the door does when too much comes, or nothing can be written: it says when to come again, and loses nothing."""

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import OperationalError, connection

from regulars.doors.ingest import app, committing, hands, protocol
from regulars.doors.ingest.app import Ingest
from regulars.facts.events import intake
from regulars.facts.sources import sources, write_keys
from regulars.kit.actors import SYSTEM

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def a_key(name: str = "web", **more: Any) -> str:
    made = sources.make(name=name, kind="web", namespace="shop", zone="Asia/Shanghai", at=NOW, by=SYSTEM)
    return write_keys.make(source=made.id, at=NOW, by=SYSTEM, **more).token


def viewed(number: int, **more: object) -> dict[str, object]:
    return {"type": "track", "event": "Product Viewed", "userId": "li", "messageId": f"m-{number}", **more}


def count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_event")
        return int(cursor.fetchone()[0])


async def ask(
    ingest: Ingest, key: str, body: bytes, *, part: int = 1 << 20, pause: float = 0
) -> tuple[int, dict[bytes, bytes], Any]:
    sent: list[Any] = []
    parts = [body[start : start + part] for start in range(0, len(body), part)] or [b""]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def sending(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Basic " + base64.b64encode(key.encode() + b":"))]
    scope = {"type": "http", "method": "POST", "path": "/v1/batch", "query_string": b"", "headers": headers}
    await ingest(scope, receive, sending)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


def once(key: str, body: bytes, **how: Any) -> tuple[int, dict[bytes, bytes], Any]:
    ingest = Ingest()
    try:
        return asyncio.run(ask(ingest, key, body, **how))
    finally:
        ingest.close()


def batch(*told: object) -> bytes:
    return json.dumps({"batch": told}).encode()


def test_a_key_that_sends_too_much_is_told_when_to_come_again_and_others_are_not(fresh_database):
    slow, quick = a_key(per_second=2), a_key("till")
    ingest = Ingest()

    async def run() -> list[tuple[int, dict[bytes, bytes], Any]]:
        asked = [(slow, batch(*map(viewed, range(4)))), (slow, batch(viewed(9))), (quick, batch(viewed(1)))]
        return [await ask(ingest, key, body) for key, body in asked]

    first, refused, other = asyncio.run(run())
    ingest.close()

    assert [first[0], refused[0], other[0]] == [200, 429, 200]
    assert int(refused[1][b"retry-after"]) >= 1
    assert count() == 5


def test_while_the_database_is_away_clients_are_told_and_what_they_send_again_is_there_once(
    fresh_database, monkeypatch
):
    key, body, whole = a_key(), batch(*map(viewed, range(600))), intake.take_many
    monkeypatch.setattr(committing, "PATIENCE", 0.05)

    def half(*, told: Sequence[Any], **more: Any) -> Any:
        if count():
            raise OperationalError("gone")
        return whole(told=told, **more)

    monkeypatch.setattr(committing, "MOST_AT_ONCE", 400)
    monkeypatch.setattr(intake, "take_many", half)
    status, head, told = once(key, body)
    assert (status, head[b"retry-after"], told["results"]) == (503, b"2", [])
    monkeypatch.setattr(intake, "take_many", whole)

    status, _, told = once(key, body)

    assert status == 200
    assert [one["verdict"] for one in told["results"]] == ["duplicate"] * 400 + ["accepted"] * 200
    assert count() == 600


def test_five_megabytes_come_in_and_more_than_we_read_does_not(fresh_database):
    key = a_key()
    large = batch(*[viewed(number, properties={"list_id": "x" * 4_900}) for number in range(1_000)])
    assert 4_900_000 < len(large) < protocol.LARGEST_BODY

    status, _, told = once(key, large)
    assert (status, {one["verdict"] for one in told["results"]}) == (200, {"accepted"})

    status, _, told = once(key, large + b" " * protocol.LARGEST_BODY)
    assert (status, told["code"]) == (200, "too_large")
    assert count() == 1_000


def test_a_small_body_that_unpacks_to_very_much_is_refused_in_little_memory(fresh_database):
    bomb = gzip.compress(b" " * 40_000_000)

    status, _, told = once(a_key(), bomb)

    assert (status, told["code"]) == (200, "too_large")


def test_a_body_that_never_ends_is_not_waited_for(fresh_database, monkeypatch):
    monkeypatch.setattr(app, "SLOWEST_BODY", 0.2)
    began = time.monotonic()

    status, head, _ = once(a_key(), batch(viewed(1)), part=1, pause=0.05)

    assert (status, head[b"retry-after"]) == (503, b"2")
    assert time.monotonic() - began < 5


def test_many_large_requests_at_once_do_not_fill_the_memory_and_small_ones_come_in(fresh_database, monkeypatch):
    key, other = a_key(), a_key("till")
    monkeypatch.setattr(hands, "MOST", 2_000_000)
    monkeypatch.setattr(hands, "MOST_OF_SMALL", 2_500_000)
    ingest = Ingest()
    most = 0

    async def watch(asked: list["asyncio.Future[Any]"]) -> None:
        nonlocal most
        while not all(one.done() for one in asked):
            most = max(most, ingest._hands.held)
            await asyncio.sleep(0)

    async def run() -> tuple[list[int], int]:
        bodies = [batch(viewed(number, properties={"list_id": "x" * 900_000})) for number in range(8)]
        asked = [asyncio.ensure_future(ask(ingest, key, body, part=50_000)) for body in bodies]
        small = asyncio.ensure_future(ask(ingest, other, batch(viewed(1))))
        await watch([*asked, small])
        return [one.result()[0] for one in asked], small.result()[0]

    large, small = asyncio.run(run())
    ingest.close()

    assert small == 200
    assert set(large) == {200, 429}
    assert most <= 2_500_000
    assert ingest._hands.held == 0
    assert count() == large.count(200) + 1


def test_a_large_batch_lets_others_in_between(fresh_database, monkeypatch):
    """Counted in turns of the loop, not in seconds: reading twenty thousand messages takes two hundred of them."""
    key, other = a_key(per_second=100_000), a_key("till")
    ingest = Ingest()

    async def run() -> tuple[bool, int, int]:
        await ask(ingest, other, batch(viewed(0)))
        body = batch(*[{**viewed(number), "messageId": f"n-{number}"} for number in range(20_000)])
        noisy = asyncio.ensure_future(ask(ingest, key, body))
        await asyncio.sleep(0)
        quiet = await ask(ingest, other, batch(viewed(1)))
        was_still_at_it = not noisy.done()
        return was_still_at_it, quiet[0], (await noisy)[0]

    assert asyncio.run(run()) == (True, 200, 200)
    ingest.close()
    assert count() == 20_002
