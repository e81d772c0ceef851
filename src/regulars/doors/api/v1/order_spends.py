"""Points that were spent for an order, beside what became of the order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router

from regulars.doors.api.v1 import exact, points_shown
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.commerce import orders
from regulars.facts.customers import profiles
from regulars.levers.loyalty import order_spends
from regulars.levers.loyalty.order_spends import OrderSpendView, State
from regulars.runtime.database import clock

router = Router(tags=["points"])


class OrderSpendOut(exact.Shown):
    """Points spent for an order. `spent` for it, of which `left` nobody gave back. `state`: `waiting` for the order,
    which `stands`; `missing`: it never came; `off`: cancelled, or all of it came back; `twice`: something was spent for
    it before; `given_back`; or `left` as it is. `order` is null while it is not on record."""

    id: str
    customer: str
    currency: str
    spent: str
    left: str
    namespace: str
    ref: str
    order: str | None
    spent_at: datetime
    state: State
    decided_at: datetime | None


class OrderSpendsOut(exact.Shown):
    """A page of them, the latest first, and the cursor of the next page."""

    items: list[OrderSpendOut]
    next: str | None


@router.get(
    "/points/order-spends", auth=ApiKey("points.read"), response=OrderSpendsOut, operation_id="list_order_spends"
)
def list_order_spends(
    request: HttpRequest,
    state: Annotated[State | None, Query(description="Left out: those that somebody has to look at.")] = None,
    cursor: Annotated[str, Query(max_length=400)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrderSpendsOut:
    """Points that were spent for an order that never came, was cancelled, came back or had been paid with points
    before, the latest first. Looked at every ten minutes."""
    states = order_spends.STATES_TO_LOOK_AT if state is None else (state,)
    page = order_spends.listed(states=states, cursor=cursor or None, limit=limit)
    return OrderSpendsOut(items=_shown(page.items), next=page.next)


@router.post(
    "/points/order-spends/{spend}/give-back",
    auth=ApiKey("points.manage"),
    response=OrderSpendOut,
    operation_id="give_back_order_spend",
)
def give_back(request: HttpRequest, spend: str) -> OrderSpendOut:
    """What is left of it goes to the awards it came from. Again changes nothing; refused where the order stands by
    now."""
    found = order_spends.by_public_id(spend)
    return _shown([order_spends.give_back(spend=found.id, at=clock.now(), by=caller(request))])[0]


@router.post(
    "/points/order-spends/{spend}/leave",
    auth=ApiKey("points.manage"),
    response=OrderSpendOut,
    operation_id="leave_order_spend",
)
def leave(request: HttpRequest, spend: str) -> OrderSpendOut:
    """It is right as it is, and is not asked about again. Again changes nothing."""
    found = order_spends.by_public_id(spend)
    return _shown([order_spends.leave(spend=found.id, at=clock.now(), by=caller(request))])[0]


def _shown(found: Sequence[OrderSpendView]) -> list[OrderSpendOut]:
    who = profiles.public_ids([one.customer for one in found])
    called = orders.public_ids(one.order for one in found if one.order is not None)
    return [
        OrderSpendOut(
            id=one.public_id,
            customer=who[one.customer],
            currency=one.currency,
            spent=points_shown.amount(one.spent, one.scale),
            left=points_shown.amount(one.parts, one.scale),
            namespace=one.named.namespace,
            ref=one.named.ref,
            order=called.get(one.order or 0),
            spent_at=one.spent_at,
            state=one.state,
            decided_at=one.decided_at,
        )
        for one in found
    ]
