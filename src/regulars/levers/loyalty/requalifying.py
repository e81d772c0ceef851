"""Where everybody stands, page by page: when the day has come on which it is other than before, once a night, and when
rules changed. Each page is a transaction; whoever is changed by what they do meanwhile is left to that."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing import get_context

from django.db import connection, connections, transaction

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers import settling as tier_settling
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty._tiers.rows import Standing, TierWalk
from regulars.levers.loyalty._tiers.settling import Moved
from regulars.levers.loyalty._walks import going
from regulars.levers.loyalty._walks.going import Walks

#: One more than processors: of a process and its session one waits for the other.
PROCESSES = len(os.sched_getaffinity(0)) + 1
PAGE = 5_000
_OBJECTS = 100_000
#: Ids of a stretch that one process takes at once: who lies beside each other is read from the same blocks.
STRETCH = 4 * PAGE
_LAST = f"SELECT coalesce(max(id), 0) FROM {CUSTOMERS}"  # noqa: S608 - of a constant
_WALKS = Walks(TierWalk)


class BrokenOff(RuntimeError):
    """One of the processes did not come to its end. Begun again, it changes what is left."""


@dataclass(frozen=True)
class Looked:
    """So many people were looked at, and so many moves were written."""

    people: int = 0
    moves: int = 0

    def __add__(self, other: "Looked") -> "Looked":
        return Looked(self.people + other.people, self.moves + other.moves)


def everyone(
    *,
    at: datetime,
    by: Actor,
    origin: Origin = "history",
    processes: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Looked:
    """All of them, under every programme with tiers, by so many processes; outside of any transaction where there are
    more than one."""
    if processes == 1:
        done = Looked()
        for ladder in tier_facts.ladders(at):
            for _last, page in _pages(ladder, 0, lambda: origin, at=at, by=by):
                done += page
                progress(done.people)
            _WALKS.is_done(ladder, at)
        return done
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        [(last,)] = cursor.fetchall()
    # A session is one process's: each opens its own.
    connections.close_all()
    settle, done = partial(_stretch, at, by, origin), Looked()
    try:
        with ProcessPoolExecutor(processes, get_context("fork"), _collect_less) as pool:
            for part in pool.map(settle, [(after, after + STRETCH) for after in range(0, last, STRETCH)]):
                done += part
                progress(done.people)
    except BrokenProcessPool as problem:
        raise BrokenOff("a process did not come to its end; begun again, it changes what is left") from problem
    for ladder in tier_facts.ladders(at):
        _WALKS.is_done(ladder, at)
    return done


def _collect_less() -> None:
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def _stretch(at: datetime, by: Actor, origin: Origin, within: tuple[int, int]) -> Looked:
    done, (after, until) = Looked(), within
    for ladder in tier_facts.ladders(at):
        for _last, page in _pages(ladder, after, lambda: origin, at=at, by=by, until=until):
            done += page
    return done


def _pages(
    ladder: Ladder, after: int, origin: Callable[[], Origin], *, at: datetime, by: Actor, until: int = going.END
) -> Iterator[tuple[int, Looked]]:
    for people in going.people(after, PAGE, until=until):
        yield people[-1], Looked(len(people), len(_page(ladder, people, at, by, origin())))


def _page(ladder: Ladder, people: Sequence[int], at: datetime, by: Actor, origin: Origin) -> list[Moved]:
    with transaction.atomic():
        return tier_settling.settle(ladder, people, at=at, by=by, origin=origin, is_locked=False)


def due(*, at: datetime, by: Actor, most: int = 20_000) -> Looked:
    """Those whose day has come, the longest waiting first; announced, for it happens now."""
    done = Looked()
    for ladder in tier_facts.ladders(at):
        day = tier_facts.on(ladder.today(at))
        rows = Standing.objects.filter(programme_id=ladder.programme, due_on__lte=day).order_by("due_on", "id")
        people = sorted(set(rows.values_list("customer_id", flat=True)[:most]))
        for start in range(0, len(people), PAGE):
            some = people[start : start + PAGE]
            done += Looked(len(some), len(_page(ladder, some, at, by, "live")))
    return done


def go_on(*, at: datetime, by: Actor, most: int = 200_000) -> Looked:
    """Through everybody as far as there is time: when a programme's rules became others, of which nobody is told, and
    again where `anew` asked for it. Goes on where it stopped."""
    done = Looked()
    for ladder in tier_facts.ladders(at):
        for page in _WALKS.go_on(ladder, at, partial(_pages, ladder, at=at, by=by)):
            done += page
            if done.people >= most:
                return done
    return done


def anew(*, tells: bool) -> None:
    """Everybody is to be looked at again: at night; and when history came in, of which nobody is told."""
    _WALKS.anew(tells=tells)
