"""Runs a handful of processes side by side: restarts the ones that fail, ends all of them in order."""

import json
import logging
import logging.config
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import NoReturn

from django.db import connections

from regulars.runtime.serving.logs import logging_settings
from regulars.runtime.serving.parents import SUPERVISOR, call_this_process, end_with_supervisor

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: A process that has run this long was well; its next failure is a first one.
WELL_AFTER = 60.0
LOG_BYTES, LOG_FILES = 10 * 1024**2, 5
Hear = Callable[[str, dict[str, object]], None]

log = logging.getLogger(__name__)
#: Held by a thread while it does more than wait for a child's next line, and while this process forks: a lock that
#: another thread holds at that moment would stay locked in the child for ever.
_between_lines = threading.Lock()


@dataclass(frozen=True)
class Program:
    """What to run, under which name, and how many seconds it gets to end when asked."""

    name: str
    body: Callable[[], object]
    grace: float = 20.0


class Forked:
    """A process forked from this one, which lives for `body` alone: what is imported here need not be imported there,
    and lies in memory once.

    No thread but this one may be at work in this process, nor may a library have threads of its own: a child has none
    of them, and would wait for them for ever.
    """

    def __init__(self, body: Callable[[], object]) -> None:
        #: As `subprocess.Popen` has it: None while it runs, below zero when a signal ended it.
        self.returncode: int | None = None
        # A connection must not be shared by two processes.
        connections.close_all()
        sys.stdout.flush()
        sys.stderr.flush()
        with _between_lines:
            self.pid = os.fork()
            if self.pid == 0:
                _live_for(body)

    def poll(self) -> int | None:
        """How it ended, or None."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float = float("inf")) -> int | None:
        """How it ended, or None when it has not after so many seconds."""
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        return self.returncode


def _live_for(body: Callable[[], object]) -> NoReturn:
    """Nothing of what the parent was in the middle of may go on here: not even an exception goes past this line."""
    code = 1
    try:
        body()
        code = 0
    except SystemExit as wanted:
        code = wanted.code if isinstance(wanted.code, int) else int(wanted.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        log.exception("broke")
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(program: Program, out: int, supervisor: int) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Its own session, so that Ctrl-C in the terminal reaches the supervisor alone, who ends them in order.
    os.setsid()
    call_this_process(f"regulars {program.name}")
    os.environ |= {SUPERVISOR: str(supervisor), "REGULARS_LOG": "json"}
    end_with_supervisor()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(here, there)
    sys.stdout = open(1, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115 - as above
    logging.config.dictConfig(logging_settings(as_json=True))
    # The supervisor's locks, its log and what it hears of the others: held here, they would outlive it.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    program.body()


class Running:
    """One program and its present process."""

    def __init__(self, program: Program, *, logs: Path, hear: Hear) -> None:
        self.program = program
        self._hear = hear
        self._file = RotatingFileHandler(logs / f"{program.name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES)
        self._file.setFormatter(logging.Formatter("%(message)s"))
        self._pause = FIRST_PAUSE
        self._again_at = 0.0
        self._began = 0.0
        self.process: Forked | None = None
        self._pump: threading.Thread | None = None

    def start(self) -> None:
        """Fork it. What it says goes to its log file, and to who hears."""
        supervisor = os.getpid()
        with _a_pipe() as (reading, writing):
            self.process = Forked(lambda: _become(self.program, writing, supervisor))
        self._began = time.monotonic()
        self._pump = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._pump.start()

    def _read(self, reading: int) -> None:
        with open(reading, errors="replace") as said:
            for raw in said:
                with _between_lines:
                    self._take(raw.rstrip("\n"))

    def _take(self, line: str) -> None:
        if not line:
            return
        self._file.emit(logging.makeLogRecord({"msg": line}))
        try:
            told = json.loads(line)
        except ValueError:
            told = {"said": line, "level": "info"}
        self._hear(self.program.name, told if isinstance(told, dict) else {"said": line, "level": "info"})

    def look(self) -> None:
        """Start it again if it has ended, after a pause that grows with each quick failure."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._again_at:
                self.start()
            return
        ended = self.process.poll()
        if ended is None:
            return
        if now - self._began > WELL_AFTER:
            self._pause = FIRST_PAUSE
        self._hear(
            self.program.name,
            {"level": "error", "said": f"ended by itself ({_how(ended)}); starts again in {self._pause:g} s"},
        )
        self.process, self._again_at = None, now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def ask_to_end(self) -> None:
        """SIGTERM, without waiting."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to end, wait its grace, then make it."""
        if self.process is None:
            return
        self.ask_to_end()
        if self.process.wait(self.program.grace) is None:
            self._hear(
                self.program.name,
                {"level": "warning", "said": f"did not end in {self.program.grace:g} s and is killed"},
            )
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self._pump is not None:
            self._pump.join(1)
        self._file.close()
        self.process = None


@contextmanager
def _a_pipe() -> Iterator[tuple[int, int]]:
    """The end to read, which stays open, and the one to write, which is the child's alone."""
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(writing)


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
