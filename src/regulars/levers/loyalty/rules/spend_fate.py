"""Whether points that were spent for an order are to be looked at: by what became of the order. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Fate = Literal["waiting", "stands", "missing", "off", "twice", "given_back"]


@dataclass(frozen=True)
class SpendSeen:
    """`left`: so much of it nobody gave back. `is_there`: its order came; `is_off`: it was cancelled, or all of its
    goods came back. `spent_before`: something that is not given back was spent for the same order before, another way
    than in parts of one hold."""

    left: int
    spent_at: datetime
    is_there: bool
    is_off: bool
    spent_before: bool


def fate(seen: SpendSeen, *, at: datetime, within: timedelta) -> Fate:
    """What is to be said of it at a moment, where an order comes `within` so long of what is spent for it."""
    if seen.left <= 0:
        return "given_back"
    if seen.is_off:
        return "off"
    if seen.spent_before:
        return "twice"
    if seen.is_there:
        return "stands"
    return "missing" if at - seen.spent_at > within else "waiting"
