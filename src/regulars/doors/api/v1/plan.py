"""What sources are expected to send, how what they send differs, and the alarms about them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.sources import Number, names
from regulars.facts.sources import alarms, plan, sources
from regulars.facts.sources.alarms import Alarm
from regulars.facts.sources.expectations import Presence
from regulars.facts.sources.plan import LONGEST, Property
from regulars.facts.sources.shapes import Kind
from regulars.kit import civil
from regulars.runtime.database import clock

router = Router(tags=["tracking plan"])

Call = Literal["track", "page", "screen", "identify", "group"]
Name = Annotated[str, Field(max_length=LONGEST)]
MOST_DIFFERING = 500


class ExpectedOut(exact.Shown):
    """What the plan says: no kinds are any."""

    presence: str
    kinds: list[str]


class PropertyOut(exact.Shown):
    """One property; `expected` is null where the plan says nothing. `came` counts the events that had it."""

    path: str
    expected: ExpectedOut | None
    came: int
    kinds: dict[str, int]
    last_at: datetime | None


class PlannedEventOut(exact.Shown):
    """One event. Its name is empty unless the call is `track`."""

    call: str
    name: str
    expected: str | None
    came: int
    last_at: datetime | None
    properties: list[PropertyOut]


class PlanOut(exact.Shown):
    """The plan of a source: `learning`, `watching` or `blocking`."""

    mode: str
    learns_until: datetime
    events: list[PlannedEventOut]


class ModeIn(exact.Told):
    """`learning` forgets the plan and learns for another week."""

    mode: Literal["learning", "watching", "blocking"]


class PlannedEventIn(exact.Told):
    """An event to expect, with its properties as they came; or to forbid."""

    call: Call = "track"
    name: Name = ""
    forbidden: bool = False


class PropertyIn(exact.Told):
    """What to expect of a property of an event that the plan has."""

    call: Call = "track"
    name: Name = ""
    path: Name
    presence: Presence
    kinds: Annotated[list[Kind], Field(max_length=20)] = []


class DropIn(exact.Told):
    """An event of the plan; with a path one property of it."""

    call: Call = "track"
    name: Name = ""
    path: Name | None = None


class DifferingOut(exact.Shown):
    """How often events were not as planned in one way on one day of the source's zone. `example` is such an event's
    number; `said` the kind that came or the planned spelling that it comes near to."""

    day: date
    code: str
    call: str
    name: str
    path: str
    said: str
    count: int
    first_at: datetime
    last_at: datetime
    example: int


class DifferingsOut(exact.Shown):
    """The latest day first, at most 500."""

    items: list[DifferingOut]


class AlarmOut(exact.Shown):
    """Something is wrong with a source. `facts` for `silence`: expected, got, hours, weeks, chance; for `plan`:
    messages, blocked."""

    number: int
    source: str
    kind: str
    since_at: datetime
    raised_at: datetime
    ended_at: datetime | None
    noted_at: datetime | None
    was_meant: bool
    facts: dict[str, float]


class AlarmsOut(exact.Shown):
    """Alarms that have not ended, the oldest first."""

    items: list[AlarmOut]


class NoteIn(exact.Told):
    """`was_meant`: it is no fault, such as a day on which the shop is shut."""

    was_meant: bool = False


@router.get("/sources/{source}/plan", auth=ApiKey("sources.read"), response=PlanOut, operation_id="get_plan")
def get_plan(request: HttpRequest, source: str) -> PlanOut:
    """What is expected of the source, and what came."""
    return _plan_out(source)


@router.patch("/sources/{source}/plan", auth=ApiKey("sources.manage"), response=PlanOut, operation_id="set_plan_mode")
def set_plan_mode(request: HttpRequest, source: str, body: ModeIn) -> PlanOut:
    """Watch, block, or learn anew. Refused while nothing is expected."""
    found = sources.by_public_id(source)
    if body.mode == "learning":
        plan.learn_again(source=found.id, at=clock.now(), by=caller(request))
    else:
        plan.set_mode(source=found.id, mode=body.mode, at=clock.now(), by=caller(request))
    return _plan_out(source)


@router.post(
    "/sources/{source}/plan/accept", auth=ApiKey("sources.manage"), response=PlanOut, operation_id="accept_plan"
)
def accept_plan(request: HttpRequest, source: str) -> PlanOut:
    """Expect what has come. What the plan says already stays. Again adds what came since."""
    plan.accept(source=sources.by_public_id(source).id, at=clock.now(), by=caller(request))
    return _plan_out(source)


@router.post(
    "/sources/{source}/plan/events", auth=ApiKey("sources.manage"), response=PlanOut, operation_id="expect_event"
)
def expect_event(request: HttpRequest, source: str, body: PlannedEventIn) -> PlanOut:
    """Expect or forbid an event. Again changes nothing."""
    plan.expect_event(
        source=sources.by_public_id(source).id,
        event=(body.call, body.name),
        forbidden=body.forbidden,
        at=clock.now(),
        by=caller(request),
    )
    return _plan_out(source)


@router.post(
    "/sources/{source}/plan/properties",
    auth=ApiKey("sources.manage"),
    response=PlanOut,
    operation_id="expect_property",
)
def expect_property(request: HttpRequest, source: str, body: PropertyIn) -> PlanOut:
    """Say what a property must be. Again changes nothing."""
    plan.expect_property(
        source=sources.by_public_id(source).id,
        event=(body.call, body.name),
        path=body.path,
        presence=body.presence,
        kinds=body.kinds,
        at=clock.now(),
        by=caller(request),
    )
    return _plan_out(source)


@router.post(
    "/sources/{source}/plan/drop", auth=ApiKey("sources.manage"), response=PlanOut, operation_id="drop_planned"
)
def drop_planned(request: HttpRequest, source: str, body: DropIn) -> PlanOut:
    """Take an event or a property out of the plan."""
    found, event = sources.by_public_id(source), (body.call, body.name)
    if body.path is None:
        plan.drop_event(source=found.id, event=event, at=clock.now(), by=caller(request))
    else:
        plan.drop_property(source=found.id, event=event, path=body.path, at=clock.now(), by=caller(request))
    return _plan_out(source)


@router.get(
    "/sources/{source}/deviations",
    auth=ApiKey("sources.read"),
    response=DifferingsOut,
    operation_id="list_deviations",
)
def list_deviations(
    request: HttpRequest,
    source: str,
    since: Annotated[date | None, Query(description="Left out: today in the source's zone.")] = None,
) -> DifferingsOut:
    """How what came differs from the plan, by day."""
    found = sources.by_public_id(source)
    day = since or civil.day_of(clock.now(), civil.zone(found.zone))
    return DifferingsOut(
        items=[
            DifferingOut(
                day=one.day,
                code=one.code,
                call=one.event[0],
                name=one.event[1],
                path=one.path,
                said=one.said,
                count=one.count,
                first_at=one.first_at,
                last_at=one.last_at,
                example=one.example,
            )
            for one in plan.deviations(source=found.id, since=day, limit=MOST_DIFFERING)
        ]
    )


@router.get("/alarms", auth=ApiKey("sources.read"), response=AlarmsOut, operation_id="list_alarms")
def list_alarms(request: HttpRequest) -> AlarmsOut:
    """Sources that fell silent or send other than planned, now."""
    by_number = names()
    return AlarmsOut(items=[_alarm_out(one, by_number) for one in alarms.going_on()])


@router.post("/alarms/{number}/note", auth=ApiKey("sources.manage"), response=AlarmOut, operation_id="note_alarm")
def note_alarm(request: HttpRequest, number: Number, body: NoteIn) -> AlarmOut:
    """Say that somebody saw it, or that it was meant. Again changes nothing."""
    noted = alarms.note(alarm=number, was_meant=body.was_meant, at=clock.now(), by=caller(request))
    return _alarm_out(noted, names())


def _plan_out(public_id: str) -> PlanOut:
    source = sources.by_public_id(public_id)
    return PlanOut(
        mode=source.plan,
        learns_until=source.learns_until,
        events=[
            PlannedEventOut(
                call=one.event[0],
                name=one.event[1],
                expected=None if one.itself.expected is None else _of_event(one.itself.expected.presence),
                came=one.itself.came,
                last_at=one.itself.last_at,
                properties=[PropertyOut(**_property(known)) for known in one.properties[1:]],
            )
            for one in plan.of(source.id)
        ],
    )


def _of_event(presence: Presence) -> str:
    return "forbidden" if presence == "forbidden" else "expected"


def _property(known: Property) -> dict[str, Any]:
    wanted = known.expected
    return {
        "path": known.path,
        "expected": None if wanted is None else ExpectedOut(presence=wanted.presence, kinds=sorted(wanted.kinds)),
        "came": known.came,
        "kinds": dict(known.kinds),
        "last_at": known.last_at,
    }


def _alarm_out(one: Alarm, by_number: dict[int, str]) -> AlarmOut:
    return AlarmOut(
        number=one.id,
        source=by_number[one.source],
        kind=one.kind,
        since_at=one.since_at,
        raised_at=one.raised_at,
        ended_at=one.ended_at,
        noted_at=one.noted_at,
        was_meant=one.was_meant,
        facts=dict(one.facts),
    )
