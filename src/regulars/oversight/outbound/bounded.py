"""Connections to other people's machines: to checked addresses only, within a deadline and a number of bytes.

A name is looked up once and every address it stands for is checked; the connection goes to one of those, whatever host
the protocol asks for. One deadline covers an exchange from its first byte to its last; its steps have no time-outs.
Proxies of the environment are not used: a proxy would look the name up again.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import certifi
import httpcore

from regulars.oversight.outbound.addresses import NotAllowed, Target, looked_up

#: Seconds for a connection, within its exchange's deadline.
CONNECT = 5.0


class BrokeOff(Exception):
    """An exchange that came to no end, by a short code: refused_address, unknown_host, no_connection, timeout,
    too_long, tls, bad_answer or reset."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def trusted_certificates() -> ssl.SSLContext:
    """The machine's own authorities (SSL_CERT_FILE is heard) and those of the certifi package."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def why(problem: Exception) -> str:
    """The code of what an exchange over `Checked` raised."""
    match problem:
        case BrokeOff():
            return problem.code
        case ssl.SSLError():
            return "tls"
        case httpcore.TimeoutException() | TimeoutError():
            return "timeout"
        case httpcore.ProtocolError() | UnicodeError():
            return "bad_answer"
        case _:
            return "reset"


#: What the other side can make an exchange raise.
CAUSED_OUTSIDE = (
    BrokeOff,
    ssl.SSLError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.NetworkError,
    UnicodeError,
    OSError,
)


class Checked(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, and bounds each exchange; `begin` comes before the first."""

    def __init__(self, look_up: Callable[[Target], list[str]] = looked_up) -> None:
        self._look_up = look_up
        self._where: Target | None = None
        self._until, self._left = 0.0, 0

    def begin(self, where: Target, *, seconds: float, most_bytes: int) -> None:
        """Another exchange, also over a connection that was kept: its bounds begin anew."""
        self._where, self._until, self._left = where, time.monotonic() + seconds, most_bytes

    def seconds_left(self) -> float:
        """Until the exchange's end. Raises `BrokeOff`."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise BrokeOff("timeout")
        return left

    def receive(self, plain: socket.socket, most: int) -> bytes:
        """Some bytes, as far as the exchange may take any more. Raises `BrokeOff`."""
        if self._left <= 0:
            raise BrokeOff("too_long")
        found = plain.recv(min(most, self._left))
        self._left -= len(found)
        return found

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
            addresses = self._look_up(self._where)
        except NotAllowed:
            raise BrokeOff("refused_address") from None
        except (OSError, UnicodeError):
            raise BrokeOff("unknown_host") from None
        for address in addresses:
            seconds = min(CONNECT, self.seconds_left())
            try:
                plain = socket.create_connection((address, self._where.port), seconds)
            except OSError:
                # A host may have an address that does not answer beside one that does; of none at all it is said below.
                continue
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Bounded(plain, self)
        raise BrokeOff("no_connection")


class _Bounded(httpcore.NetworkStream):
    def __init__(self, plain: socket.socket, bounds: Checked) -> None:
        self._socket, self._bounds = plain, bounds

    def _hurry(self) -> None:
        self._socket.settimeout(self._bounds.seconds_left())

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._hurry()
        return self._bounds.receive(self._socket, max_bytes)

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
            raise BrokeOff("tls") from None
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # A kept connection on which something stands to be read was closed by the other side.
            return bool(select.select([self._socket], [], [], 0)[0])
        return None
