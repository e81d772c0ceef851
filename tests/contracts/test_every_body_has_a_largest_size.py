"""Whatever the path, a stranger's body is cut off before it fills memory or disk."""

import asyncio
import gc
from typing import Any

import pytest

from regulars.main import asgi
from regulars.runtime.serving.registry import REGISTRY

PATHS = [
    "/healthz",
    "/console/sign-in",
    "/console/search",
    "/static/x",
    "/api/v1/orders",
    "/nobody/is/here",
    "/hooks/shopify/con_x",
]


def posted(path: str, *, told: int | None, megabytes: int) -> tuple[int, int]:
    """The answer's status, and how many bytes were read for it."""
    headers = [(b"host", b"127.0.0.1")] + ([(b"content-length", str(told).encode())] if told is not None else [])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
    }
    sent: list[Any] = []
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        if read >= megabytes << 20:
            return {"type": "http.disconnect"}
        read += 1 << 20
        return {"type": "http.request", "body": b"x" * (1 << 20), "more_body": read < megabytes << 20}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asgi.application(scope, receive, send))
    return sent[0]["status"], read


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
def test_a_huge_body_is_refused(path: str):
    assert posted(path, told=64 << 20, megabytes=64) == (413, 0)
    status, read = posted(path, told=None, megabytes=64)
    assert status == 413
    assert read <= 4 << 20
    # What was spooled of it is closed by now, not when somebody comes to collect it.
    gc.collect()


def test_the_figures_count_it():
    posted("/healthz", told=64 << 20, megabytes=64)
    assert 'method="POST",status="413"' in REGISTRY.text()
