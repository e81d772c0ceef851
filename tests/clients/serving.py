"""Our web server as `regulars up` starts it, in a process of its own that can be killed and started again."""

import http.client
import os
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
PATIENCE = 60


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`python -m regulars.main.web` in `environment`, on one port for all its lives."""

    def __init__(self, environment: Mapping[str, str], *, home: Path) -> None:
        self.port = a_free_port()
        self.starts = 0
        self._environment = environment
        self._static = home / "static"
        self._static.mkdir(exist_ok=True)
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.starts += 1
        self._process = subprocess.Popen(
            [sys.executable, "-m", "regulars.main.web", "127.0.0.1", str(self.port), str(self._static)],
            env=self._environment,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            # A group of its own: its workers are killed with it.
            start_new_session=True,
        )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < end, f"no answer in {PATIENCE} s:\n{self.said()}"
            time.sleep(0.05)

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

    def kill_and_start(self) -> None:
        """From any thread; a second one waits for the first and kills again."""
        with self._lock:
            self.kill()
            self.start()

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def close(self) -> None:
        with self._lock:
            self.kill()
            self._said.close()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
