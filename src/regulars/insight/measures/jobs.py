"""Readings are computed anew each night, and soon after orders came in from a file."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from regulars.facts.company import company
from regulars.insight.measures import refreshing
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

_BY = Actor("system", "insight.refresh")
#: An import comes in batches: one refresh some seconds after the first of them serves several.
_WAIT = 15
#: In the shop's zone. At three clocks are put forward in some countries, and the hour is missing.
_HOUR = 4


@task("insight.refresh", lock="insight.refresh")
def refresh() -> None:
    """All readings. Harmless to repeat."""
    refreshing.refresh(at=timezone.now(), by=_BY)


@task("insight.refresh_nightly", lock="insight.refresh")
def refresh_nightly(timestamp: int) -> None:
    """The same, in the one hour of the day that is the shop's `_HOUR`; the clock gives the instant it was due."""
    due = datetime.fromtimestamp(timestamp, civil.zone(company.shop().zone))
    if due.hour != _HOUR:
        return
    refreshing.refresh(at=timezone.now(), by=_BY)


def refresh_soon() -> None:
    """Ask for a refresh, in the caller's transaction; one that waits already is enough."""
    asked = refresh.configure(queueing_lock="insight.refresh", schedule_in={"seconds": _WAIT})
    try:
        with transaction.atomic():
            asked.defer()
    except AlreadyEnqueued:
        return


every("17 * * * *", refresh_nightly)
