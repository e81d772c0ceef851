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
from django.db.models import Case, F, QuerySet, When

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._tiers import settling as tier_settling
from regulars.levers.loyalty._tiers.facts import Ladder
from regulars.levers.loyalty._tiers.rows import Standing, TierWalk
from regulars.levers.loyalty._tiers.settling import Moved

#: One more than processors: of a process and its session one waits for the other.
PROCESSES = len(os.sched_getaffinity(0)) + 1
PAGE = 5_000
_OBJECTS = 100_000
#: Ids of a stretch that one process takes at once: who lies beside each other is read from the same blocks.
STRETCH = 4 * PAGE
_PAGE = f"""
SELECT id FROM {CUSTOMERS} WHERE id > %s AND id <= %s AND person_id IS NULL ORDER BY id LIMIT %s
"""  # noqa: S608 - of a constant
_LAST = f"SELECT coalesce(max(id), 0) FROM {CUSTOMERS}"  # noqa: S608 - of a constant
#: Beyond every id.
_END = 2**63 - 1


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
            for _last, page in _pages(ladder, (0, _END), at, by, lambda: origin):
                done += page
                progress(done.people)
            _is_done(ladder, at)
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
        _is_done(ladder, at)
    return done


def _collect_less() -> None:
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def _stretch(at: datetime, by: Actor, origin: Origin, within: tuple[int, int]) -> Looked:
    done = Looked()
    for ladder in tier_facts.ladders(at):
        for _last, page in _pages(ladder, within, at, by, lambda: origin):
            done += page
    return done


def _pages(
    ladder: Ladder, within: tuple[int, int], at: datetime, by: Actor, origin: Callable[[], Origin]
) -> Iterator[tuple[int, Looked]]:
    after, until = within
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [after, until, PAGE])
            people = [number for (number,) in cursor.fetchall()]
        if people:
            yield people[-1], Looked(len(people), len(_page(ladder, people, at, by, origin())))
        if len(people) < PAGE:
            return
        after = people[-1]


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
        walk = _walk(ladder)
        if walk.done_at is not None:
            continue
        row = TierWalk.objects.filter(id=walk.id, basis=walk.basis)
        for last, page in _pages(ladder, (walk.after, _END), at, by, partial(_origin, row)):
            done += page
            row.update(after=last)
            if done.people >= most:
                return done
        row.update(done_at=Case(When(again=True, then=None), default=at), after=0, again=False)
    return done


def anew(*, tells: bool) -> None:
    """Everybody is to be looked at again: at night; and when history came in, of which nobody is told. Where a walk is
    under way it begins again where it ends, and tells nobody of anything once history came in."""
    TierWalk.objects.filter(done_at__isnull=True).update(again=True, is_first=F("is_first") if tells else True)
    TierWalk.objects.filter(done_at__isnull=False).update(after=0, done_at=None, is_first=not tells)


def _origin(row: "QuerySet[TierWalk]") -> Origin:
    """Asked for each page: history that comes in meanwhile is told to nobody."""
    return "history" if row.filter(is_first=True).exists() else "live"


def _walk(ladder: Ladder) -> TierWalk:
    row, is_made = TierWalk.objects.get_or_create(
        programme_id=ladder.programme, defaults={"basis": ladder.basis, "is_first": True}
    )
    if not is_made and row.basis != ladder.basis:
        TierWalk.objects.filter(id=row.id).update(basis=ladder.basis, after=0, is_first=True, again=False, done_at=None)
        row.refresh_from_db()
    return row


def _is_done(ladder: Ladder, at: datetime) -> None:
    row = _walk(ladder)
    TierWalk.objects.filter(id=row.id, basis=row.basis).update(done_at=at)
