"""The whole past posted by processes side by side: each has its own customers, so none waits for another."""

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from django.db import connections

from regulars.kit.actors import Actor
from regulars.levers.loyalty import earning, programmes, reactions
from regulars.levers.loyalty.earning import Posted
from regulars.runtime.notices import stream

__all__ = ("PROCESSES", "all_of_it")

#: One more than processors: of a process and its session one waits for the other, and both for the disk at a commit.
PROCESSES = len(os.sched_getaffinity(0)) + 1
#: A page leaves nothing behind that only a search finds: searching after every 700 new objects is a tenth of the work.
_OBJECTS = 100_000
#: Notices looked at together.
_TOLD = 500


class BrokenOff(RuntimeError):
    """One of the processes did not come to its end. What it had posted stays; again goes on where it was."""


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
    programmes.active_one(programme, at)
    heard = min(map(stream.heard, reactions.LISTENERS))
    done = _all_pages(asked, processes, progress)
    return done + _look_again(asked, heard)


def _look_again(asked: _Asked, heard: int) -> Posted:
    """Settle what somebody told of orders meanwhile. Whoever listens finds nothing of an order that is being posted,
    and has nothing to do; and what is posted may have been read before it was told."""
    done, until = Posted(), stream.last_number()
    while told := stream.after(position=heard, until=until, kinds=reactions.KINDS, history=False, most=_TOLD):
        heard = told[-1].number
        orders = reactions.orders_of(one.notice for one in told)
        done += earning.award_for_orders(orders=sorted(orders), at=asked.at, by=asked.by)
    return done


def _all_pages(asked: _Asked, processes: int, progress: Callable[[int], None]) -> Posted:
    done = Posted()
    if processes == 1:
        for page in _pages(asked, (0, 1)):
            done += page
            progress(done.decided)
        return done
    # A session is one process's: each opens its own.
    connections.close_all()
    context, workers, open_ones = get_context("fork"), [], []
    try:
        for nth in range(processes):
            reader, writer = context.Pipe(duplex=False)
            workers.append(context.Process(target=_post_share, args=(writer, asked, (nth, processes)), daemon=True))
            workers[-1].start()
            writer.close()
            open_ones.append(reader)
        while open_ones:
            for heard in wait(open_ones):
                assert isinstance(heard, Connection)
                try:
                    done += heard.recv()
                except EOFError:
                    # Its process has ended; how, its exit code says below.
                    open_ones.remove(heard)
                progress(done.decided)
    finally:
        for worker in workers:
            if open_ones:
                worker.terminate()
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise BrokenOff("a process of the back-fill did not come to its end; see above, then begin it again")
    return done


def _pages(asked: _Asked, share: tuple[int, int]) -> Iterator[Posted]:
    return earning.backfill(
        programme=asked.programme, at=asked.at, by=asked.by, since=asked.since, until=asked.until, share=share
    )


def _post_share(told: Connection, asked: _Asked, share: tuple[int, int]) -> None:
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    for page in _pages(asked, share):
        told.send(page)
    told.close()
    connections.close_all()
