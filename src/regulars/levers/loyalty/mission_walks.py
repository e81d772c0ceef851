"""Everybody's missions, page by page: once a night, when rules changed, and when history came in. Who has to be changed
is found without any lock, and then settled a few hundred at a time as one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from regulars.facts.customers.relation import CUSTOMERS
from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty._missions import facts as mission_facts
from regulars.levers.loyalty._missions import settling as mission_settling
from regulars.levers.loyalty._missions.facts import Board
from regulars.levers.loyalty._missions.rows import MissionRun, MissionWalk

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
        for _last, page in _pages(board, 0, at, by, origin):
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
        for last, page in _pages(board, walk.after, at, by, "live" if walk.tells else "history"):
            done += page
            MissionWalk.objects.filter(id=walk.id, basis=walk.basis).update(after=last)
            if done.people >= most:
                return done
        MissionWalk.objects.filter(id=walk.id, basis=walk.basis).update(done_at=at)
    return done


def anew(*, tells: bool) -> None:
    """Everybody is to be looked at again: at night; and when history came in, of which nobody is told."""
    MissionWalk.objects.filter(done_at__isnull=False).update(after=0, done_at=None, tells=tells)


def drop_over(*, at: datetime) -> int:
    """Rounds that are over and gave nothing are forgotten. How many."""
    rows = MissionRun.objects.filter(is_done=False, times=0, until_on__lt=at.date())
    return rows.delete()[0]


def _pages(board: Board, after: int, at: datetime, by: Actor, origin: Origin) -> Iterator[tuple[int, Looked]]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, [after, PAGE])
            people = [number for (number,) in cursor.fetchall()]
        if people:
            some = mission_settling.differing(board, people, at=at)
            changed = 0
            for start in range(0, len(some), LOT):
                with transaction.atomic():
                    lot = some[start : start + LOT]
                    changed += len(mission_settling.settle(board, lot, at=at, by=by, origin=origin))
            yield people[-1], Looked(len(people), changed)
        if len(people) < PAGE:
            return
        after = people[-1]


def _walk(board: Board) -> MissionWalk:
    row, is_made = MissionWalk.objects.get_or_create(programme_id=board.programme, defaults={"basis": board.basis})
    if not is_made and row.basis != board.basis:
        MissionWalk.objects.filter(id=row.id).update(basis=board.basis, after=0, tells=False, done_at=None)
        row.refresh_from_db()
    return row
