"""What happened: the newest events, one of them, and those of a customer; without anything personal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.customers import customers
from regulars.facts.events import aside, events, past_orders
from regulars.facts.events import orders as told_orders
from regulars.facts.events.events import EventView
from regulars.facts.events.orders import Done
from regulars.facts.events.times import Why
from regulars.facts.sources import sources as known_sources
from regulars.kit import paging
from regulars.runtime.database import clock

router = Router(tags=["events"])

_LAST = 2**63 - 1
COUNTING_SECONDS = 5


class EventOut(exact.Shown):
    """One event. `why_then` says why it has the time it has; `data` is what was sent, amounts as decimal text."""

    number: int
    source: str
    kind: str
    name: str
    user_ref: str | None
    device_ref: str | None
    message_id: str
    occurred_at: datetime
    received_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    why_then: str
    origin: str
    data: dict[str, Any]


class EventsOut(exact.Shown):
    """A page of events, newest first, and the cursor of the next page."""

    items: list[EventOut]
    next: str | None


class OrderEventOut(exact.Shown):
    """What became of an event by which the order feed told of an order. `event` is its number, `order_ref` the order
    as its source calls it; `problem` says what is missing or was odd."""

    event: int
    source: str
    name: str
    order_ref: str
    occurred_at: datetime
    state: str
    code: str
    problem: str


class OrderEventsOut(exact.Shown):
    """A page of them, newest first, and the cursor of the next page."""

    items: list[OrderEventOut]
    next: str | None


class SetAsideIn(exact.Told):
    """Why it is set aside; the trail keeps it."""

    why: aside.Why


class SetManyAsideIn(SetAsideIn):
    """Why, and which of those that failed: with a `code`, or all."""

    code: exact.Code | None = None


class SetAsideOut(exact.Shown):
    """How many were set aside."""

    set_aside: int


class TriedOut(exact.Shown):
    """What became of them, and how many more are open that were not tried."""

    applied: int
    waiting: int
    failed: int
    left: int


class PastOut(exact.Shown):
    """How many there are, and when the first and the last of them happened."""

    events: int
    first_at: datetime | None
    last_at: datetime | None


class BegunOut(exact.Shown):
    """The job is asked for."""

    said: Literal["begun"]


@router.get("/events", auth=ApiKey("events.read"), response=EventsOut, operation_id="list_events")
def list_events(
    request: HttpRequest,
    source: str | None = None,
    name: Annotated[exact.Ref | None, Query(description="Exactly as its source calls it.")] = None,
    limit: int = 50,
    cursor: str = "",
) -> EventsOut:
    """Events in the order in which they came in, newest first.

    With `source` or `name` each page looks through 5,000 events: it may hold few or none, and `next` goes on behind
    them until there is nothing older.
    """
    looked = events.look(
        source=known_sources.by_public_id(source).id if source is not None else None,
        name=name,
        before=_before(cursor),
        limit=paging.check_size(limit),
    )
    names = sources.names()
    return EventsOut(
        items=[_event_out(event, names) for event in looked.events],
        next=None if looked.on_before is None else paging.encode("events", (looked.on_before,)),
    )


@router.get("/events/{number}", auth=ApiKey("events.read"), response=EventOut, operation_id="get_event")
def get_event(request: HttpRequest, number: sources.Number) -> EventOut:
    """One event."""
    return _event_out(events.one(number), sources.names())


@router.get(
    "/customers/{customer}/events", auth=ApiKey("events.read"), response=EventsOut, operation_id="list_customer_events"
)
def list_customer_events(request: HttpRequest, customer: str, limit: int = 50, cursor: str = "") -> EventsOut:
    """What a customer did, the last that happened first."""
    size = paging.check_size(limit)
    found = customers.by_public_id(customer)
    rows = events.of_customer(found.id, before=_moment(cursor), limit=size + 1)
    page = paging.cut(rows, size, of="customer_events", key=lambda event: (event.occurred_at, event.id))
    names = sources.names()
    return EventsOut(items=[_event_out(event, names) for event in page.items], next=page.next)


@router.get(
    "/order-events", auth=ApiKey("quarantine.read"), response=OrderEventsOut, operation_id="list_open_order_events"
)
def list_open_order_events(
    request: HttpRequest,
    source: str | None = None,
    state: Annotated[
        Literal["open", "failed", "waiting", "set_aside"],
        Query(description="`open` is failed, and waiting for its order."),
    ] = "open",
    limit: int = 50,
    cursor: str = "",
) -> OrderEventsOut:
    """Events of the order feed that put nothing on record, newest first; those that are open unless `state` says
    otherwise."""
    size = paging.check_size(limit)
    rows = told_orders.problems(
        source=known_sources.by_public_id(source).id if source is not None else None,
        state=None if state == "open" else state,
        before=_before(cursor, "order_events"),
        limit=size + 1,
    )
    page = paging.cut(rows, size, of="order_events", key=lambda one: (one.event,))
    names = sources.names()
    return OrderEventsOut(items=[_order_event_out(one, names) for one in page.items], next=page.next)


@router.post(
    "/order-events/{number}/retry",
    auth=ApiKey("quarantine.mend"),
    response=OrderEventOut,
    operation_id="retry_order_event",
)
def retry_order_event(request: HttpRequest, number: sources.Number) -> OrderEventOut:
    """Try again to put on record what an event tells, as after the shop's settings were mended.

    `state` of the answer says whether it is on record now. What is on record already changes nothing.
    """
    done = told_orders.retry(event=number, at=clock.now(), by=caller(request))
    return _order_event_out(done, sources.names())


@router.post(
    "/order-events/{number}/set-aside",
    auth=ApiKey("quarantine.mend"),
    response=OrderEventOut,
    operation_id="set_order_event_aside",
)
def set_order_event_aside(request: HttpRequest, number: sources.Number, body: SetAsideIn) -> OrderEventOut:
    """Nobody waits for it any more: it leaves the list; trying it again brings it back. Again changes nothing."""
    done = told_orders.set_aside(event=number, why=body.why, at=clock.now(), by=caller(request))
    return _order_event_out(done, sources.names())


@router.post(
    "/sources/{source}/order-events/retry",
    auth=ApiKey("quarantine.mend"),
    response=TriedOut,
    operation_id="retry_order_events",
)
def retry_order_events(request: HttpRequest, source: str) -> TriedOut:
    """Try again all of a source's that are open, oldest first, a thousand at once. Ask again while `left` is above
    zero."""
    found = known_sources.by_public_id(source)
    done = told_orders.retry_all(source=found.id, at=clock.now(), by=caller(request))
    return TriedOut(applied=done.applied, waiting=done.waiting, failed=done.failed, left=done.left)


@router.post(
    "/sources/{source}/order-events/set-aside",
    auth=ApiKey("quarantine.mend"),
    response=SetAsideOut,
    operation_id="set_order_events_aside",
)
def set_order_events_aside(request: HttpRequest, source: str, body: SetManyAsideIn) -> SetAsideOut:
    """Set aside those of a source that failed, with a `code` or all, oldest first, a thousand at once."""
    found = known_sources.by_public_id(source)
    count = told_orders.set_aside_all(
        source=found.id, code=body.code or "", why=body.why, at=clock.now(), by=caller(request)
    )
    return SetAsideOut(set_aside=count)


@router.get(
    "/sources/{source}/past-order-events",
    auth=ApiKey("quarantine.read"),
    response=PastOut,
    operation_id="count_past_order_events",
)
def count_past_order_events(request: HttpRequest, source: str) -> PastOut:
    """Events of orders that the source sent before it was the order feed and that are not put on record.

    Refused with `events.counting_takes_long` where so many events are kept that it takes longer than a few seconds.
    """
    found = known_sources.by_public_id(source)
    past = past_orders.count(source=found.id, patience_seconds=COUNTING_SECONDS)
    return PastOut(events=past.events, first_at=past.first_at, last_at=past.last_at)


@router.post(
    "/sources/{source}/past-order-events/apply",
    auth=ApiKey("sources.manage"),
    response=BegunOut,
    operation_id="apply_past_order_events",
)
def apply_past_order_events(request: HttpRequest, source: str) -> BegunOut:
    """A job puts them on record, as history. What cannot be done is in the list of order events then."""
    past_orders.begin(source=known_sources.by_public_id(source).id, at=clock.now(), by=caller(request))
    return BegunOut(said="begun")


def _order_event_out(one: Done, names: Mapping[int, str]) -> OrderEventOut:
    return OrderEventOut(
        event=one.event,
        source=names[one.source],
        name=one.name,
        order_ref=one.ref,
        occurred_at=one.occurred_at,
        state=one.state,
        code=one.code,
        problem=one.why,
    )


def _before(cursor: str, of: str = "events") -> int | None:
    if not cursor:
        return None
    (number,) = paging.decode(cursor, of, int)
    return _number(number)


def _moment(cursor: str) -> tuple[datetime, int] | None:
    if not cursor:
        return None
    at, number = paging.decode(cursor, "customer_events", datetime, int)
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise paging.BadCursor(_("cursor: was not given by this list; start from the first page"), field="cursor")
    return at, _number(number)


def _number(number: paging.Key) -> int:
    if not isinstance(number, int) or not 0 <= number <= _LAST:
        raise paging.BadCursor(_("cursor: was not given by this list; start from the first page"), field="cursor")
    return number


def _event_out(event: EventView, names: Mapping[int, str]) -> EventOut:
    return EventOut(
        number=event.id,
        source=names[event.source],
        kind=event.kind,
        name=event.name,
        user_ref=event.user_ref,
        device_ref=event.device_ref,
        message_id=event.message_id,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        original_at=event.original_at,
        sent_at=event.sent_at,
        why_then=Why(event.why_then).name.lower(),
        origin=event.origin,
        data=dict(event.data),
    )
