"""One POST to somebody else's machine, of which nothing is believed: not its name, pace, length or redirects.

The name is looked up once, every address it stands for is checked, and the connection goes to a checked address, with
the name for the certificate and the Host header. One deadline covers everything from the first byte to the last.
Proxies of the environment are not used: a proxy would look the name up again.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import certifi
import httpcore

from regulars.oversight.outbound.addresses import NotAllowed, Target, looked_up

#: Seconds for the whole exchange, and for the connection within it.
DEADLINE, CONNECT = 15.0, 5.0
#: Bytes taken in at all (status, headers, the beginning of a body), and of the body.
MOST_BYTES, MOST_BODY = 64 * 1024, 4 * 1024


@dataclass(frozen=True)
class Answer:
    """What came of it. `error` is "" for a status of 200 to 299, else a short code; `asked` is Retry-After (s)."""

    status: int | None
    error: str
    took_ms: int
    asked: float | None = None


class _Failed(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def post(
    where: Target,
    *,
    headers: Mapping[str, str],
    body: bytes,
    trusted: ssl.SSLContext,
    deadline: float = DEADLINE,
    look_up: Callable[[Target], list[str]] = looked_up,
) -> Answer:
    """Send it and say what came of it. Raises nothing that the other side can cause. Redirects are not followed."""
    began = time.monotonic()
    status, error, asked = None, "", None
    try:
        status, asked = _exchange(where, headers, body, trusted, began + deadline, look_up)
        if not 200 <= status <= 299:
            error = "redirect" if 300 <= status <= 399 else "gone" if status == 410 else "status"
    except _Failed as failed:
        error = failed.code
    except ssl.SSLError:
        error = "tls"
    except (httpcore.ProtocolError, UnicodeError):
        error = "bad_answer"
    except (httpcore.TimeoutException, TimeoutError):
        error = "timeout"
    except (httpcore.NetworkError, OSError):
        error = "reset"
    return Answer(status, error, int((time.monotonic() - began) * 1000), asked)


def trusted_certificates() -> ssl.SSLContext:
    """The machine's own authorities (SSL_CERT_FILE is heard) and those of the certifi package."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _exchange(
    where: Target,
    headers: Mapping[str, str],
    body: bytes,
    trusted: ssl.SSLContext,
    until: float,
    look_up: Callable[[Target], list[str]],
) -> tuple[int, float | None]:
    origin = httpcore.Origin(where.scheme.encode(), where.host.encode(), where.port)
    url = httpcore.URL(scheme=where.scheme, host=where.host, port=where.port, target=where.path)
    sent = [(b"Host", where.authority.encode()), (b"Content-Length", str(len(body)).encode())]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    backend = _Checked(where, until, look_up)
    with httpcore.HTTPConnection(origin, ssl_context=trusted, network_backend=backend) as connection:
        response = connection.handle_request(httpcore.Request("POST", url, headers=sent, content=body))
        try:
            _drain(response)
            return response.status, _asked(response.headers)
        finally:
            response.close()


def _drain(response: httpcore.Response) -> None:
    """Take the beginning of the body, so that an honest receiver sees its answer arrive. The status is what counts."""
    taken = 0
    try:
        for chunk in response.iter_stream():
            taken += len(chunk)
            if taken >= MOST_BODY:
                return
    except (_Failed, httpcore.ProtocolError, httpcore.NetworkError, httpcore.TimeoutException, OSError):
        return


def _asked(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    for name, value in headers:
        # Only seconds: a date would need the other side's clock to be right.
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            return float(value)
    return None


class _Checked(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, whatever host it is asked for."""

    def __init__(self, where: Target, until: float, look_up: Callable[[Target], list[str]]) -> None:
        self._where, self._until, self._look_up = where, until, look_up

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._look_up(self._where)
        except NotAllowed:
            raise _Failed("refused_address") from None
        except (OSError, UnicodeError):
            raise _Failed("unknown_host") from None
        for address in addresses:
            left = self._until - time.monotonic()
            if left <= 0:
                raise _Failed("timeout")
            try:
                return _Bounded(socket.create_connection((address, self._where.port), min(CONNECT, left)), self._until)
            except OSError:
                continue
        raise _Failed("no_connection")


class _Bounded(httpcore.NetworkStream):
    """A connection that ends at a deadline and after a number of bytes. Single steps have no time-outs."""

    def __init__(self, plain: socket.socket, until: float) -> None:
        self._socket, self._until, self._taken = plain, until, 0

    def _hurry(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise _Failed("timeout")
        self._socket.settimeout(left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._hurry()
        if self._taken >= MOST_BYTES:
            raise _Failed("too_long")
        found = self._socket.recv(min(max_bytes, MOST_BYTES - self._taken))
        self._taken += len(found)
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
            raise _Failed("tls") from None
        return self

    def get_extra_info(self, info: str) -> Any:
        return None
