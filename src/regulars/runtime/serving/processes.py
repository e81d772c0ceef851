"""Runs a handful of processes side by side: restarts the ones that fail, ends all of them in order."""

import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path

from regulars.runtime.serving.parents import SUPERVISOR

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: A process that has run this long was well; its next failure is a first one.
WELL_AFTER = 60.0
LOG_BYTES, LOG_FILES = 10 * 1024**2, 5
Hear = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True)
class Program:
    """What to run, under which name, and how many seconds it gets to end when asked."""

    name: str
    command: Sequence[str]
    grace: float = 20.0
    environment: dict[str, str] = field(default_factory=dict)


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
        self.process: subprocess.Popen[str] | None = None
        self._pump: threading.Thread | None = None

    def start(self) -> None:
        # Its own session, so that Ctrl-C in the terminal reaches the supervisor alone, who ends them in order.
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            list(self.program.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | {SUPERVISOR: str(os.getpid()), "REGULARS_LOG": "json"} | self.program.environment,
            start_new_session=True,
        )
        self._began = time.monotonic()
        self._pump = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._pump.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        for raw in process.stdout:
            line = raw.rstrip("\n")
            if not line:
                continue
            self._file.emit(logging.makeLogRecord({"msg": line}))
            try:
                told = json.loads(line)
            except ValueError:
                told = {"said": line, "level": "info"}
            self._hear(self.program.name, told if isinstance(told, dict) else {"said": line, "level": "info"})
        process.stdout.close()

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

    def stop(self) -> None:
        """Ask it to end, wait its grace, then make it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self.program.grace)
            except subprocess.TimeoutExpired:
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


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
