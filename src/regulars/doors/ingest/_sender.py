"""The benchmarks' client: a process of its own that has every request ready before the clock starts.

`python -m regulars.doors.ingest._sender` reads what to do from its standard input, says `ready`, waits for a line, and
prints what happened. Raw sockets and no library, so that little of the machine is the client's.
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

_EVENTS = ("Product Viewed", "Product Viewed", "Product List Viewed", "Product Added", "Products Searched")
_BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)
#: One visitor makes so many events one after the other.
VISIT = 6


@dataclass(frozen=True)
class Again:
    """Whoever made the first so many visits of a run comes back: each event is another one's, for in a shop many are on
    its pages at once."""

    run: str
    visits: int


def message(run: str, number: int, now: str, again: Again | None = None) -> dict[str, Any]:
    """One call as a shop's page makes it through the usual client, of 0.8 to 1 KB. One in a hundred is an identify."""
    visit = number // VISIT if again is None else number * 7919 % again.visits
    people = run if again is None else again.run
    is_known = visit % 3 == 0
    product = number * 7919 % 4_000
    address = f"https://shop.example/things/{product}?utm_source=letter&utm_campaign=autumn"
    told: dict[str, Any] = {
        # Each has a moment of its own, within the second.
        "timestamp": f"{now[:-4]}{number % 1000:03}Z",
        "integrations": {},
        "userId": f"c-{people}-{visit}" if is_known else None,
        "anonymousId": f"4f9c{visit:08x}-6d1e-4c55-9c1b-{hash_of(people):04x}8d2f11aa",
        "type": "track",
        "event": _EVENTS[number % len(_EVENTS)],
        "properties": {
            "product_id": f"p-{product}",
            "sku": f"TG-{product:05}",
            "name": f"A thing of no great importance, {product}",
            "category": f"Things/Small/{product % 40}",
            "brand": "Willow & Loaf",
            "price": round(3 + product % 900 / 7, 2),
            "quantity": 1 + number % 3,
            "currency": "GBP",
            "position": number % 24,
            "list_id": "autumn",
        },
        "context": {
            "page": {
                "path": f"/things/{product}",
                "referrer": "https://www.search.example/",
                "search": "?utm_source=letter&utm_campaign=autumn",
                "title": f"Thing {product} - Willow & Loaf",
                "url": address,
            },
            "userAgent": _BROWSER,
            "locale": "en-GB",
            "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
            "timezone": "Europe/London",
            "campaign": {"source": "letter", "name": "autumn"},
        },
        "messageId": f"ajs-next-{run}-{number}-8a0c1d2e-77bb-4c9e-9a55-1f2e3d4c5b6a",
        "sentAt": now,
    }
    if number % 100 == 99 and is_known:
        told |= {"type": "identify", "traits": {"email": f"c{visit}@mail.example", "plan": "leaf"}}
        del told["event"], told["properties"]
    return told


def hash_of(run: str) -> int:
    """Two bytes that tell runs apart."""
    return sum(run.encode()) & 0xFFFF


def requests(
    *, key: str, run: str, events: int, size: int, port: int, again: tuple[str, int] | None = None
) -> list[bytes]:
    """Whole requests, head and body; `size` events each, 1 for the call that takes a single one."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    whose = None if again is None else Again(*again)
    found = []
    for start in range(0, events, size):
        some = [message(run, number, now, whose) for number in range(start, min(start + size, events))]
        body = json.dumps(some[0] if size == 1 else {"batch": some, "sentAt": now, "writeKey": key}).encode()
        path = f"/v1/{some[0]['type']}" if size == 1 else "/v1/batch"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


@dataclass(eq=False)
class _Line:
    """One connection. `due` is when the request at hand was to be sent, the moment of sending where no rate is set."""

    socket: socket.socket
    due: float = 0.0
    left: memoryview = field(default_factory=lambda: memoryview(b""))
    heard: bytearray = field(default_factory=bytearray)


def send(port: int, waiting: list[bytes], connections: int, per_second: float) -> dict[str, Any]:
    """Send them all, each connection one after the other; `per_second` requests in all, 0 for as many as it takes.

    Milliseconds from due to the last byte of the answer, seconds in all, this process's CPU seconds, and how many
    messages were accepted.
    """
    latencies: list[float] = []
    accepted, odd = 0, 0
    with selectors.DefaultSelector() as looking:
        lines = [_Line(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
        for line in lines:
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.socket.setblocking(False)
            looking.register(line.socket, selectors.EVENT_READ, line)
        cpu, began = time.process_time(), time.perf_counter()
        idle, given, done = list(lines), 0, 0
        while done < len(waiting):
            while idle and given < len(waiting):
                now = time.perf_counter()
                due = began + given / per_second if per_second else now
                if due > now:
                    break
                line = idle.pop()
                line.due, line.left = due, memoryview(waiting[given])
                given += 1
                _push(looking, line)
            wait = None
            if idle and given < len(waiting):
                wait = max(0.0, began + given / per_second - time.perf_counter())
            for key, mask in looking.select(wait):
                line = key.data
                if mask & selectors.EVENT_WRITE:
                    _push(looking, line)
                if mask & selectors.EVENT_READ and (answer := _heard(line)) is not None:
                    latencies.append((time.perf_counter() - line.due) * 1000)
                    accepted += answer.count(b'"accepted"')
                    odd += not answer.startswith(b"HTTP/1.1 200")
                    done += 1
                    idle.append(line)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        for line in lines:
            line.socket.close()
    return {"ms": latencies, "seconds": seconds, "cpu": cpu, "accepted": accepted, "not_200": odd}


def _push(looking: selectors.BaseSelector, line: _Line) -> None:
    try:
        sent = line.socket.send(line.left)
    except BlockingIOError:
        sent = 0
    line.left = line.left[sent:]
    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.left else 0)
    looking.modify(line.socket, wanted, line)


def _heard(line: _Line) -> bytes | None:
    """The answer, once it is whole."""
    try:
        part = line.socket.recv(1 << 18)
    except BlockingIOError:
        return None
    if not part:
        raise ConnectionError("the server closed a connection before it answered")
    line.heard += part
    end = line.heard.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(line.heard[:end]).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    if len(line.heard) < end + 4 + length:
        return None
    answer, line.heard = bytes(line.heard), bytearray()
    return answer


def main() -> None:
    """What to do comes as one line of JSON: port, key, run, events, size, connections, per_second,
    again."""
    wanted = json.loads(sys.stdin.readline())
    ready = requests(**{name: wanted[name] for name in ("key", "run", "events", "size", "port", "again")})
    _tell({"bytes": sum(map(len, ready))})
    sys.stdin.readline()
    _tell(send(wanted["port"], ready, wanted["connections"], wanted["per_second"]))


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
