"""Batches that let a version count for the past: frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from regulars.kit.money import Money

State = Literal["looking", "ready", "running", "done", "undoing", "undone", "dropped"]
UNDER_WAY = ("running", "undoing")


@dataclass(frozen=True)
class Preview:
    """What a batch would do: `orders` of `customers` become others, by `given` parts more and, where it takes back,
    `taken` fewer. `fewer`: orders that would be given fewer and stay as they are. `members`: customers' numbers with
    the greatest change, and by how many parts."""

    programme: str
    version: int
    orders: int
    customers: int
    given: int
    taken: int
    fewer: int
    scale: int
    cost: Money | None
    members: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class RegrantView:
    """A batch. `state`: looking, ready, running, done, undoing, undone or dropped. `orders`, `given` and `taken` were
    foreseen; of `orders_done` came `given_done` and `taken_done` parts. `orders_left` were something else by then and
    stayed as they were. `orders_waiting` are still to come: once it is done or undone those of members whose points are
    frozen. `needs_another`: who asked for it cannot approve it."""

    id: int
    programme: str
    version: int
    since: date
    until: date
    takes_back: bool
    state: State
    orders: int
    customers: int
    given: int
    taken: int
    fewer: int
    scale: int
    cost: Money | None
    needs_another: bool
    orders_done: int
    orders_left: int
    orders_waiting: int
    given_done: int
    taken_done: int
    asked_by: str
    asked_at: datetime
    approved_by: str
    approved_at: datetime | None
    undone_by: str
    undone_at: datetime | None
    members: Sequence[tuple[int, int]]

    @property
    def is_going_on(self) -> bool:
        """Whether it does something by itself."""
        return self.state in ("looking", *UNDER_WAY)
