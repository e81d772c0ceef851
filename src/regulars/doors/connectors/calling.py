"""Calls to shops: to checked addresses only, within bounds of time and size, again where that helps, and patiently.

Connections are those of webhooks out (`oversight/outbound/bounded`), kept between calls; no redirect is followed. A
shop in the operator's own network is named in `REGULARS_CONNECTORS_OWN_HOSTS`.
"""

import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import TracebackType

import httpcore

from regulars.doors.connectors.reading import Document, document
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import addresses, bounded
from regulars.oversight.outbound.addresses import Target, looked_up

SETTING = "REGULARS_CONNECTORS_OWN_HOSTS"
#: Seconds for one exchange.
DEADLINE = 60.0
#: Bytes of one answer.
MOST_BYTES = 32 * 1024 * 1024
#: Seconds that a walk waits here in all before it lets others have the worker.
PATIENCE = 10.0
#: Tries of one call, and the seconds before the second of them, doubled before each other.
TRIES, FIRST_WAIT = 4, 0.5
#: Why a call came to no end, for people.
_WHY = {
    "refused_address": f"it is inside a private network; see {SETTING}",
    "unknown_host": "nobody knows its name",
    "no_connection": "nobody answers there",
    "timeout": "it does not answer in time",
    "too_long": f"its answer has more than {MOST_BYTES} bytes",
    "tls": "its certificate is not trusted",
    "bad_answer": "what it answers is no HTTP",
    "reset": "it broke off",
}


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
        self._backend = bounded.Checked(look_up)
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
        self._backend.begin(where, seconds=DEADLINE, most_bytes=MOST_BYTES)
        try:
            response = self._pool.handle_request(httpcore.Request(method, target, headers=sent, content=body))
            try:
                taken = b"".join(response.iter_stream())
            finally:
                response.close()
        except bounded.CAUSED_OUTSIDE as problem:
            code = bounded.why(problem)
            raise CallFailed(code, _WHY[code]) from None
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Reply(response.status, found, taken)


@cache
def _trusted() -> ssl.SSLContext:
    """Made once: reading every authority's certificate takes longer than most calls."""
    return bounded.trusted_certificates()
