"""Which application a request goes to."""

import asyncio
from typing import Any

import pytest

from regulars.main import asgi


def answered(path: str, method: str = "OPTIONS") -> tuple[int, Any]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "scheme": "http",
    }
    asyncio.run(asgi.by_path(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("path", ["/v1/track", "//v1/track", "///v1/batch/", "//beacon/v1/batch"])
def test_a_host_told_with_a_slash_at_its_end_is_the_door_for_events_too(path):
    assert answered(path) == (200, b"")


def test_what_is_no_endpoint_there_is_told_so_as_programs_read_it():
    status, body = answered("//v1/trakc", "POST")

    assert (status, b"no such endpoint" in body) == (404, True)
