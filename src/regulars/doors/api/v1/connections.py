"""Connections to shop systems: made, watched, read, mended and let go."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol

from django.db import transaction
from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.company import company
from regulars.facts.sources import connectable, connections, cursors, folders, inbox, privacy_requests
from regulars.facts.sources.connectable import Connectable
from regulars.facts.sources.connections import Connection
from regulars.facts.sources.cursors import Cursor
from regulars.facts.sources.inbox import Counts, Delivery, State
from regulars.kit import civil, paging
from regulars.kit.actors import Actor
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
    deliveries: dict[str, int] = Field(description="How many wait, were not understood or were set aside.")
    waiting_since: datetime | None
    streams: list[StreamOut]


class ConnectionsOut(exact.Shown):
    """A page of connections by name, and the cursor of the next page."""

    items: list[ConnectionOut]
    next: str | None


class ReadingBegunOut(exact.Shown):
    """The streams whose reading begins; those that were being read already are not among them."""

    streams: list[str]


class SubscribedOut(exact.Shown):
    """Where the shop sends its messages; `topics` are those it did not send there before."""

    url: str
    topics: list[str]


class SettledIn(exact.Told):
    """What was done, in a few words without anything of the person."""

    how: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class PrivacyRequestOut(exact.Shown):
    """What a shop asked about one of its people (`ref`), or about all. `kind`: data_request, redact, shop_redact
    or deleted: the shop has them no more, and nobody said whether they want to be forgotten."""

    number: int
    kind: str
    ref: str
    asked_at: datetime
    due_at: datetime
    settled_at: datetime | None
    how: str


class PrivacyRequestsOut(exact.Shown):
    """Requests that nobody has done."""

    items: list[PrivacyRequestOut]


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
    kind.check_credentials(body.credentials, is_new=True)
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
    "/connections/{connection}/rotate",
    auth=ApiKey("sources.manage"),
    response=ConnectionOut,
    operation_id="rotate_connection_secret",
)
def rotate_secret(request: HttpRequest, connection: str, body: SecretsIn) -> ConnectionOut:
    """New values for these credentials. The same again changes nothing."""
    found = connections.by_public_id(connection)
    connectable.of(found.kind).check_credentials(body.credentials, is_new=False)
    done = connections.rotate_secret(
        connection=found.id,
        credentials=body.credentials,
        overlap=timedelta(hours=body.overlap_hours),
        at=clock.now(),
        by=caller(request),
    )
    return _out([done])[0]


@router.post(
    "/connections/{connection}/subscribe",
    auth=ApiKey("sources.manage"),
    response=SubscribedOut,
    operation_id="subscribe_connection",
)
def subscribe(request: HttpRequest, connection: str) -> SubscribedOut:
    """Have the shop send its messages to where this request was sent. Again changes nothing there."""
    one = _alive(connection)
    url = request.build_absolute_uri(_path(one))
    return SubscribedOut(url=url, topics=list(connectable.of(one.kind).subscribe(one, url)))


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


@router.get(
    "/connections/{connection}/requests",
    auth=ApiKey("sources.read"),
    response=PrivacyRequestsOut,
    operation_id="list_connection_privacy_requests",
)
def list_requests(request: HttpRequest, connection: str) -> PrivacyRequestsOut:
    """What the shop asked about its people and nobody has done, the most pressing first."""
    number = _number(connection)
    return PrivacyRequestsOut(
        items=[_request(one) for one in privacy_requests.still_open() if one.connection == number]
    )


@router.post(
    "/connections/{connection}/requests/{number}/settle",
    auth=ApiKey("sources.manage"),
    response=PrivacyRequestOut,
    operation_id="settle_connection_privacy_request",
)
def settle_request(request: HttpRequest, connection: str, number: sources.Number, body: SettledIn) -> PrivacyRequestOut:
    """It was done, or there was nothing to do: `how` says which. Again gives the first answer."""
    found = privacy_requests.get(number)
    if found.connection != _number(connection):
        raise privacy_requests.UnknownRequest("number: it is no request of this connection", field="number")
    return _request(privacy_requests.settle(request=number, how=body.how, at=clock.now(), by=caller(request)))


class _Verb(Protocol):
    def __call__(self, *, connection: int, at: datetime, by: Actor) -> Connection: ...


class _Settles(Protocol):
    def __call__(self, *, number: int, at: datetime, by: Actor) -> Delivery: ...


def _changes(verb: _Verb) -> Callable[[HttpRequest, str], ConnectionOut]:
    """A route that changes one connection."""

    def change(request: HttpRequest, connection: str) -> ConnectionOut:
        return _out([verb(connection=_number(connection), at=clock.now(), by=caller(request))])[0]

    return change


def _begins(reading: Callable[[Connectable], Callable[[Connection, datetime], Sequence[str]]]) -> Callable[..., Any]:
    """A route that begins a reading of one connection."""

    def begin(request: HttpRequest, connection: str) -> ReadingBegunOut:
        with transaction.atomic():
            one = connections.by_public_id(connection)
            return ReadingBegunOut(streams=list(reading(connectable.of(one.kind))(one, clock.now())))

    return begin


def _settles(verb: _Settles) -> Callable[..., Any]:
    """A route that settles one message."""

    def settle(request: HttpRequest, connection: str, delivery: sources.Number) -> DeliveryOut:
        if inbox.get(delivery).connection != _number(connection):
            raise inbox.UnknownDelivery(
                "delivery: it is no delivery of this connection", field="delivery", value=delivery
            )
        return _delivery(verb(number=delivery, at=clock.now(), by=caller(request)))

    return settle


#: Path, operation, answer, what it does, and in words.
_ACTS: Sequence[tuple[str, str, type[exact.Shown], Callable[..., Any], str]] = (
    (
        *("pause", "pause_connection", ConnectionOut, _changes(connections.pause)),
        "Nothing is asked there; what it tells is kept and waits. Again changes nothing.",
    ),
    (
        *("resume", "resume_connection", ConnectionOut, _changes(connections.resume)),
        "It is asked again, and what waits is taken. Again changes nothing.",
    ),
    (
        *("disconnect", "disconnect_shop", ConnectionOut, _changes(connections.disconnect)),
        "For good: its secrets are forgotten, what it told stays. Again changes nothing.",
    ),
    (
        *("backfill", "backfill_connection", ReadingBegunOut, _begins(lambda kind: kind.backfill)),
        "Read its whole history, as history: nobody is greeted. Again while it goes on begins nothing.",
    ),
    (
        *("poll", "poll_connection", ReadingBegunOut, _begins(lambda kind: kind.poll)),
        "Read now what changed; done by itself every five minutes.",
    ),
    (
        *("deliveries/{delivery}/replay", "replay_connection_delivery", DeliveryOut, _settles(inbox.replay)),
        "Take it again, as if it had just come: within two minutes.",
    ),
    (
        *("deliveries/{delivery}/set-aside", "set_connection_delivery_aside", DeliveryOut, _settles(inbox.set_aside)),
        "Nothing is to be done about it.",
    ),
)
for _path_, _operation, _answer, _act, _words in _ACTS:
    router.post(
        f"/connections/{{connection}}/{_path_}",
        auth=ApiKey("sources.manage"),
        response=_answer,
        operation_id=_operation,
        summary=_operation.replace("_", " ").capitalize(),
        description=_words,
    )(_act)


def _alive(connection: str) -> Connection:
    found = connections.by_public_id(connection)
    if found.state == "retired":
        raise connections.ConnectionRetired(
            f"connection: {found.name} was disconnected; connect the shop anew", field="connection", value=found.name
        )
    return found


def _path(one: Connection) -> str:
    return f"/hooks/{one.kind}/{one.public_id}" if one.kind != folders.KIND else ""


def _request(one: privacy_requests.PrivacyRequest) -> PrivacyRequestOut:
    return PrivacyRequestOut(
        number=one.id,
        kind=one.kind,
        ref=one.ref,
        asked_at=one.asked_at,
        due_at=one.due_at,
        settled_at=one.settled_at,
        how=one.how,
    )


def _number(connection: str) -> int:
    return connections.by_public_id(connection).id


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
        path=_path(one),
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
