"""Around every request of every kind: an id, a log line, a measured duration. No address, no query, no person."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from regulars.runtime.serving.registry import REGISTRY
from regulars.runtime.trail.requests import request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("regulars.requests")
HEADER = b"x-request-id"
_SAFE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
#: What stands in the log for a path that no route claims; paths can hold one-time links, so none is ever logged.
NO_ROUTE = "(no route)"
#: Nobody receives it; the log and the figures must not count a caller who gave up among our failures.
CLIENT_WENT_AWAY = 499
#: Until an answer begins.
NOT_ANSWERED = 0
#: A caller may send any word for a method; each one counted would be a series of its own, for as long as we run.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "OTHER"


def _id_of(scope: Scope) -> str:
    given = next((value for name, value in scope.get("headers", ()) if name == HEADER), b"")
    return given.decode() if _SAFE.fullmatch(given) else secrets.token_hex(8)


class Observed:
    """Wraps an ASGI application. Its views name their route in `scope["regulars.route"]`.

    What comes thousands of times a second sets `scope["regulars.quiet"]`: counted like all, logged only when it fails.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen, status, began = _id_of(scope), NOT_ANSWERED, time.perf_counter()
        has_gone = False

        async def receiving() -> Message:
            nonlocal has_gone
            message = await receive()
            has_gone = has_gone or message["type"] == "http.disconnect"
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, chosen.encode())]
            await send(message)

        token = request_id.set(chosen)
        try:
            await self._app(scope, receiving, sending)
        except asyncio.CancelledError:
            has_gone = True
            raise
        finally:
            if status == NOT_ANSWERED:
                # Django ends quietly when its client goes away while it works: nobody's error.
                status = CLIENT_WENT_AWAY if has_gone else 500
            seconds = time.perf_counter() - began
            route = scope.get("regulars.route") or NO_ROUTE
            method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
            REGISTRY.observe_request(route=route, method=method, status=status, seconds=seconds)
            quiet = logging.DEBUG if scope.get("regulars.quiet") else logging.INFO
            log.log(
                logging.ERROR if status >= 500 else quiet,
                "%s %s %d",
                method,
                route,
                status,
                extra={"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)},
            )
            request_id.reset(token)
