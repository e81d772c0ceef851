"""What joining and parting does to profiles: the same words, shown of one person or of several.

Households, tags, consent and wishes are kept with the record they were told of and read of the person: joined or
parted, nothing of them is written.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import profiles
from regulars.facts.customers.merging import Effect, Move
from regulars.facts.customers.models import Householder, Statement
from regulars.kit.actors import Actor


def plan(moves: Sequence[Move]) -> list[Effect]:
    """Profiles that would be shown of another person, counted by the sources that told of them, and households."""
    records = [move.record for move in moves]
    told = Statement.objects.filter(customer_id__in=records).count()
    homes = Householder.objects.filter(customer_id__in=records, until_at=None).count()
    return [Effect(_("sources of profiles"), told), Effect(_("households"), homes)]


def apply(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Show of the persons what was said of all their records."""
    _refold(moves, at, by)


def undo(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Show of each what was said of it alone."""
    _refold(moves, at, by)


def _refold(moves: Sequence[Move], at: datetime, by: Actor) -> None:
    profiles.refold_many(customers={one for move in moves for one in (move.record, move.person)}, at=at, by=by)
