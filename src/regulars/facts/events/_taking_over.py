"""What programs told of a trait before the shop defined it goes into profiles as soon as it is defined."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from regulars.facts.customers import profiles
from regulars.facts.customers import traits as own_traits
from regulars.facts.customers.profiles import Profile, Told
from regulars.facts.events import _hidden, stream, traits
from regulars.facts.events.messages import DECODER, KINDS, NAMES_OF_KINDS
from regulars.facts.events.stream import Event, park
from regulars.facts.sources import sources
from regulars.kit.actors import Actor
from regulars.runtime.database import clock
from regulars.runtime.trail import trail

READER = "profile"
_BY = Actor("system", "events.profile")
#: Visitors in one transaction.
_LOT = 500
#: Sealed events opened at a time.
_SEALED_LOT = 2_000
_NOBODY = UUID(int=0)
#: Everybody who ever told anything about themselves: lists stand in the events alone.
_WHO_TOLD = """
SELECT id, customer_id, last_source, last_seen_at, traits::text FROM events_visitor
 WHERE id > %s AND customer_id IS NOT NULL AND counts ? %s ORDER BY id LIMIT %s
"""
#: The last word of each source, however the trait was spelled: the earlier ones show nothing.
_LAST_WORDS = """
event.id IN (SELECT DISTINCT ON (told.visitor, told.source) told.id FROM events_event AS told
              WHERE told.visitor = ANY(%(visitors)s) AND told.kind = %(kind)s
                AND (EXISTS (SELECT FROM jsonb_object_keys(told.data -> 'traits') AS one(name)
                              WHERE lower(translate(one.name, '-_ .', '')) = %(name)s)
                  OR EXISTS (SELECT FROM jsonb_object_keys(told.data #> '{context,traits}') AS one(name)
                              WHERE lower(translate(one.name, '-_ .', '')) = %(name)s))
              ORDER BY told.visitor, told.source, told.occurred_at DESC, told.id DESC)
"""


class _Visitor(NamedTuple):
    id: UUID
    customer: int
    source: int
    seen_at: datetime
    traits: Mapping[str, Any]


def take_over(code: str) -> int:
    """Of how many customers it was told before. Again changes nothing, nor where the trait was taken off the list
    meanwhile.

    What was sealed as personal when it came is opened, each event once, and goes where the trait's definition says: of
    a personal trait it is sealed again, in the profile. The number alone is written down.
    """
    trait = own_traits.every().get(code)
    if trait is None:
        return 0
    names = {source.id: source.name for source in sources.every()}
    count, after = 0, _NOBODY
    while True:
        with transaction.atomic():
            found = _who_told(after)
            if not found:
                break
            after = found[-1].id
            count += _describe(code, found, names)
    trail.record(
        by=_BY, verb="events.take_over_trait", subject=f"trait:{code}", at=clock.now(), after={"customers": count}
    )
    return count


def _who_told(after: UUID) -> list[_Visitor]:
    with connection.cursor() as cursor:
        cursor.execute(_WHO_TOLD, [after, f":{NAMES_OF_KINDS[KINDS['identify']]}", _LOT])
        return [
            _Visitor(id, customer, source, seen_at, DECODER.decode(told))
            for id, customer, source, seen_at, told in cursor.fetchall()
        ]


def _describe(code: str, found: Sequence[_Visitor], names: Mapping[int, str]) -> int:
    customer_of = {one.id: one.customer for one in found}
    asked = {"visitors": list(customer_of), "kind": KINDS["identify"], "name": traits.tidy(code)}
    # A visitor tells by a few sources at most; what is beyond that is taken from the visitor below.
    last: dict[tuple[UUID, int], tuple[Event, Mapping[str, Any]]] = {
        (event.visitor, event.source): (event, {}) for event in stream.matching(_LAST_WORDS, asked, limit=10 * _LOT)
    }
    for event, hidden in _sealed_words(list(customer_of), code):
        known = last.get((event.visitor, event.source))
        if known is None or (event.occurred_at, event.id) >= (known[0].occurred_at, known[0].id):
            last[event.visitor, event.source] = (event, hidden)
    events = [event for event, _hidden in last.values()]
    told = [_told(event, hidden, customer_of[event.visitor], code, names) for event, hidden in last.values()]
    telling = {event.visitor for event in events}
    # Events that told it are gone by now; the visitor still has it.
    told += [
        Told(one.customer, profile, f"visitor:{one.id}:{code}", one.seen_at, names[one.source])
        for one in found
        if one.id not in telling and (profile := _profile(one.traits, code)).traits
    ]
    if not told:
        return 0
    done = profiles.describe_each(told=told, by=_BY, origin="history")
    _note(done.left_out, events, code)
    return len({one.customer for one in told})


def _sealed_words(visitors: Sequence[UUID], code: str) -> Iterator[tuple[Event, Mapping[str, Any]]]:
    """Events that told the trait where nobody reads it, with what was taken out of each, in order."""
    after = 0
    while events := stream.with_hidden(visitors, kind=KINDS["identify"], after=after, limit=_SEALED_LOT):
        after = events[-1].id
        opened = _hidden.opened(events)
        for event in events:
            hidden = opened.get(event.id, {})
            if any(traits.tidy(path.rpartition(".")[2]) == traits.tidy(code) for path in hidden):
                yield event, hidden


def _told(event: Event, hidden: Mapping[str, Any], customer: int, code: str, names: Mapping[int, str]) -> Told:
    profile = _profile(traits.told(event.data, hidden), code)
    return Told(customer, profile, f"event:{event.id}:{code}", event.occurred_at, names[event.source])


def _profile(told: Mapping[str, Any], code: str) -> Profile:
    wanted = {name: value for name, value in told.items() if traits.tidy(name) == traits.tidy(code)}
    return traits.profile(wanted, [code])


def _note(left_out: Iterable[tuple[str, str]], events: Sequence[Event], code: str) -> None:
    by_key = {f"event:{event.id}:{code}": event.id for event in events}
    for key, field in left_out:
        if key in by_key:
            park(reader=READER, event=by_key[key], problem=f"left out: {field}", is_note=True)
