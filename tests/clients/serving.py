"""Our web server as `regulars up` has it: forked from a process that has imported the house, killed, forked again."""

import http.client
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from regulars.runtime.serving.tests import nursery

#: How long (seconds) a start may take: for a hang to be told from a busy machine.
PATIENCE = 120
#: How long (seconds) nobody answers between a kill and the next start. Clients double their pauses meanwhile.
AWAY = 1.0
#: Forks a web server for each line, "PORT", and says its pid.
HOUSE = """
import os, signal, sys
from pathlib import Path
from regulars.main import web
from regulars.runtime.serving.processes import Forked

def serve():
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A group of its own: its workers are killed with it.
    os.setsid()
    os.dup2(2, 1)
    web.serve(host="127.0.0.1", port=port, static=Path(sys.argv[1]))

# Who was killed is not waited for.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    port = int(line)
    print(Forked(serve).pid, flush=True)
"""


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`regulars.main.web` in `environment`, on one port, killed and started again as often as one likes."""

    def __init__(self, environment: Mapping[str, str], *, home: Path) -> None:
        self.port = a_free_port()
        self.starts = 0
        static = home / "static"
        static.mkdir(exist_ok=True)
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._web: psutil.Process | None = None
        self._lock = threading.Lock()
        self._house = nursery.start(
            HOUSE, str(static), environment=environment, stdin=nursery.PIPE, stdout=nursery.PIPE, stderr=self._said
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._house.stdin is not None
        assert self._house.stdout is not None
        self.starts += 1
        self._house.stdin.write(f"{self.port}\n")
        self._house.stdin.flush()
        pid = self._house.stdout.readline()
        assert pid, self.said()
        self._web = psutil.Process(int(pid))
        end = time.monotonic() + PATIENCE
        while not _answers(self.port):
            assert not self.has_ended, self.said()
            assert time.monotonic() < end, f"no answer in {PATIENCE} s:\n{self.said()}"
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to it and all its workers, at once."""
        if self._web is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._web.pid, signal.SIGKILL)
            self._web.wait()
        self._web = None

    def kill_a_worker(self) -> None:
        """SIGKILL to one of its workers; it makes another one by itself, or ends when that happens too often."""
        if self._web is not None:
            self._web.children()[0].kill()

    @property
    def has_ended(self) -> bool:
        """Whether nobody is there to answer."""
        return self._web is None or not self._web.is_running()

    def kill_and_start(self) -> None:
        """From any thread, one at a time: SIGKILL, nobody for `AWAY` seconds, then it is there again."""
        with self._lock:
            self.kill()
            time.sleep(AWAY)
            self.start()

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def close(self) -> None:
        with self._lock:
            self.kill()
            self._house.communicate()
            self._said.close()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
