"""Events of orders that came before their source was the order feed: counted, then put on record when somebody asks.

What goes on record so late is history: nobody is greeted for it. What was looked at before is left out, so that asking
again is harmless, and a walk that was interrupted goes on.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.events import _past, jobs
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

NotTheFeed = _past.NotTheFeed
_CANCELLED = "57014"
_COUNT = f"SELECT count(*), min(occurred_at), max(occurred_at) FROM events_event AS event WHERE {_past.CONDITION}"  # noqa: S608 - constants of ours


@dataclass(frozen=True)
class Past:
    """How many there are, and between which instants they happened; None where there are none."""

    events: int
    first_at: datetime | None
    last_at: datetime | None


class TakesLong(Refusal):
    """There are so many events that counting these takes longer than the caller waits."""

    code = "events.counting_takes_long"


def count(*, source: int, patience_seconds: float | None = None) -> Past:
    """How many events of orders of the source are not looked at yet. Reads all events that are kept, since nothing
    else tells them apart; refuses after `patience_seconds`."""
    asked = {"source": source, "after": 0, "upto": _past.upto()}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if patience_seconds is not None:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{int(patience_seconds * 1000)}"])
            cursor.execute(_COUNT, asked)
            events, first_at, last_at = cursor.fetchone()
            if patience_seconds is not None:
                cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as problem:
        if getattr(problem.__cause__, "sqlstate", None) != _CANCELLED:
            raise
        raise TakesLong(
            _("source: so many events are kept that counting takes longer; use `regulars events past-orders`"),
            field="source",
        ) from None
    return Past(events, first_at, last_at)


def begin(*, source: int, at: datetime, by: Actor) -> None:
    """A job puts them on record. Refused where the source is not the order feed; again while it runs is harmless."""
    _past.check(source)
    with transaction.atomic():
        trail.record(by=by, verb="events.orders.apply_past", subject=f"source:{source}", at=at)
        jobs.apply_past_orders.defer(source=source, by_kind=by.kind, by_id=by.id)


def apply(*, source: int, at: datetime, by: Actor) -> int:
    """Put them on record now, oldest first; what cannot be done stays in `orders.problems`. How many were looked at.
    Refused where the source is not the order feed."""
    _past.check(source)
    trail.record(by=by, verb="events.orders.apply_past", subject=f"source:{source}", at=at)
    return _past.walk(source=source, at=at, by=by)
