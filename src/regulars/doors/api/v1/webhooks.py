"""Webhooks out: endpoints, their secrets, what was sent to them and how it ended."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.kit import paging
from regulars.oversight.outbound import catalogue, deliveries, endpoints
from regulars.oversight.outbound.deliveries import Delivery, State
from regulars.oversight.outbound.endpoints import Endpoint, Made, Waiting
from regulars.runtime.database import clock

router = Router(tags=["webhooks"])

Kinds = Annotated[list[exact.Code], Field(max_length=len(catalogue.KINDS))]
Url = Annotated[str, Field(max_length=2000)]
Description = Annotated[str, Field(max_length=endpoints.LONGEST_DESCRIPTION)]


class EndpointIn(exact.Told):
    """Who hears what, where. All kinds unless `kinds` names some; imports of the past only with `wants_history`."""

    name: exact.Code
    url: Url = Field(description="https, on port 443 or 8443, of a host on the public internet.")
    description: Description = ""
    kinds: Kinds = []
    wants_history: bool = False


class EndpointChangeIn(exact.Told):
    """What is given is changed, the rest stays. What waits goes to the new `url`."""

    url: Url | None = None
    description: Description | None = None
    kinds: Kinds | None = None
    wants_history: bool | None = None


class EndpointOut(exact.Shown):
    """One endpoint. `state` is on, paused, off (it failed for days, or is gone) or retired; `state_why` says why."""

    id: str
    name: str
    url: str
    description: str
    kinds: list[str]
    wants_history: bool
    state: str
    state_why: str
    failing_since: datetime | None
    last_success_at: datetime | None
    last_try_at: datetime | None
    last_status: int | None
    last_error: str
    waiting: int = Field(description="Messages not yet delivered, counted up to 10,000.")
    waiting_since: datetime | None
    old_secret_until: datetime | None
    is_replaying: bool
    made_at: datetime


class MadeEndpointOut(EndpointOut):
    """With the secret, which is told in this answer only; empty where the endpoint had been made before."""

    secret: str


class EndpointsOut(exact.Shown):
    """A page of endpoints by name, and the cursor of the next page."""

    items: list[EndpointOut]
    next: str | None


class KindsOut(exact.Shown):
    """What can be heard."""

    items: list[str]


class RotateIn(exact.Told):
    """For so long messages carry the old secret's signature too; 0 ends the old one at once."""

    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24


class ReplayIn(exact.Told):
    """Everything told at `since` or later."""

    since: exact.Instant


class TryOut(exact.Shown):
    """One try. `error` is a short code, empty for none."""

    at: datetime
    took_ms: int
    status: int | None
    error: str


class MessageOut(exact.Shown):
    """One message for the endpoint. `id` is its `webhook-id`; `state` is waiting, delivered, given_up or set_aside."""

    id: str
    kind: str
    state: str
    attempts: int
    wanted_at: datetime
    tried_at: datetime | None
    ended_at: datetime | None
    status: int | None
    error: str
    tries: list[TryOut]


class MessagesOut(exact.Shown):
    """A page of messages, newest first, and the cursor of the next page."""

    items: list[MessageOut]
    next: str | None


@router.get("/webhooks/kinds", auth=ApiKey("webhooks.read"), response=KindsOut, operation_id="list_webhook_kinds")
def list_kinds(request: HttpRequest) -> KindsOut:
    """The kinds of messages an endpoint can want."""
    return KindsOut(items=sorted(catalogue.KINDS))


@router.get("/webhooks", auth=ApiKey("webhooks.read"), response=EndpointsOut, operation_id="list_webhooks")
def list_webhooks(request: HttpRequest, limit: int = 50, cursor: str = "") -> EndpointsOut:
    """All endpoints by name, retired ones too."""
    size = paging.check_size(limit)
    (after,) = paging.decode(cursor, "webhooks", str) if cursor else ("",)
    rows = sorted((one for one in endpoints.every() if one.name > str(after)), key=lambda one: one.name)
    page = paging.cut(rows[: size + 1], size, of="webhooks", key=lambda one: (one.name,))
    waiting = endpoints.waiting()
    return EndpointsOut(items=[_out(one, waiting) for one in page.items], next=page.next)


@router.post("/webhooks", auth=ApiKey("webhooks.manage"), response=MadeEndpointOut, operation_id="make_webhook")
def make_webhook(request: HttpRequest, body: EndpointIn) -> MadeEndpointOut:
    """A new endpoint and its secret. Its name is its key: the same again gives it without the secret."""
    made = endpoints.make(
        name=body.name,
        url=body.url,
        description=body.description,
        kinds=body.kinds,
        wants_history=body.wants_history,
        at=clock.now(),
        by=caller(request),
    )
    return _made_out(made)


@router.get("/webhooks/{endpoint}", auth=ApiKey("webhooks.read"), response=EndpointOut, operation_id="get_webhook")
def get_webhook(request: HttpRequest, endpoint: str) -> EndpointOut:
    """One endpoint."""
    return _out(endpoints.by_public_id(endpoint), endpoints.waiting())


@router.patch(
    "/webhooks/{endpoint}", auth=ApiKey("webhooks.manage"), response=EndpointOut, operation_id="change_webhook"
)
def change_webhook(request: HttpRequest, endpoint: str, body: EndpointChangeIn) -> EndpointOut:
    """Change what is given. Again changes nothing."""
    changed = endpoints.change(
        endpoint=_number(endpoint),
        url=body.url,
        description=body.description,
        kinds=body.kinds,
        wants_history=body.wants_history,
        at=clock.now(),
        by=caller(request),
    )
    return _out(changed, endpoints.waiting())


@router.post(
    "/webhooks/{endpoint}/pause", auth=ApiKey("webhooks.manage"), response=EndpointOut, operation_id="pause_webhook"
)
def pause_webhook(request: HttpRequest, endpoint: str) -> EndpointOut:
    """Nothing is sent there; what is told waits. Again changes nothing."""
    done = endpoints.pause(endpoint=_number(endpoint), at=clock.now(), by=caller(request))
    return _out(done, endpoints.waiting())


@router.post(
    "/webhooks/{endpoint}/resume", auth=ApiKey("webhooks.manage"), response=EndpointOut, operation_id="resume_webhook"
)
def resume_webhook(request: HttpRequest, endpoint: str) -> EndpointOut:
    """Messages go there again, first what waits, with all its tries. Again changes nothing."""
    done = endpoints.resume(endpoint=_number(endpoint), at=clock.now(), by=caller(request))
    return _out(done, endpoints.waiting())


@router.post(
    "/webhooks/{endpoint}/retire", auth=ApiKey("webhooks.manage"), response=EndpointOut, operation_id="retire_webhook"
)
def retire_webhook(request: HttpRequest, endpoint: str) -> EndpointOut:
    """Nothing is sent there any more, for good; what waited is set aside. Again changes nothing."""
    done = endpoints.retire(endpoint=_number(endpoint), at=clock.now(), by=caller(request))
    return _out(done, endpoints.waiting())


@router.post(
    "/webhooks/{endpoint}/rotate",
    auth=ApiKey("webhooks.manage"),
    response=MadeEndpointOut,
    operation_id="rotate_webhook_secret",
)
def rotate_webhook_secret(request: HttpRequest, endpoint: str, body: RotateIn | None = None) -> MadeEndpointOut:
    """A new secret, told in this answer only. Each call makes another."""
    overlap = timedelta(hours=(body or RotateIn()).overlap_hours)
    return _made_out(endpoints.rotate(endpoint=_number(endpoint), overlap=overlap, at=clock.now(), by=caller(request)))


@router.post(
    "/webhooks/{endpoint}/trial", auth=ApiKey("webhooks.manage"), response=MessageOut, operation_id="try_webhook"
)
def try_webhook(request: HttpRequest, endpoint: str) -> MessageOut:
    """Send a message of the kind `webhooks.trial`, which says nothing but that messages arrive."""
    return _message_out(deliveries.send_trial(endpoint=_number(endpoint), at=clock.now(), by=caller(request)))


@router.post(
    "/webhooks/{endpoint}/replay", auth=ApiKey("webhooks.manage"), response=EndpointOut, operation_id="replay_webhook"
)
def replay_webhook(request: HttpRequest, endpoint: str, body: ReplayIn) -> EndpointOut:
    """Send everything again that was told since a point in time, with the ids it had. What is new goes meanwhile."""
    number = _number(endpoint)
    deliveries.replay(endpoint=number, since=body.since, at=clock.now(), by=caller(request))
    return _out(endpoints.get(number), endpoints.waiting())


@router.get(
    "/webhooks/{endpoint}/messages",
    auth=ApiKey("webhooks.read"),
    response=MessagesOut,
    operation_id="list_webhook_messages",
)
def list_webhook_messages(
    request: HttpRequest, endpoint: str, state: State | None = None, limit: int = 50, cursor: str = ""
) -> MessagesOut:
    """Its messages, newest first. What has ended is known for 30 days."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "webhook_messages", int) if cursor else (None,)
    rows = deliveries.of_endpoint(
        _number(endpoint), state=state, before=before if isinstance(before, int) else None, limit=size + 1
    )
    page = paging.cut(rows, size, of="webhook_messages", key=lambda one: (one.id,))
    return MessagesOut(items=[_message_out(one) for one in page.items], next=page.next)


@router.get(
    "/webhooks/{endpoint}/messages/{message}",
    auth=ApiKey("webhooks.read"),
    response=MessageOut,
    operation_id="get_webhook_message",
)
def get_webhook_message(request: HttpRequest, endpoint: str, message: str) -> MessageOut:
    """One message and its last tries."""
    return _message_out(deliveries.get(endpoint=_number(endpoint), message_id=message))


@router.post(
    "/webhooks/{endpoint}/messages/{message}/send-again",
    auth=ApiKey("webhooks.manage"),
    response=MessageOut,
    operation_id="send_webhook_message_again",
)
def send_again(request: HttpRequest, endpoint: str, message: str) -> MessageOut:
    """Send it at once, with all its tries and the same id, however it ended."""
    return _message_out(
        deliveries.send_again(endpoint=_number(endpoint), message_id=message, at=clock.now(), by=caller(request))
    )


@router.post(
    "/webhooks/{endpoint}/messages/{message}/set-aside",
    auth=ApiKey("webhooks.manage"),
    response=MessageOut,
    operation_id="set_webhook_message_aside",
)
def set_aside(request: HttpRequest, endpoint: str, message: str) -> MessageOut:
    """A message that waits is never sent; those behind it go on."""
    return _message_out(
        deliveries.set_aside(endpoint=_number(endpoint), message_id=message, at=clock.now(), by=caller(request))
    )


def _number(endpoint: str) -> int:
    return endpoints.by_public_id(endpoint).id


def _out(one: Endpoint, waiting: Mapping[int, Waiting]) -> EndpointOut:
    return EndpointOut(**_told(one, waiting))


def _made_out(made: Made) -> MadeEndpointOut:
    return MadeEndpointOut(secret=made.secret, **_told(made.endpoint, endpoints.waiting()))


def _told(one: Endpoint, waiting: Mapping[int, Waiting]) -> dict[str, Any]:
    waits = waiting.get(one.id, Waiting())
    return {
        "id": one.public_id,
        "name": one.name,
        "url": one.url,
        "description": one.description,
        "kinds": list(one.kinds),
        "wants_history": one.wants_history,
        "state": one.state,
        "state_why": one.state_why,
        "failing_since": one.failing_since,
        "last_success_at": one.last_success_at,
        "last_try_at": one.last_try_at,
        "last_status": one.last_status,
        "last_error": one.last_error,
        "waiting": waits.count,
        "waiting_since": waits.since,
        "old_secret_until": one.before_until,
        "is_replaying": one.is_replaying,
        "made_at": one.made_at,
    }


def _message_out(one: Delivery) -> MessageOut:
    return MessageOut(
        id=one.message_id,
        kind=one.kind,
        state=one.state,
        attempts=one.attempts,
        wanted_at=one.wanted_at,
        tried_at=one.tried_at,
        ended_at=one.ended_at,
        status=one.status,
        error=one.error,
        tries=[TryOut(at=t.at, took_ms=t.took_ms, status=t.status, error=t.error) for t in one.tries],
    )
