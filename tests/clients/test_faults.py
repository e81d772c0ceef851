"""Every client sends through a network and a server that fail in every way at once: nothing lost, nothing doubled.

The clients keep to what they document: they try again after 5xx, 429, time-outs and broken connections, and throw away
what a 4xx refuses, which we never send. `REGULARS_TEST_HEAVY=1` makes it five times as long (`make long`).
"""

import base64
import json
import os
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.clients import CLIENTS, PATIENCE, Client, ended
from tests.clients.faults import FAULTS, LOSES_THE_ANSWER, Fault, Proxy
from tests.loudly import skip_loudly

pytestmark = [pytest.mark.crash, pytest.mark.longer]
#: How often each fault is met.
ROUNDS = 5 if os.environ.get("REGULARS_TEST_HEAVY") == "1" else 1
#: Messages of one client: enough requests to meet each fault, and peace between any two.
BATCH = 5
COUNT = BATCH * 30 * ROUNDS
COUNT_OF_BROWSER = 30 * ROUNDS
#: A request that is cut off.
HALVED = json.dumps(
    {"batch": [{"type": "track", "event": "Half", "userId": "li", "messageId": f"half-{n}"} for n in range(500)]}
).encode()


@dataclass
class Storm:
    """What one client went through."""

    source: int
    said: dict[str, Any]
    met: dict[Fault, int]


class Together:
    """Clients whose answers get lost by the same kill: one restart serves all."""

    def __init__(self, kill: Callable[[], None], parties: int) -> None:
        self._barriers: dict[tuple[Fault, int], threading.Barrier] = defaultdict(
            lambda: threading.Barrier(parties, action=kill, timeout=PATIENCE)
        )
        self._lock = threading.Lock()

    def killer(self) -> Callable[[Fault], None]:
        """For one client: returns when all of them have met this fault as often, and the server is there again."""
        met = Counter[Fault]()

        def kill(fault: Fault) -> None:
            with self._lock:
                met[fault] += 1
                barrier = self._barriers[fault, met[fault]]
            barrier.wait()

        return kill


def script() -> list[Fault]:
    """Each fault with peace before it; a kill while they are at it and one between commit and answer."""
    kills = (Fault.KILLED_AFTER, Fault.KILLED_DURING)
    faults = (*FAULTS[:3], kills[0], *FAULTS[3:6], kills[1], *FAULTS[6:])
    return [one for fault in faults * ROUNDS for one in (Fault.NONE, fault)]


@pytest.fixture(scope="module")
def storms(server, a_source):
    """All clients at once, each through a proxy of its own."""
    clients = [client for client in CLIENTS if not client.lacks()]
    together = Together(server.kill_and_start, len(clients))
    proxies: list[Proxy] = []
    running = []
    try:
        for client in clients:
            source, key = a_source(f"storm-{client.program.split('.')[0].replace('_', '-')}")
            proxies.append(Proxy(port=lambda: server.port, script=script(), kill=together.killer()))
            more = {
                "count": COUNT_OF_BROWSER if client.is_browser else COUNT,
                "batch": BATCH,
                "patience": PATIENCE * ROUNDS,
            }
            running.append((client, source, client.start(address=proxies[-1].address, key=key, what="many", more=more)))
        said = [ended(process, patience=PATIENCE * ROUNDS + 30) for _, _, process in running]
        assert server.starts == 1 + 2 * ROUNDS
        yield {
            client.name: Storm(source, told, dict(proxy.done))
            for (client, source, _), told, proxy in zip(running, said, proxies, strict=True)
        }
    finally:
        for proxy in proxies:
            proxy.close()


def the_storm_of(client: Client, storms: dict[str, Storm]) -> Storm:
    if lacking := client.lacks():
        skip_loudly(lacking)
    return storms[client.name]


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_nothing_is_lost_and_nothing_doubled(client: Client, storms, ask):
    storm = the_storm_of(client, storms)
    wanted = COUNT_OF_BROWSER if client.is_browser else COUNT

    rows = ask(
        "SELECT (data->'properties'->>'number')::int AS number, count(*) AS rows, count(DISTINCT message_id) AS ids"
        " FROM events_event WHERE source = %s AND kind = 1 GROUP BY 1 ORDER BY 1",
        storm.source,
    )

    assert storm.said["failed"] == []
    assert rows == [{"number": number, "rows": 1, "ids": 1} for number in range(wanted)]
    assert {fault for fault in Fault if fault not in storm.met} == set()


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_came_again_was_known(client: Client, storms, ask):
    storm = the_storm_of(client, storms)

    (told,) = ask(
        "SELECT sum((counts->%s->>'duplicate')::int) AS again, sum((counts->%s->>'accepted')::int) AS taken,"
        " sum((counts->%s->>'conflict')::int) AS conflicts FROM events_batch",
        str(storm.source),
        str(storm.source),
        str(storm.source),
    )

    assert told["again"] >= len(LOSES_THE_ANSWER) * ROUNDS
    assert not told["conflicts"]
    assert told["taken"] == (COUNT_OF_BROWSER + 1 if client.is_browser else COUNT)


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("sent", [0, 70, len(HALVED) - 1])
def test_half_a_request_is_no_request(server, a_source, ask, sent, is_reset):
    """Of a client that goes away in the middle: it sends all of it again."""
    source, key = a_source(f"half-{sent}-{is_reset}".lower())
    basic = base64.b64encode(f"{key}:".encode()).decode()
    head = f"POST /v1/batch HTTP/1.1\r\nHost: shop\r\nAuthorization: Basic {basic}\r\nContent-Length: {len(HALVED)}"
    so_far = len(server.said())

    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + HALVED[:sent])
        time.sleep(0.2)
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.3)

    assert ask("SELECT count(*) AS n FROM sources_quarantined WHERE source_id = %s", source) == [{"n": 0}]
    assert ask("SELECT count(*) AS n FROM events_event WHERE source = %s", source) == [{"n": 0}]
    assert '"level": "error"' not in server.said()[so_far:]
