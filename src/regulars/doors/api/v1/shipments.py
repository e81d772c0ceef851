"""Shipments and pick-ups: where the goods of an order are, as shops and carriers tell it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import MOST_LINES, Fulfilment, not_ahead
from regulars.facts.commerce import orders, shipments
from regulars.facts.commerce.shipments import CarrierEvent, ShipmentReport
from regulars.facts.customers import identifiers
from regulars.runtime.database import clock

router = Router(tags=["shipments"])

State = Literal[
    "pending", "packed", "ready", "on_its_way", "out", "attempted", "delivered", "collected", "went_back", "cancelled"
]
Said = Literal[
    "label_made",
    "picked_up",
    "in_transit",
    "customs",
    "delayed",
    "estimated",
    "out_for_delivery",
    "ready_to_collect",
    "attempted",
    "delivered",
    "collected",
    "going_back",
    "damaged",
    "lost",
]


class ShippedLineIn(exact.Told):
    """How much of a line of the order is in the shipment."""

    number: exact.Number
    quantity: exact.Quantity


class CarrierEventIn(exact.Told):
    """What the carrier said at one moment."""

    at: exact.Instant
    code: Said
    expected_at: exact.Instant | None = None


class ShipmentIn(exact.Told):
    """One shipment or pick-up as its source tells it. `ref` is its key: the same again changes nothing."""

    ref: exact.Ref
    namespace: exact.Code = Field("api", description="The source that gave the references.")
    order_ref: exact.Ref = Field(description="Its order, which may come later.")
    state: State
    mode: Fulfilment = "ship"
    lines: Annotated[list[ShippedLineIn], Field(max_length=MOST_LINES)] = []
    store: exact.Code | None = Field(None, description="From where it goes, or where it is fetched.")
    carrier: Annotated[exact.Ref, Field(max_length=100)] | None = None
    tracking: exact.Ref | None = None
    shipped_at: exact.Instant | None = None
    promised_from: exact.Instant | None = None
    promised_until: exact.Instant | None = None
    expected_at: exact.Instant | None = Field(None, description="What is expected now.")
    ready_at: exact.Instant | None = None
    arrived_at: exact.Instant | None = Field(None, description="When it was delivered or fetched.")
    events: Annotated[list[CarrierEventIn], Field(max_length=200)] = []
    source_updated_at: exact.Instant | None = Field(None, description="Decides between versions of it.")
    version: exact.Version | None = Field(None, description="Decides between versions told at the same moment.")


class ShippedLineOut(exact.Shown):
    """How much of a line of the order is in the shipment."""

    number: int
    quantity: str


class CarrierEventOut(exact.Shown):
    """What the carrier said at one moment."""

    at: datetime
    code: str
    expected_at: datetime | None


class ShipmentOut(exact.Shown):
    """One shipment as it stands. `order` is null while the order it names is not on record."""

    id: str
    ref: str
    order: str | None
    order_ref: str
    mode: str
    state: str
    store: str
    carrier: str
    tracking: str
    shipped_at: datetime | None
    promised_from: datetime | None
    promised_until: datetime | None
    expected_at: datetime | None
    ready_at: datetime | None
    arrived_at: datetime | None
    is_late: bool
    source_updated_at: datetime | None
    version: int | None
    lines: list[ShippedLineOut]
    events: list[CarrierEventOut]


@router.post("/shipments", auth=ApiKey("orders.write"), response=ShipmentOut, operation_id="record_shipment")
def record_shipment(request: HttpRequest, body: ShipmentIn) -> ShipmentOut:
    """Put one shipment on record as its source tells it, before its order or after.

    What its source told last counts, of one moment what is further along, whatever came first. Events are added to
    those that are known.
    """
    now = clock.now()
    not_ahead(
        now,
        shipped_at=body.shipped_at,
        ready_at=body.ready_at,
        arrived_at=body.arrived_at,
        source_updated_at=body.source_updated_at,
        **{f"events.{n}.at": event.at for n, event in enumerate(body.events)},
    )
    report = ShipmentReport(
        namespace=identifiers.check_namespace(body.namespace),
        ref=body.ref,
        order_ref=body.order_ref,
        state=body.state,
        mode=body.mode,
        lines=[(line.number, line.quantity) for line in body.lines],
        store=body.store,
        carrier=body.carrier or "",
        tracking=body.tracking or "",
        shipped_at=body.shipped_at,
        promised_from=body.promised_from,
        promised_until=body.promised_until,
        expected_at=body.expected_at,
        ready_at=body.ready_at,
        arrived_at=body.arrived_at,
        events=[CarrierEvent(event.at, event.code, event.expected_at) for event in body.events],
        source_updated_at=body.source_updated_at,
        version=body.version,
    )
    return _out([shipments.record(report=report, at=now, by=caller(request))], now)[0]


@router.get("/shipments/{shipment}", auth=ApiKey("orders.read"), response=ShipmentOut, operation_id="get_shipment")
def get_shipment(request: HttpRequest, shipment: str) -> ShipmentOut:
    """One shipment with its lines and what its carrier said."""
    return _out([shipments.by_public_id(shipment)], clock.now())[0]


@router.get(
    "/orders/{order}/shipments",
    auth=ApiKey("orders.read"),
    response=list[ShipmentOut],
    operation_id="list_order_shipments",
)
def list_order_shipments(request: HttpRequest, order: str) -> list[ShipmentOut]:
    """The shipments of an order."""
    return _out(shipments.of_order(orders.by_public_id(order).id), clock.now())


def _out(views: Sequence[shipments.ShipmentView], now: datetime) -> list[ShipmentOut]:
    sales = orders.public_ids(view.order_id for view in views if view.order_id is not None)
    return [
        ShipmentOut(
            id=view.public_id,
            ref=view.ref,
            order=None if view.order_id is None else sales[view.order_id],
            order_ref=view.order_ref,
            mode=view.mode,
            state=view.state,
            store=view.store,
            carrier=view.carrier,
            tracking=view.tracking,
            shipped_at=view.shipped_at,
            promised_from=view.promised_from,
            promised_until=view.promised_until,
            expected_at=view.expected_at,
            ready_at=view.ready_at,
            arrived_at=view.arrived_at,
            is_late=view.is_late(now),
            source_updated_at=view.source_updated_at,
            version=view.version,
            lines=[ShippedLineOut(number=number, quantity=str(quantity)) for number, quantity in view.lines.items()],
            events=[
                CarrierEventOut(at=event.at, code=event.code, expected_at=event.expected_at) for event in view.events
            ],
        )
        for view in views
    ]
