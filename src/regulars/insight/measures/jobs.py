"""Readings are computed anew each night, and soon after orders came in from a file."""

from django.db import transaction
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from regulars.insight.measures import refreshing
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

_BY = Actor("system", "insight.refresh")
#: An import comes in batches: one refresh some seconds after the first of them serves several.
_WAIT = 15


@task("insight.refresh", lock="insight.refresh")
def refresh() -> None:
    """All readings. Harmless to repeat."""
    refreshing.refresh(at=timezone.now(), by=_BY)


@task("insight.refresh_nightly", lock="insight.refresh")
def refresh_nightly(timestamp: int) -> None:
    """The same, by the clock, which gives the instant it was due."""
    refreshing.refresh(at=timezone.now(), by=_BY)


def refresh_soon() -> None:
    """Ask for a refresh, in the caller's transaction; one that waits already is enough."""
    asked = refresh.configure(queueing_lock="insight.refresh", schedule_in={"seconds": _WAIT})
    try:
        with transaction.atomic():
            asked.defer()
    except AlreadyEnqueued:
        return


# Quarter past three in the morning in China, the evening before in UTC.
every("17 19 * * *", refresh_nightly)
