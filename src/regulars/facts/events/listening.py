"""Looks whether sources are as they always were, once all that came has been counted."""

from datetime import datetime, timedelta

from regulars.facts.events import planning
from regulars.facts.events.intake import BITS
from regulars.facts.events.models import Batch
from regulars.facts.events.models import Reader as Place
from regulars.facts.sources import alarms
from regulars.kit.actors import Actor

_BY = Actor("system", "events.listen")
_COUNTED_BY = ("traffic", planning.READER)
#: Batches younger than this may still be on their way to their readers.
_MARGIN = timedelta(minutes=2)


def look(*, at: datetime) -> bool:
    """Raise and end alarms. False, and nothing done, while those who count are behind: what is not counted yet is not
    silence."""
    last = Batch.objects.filter(recorded_at__lt=at - _MARGIN).order_by("-id").first()
    places = dict(Place.objects.filter(name__in=_COUNTED_BY).values_list("name", "position"))
    if last is not None and any(places.get(name, 0) >> BITS < last.id for name in _COUNTED_BY):
        return False
    alarms.look(at=at, by=_BY)
    return True
