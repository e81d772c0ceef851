"""How sources tell of shipments, and what the carrier's events make of one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from django.utils.translation import gettext_lazy

from regulars.facts.commerce import _told
from regulars.facts.commerce.order_reports import FULFILMENTS, Fulfilment
from regulars.kit.refusals import Refusal

ShipmentState = Literal[
    "pending", "packed", "ready", "on_its_way", "out", "attempted", "delivered", "collected", "went_back", "cancelled"
]
#: From the first to the furthest along; of two words of one moment the further counts.
SHIPMENT_STATES = (
    *("pending", "packed", "ready", "on_its_way", "out", "attempted", "delivered", "collected", "went_back"),
    "cancelled",
)
#: What a carrier says, and which state that is; None: it says something about the way, and changes no state.
EVENTS: dict[str, ShipmentState | None] = {
    "label_made": "packed",
    "picked_up": "on_its_way",
    "in_transit": "on_its_way",
    "customs": "on_its_way",
    "delayed": None,
    "estimated": None,
    "out_for_delivery": "out",
    "ready_to_collect": "ready",
    "attempted": "attempted",
    "delivered": "delivered",
    "collected": "collected",
    "going_back": "went_back",
    "damaged": None,
    "lost": None,
}
EVENT_CODES = tuple(EVENTS)
_ARRIVED = ("delivered", "collected")
_NEVER = datetime.min.replace(tzinfo=UTC)
_TEXTS = {"carrier": 100, "tracking": 200, "delivery": 200}
_INSTANTS = (
    *("shipped_at", "promised_from", "promised_until", "expected_at", "ready_at", "arrived_at", "source_updated_at"),
)


@dataclass(frozen=True)
class CarrierEvent:
    """What the carrier said at one moment: a code of EVENTS, and when it expects to arrive where it says so."""

    at: datetime
    code: str
    expected_at: datetime | None = None


@dataclass(frozen=True)
class ShipmentReport:
    """One shipment or pick-up as its source tells it. `ref` is its key; `order_ref` the order whose goods are in it.

    `lines` maps numbers of the order's lines to quantities. `store` is from where it goes, the shop or the warehouse,
    or where it is fetched (`mode` "collect"). `promised_from` and `promised_until` are what the customer was promised,
    `expected_at` is what is expected now, `arrived_at` is when it was delivered or fetched. `events` are added to those
    that are known, also where the report itself is older than what is on record.
    """

    namespace: str
    ref: str
    order_ref: str
    state: ShipmentState
    mode: Fulfilment = "ship"
    lines: Sequence[tuple[int, Decimal]] = ()
    store: str | None = None
    carrier: str = ""
    tracking: str = ""
    shipped_at: datetime | None = None
    promised_from: datetime | None = None
    promised_until: datetime | None = None
    expected_at: datetime | None = None
    ready_at: datetime | None = None
    arrived_at: datetime | None = None
    events: Sequence[CarrierEvent] = ()
    source_updated_at: datetime | None = None
    version: int | None = None
    delivery: str = ""


class BadShipment(Refusal):
    """A field holds what it cannot."""

    code = "shipments.bad_field"


def check(report: ShipmentReport) -> None:
    """Refuse what the tables would, by name."""
    _told.check(report, BadShipment, texts=_TEXTS, instants=_INSTANTS)
    for name, most in (("ref", 200), ("order_ref", 200), ("store", 64)):
        if (told := getattr(report, name)) is not None:
            _told.check_ref(name, told, most, BadShipment)
    if report.state not in SHIPMENT_STATES:
        raise _odd(
            "state", report.state, gettext_lazy("send one of %(choices)s") % {"choices": ", ".join(SHIPMENT_STATES)}
        )
    if report.mode not in FULFILMENTS:
        raise _odd("mode", report.mode, gettext_lazy("send one of %(choices)s") % {"choices": ", ".join(FULFILMENTS)})
    numbers = [number for number, _ in report.lines]
    for number, quantity in report.lines:
        if not 0 < number <= _told.LARGEST_NUMBER:
            raise _odd(f"lines[{number}]", number, gettext_lazy("send the number of the order's line, from 1 on"))
        if numbers.count(number) > 1 or not quantity.is_finite() or not 0 < quantity < 10**12:
            raise _odd(
                f"lines[{number}]",
                quantity,
                gettext_lazy("send each line once, with how much of it is in the shipment"),
            )
    for event in report.events:
        if event.at.utcoffset() is None:
            raise _odd("events.at", event.at, gettext_lazy("send it with its offset"))
        if event.code not in EVENTS:
            raise _odd(
                "events.code", event.code, gettext_lazy("send one of %(choices)s") % {"choices": ", ".join(EVENTS)}
            )


def standing(
    state: str,
    told_at: datetime | None,
    arrived_at: datetime | None,
    expected_at: datetime | None,
    events: Sequence[CarrierEvent],
) -> tuple[str, datetime | None, datetime | None]:
    """Where a shipment stands, when it arrived and when it is expected: its source's word and all its carrier said.

    The later word counts, and of one moment the further along; a cancelled shipment stays cancelled. Whatever came
    first, the same words come to the same.
    """
    since = told_at or _NEVER
    spoken = [(event.at, _rank(word), word) for event in events if (word := EVENTS[event.code]) is not None]
    found = state
    if spoken and state != "cancelled":
        at, rank, word = max(spoken)
        if (at, rank) > (since, _rank(state)):
            found = word
    expected = [(event.at, event.expected_at) for event in events if event.expected_at is not None]
    if expected and (expected_at is None or max(expected)[0] > since):
        expected_at = max(expected)[1]
    if found not in _ARRIVED:
        return found, None, expected_at
    return found, arrived_at or max((at for at, _, word in spoken if word == found), default=told_at), expected_at


def _rank(state: str) -> int:
    return SHIPMENT_STATES.index(state)


def _odd(field: str, value: object, mend: object) -> BadShipment:
    shown = str(value)[:40]
    return BadShipment(
        gettext_lazy("%(field)s: %(shown)r cannot be; %(mend)s") % {"field": field, "shown": shown, "mend": mend},
        field=field,
        value=shown,
    )
