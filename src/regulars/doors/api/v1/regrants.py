"""Versions of a programme that count for the past: batches that are looked at, approved by another, run and undone."""

from datetime import date, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.customers import customers
from regulars.levers.loyalty import programmes, regrants
from regulars.levers.loyalty.regrants import RegrantView, State
from regulars.levers.loyalty.rules.rule import points_text
from regulars.runtime.database import clock

router = Router(tags=["regrants"])
ProgrammeCode = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
Batch = Annotated[int, Field(ge=1, le=2**63 - 1)]


class RegrantIn(exact.Told):
    """Which version shall decide the orders of which days: from `since` until before `until`, in the programme's zone.
    Only more is given unless `takes_back`."""

    version: Annotated[int, Field(ge=1, le=10**6)]
    since: exact.Day
    until: exact.Day
    takes_back: bool = False


class RegrantWhyIn(exact.Told):
    """Why, for the trail. Never personal."""

    why: Annotated[str, Field(max_length=200)] = ""


class RegrantMemberOut(exact.Shown):
    """By how many points a customer's would change."""

    customer: str
    points: str


class RegrantOut(exact.Shown):
    """A batch. `orders`, `customers`, `given`, `taken` and `cost` were foreseen; `orders_done`, `given_done` and
    `taken_done` are what stands of it. `fewer`: orders that would be given fewer and stay as they are. `orders_left`
    became something else before it came to them. `orders_waiting` are still to come: once it is done or undone those of
    members whose points are frozen, which keep nothing else from being run. `members`: those with the greatest change,
    of one batch alone."""

    id: int
    programme: str
    version: int
    since: date
    until: date
    takes_back: bool
    state: State
    orders: int
    customers: int
    given: str
    taken: str
    cost: str | None
    currency: str | None
    fewer: int
    needs_another: bool
    orders_done: int
    orders_left: int
    orders_waiting: int
    given_done: str
    taken_done: str
    asked_at: datetime
    approved_at: datetime | None
    undone_at: datetime | None
    members: list[RegrantMemberOut]


class RegrantsOut(exact.Shown):
    """The batches of a programme, the latest first, ten at most."""

    items: list[RegrantOut]


@router.post(
    "/programmes/{programme}/regrants",
    auth=ApiKey("points.manage"),
    response=RegrantOut,
    operation_id="ask_regrant",
)
def ask(request: HttpRequest, programme: ProgrammeCode, body: RegrantIn) -> RegrantOut:
    """See what a version would give for orders that another one decided. Nothing is given: read the batch until it is
    `ready`, then run it. The same again is the same batch; another drops one that was not run."""
    return _out(
        regrants.ask(
            programme=programme,
            version=body.version,
            since=body.since,
            until=body.until,
            at=clock.now(),
            by=caller(request),
            takes_back=body.takes_back,
        )
    )


@router.get(
    "/programmes/{programme}/regrants",
    auth=ApiKey("points.read"),
    response=RegrantsOut,
    operation_id="list_regrants",
)
def list_regrants(request: HttpRequest, programme: ProgrammeCode) -> RegrantsOut:
    """What counted, or shall count, for the past."""
    programmes.latest(programme)
    return RegrantsOut(items=[_out(one) for one in regrants.of_programme(programme)])


@router.get("/regrants/{batch}", auth=ApiKey("points.read"), response=RegrantOut, operation_id="get_regrant")
def get_regrant(request: HttpRequest, batch: Batch) -> RegrantOut:
    """One batch, and how far it is."""
    return _out(regrants.get(batch))


@router.post("/regrants/{batch}/run", auth=ApiKey("points.manage"), response=RegrantOut, operation_id="run_regrant")
def run(request: HttpRequest, batch: Batch, body: RegrantWhyIn | None = None) -> RegrantOut:
    """Approve it: its orders are decided by its version from now on. Above `approval_above` of the programme it takes
    somebody else than who asked for it. Again changes nothing."""
    return _out(regrants.approve(batch=batch, at=clock.now(), by=caller(request), why="" if body is None else body.why))


@router.post("/regrants/{batch}/undo", auth=ApiKey("points.manage"), response=RegrantOut, operation_id="undo_regrant")
def undo(request: HttpRequest, batch: Batch, body: RegrantWhyIn | None = None) -> RegrantOut:
    """Take back what it gave, give back what it took: its orders are decided as before it. Again changes nothing."""
    return _out(regrants.undo(batch=batch, at=clock.now(), by=caller(request), why="" if body is None else body.why))


@router.post(
    "/regrants/{batch}/set-aside", auth=ApiKey("points.manage"), response=RegrantOut, operation_id="set_regrant_aside"
)
def set_aside(request: HttpRequest, batch: Batch) -> RegrantOut:
    """Drop one that was not run. Again changes nothing."""
    return _out(regrants.set_aside(batch=batch, at=clock.now(), by=caller(request)))


def _out(one: RegrantView) -> RegrantOut:
    who = customers.get_many([customer for customer, _parts in one.members])
    return RegrantOut(
        id=one.id,
        programme=one.programme,
        version=one.version,
        since=one.since,
        until=one.until,
        takes_back=one.takes_back,
        state=one.state,
        orders=one.orders,
        customers=one.customers,
        given=points_text(one.given, one.scale),
        taken=points_text(one.taken, one.scale),
        cost=None if one.cost is None else str(one.cost.decimal),
        currency=None if one.cost is None else one.cost.currency,
        fewer=one.fewer,
        needs_another=one.needs_another,
        orders_done=one.orders_done,
        orders_left=one.orders_left,
        orders_waiting=one.orders_waiting,
        given_done=points_text(one.given_done, one.scale),
        taken_done=points_text(one.taken_done, one.scale),
        asked_at=one.asked_at,
        approved_at=one.approved_at,
        undone_at=one.undone_at,
        members=[
            RegrantMemberOut(customer=who[customer].public_id, points=points_text(parts, one.scale))
            for customer, parts in one.members
            if customer in who
        ],
    )
