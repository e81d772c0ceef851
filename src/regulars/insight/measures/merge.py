"""What joining two records changes here: what was computed of either is forgotten until the next refresh."""

from collections.abc import Sequence
from datetime import datetime

from regulars.facts.customers.merging import Effect, Move
from regulars.insight.measures.models import Reading
from regulars.kit.actors import Actor


def plan(moves: Sequence[Move]) -> list[Effect]:
    """Nothing that anybody has to know: readings come back with the next refresh."""
    return []


def apply(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Readings of the people as they were are no longer true."""
    _forget(moves)


def undo(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """As `apply`."""
    _forget(moves)


def _forget(moves: Sequence[Move]) -> None:
    Reading.objects.filter(customer_id__in={move.record for move in moves} | {move.person for move in moves}).delete()
