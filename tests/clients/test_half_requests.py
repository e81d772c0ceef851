"""A client that goes away in the middle of its request leaves nothing behind: it sends all of it again."""

import base64
import json
import socket
import struct
import time

import pytest

BATCH = json.dumps(
    {"batch": [{"type": "track", "event": "Half", "userId": "li", "messageId": f"half-{n}"} for n in range(500)]}
).encode()


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("sent", [0, 70, len(BATCH) - 1])
def test_half_a_request_is_no_request(server, a_source, ask, sent, is_reset):
    source, key = a_source(f"half-{sent}-{is_reset}".lower())
    basic = base64.b64encode(f"{key}:".encode()).decode()
    head = (
        f"POST /v1/batch HTTP/1.1\r\nHost: shop\r\nAuthorization: Basic {basic}\r\nContent-Length: {len(BATCH)}\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + BATCH[:sent])
        time.sleep(0.2)
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.3)

    assert ask("SELECT count(*) AS n FROM sources_quarantined WHERE source_id = %s", source) == [{"n": 0}]
    assert ask("SELECT count(*) AS n FROM events_event WHERE source = %s", source) == [{"n": 0}]
    assert '"level": "error"' not in server.said()
