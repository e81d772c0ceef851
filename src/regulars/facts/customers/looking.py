"""Looking for likely duplicates in the background: asked for by hand or after a file came in, and how far it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from procrastinate.exceptions import AlreadyEnqueued

from regulars.facts.customers import jobs
from regulars.facts.customers.models import Look as Row
from regulars.kit.actors import Actor

#: A file comes seldom alone.
_WAIT_SECONDS = 5
#: Without a sign of life for so long, its process has died; the job is tried again by itself.
_SILENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Look:
    """`opened` of `people` are read; `alike` pairs were found, `asked` of them are new, `gone` ask no more."""

    id: int
    state: Literal["waiting", "running", "stopped", "done"]
    asked_at: datetime
    by: str
    ended_at: datetime | None
    people: int
    opened: int
    alike: int
    asked: int
    gone: int


def soon(*, at: datetime, by: Actor) -> Look:
    """Ask for a look, in the caller's transaction; one that waits already is enough."""
    with transaction.atomic():
        waiting = Row.objects.filter(began_at=None, ended_at=None).order_by("-id").first()
        row = waiting or Row.objects.create(asked_at=at, by=str(by))
        asked = jobs.suggest.configure(queueing_lock="customers.suggest", schedule_in={"seconds": _WAIT_SECONDS})
        try:
            with transaction.atomic():
                asked.defer(look=row.id)
        except AlreadyEnqueued:
            pass  # One waits to begin: it will look at these, too.
        return _read(row, at)


def last(*, at: datetime) -> Look | None:
    """The latest look, as it is at `at`; None where nobody ever looked. One query."""
    row = Row.objects.order_by("-id").first()
    return _read(row, at) if row else None


def _read(row: Row, at: datetime) -> Look:
    state: Literal["waiting", "running", "stopped", "done"] = "waiting"
    if row.ended_at is not None:
        state = "done"
    elif row.began_at is not None:
        state = "running" if row.seen_at is not None and at - row.seen_at < _SILENT else "stopped"
    return Look(
        row.id, state, row.asked_at, row.by, row.ended_at, row.people, row.opened, row.alike, row.asked, row.gone
    )
