"""One POST to somebody else's machine, of which nothing is believed: not its name, pace, length or redirects.

The connection goes to a checked address (`bounded`), with the name for the certificate and the Host header.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import httpcore

from regulars.oversight.outbound import bounded
from regulars.oversight.outbound.addresses import Target, looked_up

#: Seconds for the whole exchange.
DEADLINE = 15.0
#: Bytes taken in at all (status, headers, the beginning of a body), and of the body.
MOST_BYTES, MOST_BODY = 64 * 1024, 4 * 1024


@dataclass(frozen=True)
class Answer:
    """What came of it. `error` is "" for a status of 200 to 299, else a short code; `asked` is Retry-After (s)."""

    status: int | None
    error: str
    took_ms: int
    asked: float | None = None


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
        status, asked = _exchange(where, headers, body, trusted, deadline, look_up)
        if not 200 <= status <= 299:
            error = "redirect" if 300 <= status <= 399 else "gone" if status == 410 else "status"
    except bounded.CAUSED_OUTSIDE as problem:
        error = bounded.why(problem)
    return Answer(status, error, int((time.monotonic() - began) * 1000), asked)


def _exchange(
    where: Target,
    headers: Mapping[str, str],
    body: bytes,
    trusted: ssl.SSLContext,
    deadline: float,
    look_up: Callable[[Target], list[str]],
) -> tuple[int, float | None]:
    origin = httpcore.Origin(where.scheme.encode(), where.host.encode(), where.port)
    url = httpcore.URL(scheme=where.scheme, host=where.host, port=where.port, target=where.path)
    sent = [(b"Host", where.authority.encode()), (b"Content-Length", str(len(body)).encode())]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    backend = bounded.Checked(look_up)
    backend.begin(where, seconds=deadline, most_bytes=MOST_BYTES)
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
    except bounded.CAUSED_OUTSIDE:
        return


def _asked(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    for name, value in headers:
        # Only seconds: a date would need the other side's clock to be right.
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            return float(value)
    return None
