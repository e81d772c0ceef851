"""Everybody's missions, page by page: once a night, when rules changed, and when history came in. Who has to be changed
is found without any lock, and then settled a few hundred at a time as one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import Case, F, QuerySet, When

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty._missions import facts as mission_facts
from regulars.levers.loyalty._missions import settling as mission_settling
from regulars.levers.loyalty._missions.facts import Board
from regulars.levers.loyalty._missions.rows import MissionRun, MissionWalk
from regulars.levers.loyalty.points import AccountFrozen

PAGE, LOT = 2_000, 200
_PAGE = f"SELECT id FROM {CUSTOMERS} WHERE id > %s AND person_id IS NULL ORDER BY id LIMIT %s"  # noqa: S608 - a constant


@dataclass(frozen=True)
class Looked:
    """So many people were looked at, and so many missions were done or are not any more."""

    people: int = 0
    changed: int = 0

    def __add__(self, other: "Looked") -> "Looked":
        return Looked(self.people + other.people, self.changed + other.changed)


def everyone(*, at: datetime, by: Actor, origin: Origin = "history") -> Looked:
    """All of them, now."""
    done = Looked()
    for board in mission_facts.boards(at):
        for _last, page in _pages(board, 0, at, by, lambda: origin):
            done += page
    return done


def go_on(*, at: datetime, by: Actor, most: int = 50_000) -> Looked:
    """Through everybody as far as there is time, where rules changed, of which nobody is told, or `anew` asked for it.
    Goes on where it stopped."""
    done = Looked()
    for board in mission_facts.boards(at):
        walk = _walk(board)
        if walk.done_at is not None:
            continue
        row = MissionWalk.objects.filter(id=walk.id, basis=walk.basis)
        for last, page in _pages(board, walk.after, at, by, partial(_origin, row)):
            done += page
            row.update(after=last)
            if done.people >= most:
                return done
        row.update(done_at=Case(When(again=True, then=None), default=at), after=0, again=False)
    return done


def anew(*, tells: bool) -> None:
    """Everybody is to be looked at again: at night; and when history came in, of which nobody is told. Where a walk is
    under way it begins again where it ends, and tells nobody of anything once history came in."""
    MissionWalk.objects.filter(done_at__isnull=True).update(again=True, tells=F("tells") if tells else False)
    MissionWalk.objects.filter(done_at__isnull=False).update(after=0, done_at=None, tells=tells)


def drop_over(*, at: datetime) -> int:
    """Rounds that are over and gave nothing are forgotten. How many."""
    rows = MissionRun.objects.filter(is_done=False, times=0, until_on__lt=at.date())
    return rows.delete()[0]


def _origin(row: "QuerySet[MissionWalk]") -> Origin:
    """Asked for each page: history that comes in meanwhile is told to nobody."""
    return "live" if row.filter(tells=True).exists() else "history"


def _pages(
    board: Board, after: int, at: datetime, by: Actor, origin: Callable[[], Origin]
) -> Iterator[tuple[int, Looked]]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [after, PAGE])
            people = [number for (number,) in cursor.fetchall()]
        if people:
            some = mission_settling.differing(board, people, at=at)
            changed = 0
            for start in range(0, len(some), LOT):
                changed += _settle(board, some[start : start + LOT], at, by, origin())
            yield people[-1], Looked(len(people), changed)
        if len(people) < PAGE:
            return
        after = people[-1]


def _settle(board: Board, lot: Sequence[int], at: datetime, by: Actor, origin: Origin) -> int:
    """Whoever's account is frozen is left for another night; the others go on."""
    try:
        with transaction.atomic():
            return len(mission_settling.settle(board, lot, at=at, by=by, origin=origin))
    except AccountFrozen:
        return sum(_settle(board, [person], at, by, origin) for person in lot) if len(lot) > 1 else 0


def _walk(board: Board) -> MissionWalk:
    row, is_made = MissionWalk.objects.get_or_create(programme_id=board.programme, defaults={"basis": board.basis})
    if not is_made and row.basis != board.basis:
        MissionWalk.objects.filter(id=row.id).update(basis=board.basis, after=0, tells=False, again=False, done_at=None)
        row.refresh_from_db()
    return row
