"""Two verbs in two sessions, stepped through every order of their steps, as PostgreSQL tests itself: a race is found
every time, not by luck.

A verb stops before its act is inserted, before it locks accounts, and before it writes; what is left then, up to the
commit, is its last step. A session that waits for the other's lock is passed over until the lock is free; who waits for
whom the server says.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

from django.db import connection, connections

from regulars.kit.refusals import Refusal

#: Beginnings of the statements before which a verb stops, besides its first.
STOPS = ("", "SELECT account.id, account.customer_id, account.frozen_at", "WITH part_0")
_PATIENCE_SECONDS = 20.0


class Session:
    """A verb in a thread and a session of its own, that does a step when it is told to. It stops once at each place, so
    it has at most as many steps as there are `stops`."""

    def __init__(self, verb: Callable[[], object], stops: Sequence[str] = STOPS) -> None:
        self.verb, self.stops = verb, list(stops[1:])
        self.said: Queue[str] = Queue()
        self.go = Event()
        self.pid = 0
        self.is_over = False
        self.is_waiting = False
        #: What the verb answered, or the code of its refusal.
        self.answer: object = None
        self.problem: BaseException | None = None
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()
        self.heard()

    def _run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                [(self.pid,)] = cursor.fetchall()
            with connection.execute_wrapper(self._stop):
                self._pause("begins")
                try:
                    self.answer = self.verb()
                except Refusal as refusal:
                    self.answer = refusal.code
        except BaseException as problem:
            self.problem = problem
        finally:
            connections.close_all()
            self.said.put("over")

    def _stop(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        for stop in self.stops:
            if sql.strip().startswith(stop):
                self.stops.remove(stop)
                self._pause(stop)
                break
        return execute(sql, params, many, context)

    def _pause(self, where: str) -> None:
        self.said.put(where)
        self.go.wait()
        self.go.clear()

    def heard(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Whether it has stopped, or is over, within so many seconds."""
        try:
            said = self.said.get(timeout=seconds)
        except Empty:
            return False
        self.is_waiting = False
        self.is_over = said == "over"
        return True

    def step(self) -> None:
        """On to the next stop, or until it waits for somebody."""
        self.go.set()
        self.is_waiting = True
        self.follow()

    def follow(self) -> None:
        """Until it has stopped, or certainly waits for a lock."""
        while not self.heard(0.004):
            with connection.cursor() as cursor:
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self.pid])
                [(blockers,)] = cursor.fetchall()
            if blockers and not self.heard(0.004):
                return


def orders(one: int, other: int) -> Iterator[tuple[int, ...]]:
    """Every way to put `one` steps of the first and `other` of the second session into one row."""
    for places in combinations(range(one + other), one):
        yield tuple(0 if place in places else 1 for place in range(one + other))


def in_between(one: int, other: int) -> Iterator[tuple[int, ...]]:
    """The orders in which one session does all its steps between two of the other's."""
    for first in range(1, one):
        yield (0,) * first + (1,) * other + (0,) * (one - first)
    for first in range(1, other):
        yield (1,) * first + (0,) * one + (1,) * (other - first)


def play(
    order: Sequence[int], verbs: Sequence[Callable[[], object]], stops: Sequence[Sequence[str]] = (STOPS, STOPS)
) -> list[object]:
    """The verbs' answers when their steps are done in this order. Steps that wait come as soon as they can."""
    sessions = [Session(verb, where) for verb, where in zip(verbs, stops, strict=True)]
    left = list(order)
    while left or any(not session.is_over for session in sessions):
        for session in sessions:
            if session.is_waiting:
                session.follow()
        free = [n for n, session in enumerate(sessions) if not session.is_over and not session.is_waiting]
        turn = next((n for n in left if n in free), free[0] if free else None)
        if turn is not None:
            if turn in left:
                left.remove(turn)
            sessions[turn].step()
        elif all(session.is_over for session in sessions):
            break
    for session in sessions:
        session.thread.join()
        if session.problem is not None:
            raise session.problem
    return [session.answer for session in sessions]
