"""A largest size for request bodies. Without it any stranger could fill the disk that bodies are spooled to."""

from collections.abc import Callable
from dataclasses import dataclass

from regulars.runtime.serving.observed import App, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Answer:
    """A small answer, whole."""

    status: int
    content_type: str
    body: bytes


class Limited:
    """Wraps an ASGI application that reads a body before it answers. Bodies above `most` bytes get `refusal()`."""

    def __init__(self, app: App, *, most: int, refusal: Callable[[], Answer]) -> None:
        self._app, self._most, self._refusal = app, most, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = next((value for name, value in scope.get("headers", ()) if name == b"content-length"), b"0")
        if not told.isdigit() or int(told) > self._most:
            await self._refuse(send)
            return
        left, has_begun = self._most, False

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            # As if its sender had gone away: then an application closes what it has spooled so far.
            return message if left >= 0 else {"type": "http.disconnect"}

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        await self._app(scope, counted, noted)
        if left < 0 and not has_begun:
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        answer = self._refusal()
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
