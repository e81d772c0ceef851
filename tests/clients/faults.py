"""A proxy on loopback between a client and our server that does to requests what networks and crashes do."""

import asyncio
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

#: Seconds that a swallowed request is held before its connection is cut, for clients that would wait for ever.
HELD = 2.5
_ANY_PAGE = "access-control-allow-origin: *\r\naccess-control-expose-headers: retry-after\r\n"


class Fault(StrEnum):
    """What happens to one request. With the second kind the server has committed and the client cannot know."""

    NONE = "none"
    ERROR_500 = "500"
    ERROR_503 = "503 with Retry-After"
    ERROR_429 = "429 with Retry-After"
    SWALLOWED = "never answered"
    RESET_BEFORE = "reset before the server had it"
    KILLED_DURING = "server killed while it had the request"

    ANSWER_SWALLOWED = "answer never came"
    ANSWER_TORN = "half an answer"
    ANSWER_RESET = "reset instead of the answer"
    KILLED_AFTER = "server killed between commit and answer"


#: Each of them once, those that kill apart.
FAULTS = (
    Fault.ERROR_500,
    Fault.ANSWER_RESET,
    Fault.ERROR_503,
    Fault.ANSWER_TORN,
    Fault.ERROR_429,
    Fault.RESET_BEFORE,
    Fault.ANSWER_SWALLOWED,
    Fault.SWALLOWED,
)
#: Every client has to send the same again after these; some are content with half an answer that begins well.
LOSES_THE_ANSWER = frozenset([Fault.ANSWER_SWALLOWED, Fault.ANSWER_RESET, Fault.KILLED_AFTER])
_SAID = {
    Fault.ERROR_500: "500 Internal Server Error\r\n",
    Fault.ERROR_503: "503 Service Unavailable\r\nretry-after: 1\r\n",
    Fault.ERROR_429: "429 Too Many Requests\r\nretry-after: 1\r\n",
}


@dataclass(frozen=True)
class _Request:
    """One request as it came."""

    head: bytes
    body: bytes

    @property
    def is_message(self) -> bool:
        return self.head.startswith(b"POST ")


class Proxy:
    """Sends what comes to its own port on to the one that `port` names.

    Messages meet the faults of `script` one by one, later ones none.

    `kill` is called for the faults that kill, in a thread; it returns when the server answers again.
    """

    def __init__(self, *, port: Callable[[], int], script: Iterable[Fault], kill: Callable[[Fault], None]) -> None:
        self.done: Counter[Fault] = Counter()
        self._to = port
        self._script = deque(script)
        self._kill = kill
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                fault = self._script.popleft() if request.is_message and self._script else Fault.NONE
                if not await self._meet(fault, request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            # The client has gone, or the server: it was killed, and comes again.
            _reset(writer)
        finally:
            writer.close()

    async def _meet(self, fault: Fault, request: _Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        if fault in _SAID:
            writer.write(f"HTTP/1.1 {_SAID[fault]}{_ANY_PAGE}content-length: 0\r\n\r\n".encode())
            await writer.drain()
            self.done[fault] += 1
            return True
        if fault is Fault.NONE:
            writer.write(await self._ask(request))
            await writer.drain()
            self.done[fault] += 1
            return True
        if fault is Fault.KILLED_DURING:
            # Counted before the kill, which waits for others while the client may have given up and be done.
            self.done[fault] += 1
            asking = asyncio.ensure_future(self._ask(request))
            await asyncio.sleep(0.005)
            await asyncio.to_thread(self._kill, fault)
            await asyncio.gather(asking, return_exceptions=True)
        elif fault in LOSES_THE_ANSWER or fault is Fault.ANSWER_TORN:
            try:
                answer = await self._ask(request)
            except (OSError, asyncio.IncompleteReadError):
                # Somebody else's kill came between: this fault is still to come.
                self._script.appendleft(fault)
                raise
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
            self.done[fault] += 1
            if fault is Fault.KILLED_AFTER:
                await asyncio.to_thread(self._kill, fault)
            elif fault is Fault.ANSWER_TORN:
                writer.write(answer[: len(answer) - len(answer.partition(b"\r\n\r\n")[2]) // 2])
                await writer.drain()
        else:
            self.done[fault] += 1
        if fault in {Fault.SWALLOWED, Fault.ANSWER_SWALLOWED}:
            await asyncio.sleep(HELD)
        if fault is not Fault.ANSWER_TORN:
            _reset(writer)
        return False

    async def _ask(self, request: _Request) -> bytes:
        """The server's whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to())
        try:
            writer.write(request.head + request.body)
            await writer.drain()
            answer = await _read(reader)
        finally:
            writer.close()
        if answer is None:
            raise ConnectionResetError("the server went away")
        return answer.head + answer.body


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """The next request or answer, both have one form here; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        if cut.partial:
            raise
        return None
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    assert b"transfer-encoding" not in fields, head
    return _Request(head, await reader.readexactly(int(fields.get(b"content-length", b"0"))))


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST, not FIN: what a machine sends whose program has died."""
    told: socket.socket | None = writer.get_extra_info("socket")
    if told is not None and told.fileno() >= 0:
        told.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
