"""Messages that were not taken: finding them, reading them, sending them again, throwing them away."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.events import replay as replaying
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


class QuarantineReplayIn(exact.Told):
    """The mended message, or batch of them, as text, one JSON object; left out, it is tried as it came.

    A tracking plan that blocks is asked as at the door, unless `despite_plan` says that it is wanted all the same.
    """

    message: Annotated[str, Field(min_length=1, max_length=1_000_000)] | None = None
    despite_plan: bool = False


class ReplayedOut(exact.Shown):
    """What became of it: accepted or duplicate, and it has left the quarantine; rejected or conflict, and why; batch,
    and it has left the quarantine too, with those of its messages that were rejected kept there one by one. The counts
    are of messages."""

    said: str
    event: int | None
    code: str
    field: str
    why: str
    accepted: int
    duplicates: int
    rejected: int


class ReplayManyIn(exact.Told):
    """Which of those that wait: of a source, with a code, or all; the oldest first, `limit` at once."""

    source: exact.Code | None = None
    code: exact.Code | None = None
    limit: Annotated[int, Field(ge=1, le=replaying.MOST_AT_ONCE)] = 100
    despite_plan: Annotated[bool, Field(description="A tracking plan that blocks does not stand in their way.")] = False


class ReplayedManyOut(exact.Shown):
    """What became of them, and how many more wait that were not tried."""

    accepted: int
    duplicates: int
    still_bad: int
    left: int


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


@router.post(
    "/quarantine/replay",
    auth=ApiKey("quarantine.mend"),
    response=ReplayedManyOut,
    operation_id="replay_many_quarantined",
)
def replay_many_quarantined(request: HttpRequest, body: ReplayManyIn | None = None) -> ReplayedManyOut:
    """Take in what waits, as it came: for after a mend of ours or of the source. What is still bad stays."""
    told = body or ReplayManyIn()
    done = replaying.replay_many(
        source=known_sources.by_public_id(told.source).id if told.source is not None else None,
        code=told.code or "",
        limit=told.limit,
        despite_plan=told.despite_plan,
        at=clock.now(),
        by=caller(request),
    )
    return ReplayedManyOut(accepted=done.accepted, duplicates=done.duplicates, still_bad=done.still_bad, left=done.left)


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


@router.post(
    "/quarantine/{number}/replay",
    auth=ApiKey("quarantine.mend"),
    response=ReplayedOut,
    operation_id="replay_quarantined",
)
def replay_quarantined(
    request: HttpRequest, number: sources.Number, body: QuarantineReplayIn | None = None
) -> ReplayedOut:
    """Take the message or batch in, mended or as it came. A message is taken once: one that was settled is refused."""
    told = body or QuarantineReplayIn()
    done = replaying.replay(
        quarantined=number,
        mended=told.message,
        despite_plan=told.despite_plan,
        at=clock.now(),
        by=caller(request),
    )
    return ReplayedOut(
        said=done.said,
        event=done.event,
        code=done.code,
        field=done.field,
        why=done.why,
        accepted=done.accepted,
        duplicates=done.duplicates,
        rejected=done.rejected,
    )


@router.post(
    "/quarantine/{number}/restore",
    auth=ApiKey("quarantine.mend"),
    response=QuarantinedOut,
    operation_id="restore_quarantined",
)
def restore_quarantined(request: HttpRequest, number: sources.Number) -> QuarantinedOut:
    """What was thrown away waits again. Again changes nothing."""
    return QuarantinedOut(
        **_told(quarantine.restore(number=number, at=clock.now(), by=caller(request)), sources.names())
    )


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
