"""`--processes=N`: one process collects, and N that are forked from it run the tests.

Collecting imports the house and all its tests, twelve CPU seconds; who is forked afterwards has that already.
Files are handed out whole, in the order of collection, to whoever is free: what a file's tests share is made once.
"""

import mmap
import os
import random
import struct
import sys
import traceback
import warnings
from itertools import groupby
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, NoReturn

import pytest

from tests import threads

NUMBER = struct.Struct("=I")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=0, metavar="N", help="run the tests in N processes")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    processes = session.config.option.processes
    if not processes or session.config.option.collectonly or session.testsfailed:
        return None
    _refuse_threads()
    left = dict(enumerate(session.items))
    # Once; and again for what a process that died was still to do.
    while left and not session.shouldfail and not session.shouldstop:
        _run(session, left, processes)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


def _refuse_threads() -> None:
    if others := threads.at_work():
        raise pytest.UsageError(
            f"Collecting the tests has started threads ({', '.join(others)}), so nothing can be forked: "
            "what computes belongs into a test or a fixture, not into the module"
        )


class _Queue:
    """Numbers of files that nobody has taken yet; each goes to one process, which reads it in one piece."""

    def __init__(self, many: int) -> None:
        self._waiting, writing = os.pipe()
        os.write(writing, b"".join(map(NUMBER.pack, range(many))))
        os.close(writing)
        self._stopped = mmap.mmap(-1, 1)

    def take(self) -> int | None:
        number = b"" if self.is_stopped else os.read(self._waiting, NUMBER.size)
        return NUMBER.unpack(number)[0] if number else None

    def stop(self) -> None:
        """Whoever is in the middle of a file ends it after the test at hand."""
        self._stopped[0] = 1

    @property
    def is_stopped(self) -> bool:
        return self._stopped[0] == 1

    def close(self) -> None:
        os.close(self._waiting)
        self._stopped.close()


def _run(session: pytest.Session, left: dict[int, pytest.Item], processes: int) -> None:
    """What is run is taken out of `left`; what stays was to follow a test that took its process along."""
    files = [list(numbers) for _, numbers in groupby(left, key=lambda number: left[number].path)]
    queue = _Queue(len(files))
    workers = [_Worker(session, files, queue) for _ in range(min(processes, len(files)))]
    talking = {worker.line: worker for worker in workers}
    try:
        while talking:
            for line in wait(list(talking)):
                worker = talking[line]
                try:
                    what, content = worker.line.recv()
                except EOFError:
                    del talking[line]
                    worker.end()
                    if worker.at is not None:
                        _report_death(session, worker, left.pop(worker.at))
                    continue
                if what == "begins":
                    worker.at = content
                elif what == "ended":
                    left.pop(content)
                    worker.at = None
                _pass_on(session, what, content)
                if session.shouldfail or session.shouldstop:
                    queue.stop()
    finally:
        queue.stop()
        for worker in talking.values():
            worker.end()
        queue.close()


class _Worker:
    """What the first process knows of one that it has forked."""

    def __init__(self, session: pytest.Session, files: list[list[int]], queue: _Queue) -> None:
        self.line, back = Pipe(duplex=False)
        #: The number of the test that it is at.
        self.at: int | None = None
        self.exit: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.process = os.fork()
        if not self.process:
            _work(session, files, queue, back)
        back.close()

    def end(self) -> None:
        # It may still have much to tell, and would wait for a reader.
        self.line.close()
        self.exit = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def _pass_on(session: pytest.Session, what: str, content: Any) -> None:
    hook = session.config.hook
    if what in ("begins", "ended"):
        item = session.items[content]
        tell = hook.pytest_runtest_logstart if what == "begins" else hook.pytest_runtest_logfinish
        tell(nodeid=item.nodeid, location=item.location)
    elif what == "report":
        report = hook.pytest_report_from_serializable(config=session.config, data=content)
        hook.pytest_runtest_logreport(report=report)
    else:
        hook.pytest_warning_recorded.call_historic(kwargs=content)


def _report_death(session: pytest.Session, worker: _Worker, item: pytest.Item) -> None:
    session.config.hook.pytest_runtest_logreport(
        report=pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"The process that ran this test ended in the middle of it, with {worker.exit}.",
            when="call",
        )
    )


def _work(session: pytest.Session, files: list[list[int]], queue: _Queue, line: Connection) -> NoReturn:
    """The life of a forked process."""
    try:
        _begin_anew(session.config)
        session.config.pluginmanager.register(teller := _Teller(session, line))
        teller.is_ready = True
        number = queue.take()
        while number is not None:
            tests, following = files[number], None
            for place, test in enumerate(tests):
                if place + 1 < len(tests):
                    following = tests[place + 1]
                else:
                    # Known before the last of a file ends: what the next needs, too, is not torn down in between.
                    number = queue.take()
                    following = None if number is None else files[number][0]
                _run_one(session, line, test, following)
                if queue.is_stopped:
                    number = None
                    break
        session._setupstate.teardown_exact(None)
    except BaseException:
        if not queue.is_stopped:
            traceback.print_exc(file=sys.__stderr__)
    finally:
        line.close()
        # What the first process will undo is not undone here.
        os._exit(0)


def _begin_anew(config: pytest.Config) -> None:
    """What must not be shared with the others."""
    config.pluginmanager.unregister(name="terminalreporter")
    # What is printed goes to a file, which all would write to.
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    random.seed()


def _run_one(session: pytest.Session, line: Connection, test: int, following: int | None) -> None:
    line.send(("begins", test))
    session.config.hook.pytest_runtest_protocol(
        item=session.items[test], nextitem=None if following is None else session.items[following]
    )
    line.send(("ended", test))


class _Teller:
    """Tells the first process what hooks of pytest are told here."""

    def __init__(self, session: pytest.Session, line: Connection) -> None:
        self._config = session.config
        self._line = line
        #: Whoever is registered is told all warnings since the start, which the first process has heard.
        self.is_ready = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._line.send(("report", told))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: Any
    ) -> None:
        if self.is_ready:
            kept = warnings.WarningMessage(
                # The class of a warning may be one that cannot be sent.
                UserWarning(f"{warning_message.category.__name__}: {warning_message.message}"),
                UserWarning,
                warning_message.filename,
                warning_message.lineno,
            )
            self._line.send(
                ("warning", {"warning_message": kept, "when": when, "nodeid": nodeid, "location": location})
            )
