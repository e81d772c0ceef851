"""The work of audiences that takes long: looking at everybody, each night in both ways, and tidying up."""

from datetime import datetime

from django.db import transaction
from procrastinate.exceptions import AlreadyEnqueued

from regulars.facts.company import company
from regulars.insight.audiences import _counting, filling
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.jobs.tasks import every, task

_BY = Actor("system", "audiences.night")
#: The hour of the shop's night after the one in which readings are computed anew.
_HOUR = 5
#: Seconds in which more of an import comes in.
_WAIT = 15


@task("audiences.fill", lock="insight.refresh")
def fill(audience: int) -> None:
    """Everybody, for one audience. Harmless to repeat; nothing where it was done meanwhile."""
    filling.fill(audience)


@task("audiences.look_through_computed", lock="insight.refresh")
def look_through_computed() -> None:
    """Everybody, for audiences that ask for what is computed. Harmless to repeat."""
    filling.look_through_computed()


@task("audiences.count", lock="insight.refresh")
def count(audience: int) -> None:
    """The figures of those who are in. Harmless to repeat."""
    _counting.count(audience)


@task("audiences.prove", lock="insight.refresh")
def prove() -> None:
    """Everybody, for every audience, in both ways; and who may change until the next night. Harmless to repeat."""
    filling.prove_all(by=_BY)


@task("audiences.prove_nightly", lock="insight.refresh")
def prove_nightly(timestamp: int) -> None:
    """The same, in the one hour of the day that is the shop's `_HOUR`."""
    if datetime.fromtimestamp(timestamp, civil.zone(company.shop().zone)).hour == _HOUR:
        filling.prove_all(by=_BY)


def prove_soon() -> None:
    """Ask for `prove`, in the caller's transaction; one that waits already is enough."""
    asked = prove.configure(queueing_lock="audiences.prove", schedule_in={"seconds": _WAIT})
    try:
        with transaction.atomic():
            asked.defer()
    except AlreadyEnqueued:
        return


every("23 * * * *", prove_nightly)
