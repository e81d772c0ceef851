"""Every client sends through a network and a server that fail in every way at once: nothing lost, nothing doubled.

The clients keep to what they document: they try again after 5xx, 429, time-outs and broken connections, and throw away
what a 4xx refuses, which we never send.
"""

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.clients import CLIENTS, Client, ended
from tests.clients.faults import FAULTS, LOSES_THE_ANSWER, Fault, Proxy

pytestmark = pytest.mark.crash
#: Messages of one client: enough requests to meet each fault, and peace between any two.
BATCH = 5
COUNT = BATCH * 30
COUNT_OF_BROWSER = 30


@dataclass
class Storm:
    """What one client went through."""

    source: int
    said: dict[str, Any]
    met: dict[Fault, int]


class Together:
    """Clients whose answers get lost by the same kill: one restart serves all."""

    def __init__(self, kill: Any, parties: int) -> None:
        self._barriers = {
            fault: threading.Barrier(parties, action=kill, timeout=60)
            for fault in (Fault.KILLED_DURING, Fault.KILLED_AFTER)
        }

    def kill(self, fault: Fault) -> None:
        """Returns when all clients have come to this fault, and the server is there again."""
        self._barriers[fault].wait()


def script() -> list[Fault]:
    """Each fault with peace before it; a kill while they are at it and one between commit and answer."""
    kills = (Fault.KILLED_AFTER, Fault.KILLED_DURING)
    return [
        one for fault in (*FAULTS[:3], kills[0], *FAULTS[3:6], kills[1], *FAULTS[6:]) for one in (Fault.NONE, fault)
    ]


@pytest.fixture(scope="module")
def storms(server, a_source):
    """All clients at once, each through a proxy of its own."""
    together = Together(server.kill_and_start, len(CLIENTS))
    proxies: list[Proxy] = []
    running = []
    try:
        for client in CLIENTS:
            source, key = a_source(f"storm-{client.program.split('.')[0].replace('_', '-')}")
            proxies.append(Proxy(port=server.port, script=script(), kill=together.kill))
            more = {"count": COUNT_OF_BROWSER if client.is_browser else COUNT, "batch": BATCH}
            running.append((client, source, client.start(address=proxies[-1].address, key=key, what="many", more=more)))
        yield {
            client.name: Storm(source, ended(process), dict(proxy.done))
            for (client, source, process), proxy in zip(running, proxies, strict=True)
        }
    finally:
        for proxy in proxies:
            proxy.close()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_nothing_is_lost_and_nothing_doubled(client: Client, storms, ask):
    storm = storms[client.name]
    wanted = COUNT_OF_BROWSER if client.is_browser else COUNT

    rows = ask(
        "SELECT (data->'properties'->>'number')::int AS number, count(*) AS rows, count(DISTINCT message_id) AS ids"
        " FROM events_event WHERE source = %s AND kind = 1 GROUP BY 1 ORDER BY 1",
        storm.source,
    )

    assert storm.said["failed"] == []
    assert rows == [{"number": number, "rows": 1, "ids": 1} for number in range(wanted)]
    assert {fault for fault in Fault if fault not in storm.met} == set()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_what_came_again_was_known(client: Client, storms, ask):
    storm = storms[client.name]

    (told,) = ask(
        "SELECT sum((counts->%s->>'duplicate')::int) AS again, sum((counts->%s->>'accepted')::int) AS taken,"
        " sum((counts->%s->>'conflict')::int) AS conflicts FROM events_batch",
        str(storm.source),
        str(storm.source),
        str(storm.source),
    )

    assert told["again"] >= len(LOSES_THE_ANSWER)
    assert not told["conflicts"]
    assert told["taken"] == (COUNT_OF_BROWSER + 1 if client.is_browser else COUNT)
