"""Customers: who they are without telling who, what they bought, what was concluded."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey
from regulars.doors.api.v1.orders import OrderOut, order_out
from regulars.doors.api.v1.problems import NotFound
from regulars.facts.commerce import orders
from regulars.facts.customers import customers, profiles
from regulars.insight.measures import readings
from regulars.kit import paging
from regulars.kit.refusals import Refusal

router = Router(tags=["customers"])


class CustomerOut(exact.Shown):
    """One customer. Name and contacts are masked, for every key."""

    id: str
    origin: str
    country: str | None
    language: str | None
    first_seen_at: datetime | None
    masked_name: str
    masked_email: str
    masked_phone: str


class CustomerOrdersOut(exact.Shown):
    """A page of orders, newest first, and the cursor of the next page."""

    items: list[OrderOut]
    next: str | None


class ReadingsOut(exact.Shown):
    """What was concluded of one customer as of a day. Amounts in `currency`."""

    customer: str
    as_of: date
    currency: str
    orders: int
    purchase_days: int
    first_on: date | None
    last_on: date | None
    recency_days: int | None
    gross: str
    returned: str
    spend: str
    foreign_orders: int
    average_order: str | None
    typical_gap_days: float | None
    is_regular: bool
    is_lapsing: bool
    at_stake: str
    r: int | None
    f: int | None
    m: int | None
    segment: str | None
    median_gap_days: float | None
    gap_spread_days: float | None
    orders_30d: int
    orders_90d: int
    orders_365d: int
    spend_30d: str
    spend_90d: str
    spend_365d: str


class NoReadingsYet(NotFound):
    """Nobody has computed them since the customer came."""

    code = "readings.none_yet"


@router.get("/customers/{customer}", auth=ApiKey("members.read"), response=CustomerOut, operation_id="get_customer")
def get_customer(request: HttpRequest, customer: str) -> CustomerOut:
    """One customer."""
    found = customers.by_public_id(customer)
    masked = profiles.masked([found.id])[found.id]
    return CustomerOut(
        id=found.public_id,
        origin=found.origin,
        country=found.country,
        language=found.language,
        first_seen_at=found.first_seen_at,
        masked_name=masked.name,
        masked_email=masked.email,
        masked_phone=masked.phone,
    )


@router.get(
    "/customers/{customer}/orders",
    auth=ApiKey("orders.read"),
    response=CustomerOrdersOut,
    operation_id="list_customer_orders",
)
def list_customer_orders(request: HttpRequest, customer: str, limit: int = 50, cursor: str = "") -> CustomerOrdersOut:
    """A customer's orders, newest first. `next` of one page is `cursor` of the next one."""
    size = paging.check_size(limit)
    found = customers.by_public_id(customer)
    rows = orders.of_customer(found.id, before=_before(cursor, found.id) if cursor else None, limit=size + 1)
    page = paging.cut(rows, size, of="orders", key=lambda view: (view.placed_at, view.public_id))
    return CustomerOrdersOut(items=order_out(page.items), next=page.next)


@router.get(
    "/customers/{customer}/readings",
    auth=ApiKey("insight.read"),
    response=ReadingsOut,
    operation_id="get_customer_readings",
)
def get_customer_readings(request: HttpRequest, customer: str) -> ReadingsOut:
    """What the last refresh concluded of a customer."""
    found = customers.by_public_id(customer)
    reading = readings.of(found.id)
    if reading is None:
        raise NoReadingsYet(
            _("readings: there are none of %(customer)s yet; refresh the insight") % {"customer": found.public_id},
            field="customer",
        )
    told: dict[str, Any] = asdict(reading)
    del told["customer_id"]
    amounts: dict[str, Any] = {
        name.removesuffix("_minor"): None if value is None else exact.shown(value, reading.currency)
        for name, value in told.items()
        if name.endswith("_minor")
    }
    plain = {name: value for name, value in told.items() if not name.endswith("_minor")}
    return ReadingsOut(customer=found.public_id, **plain, **amounts)


def _before(cursor: str, customer: int) -> tuple[datetime, int]:
    """Where the last page ended. The cursor holds the order's public id: numbers of rows are nobody's business."""
    at, public_id = paging.decode(cursor, "orders", datetime, str)
    assert isinstance(at, datetime)
    assert isinstance(public_id, str)
    try:
        last = orders.by_public_id(public_id)
    except Refusal:
        last = None
    if last is None or last.customer_id != customer:
        raise paging.BadCursor(_("cursor: was not given by this list; start from the first page"), field="cursor")
    return at, last.id
