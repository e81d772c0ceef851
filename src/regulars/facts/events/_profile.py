"""The profile stream: from events to who was seen, what they did, and who they are. A few statements a slice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from regulars.facts.customers import asking, consent, customers, identifiers, profiles
from regulars.facts.customers import traits as own_traits
from regulars.facts.customers.purposes import ANY, Place
from regulars.facts.events import _hidden, _standing, consents, devices, messages, stream, traits
from regulars.facts.events import personal as personal_parts
from regulars.facts.events._standing import Standing
from regulars.facts.events.messages import KINDS, Sender
from regulars.facts.events.stream import Event, park
from regulars.facts.sources import sources
from regulars.kit.actors import Actor, Origin
from regulars.runtime.secrets import lookup, vault

READER = "profile"
BY = Actor("system", "events.profile")
#: What was sealed for the month while nobody knew whose it is is sealed anew in lots of so many.
_LOT = 1_000
#: An event that came so much later than it happened sets back when its customer was first seen.
_LATE = timedelta(minutes=1)
_IDENTIFY, _ALIAS = KINDS["identify"], KINDS["alias"]
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class _Link:
    """That two visitors are one person, as `event` told."""

    kind: Literal["together", "alias"]
    visitor: UUID
    other: UUID
    event: Event


def take(events: Sequence[Event]) -> None:
    """Bring what these events tell into visitors, customers and profiles; in the reader's transaction."""
    every = sources.every()
    spaces = {source.id: source.namespace for source in every}
    personal = _hidden.opened(events)
    former = {event.id: _former(event, personal, spaces) for event in events if event.kind == _ALIAS}
    wanted = {event.visitor for event in events} | {event.device for event in events if event.device is not None}
    known = _standing.load(wanted | {one for pair in former.values() for one in pair.ids}, events)
    links: list[_Link] = []
    for event in events:
        mine = _of(event, known, personal.get(event.id, {}), spaces)
        mine.seen(event)
        mine.did(event)
        if event.device is not None:
            device = _device(event, known, personal.get(event.id, {}), spaces)
            device.seen(event)
            links.append(_Link("together", device.id, mine.id, event))
        if event.kind == _IDENTIFY:
            hidden = personal.get(event.id, {})
            mine.told(traits.others(traits.told(event.data, hidden), hidden))
        elif event.kind == _ALIAS:
            met = former[event.id].met(known, event)
            links += [_Link("alias", other.id, mine.id, event) for other in met if other is not mine]
    _give_customers(known, events)
    now_known, disputed = _link(known, links)
    _ask(known, links)
    _standing.save(list(known.values()))
    devices.reckon(disputed)
    _seal_anew(events, known, personal)
    _seal_what_was_before(now_known, known)
    # What somebody told before it was known who it is counts from now on.
    before = stream.of_visitors(now_known, kind=_IDENTIFY, before=events[0].id, limit=_LOT)
    names = {source.id: source.name for source in every}
    _describe([*before, *events], known, personal | _hidden.opened(before), names)
    _consent(events, known, spaces)


def _of(event: Event, known: dict[UUID, Standing], hidden: Mapping[str, Any], spaces: Mapping[int, str]) -> Standing:
    """The visitor the event is about."""
    is_user = event.user_ref is not None or event.device is not None or "userId" in hidden
    ref, contact = (event.user_ref, hidden.get("userId")) if is_user else (event.device_ref, None)
    return _met(event.visitor, "user" if is_user else "device", ref, contact, event, known, spaces)


def _device(
    event: Event, known: dict[UUID, Standing], hidden: Mapping[str, Any], spaces: Mapping[int, str]
) -> Standing:
    assert event.device is not None
    return _met(event.device, "device", event.device_ref, None, event, known, spaces)


def _met(
    id: UUID,
    kind: _standing.Kind,
    ref: str | None,
    contact: str | None,
    event: Event,
    known: dict[UUID, Standing],
    spaces: Mapping[int, str],
) -> Standing:
    one = known.get(id)
    if one is None:
        one = known[id] = Standing.new(id, spaces[event.source], kind, ref, event)
    one.contact = contact or one.contact
    return one


@dataclass(frozen=True)
class _Former:
    """Whom an alias call named as the former one: a user, or a device, of the source's namespace."""

    user: UUID | None
    device: UUID | None
    namespace: str
    ref: str | None

    @property
    def ids(self) -> tuple[UUID, ...]:
        return () if self.user is None or self.device is None else (self.user, self.device)

    def met(self, known: dict[UUID, Standing], event: Event) -> list[Standing]:
        """Who was met before by that name: a device, for clients alias what a browser did, or a user, or either. A
        device where none was."""
        if self.user is None or self.device is None or self.user == event.visitor:
            return []
        found = [known[id] for id in (self.device, self.user) if id in known]
        if not found:
            found = [Standing.new(self.device, self.namespace, "device", self.ref, event)]
            known[self.device] = found[0]
        return found


def _former(event: Event, personal: Mapping[int, Mapping[str, Any]], spaces: Mapping[int, str]) -> _Former:
    told = personal.get(event.id, {}).get("previousId") or event.data.get("previousId")
    ref = str(told).strip() if isinstance(told, str | int) and not isinstance(told, bool) else ""
    if not ref or len(ref) > messages.LONGEST_ID or identifiers.why_unusable(ref):
        return _Former(None, None, "", None)
    sender = Sender(event.source, spaces[event.source], _UTC, lookup.key_of("events"))
    return _Former(
        messages.visitor(sender, "user", ref),
        messages.visitor(sender, "device", ref),
        spaces[event.source],
        None if personal_parts.is_contact(ref) else ref,
    )


def _give_customers(known: Mapping[UUID, Standing], events: Sequence[Event]) -> None:
    """Users become customers, devices do not: nobody is a member for having looked."""
    first: dict[UUID, Event] = {}
    for event in events:
        one = known[event.visitor]
        if one.kind == "user" and one.customer is None:
            first.setdefault(one.id, event)
    wanted: dict[tuple[str, str], dict[str, list[UUID]]] = {}
    for id, event in first.items():
        one = known[id]
        if (ref := one.ref or one.contact) is not None:
            wanted.setdefault((one.namespace, event.origin), {}).setdefault(ref, []).append(id)
    for (namespace, origin), refs in sorted(wanted.items()):
        at = max(first[id].received_at for ids in refs.values() for id in ids)
        found = customers.resolve_many(namespace=namespace, refs=list(refs), at=at, by=BY, origin=cast(Origin, origin))
        for ref, ids in refs.items():
            for id in ids:
                known[id].customer = found[ref]
                known[id].linked_at = first[id].received_at
        # First seen when they were, not when it was told: a queue that was offline, an import.
        seen: dict[int, datetime] = {}
        for ids in refs.values():
            for id in ids:
                customer = known[id].customer
                if customer is not None and at - known[id].first_seen_at > _LATE:
                    seen[customer] = min(known[id].first_seen_at, seen.get(customer, at))
        if seen:
            customers.note_many(first_seen=seen, at=at, by=BY)


def _link(known: Mapping[UUID, Standing], links: Sequence[_Link]) -> tuple[list[UUID], set[UUID]]:
    """The first link counts; one that says otherwise is kept as evidence. Who is linked now; of whom two are told."""
    fresh: list[UUID] = []
    evidence: dict[tuple[str, UUID, UUID], tuple[_Link, bool]] = {}
    for link in links:
        one, other = known[link.visitor], known[link.other]
        is_new = one.customer is None and one.kind == "device" and other.customer is not None
        if is_new:
            one.customer, one.linked_at = other.customer, link.event.received_at
            fresh.append(one.id)
        contradicts = None not in (one.customer, other.customer) and one.customer != other.customer
        evidence.setdefault((link.kind, one.id, other.id), (link, contradicts))
    if evidence:
        told = sorted(evidence.values(), key=lambda pair: pair[0].event.id)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO events_evidence (kind, visitor, other, event, contradicts, at)"
                " SELECT * FROM unnest(%s::text[], %s::uuid[], %s::uuid[], %s::bigint[], %s::bool[], %s::timestamptz[])"
                " ON CONFLICT DO NOTHING",
                [
                    [link.kind for link, _ in told],
                    [link.visitor for link, _ in told],
                    [link.other for link, _ in told],
                    [link.event.id for link, _ in told],
                    [contradicts for _, contradicts in told],
                    [link.event.received_at for link, _ in told],
                ],
            )
    return list(dict.fromkeys(fresh)), {link.visitor for link, contradicts in evidence.values() if contradicts}


def _ask(known: Mapping[UUID, Standing], links: Sequence[_Link]) -> None:
    """An alias of two users is no proof that they are one: somebody is asked."""
    pairs: dict[tuple[int, int], datetime] = {}
    for link in links:
        former, now = known[link.visitor], known[link.other]
        if link.kind != "alias" or former.kind != "user" or former.customer is None or now.customer is None:
            continue
        if former.customer != now.customer:
            pairs[former.customer, now.customer] = link.event.received_at
    if pairs:
        asking.ask(pairs=pairs, at=max(pairs.values()))


def _seal_anew(
    events: Sequence[Event], known: Mapping[UUID, Standing], personal: Mapping[int, Mapping[str, Any]]
) -> None:
    """What came sealed for the month is sealed for the customer, as soon as it is known whose it is."""
    wanted = [
        (event, customer)
        for event in events
        if event.sealed_for is not None
        and event.sealed_for < 0
        and event.id in personal
        and (customer := known[event.visitor].customer) is not None
    ]
    _seal([(event.id, customer, _standing.JSON.encode(personal[event.id]).decode()) for event, customer in wanted])


def _seal_what_was_before(devices: Sequence[UUID], known: Mapping[UUID, Standing]) -> None:
    after = 0
    while devices:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT event, visitor, sealed_for, sealed FROM events_hidden WHERE visitor = ANY(%s) AND event > %s"
                " AND sealed_for < 0 ORDER BY event LIMIT %s",
                [list(devices), after, _LOT],
            )
            rows = cursor.fetchall()
        opened = vault.open_many(
            [
                vault.Sealed(sealed_for, _hidden.TABLE, _hidden.COLUMN, event, bytes(sealed))
                for event, _, sealed_for, sealed in rows
            ]
        )
        _seal(
            [
                (event, customer, plain)
                for (event, visitor, _, _), plain in zip(rows, opened, strict=True)
                if plain is not None and (customer := known[visitor].customer) is not None
            ]
        )
        if len(rows) < _LOT:
            return
        after = rows[-1][0]


def _seal(told: Sequence[tuple[int, int, str]]) -> None:
    """Event, customer, text."""
    if not told:
        return
    sealed = vault.seal_many(
        [vault.Plain(customer, _hidden.TABLE, _hidden.COLUMN, event, plain) for event, customer, plain in told]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_hidden AS hidden SET sealed_for = told.customer, sealed = told.sealed"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS told(event, customer, sealed)"
            " WHERE hidden.event = told.event",
            [[event for event, _, _ in told], [customer for _, customer, _ in told], sealed],
        )


def _describe(
    events: Iterable[Event],
    known: Mapping[UUID, Standing],
    personal: Mapping[int, Mapping[str, Any]],
    names: Mapping[int, str],
) -> None:
    """What identify calls of customers told goes into their profiles."""
    of: dict[str, int] = {}
    by_origin: dict[str, list[profiles.Told]] = {}
    own: tuple[str, ...] | None = None
    for event in events:
        customer = known[event.visitor].customer
        if event.kind != _IDENTIFY or customer is None:
            continue
        if own is None:
            own = tuple(own_traits.every())
        profile = traits.profile(traits.told(event.data, personal.get(event.id, {})), own)
        if profile == profiles.Profile():
            continue
        key = f"event:{event.id}"
        of[key] = event.id
        one = profiles.Told(customer, profile, key, event.occurred_at, names[event.source])
        by_origin.setdefault(event.origin, []).append(one)
    for origin, told in sorted(by_origin.items()):
        done = profiles.describe_each(told=told, by=BY, origin=cast(Origin, origin))
        left_out: dict[str, list[str]] = {}
        for key, field in done.left_out:
            left_out.setdefault(key, []).append(field)
        for key, fields in left_out.items():
            park(reader=READER, event=of[key], problem=f"left out: {', '.join(fields)}", is_note=True)


def _consent(events: Sequence[Event], known: Mapping[UUID, Standing], spaces: Mapping[int, str]) -> None:
    """What banners in the browsers of customers told goes on record where it changes. One query where any told."""
    told = [
        (event, customer, answers)
        for event in events
        if (customer := known[event.visitor].customer) is not None and (answers := consents.told(event.data))
    ]
    if not told:
        return
    last = consent.latest(customers={customer for _, customer, _ in told}, place=Place.COOKIE_BANNER)
    by_origin: dict[str, list[consent.Told]] = {}
    for event, customer, answers in sorted(told, key=lambda one: (one[0].occurred_at, one[0].id)):
        for purpose, answer in answers.items():
            before = last.get((customer, purpose))
            if before is not None and (before[0] == answer or before[1] >= event.occurred_at):
                continue
            last[customer, purpose] = (answer, event.occurred_at)
            by_origin.setdefault(event.origin, []).append(
                consent.Told(
                    customer=customer,
                    purpose=purpose,
                    channel=ANY,
                    is_granted=answer,
                    place=Place.COOKIE_BANNER,
                    at=event.occurred_at,
                    key=f"event:{event.id}:{purpose}",
                    proof=f"event {event.id}",
                    source=spaces[event.source],
                )
            )
    for origin, answered in sorted(by_origin.items()):
        consent.record_many(told=answered, by=BY, origin=cast(Origin, origin))
