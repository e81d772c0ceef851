"""What joining two records changes here: nothing moves, for visitors keep their record and are asked for by person.

But two people who are one now are one on every device they use, and one who is two again is two.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from regulars.facts.customers.merging import Effect, Move
from regulars.facts.events import devices
from regulars.facts.events.models import Visitor
from regulars.kit.actors import Actor


def plan(moves: Sequence[Move]) -> list[Effect]:
    """Whose browsing would be shown with the person's."""
    return [
        Effect(
            _("browsers, apps and accounts seen"),
            Visitor.objects.filter(customer_id__in=[move.record for move in moves], is_shared=False).count(),
        )
    ]


def apply(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Count anew who was seen on their devices."""
    devices.reckon(devices.of_records(move.record for move in moves))


def undo(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """As `apply`."""
    devices.reckon(devices.of_records(move.record for move in moves))
