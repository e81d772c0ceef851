"""One thread that writes: all requests that wait share one transaction, and are answered after its commit.

Sources take turns, so that a large batch or a noisy source makes others wait for one transaction and no longer. What
waits is bounded, in all and for each source; beyond that the door says when to come again.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

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
#: Seconds that a commit waits for requests that are being read: reading is over sooner than a commit of their own.
GATHERING = 0.005
#: Seconds of trying while the database is away, before those who wait are told to come again.
PATIENCE = 2.0


class Away(Exception):
    """Nothing could be written; nothing of the request is recorded for certain, sending it again is safe."""


@dataclass(eq=False)
class _Work:
    source: int
    told: Sequence[Message | Rejected]
    size: int
    answer: asyncio.Future[list[Verdict]]
    verdicts: list[Verdict] = field(default_factory=list)
    given: int = 0
    is_over: bool = False


#: Works with the messages of each that are written together.
_Turn = Sequence[tuple[_Work, Sequence[Message | Rejected]]]


class Committer:
    """Starts its thread at first use. `submit` and `ask` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: OrderedDict[int, deque[_Work]] = OrderedDict()
        self._asked: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        #: Requests that are being read: they wait for nothing but the processor before they are submitted.
        self.coming = 0
        self._bytes = 0
        self._bytes_of: dict[int, int] = {}
        self._thread: threading.Thread | None = None
        self._is_closing = False

    @property
    def waiting(self) -> int:
        """Bytes that wait, or are being written."""
        return self._bytes

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
        work = _Work(source, told, size, asyncio.get_running_loop().create_future())
        with self._lock:
            self._waiting.setdefault(source, deque()).append(work)
            self._bytes += size
            self._bytes_of[source] = self._bytes_of.get(source, 0) + size
            self._wake()
        return await work.answer

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
        with self._lock:
            # Somebody may have come in between the end of the one and here, and have started another.
            if self._thread is thread:
                self._thread = None
            self._is_closing = False

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
                        # Under the lock, so that whoever comes next sees that this one takes nothing any more.
                        self._thread = None
                        connection.close()
                        return
                    self._lock.wait()
                self._gather()
                asked, self._asked = self._asked, deque()
                turn = self._take_turns()
            for question, answer in asked:
                _answer(question, answer)
            if turn:
                try:
                    self._commit(turn)
                except Exception:
                    # Nobody else answers those who wait, and nobody would see this thread die.
                    logger.exception("ingest: a bug in writing")
                    self._fail([work for work, _ in turn])

    def _gather(self) -> None:
        """Let those join who are nearly here: a commit costs the same for many."""
        until = time.monotonic() + GATHERING
        while self.coming and not self._asked and (left := until - time.monotonic()) > 0:
            self._lock.wait(left)

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

    def _commit(self, turn: _Turn) -> None:
        try:
            verdicts = _patiently([message for _, part in turn for message in part])
        except (OperationalError, InterfaceError) as problem:
            # All who wait are told, not only these: each turn's patience would add up to more than clients have.
            with self._lock:
                waiting = [work for queue in self._waiting.values() for work in queue]
            works = [*(work for work, _ in turn), *waiting]
            logger.warning("ingest: the database kept messages of %d requests out (%s)", len(works), named(problem))
            self._fail(works)
        except Exception as problem:
            parts: dict[_Work, list[Message | Rejected]] = {}
            for work, part in turn:
                parts.setdefault(work, []).extend(part)
            if len(parts) > 1:
                # One of them is to blame, and only who sent it is told so.
                for work, part in parts.items():
                    if not work.is_over:
                        self._commit([(work, part)])
                return
            logger.exception("ingest: a bug kept out a request (%s)", named(problem))
            self._fail(list(parts))
        else:
            self._give(turn, verdicts)

    def _give(self, turn: _Turn, verdicts: Sequence[Verdict]) -> None:
        start = 0
        over: list[_Work] = []
        for work, part in turn:
            work.verdicts += verdicts[start : start + len(part)]
            start += len(part)
            if len(work.verdicts) == len(work.told) and self._end(work):
                over.append(work)
        _tell(over, is_away=False)

    def _fail(self, works: Sequence[_Work]) -> None:
        """What was written of them in turns before stays written, and its repeat is known."""
        _tell([work for work in works if self._end(work)], is_away=True)

    def _end(self, work: _Work) -> bool:
        """It waits no more and fills no room. False where that was so already."""
        with self._lock:
            if work.is_over:
                return False
            work.is_over = True
            if work.given < len(work.told):
                queue = self._waiting[work.source]
                queue.remove(work)
                if not queue:
                    del self._waiting[work.source]
            self._bytes -= work.size
            left = self._bytes_of.get(work.source, 0) - work.size
            if left > 0:
                self._bytes_of[work.source] = left
            else:
                self._bytes_of.pop(work.source, None)
            return True


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
        # It is the asker's to see; this thread answers others after it.
        connection.close()
        _refuse(answer, problem)
    else:
        _settle(answer, told)


def _tell(works: Sequence[_Work], *, is_away: bool) -> None:
    """All of a loop are told at once: waking it for each costs more than what it is told."""
    loops: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
    for work in works:
        loops.setdefault(work.answer.get_loop(), []).append(work)
    for loop, told in loops.items():
        # One that was closed meanwhile has nobody who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_hand_out, told, is_away)


def _hand_out(works: Sequence[_Work], is_away: bool) -> None:
    for work in works:
        # Who asked may have gone away meanwhile; what was written stays, and its repeat is known.
        if work.answer.done():
            continue
        if is_away:
            work.answer.set_exception(Away())
        else:
            work.answer.set_result(work.verdicts)


def _settle(answer: Future[T], value: T) -> None:
    if answer.set_running_or_notify_cancel():
        answer.set_result(value)


def _refuse(answer: Future[Any], problem: Exception) -> None:
    if answer.set_running_or_notify_cancel():
        answer.set_exception(problem)
