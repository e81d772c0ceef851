"""Follows the stream: the house's readers of events, stepped again and again, by any number of processes."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from regulars.facts.events import _profile, aside, intake, orders, planning, stream
from regulars.facts.events.models import Evidence, Parked, Visitor
from regulars.facts.events.models import Reader as Place
from regulars.facts.events.stream import Batch, Event, Reader
from regulars.facts.sources import traffic
from regulars.kit.actors import Actor
from regulars.kit.problems import named
from regulars.kit.refusals import Refusal
from regulars.runtime import rooms
from regulars.runtime.database import horizon
from regulars.runtime.trail import trail

logger = logging.getLogger(__name__)

#: Seconds between looks when there was nothing to do: at first the short time, doubling to the long one.
SHORTEST_POLL, LONGEST_POLL = 0.005, 0.05
#: Seconds from one look that found something to the next. A step is some forty statements for one event as for a
#: hundred, and what it takes of the machine is taken from those who take events in. Where more waits than a step takes
#: it does not wait.
PACE = 0.2
#: What one call tries again or sets aside at most.
MOST_AT_ONCE = 1_000
Retried = Literal["taken", "over", "still"]
#: Seconds after which a patient reader takes a step though the others are busy; it takes one at each look while more
#: waits for it than a step takes.
PATIENCE = 1.0


def _count_traffic(batches: Sequence[Batch]) -> None:
    hours: dict[datetime, Counter[tuple[int, str]]] = {}
    latest: dict[datetime, datetime] = {}
    for batch in batches:
        hour = batch.recorded_at.replace(minute=0, second=0, microsecond=0)
        latest[hour] = max(batch.recorded_at, latest.get(hour, batch.recorded_at))
        counts = hours.setdefault(hour, Counter())
        for source, verdicts in batch.counts.items():
            for verdict, count in verdicts.items():
                counts[int(source), verdict] += count
    for hour, counts in sorted(hours.items()):
        traffic.count_many(counts=counts, at=latest[hour])


#: The reader that finds out whose events are; others may come `after` it.
PROFILES = _profile.READER

READERS = (
    Reader("traffic", count=_count_traffic),
    Reader(PROFILES, take=_profile.take, opens_hidden=True),
    Reader("orders", take=orders.take, only=orders.ONLY),
    planning.PLANNING,
)


def follow_everything() -> None:
    """For tests and stories: every reader reads everything, in the caller's transaction.

    Reads its own uncommitted events and assumes that nobody else takes any in.
    """
    stream.register(READERS)
    settled = horizon.last_number(intake.SEQUENCE)
    for reader in READERS:
        while (place := stream.step(reader, settled)) is not None and place < stream.end_of(settled):
            pass


class NotParked(Refusal):
    """No such event waits for this reader."""

    code = "events.not_parked"


@dataclass(frozen=True)
class ParkedEvent:
    """An event that a reader could not take, or, as a note, took but for a part of it."""

    number: int
    reader: str
    event: int
    problem: str
    is_note: bool
    parked_at: datetime


@dataclass(frozen=True)
class Tried:
    """What became of many that were tried again: taken, over (their time was), still parked; and how many were not
    tried."""

    taken: int
    over: int
    still: int
    left: int


class Follower:
    """Looks again and again. One object belongs to one thread and to its database connection."""

    def __init__(self, readers: Sequence[Reader] = READERS) -> None:
        self._readers = list(readers)
        self._patient_at = float("-inf")
        self._is_behind = self._is_patient_behind = False
        self._start_afresh()

    def look(self) -> bool:
        """One step for every reader. Whether there was anything to read for one of them."""
        settled = self._horizon.advance()
        if self._horizon.is_waiting:
            # Who was writing is at the commit, mostly: the next look would be late by a whole pace.
            time.sleep(SHORTEST_POLL)
            settled = self._horizon.advance()
        self._is_behind = False
        # A different order each time, so that several processes do not queue up behind the same reader.
        random.shuffle(self._readers)
        moved = False
        is_due = self._is_patient_behind or time.monotonic() - self._patient_at > PATIENCE
        for reader in sorted(self._readers, key=lambda one: one.is_patient):
            before = self._places.get(reader.name, -1)
            if before >= stream.end_of(settled) or (reader.is_patient and moved and not is_due):
                continue
            if reader.is_patient:
                self._patient_at = time.monotonic()
            place = stream.step(reader, settled)
            if place is not None:
                moved = moved or place > before
                self._places[reader.name] = place
                if reader.is_patient:
                    self._is_patient_behind = place < stream.end_of(settled)
                else:
                    self._is_behind |= place < stream.end_of(settled)
        return moved

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; the step at hand is finished first. Outlives a restart of the database."""
        failures, registered, poll = 0, False, SHORTEST_POLL
        while not stop.is_set():
            try:
                if not registered:
                    stream.register(self._readers)
                    registered = True
                began = time.monotonic()
                moved = self.look()
                failures = 0
            except (OperationalError, InterfaceError) as lost:
                connection.close()
                self._start_afresh()
                failures += 1
                logger.warning("events: lost the database (%s), trying again", type(lost).__name__)
                stop.wait(min(5.0, 0.1 * 2**failures))
                continue
            poll = SHORTEST_POLL if moved else min(poll * 2, LONGEST_POLL)
            if not moved:
                stop.wait(poll)
            elif not self._is_behind:
                stop.wait(max(0.0, began + PACE - time.monotonic()))

    def drain(self, *, patience: float = 30.0) -> bool:
        """Read what has been taken in by now. False if `patience` (seconds) ran out."""
        stream.register(self._readers)
        until = time.monotonic() + patience
        target = stream.end_of(horizon.last_number(intake.SEQUENCE))
        while time.monotonic() < until:
            moved = self.look()
            if all(self._places.get(reader.name, -1) >= target for reader in self._readers):
                return True
            if not moved:
                time.sleep(SHORTEST_POLL)
        return False

    def _start_afresh(self) -> None:
        self._horizon = stream.horizon()
        self._places: dict[str, int] = {}


def parked(*, notes: bool = False, before: int | None = None, limit: int = 100) -> list[ParkedEvent]:
    """What waits for somebody, newest first, numbered below `before`; with `notes` what was taken but for a part
    instead. One query."""
    rows = Parked.objects.filter(is_note=notes).order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [ParkedEvent(row.id, row.reader, row.event, row.problem, row.is_note, row.parked_at) for row in rows[:limit]]


def parked_count() -> int:
    """How many wait for somebody, at most 10,000."""
    return Parked.objects.filter(is_note=False).order_by()[:10_000].count()


def retry(*, reader: str, event: int, at: datetime, by: Actor) -> bool:
    """Take a parked event now. False when its time is over; what goes wrong again is raised, and it stays parked."""
    known = _known()
    with transaction.atomic():
        row = Parked.objects.select_for_update().filter(reader=reader, event=event, is_note=False).first()
        if row is None or reader not in known:
            raise NotParked(
                gettext_lazy("event: %(event)s is not parked for %(reader)s; look again")
                % {"event": event, "reader": reader[:60]},
                field="event",
                value=event,
            )
        # The reader itself waits: two at one visitor would each write what they read before the other.
        Place.objects.select_for_update().get(name=reader)
        events: Sequence[Event] = stream.at(event)
        take = known[reader].take
        assert take is not None, "only readers of events park some"
        if events:
            take(events)
        row.delete()
        trail.record(by=by, verb="events.retry", subject=f"event:{event}", at=at, after={"reader": reader})
    return bool(events)


def _known() -> dict[str, Reader]:
    """Who may be told again of an event, by name: the house's readers, and those of the rooms above that read by
    themselves. A room's `hearing.py` has `READERS`."""
    above = [one for room in rooms.modules("hearing") for one in room.READERS]
    return {one.name: one for one in (*READERS, *above)}


def try_again(*, reader: str, event: int, at: datetime, by: Actor) -> Retried:
    """`retry` that answers where it is still no good: the event stays parked, with the problem it has now."""
    try:
        return "taken" if retry(reader=reader, event=event, at=at, by=by) else "over"
    except (OperationalError, InterfaceError, NotParked):
        raise
    except Exception as problem:
        logger.warning("events: a parked event was tried in vain", extra={"code": type(problem).__name__})
        Parked.objects.filter(reader=reader, event=event, is_note=False).update(problem=named(problem)[:300])
        return "still"


def try_all_again(*, limit: int = MOST_AT_ONCE, at: datetime, by: Actor) -> Tried:
    """`try_again` for all that is parked, in the order in which it came, each in its own transaction."""
    return _try_again(Parked.objects.filter(is_note=False), min(limit, MOST_AT_ONCE), at, by)


def try_all_again_for(*, reader: str, at: datetime, by: Actor) -> Tried:
    """`try_all_again` for who knows that it may be taken now, without a limit."""
    return _try_again(Parked.objects.filter(is_note=False, reader=reader), None, at, by)


def _try_again(found: QuerySet[Parked], limit: int | None, at: datetime, by: Actor) -> Tried:
    rows = list(found.order_by("event", "id").values_list("reader", "event"))
    ended: Counter[Retried] = Counter()
    for reader, event in rows[:limit]:
        try:
            ended[try_again(reader=reader, event=event, at=at, by=by)] += 1
        except NotParked:
            # Somebody else was faster.
            continue
    return Tried(ended["taken"], ended["over"], ended["still"], len(rows) - len(rows[:limit]))


def set_aside(*, reader: str, event: int, is_note: bool = False, why: aside.Why, at: datetime, by: Actor) -> None:
    """Nobody waits any more for this reader to take the event; the event itself stays. A note was seen."""
    with transaction.atomic():
        removed, _ = Parked.objects.filter(reader=reader, event=event, is_note=is_note).delete()
        if not removed:
            raise NotParked(
                gettext_lazy("event: %(event)s is not parked for %(reader)s; look again")
                % {"event": event, "reader": reader[:60]},
                field="event",
                value=event,
            )
        trail.record(by=by, verb="events.set_aside", subject=f"event:{event}", at=at, after={"reader": reader}, why=why)


def set_all_aside(*, notes: bool = False, limit: int = MOST_AT_ONCE, why: aside.Why, at: datetime, by: Actor) -> int:
    """`set_aside` for the oldest that are parked, or for the oldest notes. How many."""
    with transaction.atomic():
        rows = list(
            Parked.objects.select_for_update()
            .filter(is_note=notes)
            .order_by("id")
            .values_list("id", "reader", "event")[: min(limit, MOST_AT_ONCE)]
        )
        for _, reader, event in rows:
            trail.record(
                by=by, verb="events.set_aside", subject=f"event:{event}", at=at, after={"reader": reader}, why=why
            )
        Parked.objects.filter(id__in=[number for number, _, _ in rows]).delete()
    return len(rows)


def rebuild(*, at: datetime, by: Actor) -> None:
    """Forget what was concluded of visitors, and read all events that are kept again.

    Customers and profiles stay: whom a visitor is found to be is the same again, and what was told is known by its key.
    """
    with transaction.atomic():
        place = Place.objects.select_for_update().get(name=_profile.READER)
        Parked.objects.filter(reader=_profile.READER, is_note=False).delete()
        Evidence.objects.all().delete()
        Visitor.objects.all().delete()
        place.position = 0
        place.save(update_fields=["position"])
        trail.record(by=by, verb="events.rebuild", subject="events:visitors", at=at)
