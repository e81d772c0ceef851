"""Messages that were not taken: finding them, reading them, throwing them away."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.sources import quarantine
from regulars.facts.sources import sources as known_sources
from regulars.facts.sources.quarantine import Quarantined
from regulars.kit import paging
from regulars.runtime.database import clock

router = Router(tags=["quarantine"])

Wanted = Literal["waiting", "replayed", "discarded", "any"]


class QuarantinedOut(exact.Shown):
    """One message without what it said: why it was not taken, in a stable `code` and in words with the mend."""

    number: int
    source: str
    code: str
    field: str
    why: str
    message_id: str
    kind: str
    name: str
    arrived_at: datetime
    state: str
    settled_at: datetime | None


class QuarantineOut(exact.Shown):
    """A page of messages, newest first, and the cursor of the next page."""

    items: list[QuarantinedOut]
    next: str | None


class OpenedOut(QuarantinedOut):
    """One message with what came, as text: it may be no JSON."""

    message: str


@router.get("/quarantine", auth=ApiKey("quarantine.read"), response=QuarantineOut, operation_id="search_quarantine")
def search_quarantine(
    request: HttpRequest,
    source: str | None = None,
    state: Wanted = "waiting",
    code: exact.Code | None = None,
    text: Annotated[exact.Ref | None, Query(description="How a message id or an event's name begins.")] = None,
    limit: int = 50,
    cursor: str = "",
) -> QuarantineOut:
    """Messages in quarantine, newest first; those that wait unless `state` says otherwise."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "quarantine", int) if cursor else (None,)
    rows = quarantine.search(
        source=known_sources.by_public_id(source).id if source is not None else None,
        state=None if state == "any" else state,
        code=code or "",
        text=text or "",
        before=before if isinstance(before, int) else None,
        limit=size + 1,
    )
    page = paging.cut(rows, size, of="quarantine", key=lambda one: (one.id,))
    names = sources.names()
    return QuarantineOut(items=[QuarantinedOut(**_told(one, names)) for one in page.items], next=page.next)


@router.get(
    "/quarantine/{number}", auth=ApiKey("quarantine.read"), response=QuarantinedOut, operation_id="get_quarantined"
)
def get_quarantined(request: HttpRequest, number: sources.Number) -> QuarantinedOut:
    """One message, without what it said."""
    return QuarantinedOut(**_told(quarantine.get(number), sources.names()))


@router.post(
    "/quarantine/{number}/open", auth=ApiKey("quarantine.mend"), response=OpenedOut, operation_id="open_quarantined"
)
def open_quarantined(request: HttpRequest, number: sources.Number) -> OpenedOut:
    """What the message said, which may be somebody's name or address. Each call leaves a line in the trail."""
    found = quarantine.get(number)
    message = quarantine.opened(number=number, at=clock.now(), by=caller(request))
    return OpenedOut(message=message, **_told(found, sources.names()))


@router.post(
    "/quarantine/{number}/discard",
    auth=ApiKey("quarantine.mend"),
    response=QuarantinedOut,
    operation_id="discard_quarantined",
)
def discard_quarantined(request: HttpRequest, number: sources.Number) -> QuarantinedOut:
    """Nobody wants it any more. Again changes nothing."""
    settled = quarantine.settle(number=number, as_="discarded", at=clock.now(), by=caller(request))
    return QuarantinedOut(**_told(settled, sources.names()))


def _told(one: Quarantined, names: dict[int, str]) -> dict[str, Any]:
    return {
        "number": one.id,
        "source": names[one.source],
        "code": one.code,
        "field": one.field,
        "why": one.why,
        "message_id": one.message_id,
        "kind": one.kind,
        "name": one.name,
        "arrived_at": one.arrived_at,
        "state": one.state,
        "settled_at": one.settled_at,
    }
