"""Receivers of webhooks on this machine: an honest one that verifies, and hostile ones that speak plain sockets."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass
class Receiver:
    """Verifies every message as the package tells its users to; `answer` says with which status, from the message."""

    url: str = ""
    secret: str = ""
    answer: Callable[[dict[str, Any]], int] = lambda message: 204
    headers: dict[str, str] = field(default_factory=dict)
    #: Every message that was genuine, in order of arrival, with its id.
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    forged: int = 0

    @property
    def ids(self) -> list[str]:
        return [message_id for message_id, _ in self.heard]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                message = Webhook(receiver.secret).verify(body, dict(self.headers))
            except WebhookVerificationError:
                receiver.forged += 1
                status = 401
            else:
                receiver.heard.append((self.headers["webhook-id"], message))
                status = receiver.answer(message)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


Behaviour = Callable[[socket.socket], None]


@contextmanager
def hostile(behave: Behaviour) -> Iterator[str]:
    """A server that does to every connection what `behave` does. Its URL."""
    server = socket.create_server(("127.0.0.1", 0))

    def met(connection: socket.socket) -> None:
        with connection:
            try:
                behave(connection)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=met, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hooks"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def hear(connection: socket.socket) -> None:
    """Take in the whole request: who closes with bytes unread resets the connection, and the answer may be lost."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += _more(connection)
    head, _, body = told.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(connection)


def _more(connection: socket.socket) -> bytes:
    if not (found := connection.recv(65536)):
        raise ConnectionAbortedError
    return found


def hangs(connection: socket.socket) -> None:
    hear(connection)
    time.sleep(30)


def drips(connection: socket.socket) -> None:
    """One byte of an endless header at a time."""
    hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.05)


def never_ends(connection: socket.socket) -> None:
    """A body of a gigabyte, as fast as it goes."""
    hear(connection)
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"x" * 1_000_000)


def floods_headers(connection: socket.socket) -> None:
    hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"a" * 1000 + b"\r\n")


def always_continues(connection: socket.socket) -> None:
    """Interim answers without end."""
    hear(connection)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def speaks_nonsense(connection: socket.socket) -> None:
    hear(connection)
    connection.sendall(b"220 mail.example.com ESMTP\r\n")


def resets(connection: socket.socket) -> None:
    hear(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def redirects_to(where: str) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(f"HTTP/1.1 307 Over there\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())

    return behave


def counted(behave: Behaviour, calls: list[int]) -> Behaviour:
    def counting(connection: socket.socket) -> None:
        calls.append(1)
        behave(connection)

    return counting


def as_json(message: dict[str, Any]) -> str:
    return json.dumps(message, sort_keys=True)
