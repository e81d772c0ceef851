"""What joining and parting asks of every room. Each room that keeps facts of customers says so in its `merge.py`:

    def plan(moves) -> Sequence[Effect]        what would move, counted; writes nothing
    def apply(moves, *, at, by) -> None        what came with each record goes to its person
    def undo(moves, *, at, by) -> None         what came with each record leaves its person for the record

They run in the order of the house, upwards to join and downwards to part, inside the transaction that changes who is
who; the customers' rows are locked. Applied and undone, a room's projections are as if nothing had been joined; its
ledgers show both steps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType

from django.utils.functional import Promise

from regulars.kit.actors import Actor
from regulars.runtime import rooms


@dataclass(frozen=True)
class Move:
    """A record, and the person it comes to or leaves; never the record itself."""

    record: int
    person: int


@dataclass(frozen=True)
class Effect:
    """So many things of a kind would move, in words: "orders"."""

    what: str | Promise
    count: int


def summed(effects: Iterable[Effect]) -> list[Effect]:
    """One for each kind of thing: what is joined and what is parted count together."""
    found: dict[str, Effect] = {}
    for effect in effects:
        name = str(effect.what)
        so_far = found[name].count if name in found else 0
        found[name] = Effect(effect.what, so_far + effect.count)
    return list(found.values())


def plan(moves: Sequence[Move]) -> list[Effect]:
    """What every room would move, for people to read. Writes nothing."""
    return [effect for room in _rooms() for effect in room.plan(moves) if effect.count]


def apply(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Join in every room."""
    if moves:
        for room in _rooms():
            room.apply(moves, at=at, by=by)


def undo(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Part in every room."""
    if moves:
        for room in reversed(_rooms()):
            room.undo(moves, at=at, by=by)


def _rooms() -> list[ModuleType]:
    return list(rooms.modules("merge"))
