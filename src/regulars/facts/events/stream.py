"""Events read back in the order in which they were taken, by readers with a name and a place of their own.

Nobody reads past the horizon, so a transaction that commits late is not skipped. A reader's effect and its place are in
one transaction: after a crash it goes on where it was, and nothing counts twice. An event that a reader cannot bear is
parked, in sight of the operators, and the rest go on.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from regulars.facts.events.intake import BITS, LOCK_CLASS, SEQUENCE
from regulars.facts.events.messages import DECODER
from regulars.facts.events.models import Parked
from regulars.facts.events.models import Reader as Place
from regulars.kit.problems import named
from regulars.runtime.database import instants
from regulars.runtime.database.horizon import Horizon

logger = logging.getLogger(__name__)

#: What one transaction takes at most, and so what a reader keeps in memory: events, bytes of them, batches.
MOST_EVENTS = 2_000
MOST_BYTES = 16 * 1024**2
MOST_BATCHES = 500
_LAST = (1 << BITS) - 1
_FETCH = 200

_HEAD = "SELECT event.id, event.kind, event.name, event.visitor, event.device"
_COLUMNS = (
    f"{_HEAD}, event.source, event.user_ref, event.device_ref, {instants.told('event.occurred_at')},"
    f" {instants.told('event.received_at')}, event.origin, event.data::text"
)
_FROM = " FROM events_event AS event{hidden} WHERE event.id > %s AND event.id <= %s{times} ORDER BY event.id LIMIT %s"
_HIDDEN = (", hidden.sealed_for, hidden.sealed", " LEFT JOIN events_hidden AS hidden ON hidden.event = event.id")
_NOTHING_HIDDEN = (", NULL, NULL", "")


@dataclass(frozen=True, slots=True)
class Head:
    """Which event it is and whose: for who need not know what it says."""

    id: int
    kind: int
    name: str
    visitor: UUID
    device: UUID | None


@dataclass(frozen=True, slots=True)
class Event(Head):
    """One event as it stands in the stream. `data` has exact numbers and nothing personal; what was personal is
    `sealed` for the person (or month) `sealed_for`, where the reader asked for it."""

    source: int
    user_ref: str | None
    device_ref: str | None
    occurred_at: datetime
    received_at: datetime
    origin: str
    data: Mapping[str, Any]
    sealed_for: int | None
    sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What was committed together: how many messages of which source ended how."""

    id: int
    events: int
    first_at: datetime | None
    last_at: datetime | None
    counts: Mapping[str, Mapping[str, int]]
    recorded_at: datetime


@dataclass(frozen=True)
class Reader:
    """Who reads. `take` gets events in order, or `heads` gets their heads, which cost a fifth of that, or `count` gets
    batches; in a transaction, and again after a crash.

    `only` is a condition in SQL on the `event` for who wants few of them.
    One that `is_patient` steps while the others have nothing to do, and now and then when they always have.
    `most` events a step, fewer than MOST_EVENTS, for who takes long over each and has others waiting.
    `after` names a reader that this one never overtakes, for who needs what that one wrote of each event.
    """

    name: str
    take: Callable[[Sequence[Event]], None] | None = None
    heads: Callable[[Sequence[Head]], None] | None = None
    count: Callable[[Sequence[Batch]], None] | None = None
    opens_hidden: bool = False
    only: str = ""
    is_patient: bool = False
    most: int | None = None
    after: str | None = None


def register(readers: Sequence[Reader], *, at: int = 0) -> None:
    """New readers begin at the first event, or after the place `at`; known ones keep their place."""
    Place.objects.bulk_create([Place(name=reader.name, position=at) for reader in readers], ignore_conflicts=True)


def is_registered(reader: str) -> bool:
    """Whether it has a place. One query."""
    return Place.objects.filter(name=reader).exists()


def place_before(moment: datetime, *, settled: int) -> int:
    """The place of a reader that is to read all that was recorded from that moment on, where every batch up to
    `settled` has ended. One query, which may read all batches."""
    with connection.cursor() as cursor:
        # They are numbered before they are dated, so the last one before the moment may come after the first since.
        cursor.execute("SELECT min(id) FROM events_batch WHERE id <= %s AND recorded_at >= %s", [settled, moment])
        [(first,)] = cursor.fetchall()
    return end_of(settled if first is None else first - 1)


def horizon() -> Horizon:
    """How far the stream may be read; for one process and one connection."""
    return Horizon(SEQUENCE, LOCK_CLASS)


def end_of(batch: int) -> int:
    """The place of a reader that has read this batch and all before it."""
    return batch << BITS | _LAST


def step(reader: Reader, settled: int | None = None) -> int | None:
    """Read on from the reader's place, up to the batch `settled`: the new place, None where somebody else reads.

    Who comes `after` another need not be told: the other has not passed what is settled.

    One transaction, at most MOST_EVENTS events or the reader's own. Raises what tells that the database is away; what
    else goes wrong with an event parks it.
    """
    with transaction.atomic():
        place = _place(reader.name)
        if place is None:
            return None
        if reader.after is not None:
            passed = read_whole(reader.after)
            settled = passed if settled is None else min(settled, passed)
        assert settled is not None, "a reader that comes after nobody is told how far it may read"
        if place >= end_of(settled):
            return place
        batches = _batches(place, settled)
        if reader.count is not None:
            reader.count(batches)
            position = end_of(batches[-1].id if len(batches) == MOST_BATCHES else settled)
        else:
            events, position = _events(place, settled, batches, reader)
            if events:
                _take(reader, events)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_reader SET position = %s WHERE name = %s", [position, reader.name])
    return position


def _place(reader: str) -> int | None:
    """Where the reader stands, held until the transaction ends; None where somebody else holds it.

    The transaction's end does not wait for the disk: its effect and its place are lost together, and whoever saw the
    effect and was told that their own commit is safe comes after it in the log.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL synchronous_commit = off;"
            " SELECT position FROM events_reader WHERE name = %s FOR UPDATE SKIP LOCKED",
            [reader],
        )
        cursor.nextset()
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def read_whole(reader: str) -> int:
    """The last batch that a reader has read whole. One indexed row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM events_reader WHERE name = %s", [reader])
        (position,) = cursor.fetchone() or (0,)
    return (int(position) + 1 >> BITS) - 1


def at(event: int) -> Sequence[Event]:
    """One event for a reader that tries again; empty where its time is over."""
    with transaction.atomic():
        return _fetch(event - 1, event, None, Reader("", opens_hidden=True))[0]


def matching(condition: str, values: Mapping[str, Any], *, limit: int) -> list[Event]:
    """Events under a condition in SQL on the `event`, in order. One query, which may read all that are kept."""
    with connection.cursor() as cursor:
        asked = f"{_COLUMNS}{_NOTHING_HIDDEN[0]} FROM events_event AS event WHERE {condition}"
        cursor.execute(f"{asked} ORDER BY event.id LIMIT %(limit)s", {**values, "limit": limit})
        return [_event(row) for row in cursor.fetchall()]


def names(*, since: datetime | None, until: datetime) -> dict[str, datetime]:
    """What events that happened from `since`, or ever, until before `until` were called, and when each was told of
    first. One query, which reads all of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event.name, min(event.occurred_at) FROM events_event AS event"
            " WHERE event.occurred_at >= %s AND event.occurred_at < %s GROUP BY event.name",
            ["-infinity" if since is None else since, until],
        )
        return dict(cursor.fetchall())


def count(*, since: datetime, until: datetime, named: Collection[str] | None = None, most: int | None = None) -> int:
    """How many events happened from `since` until before `until`, told under these names, as far as `most`. One query,
    which reads no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM events_event AS event WHERE event.occurred_at >= %s"
            " AND event.occurred_at < %s AND (%s::text[] IS NULL OR event.name = ANY(%s::text[])) LIMIT %s) AS event",
            [since, until, *[None if named is None else sorted(named)] * 2, most],
        )
        [(found,)] = cursor.fetchall()
    return int(found)


def as_they_happened(
    named: Collection[str], *, since: datetime, until: datetime, size: int = MOST_EVENTS
) -> Iterator[list[Event]]:
    """Events told under these names that happened from `since` until before `until`, in the order in which they
    happened, so many at once. A query for each month, which reads all that are kept of it; the database holds what it
    finds of one."""
    first = since
    while first < until:
        last = min(_next_month(first), until)
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                f"{_COLUMNS}{_NOTHING_HIDDEN[0]} FROM events_event AS event"
                " WHERE event.name = ANY(%s) AND event.occurred_at >= %s AND event.occurred_at < %s"
                " ORDER BY event.occurred_at, event.id",
                [sorted(named), first, last],
            )
            while rows := cursor.fetchmany(size):
                yield [_event(row) for row in rows]
        first = last


def _next_month(moment: datetime) -> datetime:
    """The beginning of the next of the months that events are kept by."""
    day = moment.astimezone(UTC)
    return datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)


def with_hidden(visitors: Sequence[UUID], *, kind: int, after: int, limit: int) -> list[Event]:
    """Events of one kind of these visitors that told something personal, sealed, the next ones after `after`, in order.
    One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COLUMNS
            + _HIDDEN[0]
            + " FROM events_hidden AS hidden JOIN events_event AS event ON event.id = hidden.event"
            " WHERE hidden.visitor = ANY(%s) AND hidden.event > %s AND event.kind = %s ORDER BY hidden.event LIMIT %s",
            [list(visitors), after, kind, limit],
        )
        return [_event(row) for row in cursor.fetchall()]


def of_visitors(visitors: Sequence[UUID], *, kind: int, before: int, limit: int) -> list[Event]:
    """Events of one kind that these visitors did before, the last ones of them, in order. One query."""
    if not visitors:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _COLUMNS + _HIDDEN[0] + " FROM events_event AS event" + _HIDDEN[1] + " WHERE event.visitor = ANY(%s)"
            " AND event.kind = %s AND event.id < %s ORDER BY event.id DESC LIMIT %s",
            [list(visitors), kind, before, limit],
        )
        return [_event(row) for row in reversed(cursor.fetchall())]


def _batches(position: int, settled: int) -> list[Batch]:
    """What comes after the place: the batch that is half read first."""
    first = (position + 1) >> BITS
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, events, first_at, last_at, counts::text, recorded_at FROM events_batch"
            " WHERE id >= %s AND id <= %s ORDER BY id LIMIT %s",
            [first, settled, MOST_BATCHES],
        )
        return [
            Batch(number, events, first_at, last_at, DECODER.decode(counts), recorded_at)
            for number, events, first_at, last_at, counts, recorded_at in cursor.fetchall()
        ]


def _events(
    position: int, settled: int, batches: Sequence[Batch], reader: Reader
) -> tuple[Sequence[Event] | Sequence[Head], int]:
    """The next events and the place after them. The batches tell when they happened, so few months are looked into."""
    if not batches or batches[0].id > (position >> BITS) + 1:
        # Numbers of nobody's, or of batches whose rows were tidied away: the events themselves are asked.
        until = (batches[0].id << BITS) - 1 if batches else end_of(settled)
        events, is_whole = _found(position, until, None, reader)
        if events or not batches:
            return events, until if is_whole else events[-1].id
        position = until
    taken: list[Batch] = []
    count = 0
    for batch in batches:
        if count >= _most(reader):
            break
        taken.append(batch)
        count += batch.events
    is_last = len(taken) == len(batches) < MOST_BATCHES
    until = end_of(settled if is_last else taken[-1].id)
    times = [at for batch in taken for at in (batch.first_at, batch.last_at) if at is not None]
    if not times:
        return [], until
    events, is_whole = _found(position, until, (min(times), max(times)), reader)
    return events, until if is_whole else events[-1].id


def _found(
    after: int, until: int, times: tuple[datetime, datetime] | None, reader: Reader
) -> tuple[Sequence[Event] | Sequence[Head], bool]:
    """Events by number, or their heads where these are read, and whether these are all."""
    if reader.heads is None:
        return _fetch(after, until, times, reader)
    between = "" if times is None else " AND event.occurred_at BETWEEN %s AND %s"
    if reader.only:
        between += f" AND {reader.only}"
    with connection.cursor() as cursor:
        cursor.execute(_HEAD + _FROM.format(hidden="", times=between), [after, until, *(times or ()), _most(reader)])
        heads = [Head(*row) for row in cursor.fetchall()]
    return heads, len(heads) < _most(reader)


def _fetch(after: int, until: int, times: tuple[datetime, datetime] | None, reader: Reader) -> tuple[list[Event], bool]:
    """Events by number, and whether these are all: read in small lots, so that large ones do not fill the memory."""
    columns, joined = _HIDDEN if reader.opens_hidden else _NOTHING_HIDDEN
    between = "" if times is None else " AND event.occurred_at BETWEEN %s AND %s"
    if reader.only:
        between += f" AND {reader.only}"
    asked = _COLUMNS + columns + _FROM.format(hidden=joined, times=between)
    found: list[Event] = []
    size = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(asked, [after, until, *(times or ()), _most(reader)])
        while rows := cursor.fetchmany(_FETCH):
            for row in rows:
                size += len(row[-3]) + len(row[-1] or b"")
                found.append(_event(row))
                if size > MOST_BYTES:
                    return found, False
            if len(rows) < _FETCH:
                break
    return found, len(found) < _most(reader)


def _most(reader: Reader) -> int:
    return MOST_EVENTS if reader.most is None else min(reader.most, MOST_EVENTS)


def _event(row: tuple[Any, ...]) -> Event:
    *plain, occurred, received, origin, data, sealed_for, sealed = row
    at = instants.read
    told = (at(occurred), at(received), origin, DECODER.decode(data), sealed_for, sealed and bytes(sealed))
    # One value for each field, in their order: the statements name them so.
    values: tuple[Any, ...] = (*plain, *told)
    return Event(*values)


def _take(reader: Reader, events: Sequence[Any]) -> None:
    take = reader.take if reader.heads is None else reader.heads
    assert take is not None
    try:
        with transaction.atomic():
            take(events)
    except (OperationalError, InterfaceError):
        raise
    except Exception as problem:
        if len(events) > 1:
            # One of them is to blame. Halving finds it, and the others are taken in their order.
            middle = len(events) // 2
            _take(reader, events[:middle])
            _take(reader, events[middle:])
            return
        # Its kind and place only: a message may quote what somebody wrote.
        logger.error("events: an event is parked", extra={"code": type(problem).__name__})
        park(reader=reader.name, event=events[0].id, problem=named(problem))


def park(*, reader: str, event: int, problem: str, is_note: bool = False) -> None:
    """Put it where operators see it. A note is about an event that was taken all the same, but for a part of it."""
    Parked.objects.update_or_create(reader=reader, event=event, is_note=is_note, defaults={"problem": problem[:300]})
