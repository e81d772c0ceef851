"""The whole past posted by processes side by side: each takes the next customers that nobody has, so none waits for
another, neither meanwhile nor long at the end."""

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.abc import MetaPathFinder
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

import pyarrow as pa
from django.db import connections

from regulars.facts.commerce import kept_columns
from regulars.facts.commerce.kept import EVERYBODY, Stretch
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earning, programmes, reactions
from regulars.levers.loyalty._earning.capping import is_common
from regulars.levers.loyalty._ledger.account_rows import AccountFrozen
from regulars.levers.loyalty.earning import Posted
from regulars.runtime.notices import stream

__all__ = ("PROCESSES", "all_of_it")

#: One more than processors: of a process and its session one waits for the other, and both for the disk at a commit.
PROCESSES = len(os.sched_getaffinity(0)) + 1
#: A page leaves nothing behind that only a search finds: searching after every 700 new objects is a tenth of the work.
_OBJECTS = 100_000
#: Notices looked at together.
_TOLD = 500
#: Orders of the customers that a process takes at once: few towards the end, so that nobody waits for who has the last.
_FEWEST, _MOST = 2_000, kept_columns.BLOCK


class BrokenOff(RuntimeError):
    """One of the processes did not come to its end. What it had posted stays; again goes on where it was."""


class _NoPandas(MetaPathFinder):
    """Arrow imports pandas to know its objects by it. Here are none, and it takes as long as 10,000 awards."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


@dataclass(frozen=True)
class _Asked:
    programme: str
    at: datetime
    by: Actor
    since: datetime | None
    until: datetime | None


def all_of_it(
    *,
    programme: str,
    at: datetime,
    by: Actor,
    since: datetime | None = None,
    until: datetime | None = None,
    processes: int = PROCESSES,
    progress: Callable[[int], None] = lambda done: None,
) -> Posted:
    """`earning.backfill` from its first page to its last, by so many processes; outside of any transaction where there
    are more than one. `progress` hears how many orders are settled. Raises `NotActive`."""
    asked = _Asked(programme, at, by, since, until)
    together = is_common(programmes.active_one(programme, at).programme)
    heard = min(map(stream.heard, reactions.LISTENERS))
    done = _alone(asked, progress) if processes == 1 or together else _side_by_side(asked, processes, progress)
    return done + _look_again(asked, heard)


def _look_again(asked: _Asked, heard: int) -> Posted:
    """Settle what somebody told of orders meanwhile. Whoever listens finds nothing of an order that is being posted,
    and has nothing to do; and what is posted may have been read before it was told."""
    done, until = Posted(), stream.last_number()
    while told := stream.after(position=heard, until=until, kinds=reactions.KINDS, history=False, most=_TOLD):
        heard = told[-1].number
        done += _settled(sorted(reactions.orders_of(one.notice for one in told)), asked)
    return done


def _settled(orders: Sequence[int], asked: _Asked) -> Posted:
    """Those of members whose points are frozen are left to whoever listens, and waits for them."""
    try:
        return earning.award_for_orders(orders=orders, at=asked.at, by=asked.by)
    except AccountFrozen:
        if len(orders) == 1:
            return Posted()
        half = len(orders) // 2
        return _settled(orders[:half], asked) + _settled(orders[half:], asked)


def _alone(asked: _Asked, progress: Callable[[int], None]) -> Posted:
    done = Posted()
    for page in _pages(asked, EVERYBODY):
        done += page
        progress(done.decided)
    return done


def _side_by_side(asked: _Asked, processes: int, progress: Callable[[int], None]) -> Posted:
    # A session is one process's: each opens its own.
    connections.close_all()
    context, done = get_context("fork"), Posted()
    pipes = [context.Pipe() for _ in range(processes)]
    workers = [context.Process(target=_work, args=(pipes, nth, asked), daemon=True) for nth in range(processes)]
    for worker in workers:
        worker.start()
    open_ones = []
    for ours, theirs in pipes:
        theirs.close()
        open_ones.append(ours)
    try:
        stretches = _stretches(processes)
        while open_ones:
            for one in wait(open_ones):
                assert isinstance(one, Connection)
                try:
                    told = one.recv()
                    if told is None:
                        one.send(next(stretches, None))
                    else:
                        done += told
                except (EOFError, ConnectionError):
                    # Its process has ended; how, its exit code says below.
                    open_ones.remove(one)
                progress(done.decided)
    finally:
        for worker in workers:
            if open_ones:
                worker.terminate()
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise BrokenOff("a process of the back-fill did not come to its end; see above, then begin it again")
    return done


def _stretches(processes: int) -> Iterator[Stretch]:
    """All customers, one stretch after the other."""
    left, last = kept_columns.extent()
    after = 0
    while after < last:
        many = min(max(left // (2 * processes), _FEWEST), _MOST)
        until = kept_columns.stretch_end(after, many, last)
        yield after, until
        left, after = left - many, until


def _pages(asked: _Asked, within: Stretch) -> Iterator[Posted]:
    return earning.backfill(
        programme=asked.programme, at=asked.at, by=asked.by, since=asked.since, until=asked.until, within=within
    )


def _work(pipes: Sequence[tuple[Connection, Connection]], nth: int, asked: _Asked) -> None:
    """Ask for customers, post theirs and say what was done, until there are none. Whoever gives them out may be killed:
    that is seen where nobody else holds its ends of the pipes."""
    for n, (theirs, ours) in enumerate(pipes):
        theirs.close()
        if n != nth:
            ours.close()
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    sys.meta_path.insert(0, _NoPandas())
    # Arrow's own pool gives freed room back to the system at once, to get it again for the next column, cleared page by
    # page: a fifth of what a process takes.
    pa.set_memory_pool(pa.system_memory_pool())
    told = pipes[nth][1]
    told.send(None)
    while (within := told.recv()) is not None:
        for page in _pages(asked, within):
            told.send(page)
        told.send(None)
    told.close()
    connections.close_all()
