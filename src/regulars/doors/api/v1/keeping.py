"""How long events are kept, and those that a reader of the stream could not take."""

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Path, Router
from pydantic import Field

from regulars.doors.api.v1 import exact, sources
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.events import aside, following, retention
from regulars.facts.events.following import ParkedEvent
from regulars.facts.events.retention import Rule
from regulars.kit import paging
from regulars.runtime.database import clock

router = Router(tags=["events"])

Kind = Literal["track", "identify", "page", "screen", "group", "alias"]
Reader = Annotated[str, Path(max_length=60)]


class RuleIn(exact.Told):
    """Events of a kind, or of one name of it, are kept for so many whole months after the one they happened in.

    Shorter takes effect in the next night, and what it removes does not come back.
    """

    kind: Kind
    name: Annotated[exact.Ref | None, Field(description="Exactly as its source calls it.")] = None
    months: Annotated[int, Field(ge=1, le=retention.LONGEST_MONTHS)]


class NameIn(exact.Told):
    """Events of one name of a kind."""

    kind: Kind
    name: exact.Ref


class RuleOut(exact.Shown):
    """One rule; `name` is empty in the rule of a kind. `is_default` where nobody said otherwise."""

    kind: str
    name: str
    months: int
    is_default: bool


class RulesOut(exact.Shown):
    """One rule for each kind, then those for names."""

    items: list[RuleOut]


class ParkedOut(exact.Shown):
    """An event that a reader could not take: its kind of problem and the place, never what the event said."""

    reader: str
    event: int
    problem: str
    parked_at: datetime


class ParkedListOut(exact.Shown):
    """A page of them, newest first, and the cursor of the next page."""

    items: list[ParkedOut]
    next: str | None


class RetriedOut(exact.Shown):
    """`taken`; `over` where its time is over, and it is parked no more; `still` parked."""

    said: Literal["taken", "over", "still"]


class RetriedManyOut(exact.Shown):
    """What became of them, and how many more are parked that were not tried."""

    taken: int
    over: int
    still: int
    left: int


class ParkedAsideIn(exact.Told):
    """Why it is set aside; the trail keeps it."""

    why: aside.Why


class ParkedAsideOut(exact.Shown):
    """It is parked no more; the event stays."""

    reader: str
    event: int


@router.get("/event-retention", auth=ApiKey("sources.read"), response=RulesOut, operation_id="list_event_retention")
def list_event_retention(request: HttpRequest) -> RulesOut:
    """For how many months events are kept, by kind and by name."""
    return _rules()


@router.post("/event-retention", auth=ApiKey("sources.manage"), response=RuleOut, operation_id="set_event_retention")
def set_event_retention(request: HttpRequest, body: RuleIn) -> RuleOut:
    """Keep events of a kind, or of one name of it, for so long. Again changes nothing."""
    return _rule(
        retention.keep(kind=body.kind, name=body.name or "", months=body.months, at=clock.now(), by=caller(request))
    )


@router.post(
    "/event-retention/drop", auth=ApiKey("sources.manage"), response=RulesOut, operation_id="drop_event_retention"
)
def drop_event_retention(request: HttpRequest, body: NameIn) -> RulesOut:
    """Events of this name follow their kind again. Again changes nothing."""
    retention.drop(kind=body.kind, name=body.name, at=clock.now(), by=caller(request))
    return _rules()


@router.get("/parked-events", auth=ApiKey("operations.read"), response=ParkedListOut, operation_id="list_parked_events")
def list_parked_events(request: HttpRequest, limit: int = 50, cursor: str = "") -> ParkedListOut:
    """Events that a reader of the stream could not take, newest first; they hold up no other."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "parked_events", int) if cursor else (None,)
    rows = following.parked(before=before if isinstance(before, int) else None, limit=size + 1)
    page = paging.cut(rows, size, of="parked_events", key=lambda one: (one.number,))
    return ParkedListOut(items=[_parked(one) for one in page.items], next=page.next)


@router.post(
    "/parked-events/retry", auth=ApiKey("operations.mend"), response=RetriedManyOut, operation_id="retry_parked_events"
)
def retry_parked_events(request: HttpRequest) -> RetriedManyOut:
    """Try again all that are parked, oldest first, a thousand at once."""
    done = following.try_all_again(at=clock.now(), by=caller(request))
    return RetriedManyOut(taken=done.taken, over=done.over, still=done.still, left=done.left)


@router.post(
    "/parked-events/{reader}/{number}/retry",
    auth=ApiKey("operations.mend"),
    response=RetriedOut,
    operation_id="retry_parked_event",
)
def retry_parked_event(request: HttpRequest, reader: Reader, number: sources.Number) -> RetriedOut:
    """Let the reader take it now."""
    return RetriedOut(said=following.try_again(reader=reader, event=number, at=clock.now(), by=caller(request)))


@router.post(
    "/parked-events/{reader}/{number}/set-aside",
    auth=ApiKey("operations.mend"),
    response=ParkedAsideOut,
    operation_id="set_parked_event_aside",
)
def set_parked_event_aside(
    request: HttpRequest, reader: Reader, number: sources.Number, body: ParkedAsideIn
) -> ParkedAsideOut:
    """Nobody waits any more for this reader to take the event."""
    following.set_aside(reader=reader, event=number, why=body.why, at=clock.now(), by=caller(request))
    return ParkedAsideOut(reader=reader, event=number)


def _rules() -> RulesOut:
    return RulesOut(items=[_rule(one) for one in retention.rules()])


def _rule(one: Rule) -> RuleOut:
    return RuleOut(kind=one.kind, name=one.name, months=one.months, is_default=one.is_default)


def _parked(one: ParkedEvent) -> ParkedOut:
    return ParkedOut(reader=one.reader, event=one.event, problem=one.problem, parked_at=one.parked_at)
