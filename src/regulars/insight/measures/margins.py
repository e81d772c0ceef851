"""The margin that a shop tells of itself: what part of the net revenue is left once the goods are paid."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from regulars.insight.measures import jobs
from regulars.insight.measures.told import MARGIN_PERCENT
from regulars.kit.actors import Actor
from regulars.runtime.preferences import preferences


def told_percent() -> Decimal | None:
    """In per cent; None where the shop told nothing. One indexed row."""
    return preferences.read(MARGIN_PERCENT) or None


def tell(*, percent: Decimal | None, at: datetime, by: Actor) -> None:
    """Reckon margin and lifetime value with it from the next refresh on, which is asked for; None for not at all.

    The same again changes nothing; refuses with `BadValue` what is not from 0 to 100.
    """
    with transaction.atomic():
        before = told_percent()
        preferences.write(MARGIN_PERCENT, percent or Decimal(0), at=at, by=by)
        if before != told_percent():
            jobs.refresh_soon()
