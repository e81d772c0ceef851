"""`regulars up`: everything that serves a shop, under one process."""

import contextlib
import errno
import fcntl
import gc
import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import ClassVar

import click
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from regulars.kit.refusals import Refusal
from regulars.main.cli import in_plain_words
from regulars.runtime.database.ready import database_ready, is_external, without_password
from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.places import make_home, run_folder
from regulars.runtime.postgres.safety import unsafe_settings
from regulars.runtime.serving.logs import JsonLines
from regulars.runtime.serving.parents import end_with_parent
from regulars.runtime.serving.processes import Forked, Program, Running
from regulars.runtime.staff import operators

GREEN = "#3d8b5f"
LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
LOOKS_EVERY = 0.1
#: Seconds the web server gets to answer for the first time before people are told that it is slow.
SLOW_START = 20.0


class AlreadyUp(Refusal):
    code: ClassVar[str] = "up.already"


class AddressInUse(Refusal):
    code: ClassVar[str] = "up.address"


class UnsafeDatabase(Refusal):
    code: ClassVar[str] = "up.unsafe_database"


def web_address(host: str, port: int) -> str:
    """The address to open on this machine."""
    seen = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared with
    return f"http://{seen}:{port}"


@contextlib.contextmanager
def _only_one(home: Path, address: str) -> Iterator[None]:
    make_home(home)
    with (run_folder(home) / "up").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid, _, where = lock.read().strip().partition(" ")
            raise AlreadyUp(
                f"Regulars is already up for {home}: process {pid}, at {where}. Use that one; or stop it with Ctrl-C "
                f"in its terminal or `kill {pid}`; or give this one a REGULARS_HOME and a REGULARS_PORT of its own."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()} {address}")
        lock.flush()
        yield


def _check_address(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as problem:
        raise AddressInUse(f"REGULARS_HOST is {host!r}, and no such address is known: {problem.strerror}.") from problem
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                why = f"Port {port} of {host} is in use by another program. Set REGULARS_PORT to a free one."
            elif problem.errno == errno.EACCES:
                why = f"Port {port} is for privileged programs. Set REGULARS_PORT to one above 1023, like 8000."
            else:
                why = f"{host}, port {port}, cannot be listened on: {problem.strerror}."
            raise AddressInUse(why) from problem


def _refuse_unsafe_database() -> None:
    """An external server is held to the same: the embedded one's keeper has looked already."""
    if not is_external() or os.environ.get("REGULARS_UNSAFE_DATABASE") == "1":
        return
    with psycopg.connect(os.environ["REGULARS_DATABASE_URL"], autocommit=True) as looking:
        problems = unsafe_settings(looking)
    if problems:
        listed = "\n- ".join(str(problem) for problem in problems)
        raise UnsafeDatabase(
            f"The database of REGULARS_DATABASE_URL could lose what was recorded:\n- {listed}\n"
            f"Mend its settings. For a trial without worth, REGULARS_UNSAFE_DATABASE=1 lets it pass."
        )


def _apart(body: Callable[[], None], say: Callable[[str], None]) -> None:
    """In a process of its own: the libraries of whole computations start threads, and from those nobody may fork."""

    def inside() -> None:
        end_with_parent()
        try:
            with in_plain_words(), database_ready(say=say):
                body()
        except click.ClickException as problem:
            problem.show()
            raise SystemExit(problem.exit_code) from problem

    if code := Forked(inside).wait():
        raise SystemExit(code)


@dataclass
class Voice:
    """What the person at the terminal sees, and the supervisor's own log file."""

    console: Console
    log: logging.Logger

    def hear(self, name: str, told: dict[str, object]) -> None:
        """One line of a child. What is no warning and not ours stays in the child's log file."""
        level, source = str(told.get("level", "info")), str(told.get("from", "regulars"))
        if level == "info" and (source == "regulars.requests" or not source.startswith("regulars")):
            return
        line = Text(f"{datetime.now().astimezone():%H:%M:%S} ", style="dim")
        line.append(f"{name:<8} ", style=GREEN)
        line.append(str(told.get("said", "")), style=LEVELS.get(level, ""))
        if "ms" in told:
            line.append(f"  {told['ms']} ms", style="dim")
        if error := told.get("error"):
            line.append(f"  {error}", style="red")
        if chosen := told.get("request_id"):
            line.append(f"  {chosen}", style="dim")
        try:
            self.console.print(line)
        except (OSError, SystemExit):
            # The terminal was closed, or the pipe: Rich would end the program, or the thread that reads a child. The
            # shop is served all the same, and the log files have every line.
            self.console.quiet = True

    def say(self, words: str) -> None:
        self.log.info("%s", words)
        self.hear("up", {"said": words})


def _own_log(home: Path) -> logging.Logger:
    log = logging.getLogger("regulars.up")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = RotatingFileHandler(home / "logs" / "up.log", maxBytes=10 * 1024**2, backupCount=5)
    handler.setFormatter(JsonLines())
    log.handlers[:] = [handler]
    return log


def _answers(host: str, port: int) -> bool:
    """Whether a web server speaks at this address; a refusal of the host name is an answer, too."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with
    try:
        with socket.create_connection((here, port), timeout=2) as asking:
            asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return asking.recv(5) == b"HTTP/"
    except OSError:
        return False


def _first_operator(address: str) -> str | None:
    handed = operators.first_link(at=timezone.now())
    if handed is None:
        return None
    try:
        return address + reverse("console:welcome", args=[handed.token])
    except NoReverseMatch:
        return None


def _screen(*, address: str, home: Path) -> Panel:
    running = None if is_external() else embedded.facts(home)
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0].split()[0]
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim")
    rows.add_column(overflow="fold")
    rows.add_row("console", f"[bold]{address}/console/[/]")
    rows.add_row("health", f"{address}/readyz   {address}/metrics")
    rows.add_row("home", str(home))
    if running is None:
        where = without_password(os.environ.get("REGULARS_DATABASE_URL", ""))
        rows.add_row("database", f"PostgreSQL {version}, yours: {where}")
    else:
        rows.add_row("database", f"PostgreSQL {version}, embedded, in {running.data}")
        if running.why_elsewhere:
            rows.add_row("", f"[yellow]not in the home: {running.why_elsewhere}[/]")
    rows.add_row("stop", "Ctrl-C")
    return Panel(
        rows, title=f"[bold {GREEN}]Regulars 回头客[/]", title_align="left", border_style=GREEN, padding=(1, 2)
    )


class _Stop:
    """Set by SIGINT, SIGTERM and SIGHUP."""

    def __init__(self) -> None:
        self.asked = False

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def _bring_up_web(children: list[Running], host: str, port: int, stop: _Stop, voice: Voice) -> None:
    began, told = time.monotonic(), False
    while not stop.asked and not _answers(host, port):
        for child in children:
            child.look()
        if not told and time.monotonic() - began > SLOW_START:
            told = True
            voice.say(f"the web server does not answer yet; its log is {settings.REGULARS_HOME}/logs/web.log")
        time.sleep(LOOKS_EVERY)


def _tend(children: list[Running], stop: _Stop, home: Path, voice: Voice) -> None:
    while not stop.asked:
        for child in children:
            child.look()
        if not is_external() and not embedded.has_keeper(home):
            voice.say("the database's keeper is gone; a new one takes over")
            embedded.ensure(home, say=voice.say)
        time.sleep(LOOKS_EVERY)


def serve(
    *,
    host: str,
    port: int,
    before_open: Callable[[Callable[[str], None]], None] | None = None,
    beside: Sequence[Program] = (),
) -> None:
    """Run everything until SIGINT or SIGTERM.

    `before_open` runs once the database is migrated and before the web server starts, in a process of its own; it is
    given a function to say what it does. Programs `beside` the house's own start before them and end with the workers.

    Raises `AlreadyUp`, `AddressInUse`, `UnsafeDatabase` and the database's refusals.
    """
    home, address = Path(settings.REGULARS_HOME), web_address(host, port)
    console = Console(highlight=False, soft_wrap=True)
    with _only_one(home, address):
        _check_address(host, port)
        voice = Voice(console, _own_log(home))
        stop = _Stop()
        with database_ready(say=voice.say):
            _refuse_unsafe_database()
            call_command("collectstatic", interactive=False, verbosity=0)
            shutil.rmtree(run_folder(home) / "metrics", ignore_errors=True)
            if before_open is not None:
                _apart(partial(before_open, voice.say), voice.say)
            # Only now, so that nobody waits for it who is refused: the whole house, once for all who are forked.
            house = import_module("regulars.main.programs")
            # Only now: until here Ctrl-C ends the command at once, like any other.
            before = {number: signal.signal(number, stop.hear) for number in _STOPPING}
            children = [
                Running(program, logs=home / "logs", hear=voice.hear)
                for program in (*beside, *house.programs(host=host, port=port))
            ]
            try:
                for child in children:
                    child.start()
                _bring_up_web(children, host, port, stop, voice)
                if not stop.asked:
                    console.print(_screen(address=address, home=home))
                    if link := _first_operator(address):
                        # Below the frame, in one piece: a link is to be clicked or copied. It goes into no log.
                        console.print("  First sign-in; this opens once, and makes you the owner:", style="dim")
                        console.print(f"  [bold]{link}[/]\n")
                    connections.close_all()
                    _tend(children, stop, home, voice)
            finally:
                voice.say("stopping: web first, then the workers, then the database")
                # Web first: nothing new comes in while the workers finish what they have begun, all at the same time.
                children[-1].stop()
                for child in children:
                    child.ask_to_end()
                for child in children:
                    child.stop()
                # Frozen, some libraries' objects would stay until the end, and be reported as lost.
                gc.unfreeze()
                for number, handler in before.items():
                    signal.signal(number, handler)
        voice.say("stopped")


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option("--host", help="Listen here.  [default: REGULARS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="And on this port.  [default: REGULARS_PORT or 8000]")
def up(host: str | None, port: int | None) -> None:
    """Run everything: the database unless you have your own, migrations, the web server and the workers."""
    serve(host=host or settings.REGULARS_HOST, port=port or settings.REGULARS_PORT)


COMMANDS = (up,)
