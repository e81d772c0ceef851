"""What loyalty listens to: whatever becomes of orders and goods settles what they earned. Strict: a promise is never
dropped, it waits. The past is posted by back-fill alone."""

from regulars.facts.commerce import kept
from regulars.facts.commerce.notices import (
    GoodsReturned,
    OrderCancelled,
    OrderChanged,
    OrderPaid,
    OrderRecorded,
    ShipmentMoved,
)
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earning
from regulars.runtime.database import clock
from regulars.runtime.notices.subscriptions import subscribe

_BY = Actor("system", "loyalty.earning")


@subscribe(OrderRecorded, OrderChanged, OrderPaid, OrderCancelled, ShipmentMoved, name="loyalty.orders", strict=True)
def an_order_is_other(notice: OrderRecorded | OrderChanged | OrderPaid | OrderCancelled | ShipmentMoved) -> None:
    """Settle what it earned by what it stands at now."""
    if notice.order is not None:
        earning.award_for_order(order=notice.order, at=clock.now(), by=_BY)


@subscribe(GoodsReturned, name="loyalty.returns", strict=True)
def goods_came_back(notice: GoodsReturned) -> None:
    """Settle every order that they were bought with."""
    touched = kept.orders_of_returns([notice.goods_return]).get(notice.goods_return, set())
    if notice.order is not None:
        touched.add(notice.order)
    if touched:
        earning.award_for_orders(orders=sorted(touched), at=clock.now(), by=_BY)
