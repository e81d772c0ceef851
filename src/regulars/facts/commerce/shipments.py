"""Shipments and pick-ups: goods of an order on their way or ready to be fetched, as their sources and carriers tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import _recording, _shipment_batches, shipment_reports
from regulars.facts.commerce.models import Shipment
from regulars.facts.commerce.outcome import Outcome
from regulars.facts.commerce.shipment_reports import BadShipment, CarrierEvent, ShipmentReport
from regulars.kit import ids
from regulars.kit.actors import Actor, Origin
from regulars.kit.refusals import Refusal

__all__ = (
    "BadShipment",
    "CarrierEvent",
    "ShipmentReport",
    "ShipmentView",
    "UnknownShipment",
    "by_public_id",
    "get",
    "of_order",
    "of_orders",
    "public_ids",
    "record",
    "record_all",
)

PREFIX = "shp"


@dataclass(frozen=True)
class ShipmentView:
    """One shipment, as people read it. `order_id` is None while the order that `order_ref` names is not on record.

    `state` is what its source's word and its carrier's events come to, `arrived_at` when it was delivered or fetched.
    `expected_at` is what is expected now; what was promised is beside it. `lines`: number of the order's line to how
    much of it is in here. `events`: what the carrier said, in order.
    """

    id: int
    public_id: str
    namespace: str
    ref: str
    order_id: int | None
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
    source_updated_at: datetime | None
    version: int | None
    recorded_at: datetime
    lines: Mapping[int, Decimal]
    events: Sequence[CarrierEvent]

    def is_late(self, at: datetime) -> bool:
        """Whether it comes, or came, after what was promised."""
        if self.promised_until is None or self.state in ("cancelled", "went_back"):
            return False
        return (self.arrived_at or max(at, self.expected_at or at)) > self.promised_until


class UnknownShipment(Refusal):
    """No such shipment."""

    code = "shipments.unknown"


def record(*, report: ShipmentReport, at: datetime, by: Actor, origin: Origin = "live") -> ShipmentView:
    """Put one shipment on record as its source tells it, before its order or after. Its reference is its key.

    Of several versions the one told last counts, at one moment the one further along, whatever came first; events are
    added to those that are known. Raises `BadShipment`.
    """
    shipment_reports.check(report)
    done = _record([report], at, by, origin)
    return get(done.ids[report.ref])


def record_all(*, reports: Sequence[ShipmentReport], at: datetime, by: Actor, origin: Origin) -> Outcome:
    """`record` for many of one source, in as many statements as for one; a shipment may stand among them repeatedly.

    What cannot be taken is listed in `refused`, and the rest goes in.
    """
    return _recording.in_rounds(reports, check=shipment_reports.check, write=lambda some: _record(some, at, by, origin))


def get(shipment: int) -> ShipmentView:
    """One shipment with its lines and events. One query; refused when there is none."""
    return _one("shipment.id = %s", shipment, str(shipment))


def by_public_id(text: str) -> ShipmentView:
    """One shipment by `shp_…` as people type it. One query; refused when there is none."""
    return _one("shipment.public_id = %s", ids.parse(text, PREFIX), text.strip()[:40])


def of_order(order: int) -> list[ShipmentView]:
    """The shipments of one order, in the order of their references. One query."""
    return of_orders([order])[order]


def of_orders(orders: Sequence[int]) -> dict[int, list[ShipmentView]]:
    """The shipments of each of these orders. One query."""
    found: dict[int, list[ShipmentView]] = {order: [] for order in orders}
    for view in _views("shipment.order_id = ANY(%s) ORDER BY shipment.ref", [list(orders)]):
        if view.order_id is not None:
            found[view.order_id].append(view)
    return found


def public_ids(of: Iterable[int]) -> dict[int, str]:
    """The public id of each shipment. One query."""
    rows = Shipment.objects.filter(id__in=set(of)).values_list("id", "public_id")
    return {number: ids.public(PREFIX, uuid) for number, uuid in rows}


def _record(reports: Sequence[ShipmentReport], at: datetime, by: Actor, origin: Origin) -> Outcome:
    return _recording.beside_others(
        lambda: _shipment_batches.write(reports, at=at, by=by, origin=origin), key="commerce_shipment_ref"
    )


def _one(where: str, value: object, shown: str) -> ShipmentView:
    found = _views(where, [value])
    if not found:
        raise UnknownShipment(
            _("shipment: there is no %(shown)s; look it up again") % {"shown": shown}, field="shipment", value=shown
        )
    return found[0]


_SELECT = """
SELECT shipment.id, shipment.public_id, shipment.namespace, shipment.ref, shipment.order_id, shipment.order_ref,
       shipment.mode, shipment.state, COALESCE(store.code, ''), shipment.carrier, shipment.tracking,
       shipment.shipped_at, shipment.promised_from, shipment.promised_until, shipment.expected_at, shipment.ready_at,
       shipment.arrived_at, shipment.source_updated_at, shipment.version, shipment.recorded_at,
       (SELECT json_agg(json_build_array(line.of_line, line.quantity::text) ORDER BY line.of_line)
          FROM commerce_shipment_line AS line WHERE line.shipment_id = shipment.id AND line.quantity > 0),
       (SELECT json_agg(json_build_array(event.at, event.code, event.expected_at)
                        ORDER BY event.at, event.code, event.expected_at)
          FROM commerce_carrier_event AS event WHERE event.shipment_id = shipment.id)
  FROM commerce_shipment AS shipment LEFT JOIN company_store AS store ON store.id = shipment.store_id WHERE
"""


def _views(where: str, values: Sequence[Any]) -> list[ShipmentView]:
    with connection.cursor() as cursor:
        cursor.execute(_SELECT + where, values)
        rows = cursor.fetchall()
    return [
        ShipmentView(
            *[
                number,
                ids.public(PREFIX, uuid),
                *rest,
                {line: Decimal(quantity) for line, quantity in lines or ()},
                [_event(*event) for event in events or ()],
            ]
        )
        for number, uuid, *rest, lines, events in rows
    ]


def _event(at: str, code: str, expected_at: str | None) -> CarrierEvent:
    return CarrierEvent(
        datetime.fromisoformat(at), code, None if expected_at is None else datetime.fromisoformat(expected_at)
    )
