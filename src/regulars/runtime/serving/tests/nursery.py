"""Processes of the house that tests start and often kill: forked from one that has imported it, as `regulars up` has
them.

Importing the house costs a process two and three seconds of a core; what is killed after a moment of work is mostly
that. The one that forks is itself a fork of the process that has collected the tests, made before any of them ran.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import random
import resource
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

import django
from asgiref.local import Local
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.functional import empty

#: The socket of the process that forks; without it programs are started the ordinary way.
PLACE = "REGULARS_TEST_NURSERY"
LENGTH, CODE = struct.Struct("=I"), struct.Struct("=i")
PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
PR_SET_PDEATHSIG = 1
SETTINGS = "regulars.main.settings"


def open_nursery(folder: Path, *, first: Callable[[], object]) -> Callable[[], None]:
    """From here on `start` forks. `first` is done in every fork. Gives what ends it; it ends with this process, too."""
    place = folder / "nursery"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(place))
    listening.listen(32)
    process = os.fork()
    if process == 0:
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            gc.freeze()
            _tend(listening, first)
        finally:
            os._exit(1)
    listening.close()
    os.environ[PLACE] = str(place)

    def close() -> None:
        os.environ.pop(PLACE, None)
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)

    return close


def _tend(listening: socket.socket, first: Callable[[], object]) -> NoReturn:
    with selectors.DefaultSelector() as heard:
        heard.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in heard.select():
                if key.fileobj is listening:
                    line, _ = listening.accept()
                    told, streams = _told(line)
                    process = os.fork()
                    if process == 0:
                        _live(told, streams, first)
                    for stream in streams:
                        os.close(stream)
                    line.sendall(CODE.pack(process))
                    heard.register(os.pidfd_open(process), selectors.EVENT_READ, (process, line))
                else:
                    process, line = key.data
                    heard.unregister(key.fileobj)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                    # Who started it may ask no more.
                    with suppress(OSError):
                        line.sendall(CODE.pack(code))
                    line.close()


def _told(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, streams, _, _ = socket.recv_fds(line, LENGTH.size, 3)
    wanted, got = LENGTH.unpack(head)[0], b""
    while len(got) < wanted:
        got += line.recv(wanted - len(got))
    return json.loads(got), streams


def _live(told: dict[str, Any], streams: list[int], first: Callable[[], object]) -> NoReturn:
    """A fork's life: of a process that was started with this environment and these streams, and has imported all."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
        for one in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(one, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        atexit._clear()
        random.seed()
        os.chdir(told["folder"])
        os.environ.clear()
        os.environ.update(told["environment"])
        sys.argv = ["-c", *told["arguments"]]
        first()
        _read_settings_anew()
        exec(compile(told["program"], "<string>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code & 0xFF)


def _read_settings_anew() -> None:
    sys.modules.pop(SETTINGS, None)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    try:
        read = importlib.import_module(SETTINGS)
    except ImproperlyConfigured:
        # What says no to them is the program, when it reads them itself.
        settings._wrapped = empty
        return
    # Into those that are there: apps have added defaults of their own to them.
    for name, value in vars(read).items():
        if name.isupper():
            setattr(settings, name, value)
    vars(connections).pop("settings", None)
    connections._settings = None
    connections._connections = Local(connections.thread_critical)
    django.setup()


class Forked:
    """A running program, with the parts of `subprocess.Popen` that tests use."""

    def __init__(
        self,
        program: str,
        *arguments: str,
        environment: Mapping[str, str],
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> None:
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        #: None while it runs, below zero when a signal ended it.
        self.returncode: int | None = None
        theirs: list[int] = []
        streams: list[int] = []
        for number, wanted in enumerate((stdin, stdout, stderr)):
            if wanted == PIPE:
                reading, writing = os.pipe()
                streams.append(reading if number == 0 else writing)
                theirs.append(streams[-1])
                if number == 0:
                    self.stdin = os.fdopen(writing, "w")
                else:
                    self.stdout = os.fdopen(reading)
            elif wanted == DEVNULL or (wanted is None and number == 0):
                theirs.append(os.open(os.devnull, os.O_RDWR))
                streams.append(theirs[-1])
            elif wanted is None:
                streams.append(number)
            else:
                streams.append(wanted if isinstance(wanted, int) else wanted.fileno())
        if stderr == subprocess.STDOUT:
            streams[2] = streams[1]
        told = json.dumps(
            {
                "program": program,
                "arguments": arguments,
                "environment": {name: str(value) for name, value in environment.items()},
                "folder": str(Path.cwd()),
            }
        ).encode()
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(os.environ[PLACE])
        socket.send_fds(self._line, [LENGTH.pack(len(told))], streams)
        self._line.sendall(told)
        for stream in theirs:
            os.close(stream)
        self.pid = CODE.unpack(self._line.recv(CODE.size, socket.MSG_WAITALL))[0]

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._line], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = 120) -> int:
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked program", timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def _end(self) -> None:
        code = self._line.recv(CODE.size, socket.MSG_WAITALL)
        assert code, "the nursery has ended"
        self.returncode = CODE.unpack(code)[0]
        self._line.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def communicate(self) -> tuple[str | None, None]:
        if self.stdin is not None:
            self.stdin.close()
        said = None
        if self.stdout is not None:
            said = self.stdout.read()
            self.stdout.close()
        self.wait()
        return said, None


#: What tests get of something that runs.
Running = Forked | subprocess.Popen[str]


def start(program: str, *arguments: str, environment: Mapping[str, str], **streams: Any) -> Running:
    """`program`, Python, with these arguments and nothing else in its environment. Pipes are of text."""
    if PLACE in os.environ:
        return Forked(program, *arguments, environment=environment, **streams)
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env=dict(environment), text=True, **streams)


#: One command of ours, after what shall come first.
COMMAND = "import sys; exec(sys.argv.pop(1)); from regulars.main.cli import main; main(sys.argv[1:])"


def command(*words: str, environment: Mapping[str, str], first: str = "", **streams: Any) -> Running:
    """`regulars` with these words."""
    return start(COMMAND, first, *words, environment=environment, **streams)


class Nursery:
    """Starts commands of ours in `environment`, after `first`, Python that may import and change modules.

    Ends with the block; what it started and is still running is killed.
    """

    def __init__(self, environment: Mapping[str, str], *, first: str = "") -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._environment = os.environ | {"DJANGO_SETTINGS_MODULE": SETTINGS} | dict(environment)
        self._first = first
        self._children: list[Running] = []

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
            child.wait()
        self._said.close()

    def start(self, *words: str) -> Running:
        """`regulars` with these words."""
        child = command(
            *words,
            environment=self._environment,
            first=self._first,
            stdin=DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )
        self._children.append(child)
        return child

    def said(self) -> str:
        """What all of them have printed."""
        self._said.seek(0)
        return self._said.read()
