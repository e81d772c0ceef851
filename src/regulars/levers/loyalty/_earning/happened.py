"""What customers did, as rules for events see it: one event of the stream, and all that is on record of a time."""

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from regulars.facts.customers import kept_birthdays
from regulars.facts.customers.birthdays import LeapDay
from regulars.facts.events import events, stream
from regulars.facts.events.stream import Event
from regulars.kit import civil
from regulars.levers.loyalty._earning.event_names import called
from regulars.levers.loyalty.rules.event import BIRTHDAY
from regulars.levers.loyalty.rules.views import EventView

#: Where an event says what it was about.
_ABOUT = ("product_id", "sku", "article_id", "survey_id", "id")


@dataclass(frozen=True, slots=True)
class Happened:
    """A person did something, or had a birthday."""

    person: int
    event: EventView


def seen(event: Event) -> EventView:
    """An event of the stream as rules see it; its day is that of UTC until a programme says its zone."""
    told = event.data.get("properties")
    properties = told if isinstance(told, dict) else {}
    about = next((str(properties[name]) for name in _ABOUT if properties.get(name)), "")
    store = properties.get("store")
    return EventView(
        name=called(event.name),
        at=event.occurred_at,
        on=civil.day_of(event.occurred_at, civil.zone("UTC")),
        about=about,
        store=store if isinstance(store, str) else "",
        properties={name: value for name, value in properties.items() if isinstance(value, str | int | Decimal)},
    )


def on_record(
    names: Collection[str], *, since: datetime | None, until: datetime, zone: ZoneInfo, leap_day: LeapDay
) -> Iterator[Happened]:
    """What people did in that time that rules call so, live or told later, in the order in which it happened; of each
    birthday, that it began. Events as far as they are kept, of those whose they are by now; birthdays as they are told
    now.

    Reads all events of the time, page by page, and holds the birthdays of everybody.
    """
    found = stream.names(since=since, until=until) if names else {}
    told = {name: first for name, first in found.items() if called(name) in names}
    streams = [_of_the_stream(told, min(told.values()), until)] if told else []
    if BIRTHDAY in names:
        streams.append(_birthdays(since, until, zone, leap_day))
    return heapq.merge(*streams, key=_moment)


def count(names: Collection[str], *, since: datetime, until: datetime) -> int:
    """How many events of the stream that rules call so happened in that time, whosever they are."""
    told = [name for name in stream.names(since=since, until=until) if called(name) in names]
    return stream.count(since=since, until=until, named=told) if told else 0


def _moment(one: Happened) -> datetime:
    return one.event.at


def _of_the_stream(told: Collection[str], since: datetime, until: datetime) -> Iterator[Happened]:
    for page in stream.as_they_happened(told, since=since, until=until):
        whose = events.customers_of({event.visitor for event in page})
        for event in page:
            if (person := whose.get(event.visitor)) is not None:
                yield Happened(person, seen(event))


def _birthdays(since: datetime | None, until: datetime, zone: ZoneInfo, leap_day: LeapDay) -> Iterator[Happened]:
    first, last = None if since is None else civil.day_of(since, zone), civil.day_of(until, zone)
    kept = kept_birthdays.between(first, last + timedelta(days=1), zone=zone, leap_day=leap_day)
    # Joined records may tell of the same one.
    for day, person, year in sorted({(one.day, one.person, one.year) for one in kept}):
        begins = civil.start_of_day(day, zone)
        if (since is None or since <= begins) and begins < until:
            yield Happened(person, EventView(BIRTHDAY, begins, day, year=year))
