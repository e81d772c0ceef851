"""Sales told twice: pairs of orders that look like one sale, and what is decided of them."""

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.commerce import doubles
from regulars.facts.commerce.doubles import DoubleView, Look, Side
from regulars.facts.commerce.likeness import Like
from regulars.facts.customers import customers
from regulars.runtime.database import clock

router = Router(tags=["doubles"])

Why = Literal["receipts", "customer", "store", "mistake"]


class DoubleWhyIn(exact.Told):
    """What shows it, for the trail."""

    why: Why = "receipts"


class DoubleOrderOut(exact.Shown):
    """One of the two orders. `recorded_at` is when it was told; `counts`: it is a purchase that stands."""

    id: str
    namespace: str
    ref: str
    number: str
    channel: str
    store: str
    placed_at: datetime
    recorded_at: datetime
    currency: str
    goods: str
    total: str
    counts: bool


class DoubleOut(exact.Shown):
    """Two orders of one customer that look like one sale; `later` was told later. `alike`: by the `number` people
    read, told by two `sources`, or by one `source` twice. `state`: `open`, the `same` sale, or `two`. `waits`: somebody
    has to look, also where the order that counts for both does not count any more."""

    id: str
    customer: str | None
    alike: Like
    state: Literal["open", "same", "two"]
    waits: bool
    found_at: datetime
    decided_at: datetime | None
    why: str
    first: DoubleOrderOut
    later: DoubleOrderOut


class DoublesOut(exact.Shown):
    """A page of pairs, the latest found first, and the cursor of the next page."""

    items: list[DoubleOut]
    next: str | None


class DoublesLookOut(exact.Shown):
    """All orders looked through, or being so while `ended_at` is null; `found`: pairs that are new by it."""

    asked_at: datetime
    ended_at: datetime | None
    found: int


@router.get("/doubles", auth=ApiKey("orders.read"), response=DoublesOut, operation_id="list_doubles")
def list_doubles(
    request: HttpRequest,
    state: Annotated[
        Literal["open", "same", "two"], Query(description="`open`: those somebody has to look at.")
    ] = "open",
    cursor: Annotated[str, Query(max_length=400)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DoublesOut:
    """Pairs of orders that look like one sale told by two channels, the latest found first."""
    page = doubles.listed(state=state, cursor=cursor or None, limit=limit)
    return DoublesOut(items=_shown(page.items), next=page.next)


@router.post("/doubles/look", auth=ApiKey("orders.write"), response=DoublesLookOut, operation_id="look_for_doubles")
def look_for_doubles(request: HttpRequest) -> DoublesLookOut:
    """Look through all orders in the background, those of history too. While one look is under way, again is enough."""
    return _look(doubles.look_through(at=clock.now()))


@router.get("/doubles/{double}", auth=ApiKey("orders.read"), response=DoubleOut, operation_id="get_double")
def get_double(request: HttpRequest, double: str) -> DoubleOut:
    """One pair."""
    return _shown([doubles.by_public_id(double)])[0]


@router.post(
    "/doubles/{double}/confirm", auth=ApiKey("orders.write"), response=DoubleOut, operation_id="confirm_double"
)
def confirm(request: HttpRequest, double: str, body: DoubleWhyIn | None = None) -> DoubleOut:
    """They are one sale: the order that was told later counts no more, and what it earned is taken back. Again changes
    nothing."""
    why = (body or DoubleWhyIn()).why
    number = doubles.by_public_id(double).id
    return _shown([doubles.confirm(double=number, at=clock.now(), by=caller(request), why=why)])[0]


@router.post(
    "/doubles/{double}/dismiss", auth=ApiKey("orders.write"), response=DoubleOut, operation_id="dismiss_double"
)
def dismiss(request: HttpRequest, double: str, body: DoubleWhyIn | None = None) -> DoubleOut:
    """They are two sales, and are not asked about again. Again changes nothing."""
    why = (body or DoubleWhyIn()).why
    number = doubles.by_public_id(double).id
    return _shown([doubles.dismiss(double=number, at=clock.now(), by=caller(request), why=why)])[0]


@router.post("/doubles/{double}/reopen", auth=ApiKey("orders.write"), response=DoubleOut, operation_id="reopen_double")
def reopen(request: HttpRequest, double: str, body: DoubleWhyIn | None = None) -> DoubleOut:
    """Take back what was decided: an order that counted no more counts as before. Again changes nothing."""
    why = (body or DoubleWhyIn(why="mistake")).why
    number = doubles.by_public_id(double).id
    return _shown([doubles.reopen(double=number, at=clock.now(), by=caller(request), why=why)])[0]


def _shown(found: list[DoubleView] | tuple[DoubleView, ...]) -> list[DoubleOut]:
    who = customers.get_many([one.order.customer_id for one in found if one.order.customer_id is not None])
    return [
        DoubleOut(
            id=one.public_id,
            customer=who[one.order.customer_id].public_id if one.order.customer_id in who else None,
            alike=one.alike,
            state=one.state,
            waits=one.waits,
            found_at=one.found_at,
            decided_at=one.decided_at,
            why=one.why,
            first=_side(one.order),
            later=_side(one.twin),
        )
        for one in found
    ]


def _side(one: Side) -> DoubleOrderOut:
    return DoubleOrderOut(
        id=one.public_id,
        namespace=one.namespace,
        ref=one.ref,
        number=one.number,
        channel=one.channel,
        store=one.store,
        placed_at=one.placed_at,
        recorded_at=one.recorded_at,
        currency=one.currency,
        goods=exact.shown(one.goods_minor, one.currency),
        total=exact.shown(one.total_minor, one.currency),
        counts=one.counts,
    )


def _look(one: Look) -> DoublesLookOut:
    return DoublesLookOut(asked_at=one.asked_at, ended_at=one.ended_at, found=one.found)
