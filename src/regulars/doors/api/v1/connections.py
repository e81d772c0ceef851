"""Connections to shop systems: made, watched, read, mended and let go."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.company import company
from regulars.facts.sources import connectable, connections, cursors, folders, inbox
from regulars.facts.sources.connections import Connection
from regulars.facts.sources.cursors import Cursor
from regulars.facts.sources.inbox import Counts, Delivery, State
from regulars.kit import civil, paging
from regulars.runtime.database import clock

router = Router(tags=["connections"])

Settings = Annotated[dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=40)]
Secrets = Annotated[dict[str, Annotated[str, Field(max_length=connections.LONGEST_SECRET)]], Field(max_length=20)]


class ConnectionIn(exact.Told):
    """A shop. `settings` and `credentials` are its kind's: see `GET /connections/kinds`."""

    name: exact.Code
    kind: exact.Code
    zone: exact.Code | None = Field(None, description="For times told without an offset; the shop's own, left out.")
    namespace: exact.Code | None = Field(None, description="Under what its things stand; the name, left out.")
    settings: Settings = {}
    credentials: Secrets = {}
    trial: bool = Field(True, description="Ask the shop who it is first; refused where it does not answer.")


class SecretsIn(exact.Told):
    """New credentials; for so long messages signed with the ones before are believed, too."""

    credentials: Secrets
    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24


class ConnectionFieldOut(exact.Shown):
    """One setting or credential."""

    name: str
    says: str
    is_required: bool


class ConnectionKindOut(exact.Shown):
    """One kind of shop system."""

    kind: str
    label: str
    settings: list[ConnectionFieldOut]
    credentials: list[ConnectionFieldOut]
    streams: list[str]
    can_write: bool


class ConnectionKindsOut(exact.Shown):
    """The kinds there are."""

    items: list[ConnectionKindOut]


class StreamOut(exact.Shown):
    """One kind of thing that is read. All that the shop told up to `seen_until` is here."""

    name: str
    walk: str = Field(description="backfill, poll, or empty when none is under way.")
    read: int
    expected: int | None
    seen_until: datetime | None
    backfilled: int
    gaps_found: int
    gaps_mended: int
    gap_at: datetime | None
    problem: str
    problem_why: str
    failing_since: datetime | None


class ConnectionOut(exact.Shown):
    """One connection. `state` is on, paused or retired; messages are taken at `path`, if any."""

    id: str
    name: str
    kind: str
    namespace: str
    zone: str
    settings: dict[str, str]
    state: str
    state_why: str
    path: str
    heard_at: datetime | None
    refused_at: datetime | None
    refused_why: str
    old_secret_until: datetime | None
    made_at: datetime
    deliveries: dict[str, int] = Field(description="How many are in which state.")
    waiting_since: datetime | None
    streams: list[StreamOut]


class ConnectionsOut(exact.Shown):
    """A page of connections by name, and the cursor of the next page."""

    items: list[ConnectionOut]
    next: str | None


class ReadingBegunOut(exact.Shown):
    """The streams whose reading begins; those that were being read already are not among them."""

    streams: list[str]


class DeliveryOut(exact.Shown):
    """One message of the shop, without what it said. `state`: waiting, done, repeated, not_understood or set_aside."""

    id: int
    topic: str
    state: str
    code: str
    why: str
    size: int
    told_at: datetime | None
    arrived_at: datetime
    repeats: int
    came: dict[str, int]
    settled_at: datetime | None
    has_body: bool


class DeliveriesOut(exact.Shown):
    """A page of messages, newest first, and the cursor of the next page."""

    items: list[DeliveryOut]
    next: str | None


@router.get(
    "/connections/kinds", auth=ApiKey("sources.read"), response=ConnectionKindsOut, operation_id="list_connection_kinds"
)
def list_kinds(request: HttpRequest) -> ConnectionKindsOut:
    """What can be connected, and what each kind wants to be told."""
    return ConnectionKindsOut(
        items=[
            ConnectionKindOut(
                kind=one.kind,
                label=str(one.label),
                settings=[_question(field) for field in one.settings],
                credentials=[_question(field) for field in one.credentials],
                streams=list(one.streams),
                can_write=one.can_write,
            )
            for one in sorted(connectable.kinds().values(), key=lambda one: one.kind)
        ]
    )


@router.get("/connections", auth=ApiKey("sources.read"), response=ConnectionsOut, operation_id="list_connections")
def list_connections(request: HttpRequest, limit: int = 50, cursor: str = "") -> ConnectionsOut:
    """All connections by name, those that were disconnected too."""
    size = paging.check_size(limit)
    (after,) = paging.decode(cursor, "connections", str) if cursor else ("",)
    rows = sorted((one for one in connections.every() if one.name > str(after)), key=lambda one: one.name)
    page = paging.cut(rows[: size + 1], size, of="connections", key=lambda one: (one.name,))
    return ConnectionsOut(items=_out(page.items), next=page.next)


@router.post("/connections", auth=ApiKey("sources.manage"), response=ConnectionOut, operation_id="connect_shop")
def connect_shop(request: HttpRequest, body: ConnectionIn) -> ConnectionOut:
    """Connect a shop. Its name is its key: the same again changes nothing. Secrets are never shown again."""
    kind = connectable.of(body.kind)
    zone = body.zone or company.shop().zone
    civil.zone(zone)
    settings = dict(kind.check(body.settings))
    if body.trial:
        told = kind.trial(settings, body.credentials, zone)
        settings = {name: told[name] for name in kind.wanted_of_trial if name in told} | settings
    made = connections.connect(
        name=body.name,
        kind=body.kind,
        zone=zone,
        credentials=body.credentials,
        settings=settings,
        namespace=body.namespace or "",
        at=clock.now(),
        by=caller(request),
    )
    return _out([made])[0]


@router.get(
    "/connections/{connection}", auth=ApiKey("sources.read"), response=ConnectionOut, operation_id="get_connection"
)
def get_connection(request: HttpRequest, connection: str) -> ConnectionOut:
    """One connection: how far each stream is known, the last error, gaps found and mended."""
    return _out([connections.by_public_id(connection)])[0]


@router.post(
    "/connections/{connection}/pause",
    auth=ApiKey("sources.manage"),
    response=ConnectionOut,
    operation_id="pause_connection",
)
def pause_connection(request: HttpRequest, connection: str) -> ConnectionOut:
    """Nothing is asked there; what it tells is kept and waits. Again changes nothing."""
    return _out([connections.pause(connection=_number(connection), at=clock.now(), by=caller(request))])[0]


@router.post(
    "/connections/{connection}/resume",
    auth=ApiKey("sources.manage"),
    response=ConnectionOut,
    operation_id="resume_connection",
)
def resume_connection(request: HttpRequest, connection: str) -> ConnectionOut:
    """It is asked again, and what waits is taken. Again changes nothing."""
    return _out([connections.resume(connection=_number(connection), at=clock.now(), by=caller(request))])[0]


@router.post(
    "/connections/{connection}/disconnect",
    auth=ApiKey("sources.manage"),
    response=ConnectionOut,
    operation_id="disconnect_shop",
)
def disconnect_shop(request: HttpRequest, connection: str) -> ConnectionOut:
    """For good: its secrets are forgotten, what it told stays. Again changes nothing."""
    return _out([connections.disconnect(connection=_number(connection), at=clock.now(), by=caller(request))])[0]


@router.post(
    "/connections/{connection}/rotate",
    auth=ApiKey("sources.manage"),
    response=ConnectionOut,
    operation_id="rotate_connection_secret",
)
def rotate_secret(request: HttpRequest, connection: str, body: SecretsIn) -> ConnectionOut:
    """New values for these credentials. The same again changes nothing."""
    done = connections.rotate_secret(
        connection=_number(connection),
        credentials=body.credentials,
        overlap=timedelta(hours=body.overlap_hours),
        at=clock.now(),
        by=caller(request),
    )
    return _out([done])[0]


@router.post(
    "/connections/{connection}/backfill",
    auth=ApiKey("sources.manage"),
    response=ReadingBegunOut,
    operation_id="backfill_connection",
)
def backfill(request: HttpRequest, connection: str) -> ReadingBegunOut:
    """Read its whole history, as history: nobody is greeted. Again while it goes on begins nothing."""
    with transaction.atomic():
        one = connections.by_public_id(connection)
        return ReadingBegunOut(streams=list(connectable.of(one.kind).backfill(one, clock.now())))


@router.post(
    "/connections/{connection}/poll",
    auth=ApiKey("sources.manage"),
    response=ReadingBegunOut,
    operation_id="poll_connection",
)
def poll(request: HttpRequest, connection: str) -> ReadingBegunOut:
    """Read now what changed; done by itself every five minutes."""
    with transaction.atomic():
        one = connections.by_public_id(connection)
        return ReadingBegunOut(streams=list(connectable.of(one.kind).poll(one, clock.now())))


@router.get(
    "/connections/{connection}/deliveries",
    auth=ApiKey("sources.read"),
    response=DeliveriesOut,
    operation_id="list_connection_deliveries",
)
def list_deliveries(
    request: HttpRequest, connection: str, state: State | None = None, limit: int = 50, cursor: str = ""
) -> DeliveriesOut:
    """What came from the shop, newest first, and why it was not understood."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "deliveries", int) if cursor else (None,)
    rows = inbox.search(
        connection=_number(connection),
        state=state,
        before=before if isinstance(before, int) else None,
        limit=size + 1,
    )
    page = paging.cut(rows, size, of="deliveries", key=lambda one: (one.id,))
    return DeliveriesOut(items=[_delivery(one) for one in page.items], next=page.next)


@router.post(
    "/connections/{connection}/deliveries/{delivery}/replay",
    auth=ApiKey("sources.manage"),
    response=DeliveryOut,
    operation_id="replay_connection_delivery",
)
def replay(request: HttpRequest, connection: str, delivery: sources.Number) -> DeliveryOut:
    """Take it again, as if it had just come: within two minutes."""
    _is_theirs(connection, delivery)
    return _delivery(inbox.replay(number=delivery, at=clock.now(), by=caller(request)))


@router.post(
    "/connections/{connection}/deliveries/{delivery}/set-aside",
    auth=ApiKey("sources.manage"),
    response=DeliveryOut,
    operation_id="set_connection_delivery_aside",
)
def set_aside(request: HttpRequest, connection: str, delivery: sources.Number) -> DeliveryOut:
    """Nothing is to be done about it."""
    _is_theirs(connection, delivery)
    return _delivery(inbox.set_aside(number=delivery, at=clock.now(), by=caller(request)))


def _number(connection: str) -> int:
    return connections.by_public_id(connection).id


def _is_theirs(connection: str, delivery: int) -> None:
    if inbox.get(delivery).connection != _number(connection):
        raise inbox.UnknownDelivery("delivery: it is no delivery of this connection", field="delivery", value=delivery)


def _question(field: connectable.Field) -> ConnectionFieldOut:
    return ConnectionFieldOut(name=field.name, says=str(field.says), is_required=field.is_required)


def _out(some: Sequence[Connection]) -> list[ConnectionOut]:
    counts: Mapping[int, Counts] = inbox.counts()
    streams = cursors.of_many([one.id for one in some])
    return [_connection(one, counts.get(one.id, Counts({})), streams[one.id]) for one in some]


def _connection(one: Connection, counts: Counts, streams: Sequence[Cursor]) -> ConnectionOut:
    return ConnectionOut(
        id=one.public_id,
        name=one.name,
        kind=one.kind,
        namespace=one.namespace,
        zone=one.zone,
        settings={name: str(value) for name, value in one.settings.items()},
        state=one.state,
        state_why=one.state_why,
        path=f"/hooks/{one.kind}/{one.public_id}" if one.kind != folders.KIND else "",
        heard_at=one.heard_at,
        refused_at=one.refused_at,
        refused_why=one.refused_why,
        old_secret_until=one.before_until,
        made_at=one.made_at,
        deliveries=dict(counts.by_state),
        waiting_since=counts.waiting_since,
        streams=[_stream(stream) for stream in streams],
    )


def _stream(stream: Cursor) -> StreamOut:
    same: dict[str, Any] = {
        name: getattr(stream, name)
        for name in (
            *("walk", "expected", "seen_until", "backfilled", "gaps_found", "gaps_mended", "gap_at"),
            *("problem", "problem_why", "failing_since"),
        )
    }
    return StreamOut(name=stream.stream, read=stream.walk_seen, **same)


def _delivery(one: Delivery) -> DeliveryOut:
    same: dict[str, Any] = {
        name: getattr(one, name)
        for name in (
            *("id", "topic", "state", "code", "why", "size", "told_at", "arrived_at", "repeats", "settled_at"),
            "has_body",
        )
    }
    return DeliveryOut(**same, came=dict(one.came))
