"""Everybody's missions, page by page: once a night, when rules changed, and when history came in. Who has to be changed
is found without any lock, and then settled a few hundred at a time as one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction

from regulars.kit.actors import Actor, Origin
from regulars.levers.loyalty._missions import facts as mission_facts
from regulars.levers.loyalty._missions import settling as mission_settling
from regulars.levers.loyalty._missions.facts import Board
from regulars.levers.loyalty._missions.rows import MissionRun, MissionWalk
from regulars.levers.loyalty._walks import going
from regulars.levers.loyalty._walks.going import Walks
from regulars.levers.loyalty.points import AccountFrozen

PAGE, LOT = 2_000, 200
_WALKS = Walks(MissionWalk)


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
        for _last, page in _pages(board, 0, lambda: origin, at=at, by=by):
            done += page
    return done


def go_on(*, at: datetime, by: Actor, most: int = 50_000) -> Looked:
    """Through everybody as far as there is time, where rules changed, of which nobody is told, or `anew` asked for it.
    Goes on where it stopped."""
    done = Looked()
    for board in mission_facts.boards(at):
        for page in _WALKS.go_on(board, at, partial(_pages, board, at=at, by=by)):
            done += page
            if done.people >= most:
                return done
    return done


def anew(*, tells: bool) -> None:
    """Everybody is to be looked at again: at night; and when history came in, of which nobody is told."""
    _WALKS.anew(tells=tells)


def drop_over(*, at: datetime) -> int:
    """Rounds that are over and gave nothing are forgotten. How many."""
    rows = MissionRun.objects.filter(is_done=False, times=0, until_on__lt=at.date())
    return rows.delete()[0]


def _pages(
    board: Board, after: int, origin: Callable[[], Origin], *, at: datetime, by: Actor
) -> Iterator[tuple[int, Looked]]:
    for people in going.people(after, PAGE):
        some = mission_settling.differing(board, people, at=at)
        changed = 0
        for start in range(0, len(some), LOT):
            changed += _settle(board, some[start : start + LOT], at, by, origin())
        yield people[-1], Looked(len(people), changed)


def _settle(board: Board, lot: Sequence[int], at: datetime, by: Actor, origin: Origin) -> int:
    """Whoever's account is frozen is left for another night; the others go on."""
    try:
        with transaction.atomic():
            return len(mission_settling.settle(board, lot, at=at, by=by, origin=origin))
    except AccountFrozen:
        return sum(_settle(board, [person], at, by, origin) for person in lot) if len(lot) > 1 else 0
