"""One thread that writes: all requests that wait share one transaction, and are answered after its commit.

Sources take turns, so that a large batch or a noisy source makes others wait for one transaction and no longer. What
waits is bounded, in all and for each source; beyond that the door says when to come again.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from regulars.facts.events import intake
from regulars.facts.events.intake import Verdict
from regulars.facts.events.messages import Message, Rejected
from regulars.kit.problems import named

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Messages of one transaction: enough to share a commit's cost, few enough to be over in some tens of milliseconds.
MOST_AT_ONCE = 2_000
#: Of one source in one turn.
SHARE = 500
#: Bytes that may wait, in all and of one source while others wait too.
MOST_WAITING = 64_000_000
MOST_OF_ONE = MOST_WAITING // 2
#: Seconds of trying while the database is away, before those who wait are told to come again.
PATIENCE = 2.0


class Away(Exception):
    """Nothing could be written; nothing of the request is recorded for certain, sending it again is safe."""


@dataclass(eq=False)
class _Work:
    source: int
    told: Sequence[Message | Rejected]
    size: int
    answer: Future[list[Verdict]]
    verdicts: list[Verdict] = field(default_factory=list)
    given: int = 0


class Committer:
    """Starts its thread at first use. `submit` and `ask` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: OrderedDict[int, deque[_Work]] = OrderedDict()
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._bytes = 0
        self._bytes_of: dict[int, int] = {}
        self._thread: threading.Thread | None = None
        self._is_closing = False

    def has_room(self, source: int, size: int) -> bool:
        """Whether `size` more bytes of this source may wait."""
        with self._lock:
            of_this = self._bytes_of.get(source, 0)
            if not self._bytes or not of_this:
                return self._bytes + size <= MOST_WAITING or not self._bytes
            most = MOST_WAITING if of_this == self._bytes else MOST_OF_ONE
            return self._bytes + size <= MOST_WAITING and of_this + size <= most

    async def submit(self, source: int, told: Sequence[Message | Rejected], size: int) -> list[Verdict]:
        """One verdict for each message, after they were committed. Raises `Away`."""
        work = _Work(source, told, size, Future())
        with self._lock:
            self._waiting.setdefault(source, deque()).append(work)
            self._bytes += size
            self._bytes_of[source] = self._bytes_of.get(source, 0) + size
            self._wake()
        return await asyncio.wrap_future(work.answer)

    async def ask(self, question: Callable[[], T]) -> T:
        """The question's answer, asked in the writing thread with its connection. Raises what the question raises."""
        answer: Future[T] = Future()
        with self._lock:
            self._asked.append((question, answer))
            self._wake()
        return await asyncio.wrap_future(answer)

    def close(self) -> None:
        """Write what waits, end the thread and its connection. The next request starts both again."""
        with self._lock:
            thread, self._is_closing = self._thread, True
            self._lock.notify()
        if thread is not None:
            thread.join()
        self._thread, self._is_closing = None, False

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="ingest-committer", daemon=True)
            self._thread.start()
        self._lock.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._asked:
                    if self._is_closing:
                        connection.close()
                        return
                    self._lock.wait()
                asked, self._asked = self._asked, deque()
                turn = self._take_turns()
            for question, answer in asked:
                _answer(question, answer)
            if turn:
                self._commit(turn)

    def _take_turns(self) -> list[tuple[_Work, Sequence[Message | Rejected]]]:
        """At most MOST_AT_ONCE messages: up to SHARE of each source in turn, until nothing waits or it is full."""
        turn: list[tuple[_Work, Sequence[Message | Rejected]]] = []
        left = MOST_AT_ONCE
        while left > 0 and self._waiting:
            source, queue = self._waiting.popitem(last=False)
            share = min(SHARE, left)
            while share > 0 and queue:
                work = queue[0]
                part = work.told[work.given : work.given + share]
                work.given += len(part)
                share -= len(part)
                left -= len(part)
                turn.append((work, part))
                if work.given >= len(work.told):
                    queue.popleft()
            if queue:
                self._waiting[source] = queue
        return turn

    def _commit(self, turn: Sequence[tuple[_Work, Sequence[Message | Rejected]]]) -> None:
        told = [message for _, part in turn for message in part]
        try:
            verdicts = iter(_patiently(told))
        except Exception as problem:
            if not isinstance(problem, DatabaseError | InterfaceError):
                logger.exception("ingest: a bug kept %d messages out", len(told))
            else:
                logger.warning("ingest: the database kept %d messages out (%s)", len(told), named(problem))
            for work in {id(work): work for work, _ in turn}.values():
                self._fail(work)
            return
        for work, part in turn:
            work.verdicts += [next(verdicts) for _ in part]
            if len(work.verdicts) == len(work.told):
                self._release(work)
                _settle(work.answer, work.verdicts)

    def _fail(self, work: _Work) -> None:
        with self._lock:
            queue = self._waiting.get(work.source)
            if queue is not None and work in queue:
                queue.remove(work)
                if not queue:
                    del self._waiting[work.source]
        self._release(work)
        if not work.answer.cancelled():
            work.answer.set_exception(Away())

    def _release(self, work: _Work) -> None:
        with self._lock:
            self._bytes -= work.size
            left = self._bytes_of.get(work.source, 0) - work.size
            if left > 0:
                self._bytes_of[work.source] = left
            else:
                self._bytes_of.pop(work.source, None)


def _patiently(told: Sequence[Message | Rejected]) -> list[Verdict]:
    until, wait = time.monotonic() + PATIENCE, 0.02
    while True:
        try:
            return intake.take_many(told=told, received_at=datetime.now(UTC))
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() + wait > until:
                raise
            time.sleep(wait)
            wait *= 2


def _answer(question: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        told = question()
    except Exception as problem:
        connection.close()
        if not answer.cancelled():
            answer.set_exception(problem)
    else:
        _settle(answer, told)


def _settle(answer: Future[T], value: T) -> None:
    # Who asked may have gone away meanwhile; what was written stays, and its repeat is known.
    if answer.set_running_or_notify_cancel():
        answer.set_result(value)
