"""Calls to shops: to checked addresses only, within bounds of time and size, again where that helps, and patiently.

As with webhooks out (`oversight/outbound`), a name is looked up once and every address it stands for is checked; no
redirect is followed and no proxy of the environment used. A shop in the operator's own network is named in
`REGULARS_CONNECTORS_OWN_HOSTS`.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import TracebackType
from typing import Any

import certifi
import httpcore

from regulars.doors.connectors.reading import Document, document
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import addresses
from regulars.oversight.outbound.addresses import NotAllowed, Target, looked_up

SETTING = "REGULARS_CONNECTORS_OWN_HOSTS"
#: Seconds for one exchange, and for its connection.
DEADLINE, CONNECT = 60.0, 5.0
#: Bytes of one answer.
MOST_BYTES = 32 * 1024 * 1024
#: Seconds that a walk waits here in all before it lets others have the worker.
PATIENCE = 10.0
#: Tries of one call, and the seconds before the second of them, doubled before each other.
TRIES, FIRST_WAIT = 4, 0.5


@dataclass(frozen=True)
class Reply:
    """A shop's answer. Names of `headers` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Document:
        """The body as a JSON object, exactly; raises NotUnderstood."""
        return document(self.body)

    @property
    def asked_wait(self) -> float | None:
        """Retry-After in seconds; dates are not heard, for the shop's clock may be another."""
        told = self.headers.get("retry-after", "").strip()
        try:
            return min(max(float(told), 0.0), 3600.0)
        except ValueError:
            return None


class CallFailed(Exception):
    """The shop could not be asked: no_connection, timeout, not_allowed, status_503 … `why` is for people."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(code)
        self.code, self.why = code, why


class Rest(Exception):
    """The shop wants to be left alone for longer than we wait here."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.lasts = timedelta(seconds=seconds)


class Caller:
    """Calls one shop, keeping its connection. Use it in one thread, and close it (`with`)."""

    def __init__(
        self,
        *,
        own: Collection[str] | None = None,
        patience: float | None = None,
        sleep: Callable[[float], None] | None = None,
        look_up: Callable[[Target], list[str]] = looked_up,
    ) -> None:
        self._own = addresses.own_hosts(SETTING) if own is None else frozenset(own)
        self._sleep, self._patience = sleep or time.sleep, PATIENCE if patience is None else patience
        self._backend = _Checked(look_up)
        self._pool: httpcore.ConnectionPool | None = None

    def __enter__(self) -> "Caller":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.close()

    def wait(self, seconds: float) -> None:
        """Wait so long; raises Rest where that is more than there is patience for."""
        if seconds > self._patience:
            raise Rest(seconds)
        self._patience -= seconds
        if seconds > 0:
            self._sleep(seconds)

    def ask(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """`once`, and again where the shop is busy or could not be reached: only for what is harmless to repeat.

        A status of 2xx comes back, and 404; CallFailed for the rest.
        """
        wait = FIRST_WAIT
        for left in reversed(range(TRIES)):
            try:
                reply = self.once(method, url, headers=headers, body=body)
            except CallFailed as failed:
                if not left or failed.code in {"refused_address", "bad_url", "too_long"}:
                    raise
            else:
                if 200 <= reply.status <= 299 or reply.status == 404:
                    return reply
                if reply.status in {401, 403}:
                    raise CallFailed("not_allowed", f"the shop answered {reply.status}; look at the credentials")
                if reply.status != 429 and reply.status < 500:
                    raise CallFailed(f"status_{reply.status}", f"the shop answered {reply.status}")
                if reply.status == 429:
                    # It is our turn to be slow, which is no failure: as often as there is patience for.
                    self.wait(max(reply.asked_wait or 0.0, wait))
                    wait *= 2
                    continue
                if not left:
                    raise CallFailed(f"status_{reply.status}", f"the shop answered {reply.status}")
                wait = max(wait, reply.asked_wait or 0.0)
            self.wait(wait)
            wait *= 2
        raise Rest(60.0)

    def once(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One exchange, whatever its status. Raises CallFailed for whatever the other side can cause."""
        try:
            where = addresses.target(url, own=self._own)
        except Refusal as refusal:
            raise CallFailed("bad_url", refusal.message) from None
        if self._pool is None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=_trusted(), max_connections=1, keepalive_expiry=20.0, network_backend=self._backend
            )
        sent = [(b"Host", where.authority.encode()), (b"Content-Length", str(len(body)).encode())]
        sent += [(name.encode(), value.encode()) for name, value in headers.items()]
        target = httpcore.URL(scheme=where.scheme, host=where.host, port=where.port, target=where.path)
        self._backend.begin(where)
        try:
            response = self._pool.handle_request(httpcore.Request(method, target, headers=sent, content=body))
            try:
                taken = b"".join(response.iter_stream())
            finally:
                response.close()
        except CallFailed:
            raise
        except ssl.SSLError:
            raise CallFailed("tls", "its certificate is not trusted") from None
        except (httpcore.ProtocolError, UnicodeError):
            raise CallFailed("bad_answer", "what it answers is no HTTP") from None
        except (httpcore.TimeoutException, TimeoutError):
            raise CallFailed("timeout", "it does not answer") from None
        except (httpcore.NetworkError, OSError):
            raise CallFailed("reset", "it broke off") from None
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Reply(response.status, found, taken)


@cache
def _trusted() -> ssl.SSLContext:
    """Made once: reading every authority's certificate takes longer than most calls."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Checked(httpcore.NetworkBackend):
    """Connects to checked addresses, whatever host it is asked for; bounds every exchange."""

    def __init__(self, look_up: Callable[[Target], list[str]]) -> None:
        self._look_up = look_up
        self._where: Target | None = None
        self.until, self.left = 0.0, 0

    def begin(self, where: Target) -> None:
        """Another exchange: its bounds begin anew."""
        self._where, self.until, self.left = where, time.monotonic() + DEADLINE, MOST_BYTES

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        assert self._where is not None
        try:
            found = self._look_up(self._where)
        except NotAllowed:
            raise CallFailed("refused_address", f"it is inside a private network; see {SETTING}") from None
        except (OSError, UnicodeError):
            raise CallFailed("unknown_host", "nobody knows its name") from None
        for address in found:
            left = self.until - time.monotonic()
            try:
                plain = socket.create_connection((address, self._where.port), max(0.01, min(CONNECT, left)))
            except OSError:
                continue
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Bounded(plain, self)
        raise CallFailed("no_connection", "nobody answers there")


class _Bounded(httpcore.NetworkStream):
    """A connection whose exchanges end at a deadline and after a number of bytes."""

    def __init__(self, plain: socket.socket, bounds: _Checked) -> None:
        self._socket, self._bounds = plain, bounds

    def _hurry(self) -> None:
        left = self._bounds.until - time.monotonic()
        if left <= 0:
            raise CallFailed("timeout", "it takes too long")
        self._socket.settimeout(left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._hurry()
        if self._bounds.left <= 0:
            raise CallFailed("too_long", f"its answer has more than {MOST_BYTES} bytes")
        found = self._socket.recv(min(max_bytes, self._bounds.left))
        self._bounds.left -= len(found)
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._hurry()
        self._socket.sendall(buffer)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._hurry()
        try:
            self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except ssl.SSLError:
            self._socket.close()
            raise CallFailed("tls", "its certificate is not trusted") from None
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # A kept connection on which something stands to be read was closed by the shop.
            return bool(select.select([self._socket], [], [], 0)[0])
        return None
