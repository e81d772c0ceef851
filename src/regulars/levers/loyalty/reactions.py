"""What loyalty listens to: whatever becomes of orders and goods settles what they earned. Strict: a promise is never
dropped, it waits. The past is posted by back-fill alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from regulars.facts.commerce import kept
from regulars.facts.commerce.notices import (
    GoodsReturned,
    OrderCancelled,
    OrderChanged,
    OrderPaid,
    OrderRecorded,
    OrdersImported,
    ReturnsImported,
    ShipmentMoved,
)
from regulars.facts.customers.notices import CustomerJoined, CustomerParted
from regulars.insight.audiences import deciding
from regulars.insight.audiences.asking import Kept
from regulars.kit.actors import Actor
from regulars.levers.loyalty import (
    benefits,
    earning,
    keeping,
    memberships,
    mission_walks,
    missions,
    order_spends,
    requalifying,
    tiers,
)
from regulars.levers.loyalty.notices import (
    MembershipBegan,
    MembershipChanged,
    MembershipEnded,
    MissionDone,
    MissionUndone,
    PointsAwarded,
    PointsChanged,
    PointsRedeemed,
    PointsReversed,
    TierLost,
    TierReached,
)
from regulars.runtime.database import clock
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.subscriptions import subscribe

_KEPT = Kept()
_BY = Actor("system", "loyalty.earning")


#: By whose names it listens to what.
LISTENERS = ("loyalty.orders", "loyalty.returns")
KINDS = tuple(
    one.kind for one in (OrderRecorded, OrderChanged, OrderPaid, OrderCancelled, ShipmentMoved, GoodsReturned)
)


@subscribe(OrderRecorded, OrderChanged, OrderPaid, OrderCancelled, ShipmentMoved, name="loyalty.orders", strict=True)
def an_order_is_other(notice: OrderRecorded | OrderChanged | OrderPaid | OrderCancelled | ShipmentMoved) -> None:
    """Settle what it earned by what it stands at now."""
    if notice.order is not None:
        at = clock.now()
        earning.award_for_order(order=notice.order, at=at, by=_BY)
        if isinstance(notice, OrderCancelled):
            benefits.settle_orders(orders=[notice.order], cancelled=True, at=at, by=_BY)
            memberships.unbought(orders=[notice.order], at=at, by=_BY)
        if isinstance(notice, OrderPaid):
            memberships.bought(order=notice.order, at=at, by=_BY)
        if notice.customer is not None:
            _settle(notice.customer, at)


@subscribe(OrderCancelled, GoodsReturned, name="loyalty.order_spends", in_batches=True)
def an_order_may_be_off(notices: Sequence[OrderCancelled | GoodsReturned]) -> None:
    """Points that were spent for it are looked at again."""
    if touched := orders_of(notices):
        order_spends.look_again(orders=touched)


@subscribe(TierReached, TierLost, MissionDone, MissionUndone, name="loyalty.levels", in_batches=True)
def somebody_has_another_level_or_badge(
    notices: Sequence[TierReached | TierLost | MissionDone | MissionUndone],
) -> None:
    """Audiences that ask for it look at whom it concerns."""
    deciding.decide_all({notice.customer for notice in notices}, because="facts", kept=_KEPT)


@subscribe(MembershipBegan, MembershipChanged, MembershipEnded, name="loyalty.plans", in_batches=True)
def somebody_has_another_plan(notices: Sequence[MembershipBegan | MembershipChanged | MembershipEnded]) -> None:
    """Audiences that ask for it look at whom it concerns."""
    deciding.decide_all({notice.customer for notice in notices}, because="facts", kept=_KEPT)


@subscribe(PointsAwarded, PointsReversed, PointsChanged, name="loyalty.points", in_batches=True)
def points_moved(notices: Sequence[PointsAwarded | PointsReversed | PointsChanged]) -> None:
    """Levels that count points look at whose moved, whoever moved them."""
    tiers.requalify_by_points(customers={notice.customer for notice in notices}, at=clock.now(), by=_BY)


@subscribe(PointsRedeemed, name="loyalty.spending", strict=True)
def points_were_spent(notice: PointsRedeemed) -> None:
    """Who spends some keeps the others, where activity keeps them."""
    keeping.keep(
        customer=notice.customer,
        currency=notice.currency,
        done_at=notice.at,
        key=f"keep/{notice.entry}",
        at=clock.now(),
        by=_BY,
    )


@subscribe(CustomerJoined, CustomerParted, name="loyalty.people", history=True)
def somebody_is_somebody_else(notice: CustomerJoined | CustomerParted) -> None:
    """Where both stand, now that what they did is another's, or theirs again."""
    at = clock.now()
    for customer in sorted({notice.customer, notice.person}):
        missions.settle_record(customer=customer, at=at, by=_BY)
        tiers.requalify_record(customer=customer, at=at, by=_BY)


@subscribe(OrdersImported, ReturnsImported, name="loyalty.imports", history=True, in_batches=True)
def history_came_in(notices: Sequence[OrdersImported | ReturnsImported]) -> None:
    """However many batches: one look at everybody's status, soon."""
    requalifying.anew(tells=False)
    mission_walks.anew(tells=False)


@subscribe(GoodsReturned, name="loyalty.returns", strict=True)
def goods_came_back(notice: GoodsReturned) -> None:
    """Settle every order that they were bought with."""
    at = clock.now()
    if touched := orders_of([notice]):
        earning.award_for_orders(orders=sorted(touched), at=at, by=_BY)
        benefits.settle_orders(orders=sorted(touched), cancelled=False, at=at, by=_BY)
        memberships.unbought(orders=sorted(touched), at=at, by=_BY)
    if notice.customer is not None:
        _settle(notice.customer, at)


def _settle(customer: int, at: datetime) -> None:
    """Missions first: what they give counts for levels, and accounts are locked before what is kept of levels."""
    missions.settle(customer=customer, at=at, by=_BY)
    tiers.requalify(customer=customer, at=at, by=_BY)


def orders_of(notices: Iterable[Notice]) -> set[int]:
    """The orders that these tell something of. One query."""
    told = list(notices)
    returns = [one.goods_return for one in told if isinstance(one, GoodsReturned)]
    named = {order for one in told if isinstance(order := getattr(one, "order", None), int)}
    return named.union(*kept.orders_of_returns(returns).values()) if returns else named
