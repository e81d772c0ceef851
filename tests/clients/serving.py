"""Our web server as `regulars up` starts it, in a process of its own that can be killed and started again."""

import http.client
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

#: How long (seconds) a start may take: for a hang to be told from a busy machine.
PATIENCE = 120
#: How long (seconds) nobody answers when a successor stands ready. Clients double their pauses while a server is
#: away, so on a busy machine the time of a start would be paid many times over.
AWAY = 1.0


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`python -m regulars.main.web` in `environment`, on one port until it is replaced."""

    def __init__(self, environment: Mapping[str, str], *, home: Path) -> None:
        self.port = a_free_port()
        self.starts = 0
        self._environment = environment
        self._static = home / "static"
        self._static.mkdir(exist_ok=True)
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process: subprocess.Popen[bytes] | None = None
        self._successors: queue.Queue[tuple[subprocess.Popen[bytes], int]] = queue.Queue(1)
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = self._started(self.port)

    def kill(self) -> None:
        """SIGKILL to it and all its workers, at once."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def kill_a_worker(self) -> None:
        """SIGKILL to one of its workers; it makes another one by itself, or ends when that happens too often."""
        if self._process is not None:
            psutil.Process(self._process.pid).children()[0].kill()

    @property
    def has_ended(self) -> bool:
        """Whether nobody is there to answer."""
        return self._process is None or self._process.poll() is not None

    def have_successors(self, number: int) -> None:
        """Start that many in the background, the next one when the last but one is needed."""

        def start() -> None:
            for _ in range(number):
                port = a_free_port()
                self._successors.put((self._started(port), port))

        threading.Thread(target=start, daemon=True).start()

    def kill_and_replace(self) -> None:
        """From any thread, one at a time: SIGKILL, nobody for `AWAY` seconds, then a successor on another `port`."""
        with self._lock:
            successor, port = self._successors.get(timeout=PATIENCE)
            self.kill()
            time.sleep(AWAY)
            self._process, self.port = successor, port

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def close(self) -> None:
        with self._lock:
            self.kill()
            while not self._successors.empty():
                self._process, _ = self._successors.get()
                self.kill()
            self._said.close()

    def _started(self, port: int) -> "subprocess.Popen[bytes]":
        self.starts += 1
        process = subprocess.Popen(
            [sys.executable, "-m", "regulars.main.web", "127.0.0.1", str(port), str(self._static)],
            env=self._environment,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            # A group of its own: its workers are killed with it.
            start_new_session=True,
        )
        end = time.monotonic() + PATIENCE
        while not _answers(port):
            assert process.poll() is None, self.said()
            assert time.monotonic() < end, f"no answer in {PATIENCE} s:\n{self.said()}"
            time.sleep(0.05)
        return process


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
