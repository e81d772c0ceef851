"""One order: what was bought, paid, sent and brought back, and every change of it with its source and time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console import actors, order_words, people, places
from regulars.doors.console.catalogue import title_of
from regulars.doors.console.site import may, page
from regulars.facts.commerce import catalogue, doubles, goods_returns, orders, shipments
from regulars.facts.commerce.deriving import DOUBLE
from regulars.facts.commerce.doubles import Side
from regulars.facts.commerce.orders import Change, OrderView
from regulars.facts.commerce.shipments import ShipmentView
from regulars.facts.company import stores
from regulars.kit.money import exponent
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff.policy import requires


@dataclass(frozen=True)
class Line:
    """One line as people read it; `product` is the product's public id."""

    line: orders.LineView
    product: str
    title: str
    unit: str
    kinds: Sequence[str]


@dataclass(frozen=True)
class Step:
    """One change: what, when by its source's clock, who told it, and what it changed."""

    what: Any
    change: Change
    source: str
    amounts: str
    is_written_later: bool


@dataclass(frozen=True)
class Parcel:
    """One shipment in words, with the titles of what is in it."""

    shipment: ShipmentView
    mode: Any
    state: Any
    tone: str
    store: str
    is_late: bool
    inside: Sequence[tuple[str, Decimal]]
    events: Sequence[tuple[Any, datetime, datetime | None]]


@require_safe
@requires("orders.read")
def order(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A pinned number of queries, whatever became of it."""
    try:
        found = orders.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
    now, standing = timezone.now(), orders.standing(found.id)
    wares = catalogue.get_many([line.product_id for line in found.lines]) if may(request, "catalogue.read") else {}
    called = {number: title_of(ware) for number, ware in wares.items()}
    titles = {line.number: called.get(line.product_id) or line.title or line.product_ref for line in found.lines}
    sent = shipments.of_order(found.id)
    back = goods_returns.of_order(found.id)
    names = stores.names({code for code in (*(one.store for one in sent), *(one.store for one in back)) if code})
    [buyer] = people.shown([found.customer_id]) if found.customer_id and may(request, "members.read") else [None]
    place = (found.channel, found.store) if found.store else (found.channel,)
    instead, [exchanges] = _other(found), orders.exchanged_for([found]).values()
    return page(
        request,
        "console/order.html",
        title=_("Order %(number)s") % {"number": found.number or found.ref},
        order=found,
        standing=standing,
        state=order_words.STANDINGS[standing.word],
        tone=order_words.TONES[standing.word],
        kind=order_words.KINDS.get(found.kind, ""),
        counts_not=found.kind in {"draft", "test", DOUBLE},
        told_before=_told_before(found),
        buyer=buyer,
        channel=places.told([(found.channel,), place])[(found.channel,)] if found.store else "",
        place=places.told([place])[place],
        fulfilment=order_words.FULFILMENTS.get(found.fulfilment, ""),
        instead_of=instead,
        exchanges=exchanges,
        lines=[
            Line(
                line,
                wares[line.product_id].public_id if line.product_id in wares else "",
                titles[line.number],
                _unit(line.unit_price, found.currency),
                [order_words.personalisation(kind) for kind in line.personalisation],
            )
            for line in found.lines
            if line.quantity or line.amount_minor
        ],
        shop_total=_in_shop_money(found),
        rate=_exact(found.rate) if found.rate is not None else "",
        tenders=[(one, order_words.TENDERS[one.kind], *order_words.TENDER_STATES[one.state]) for one in found.tenders],
        refunds=[
            (
                one,
                names.get(one.store, one.store),
                order_words.reason(one.reason),
                [
                    (called.get(line.product_id) or line.title or line.product_ref, line.quantity, line)
                    for line in one.lines
                ],
            )
            for one in back
        ],
        parcels=[_parcel(one, titles, names, now) for one in sent],
        steps=_steps(found),
        may_points=may(request, "points.read"),
    )


def _other(found: OrderView) -> OrderView | None:
    return orders.by_ref(namespace=found.namespace, ref=found.exchange_of) if found.exchange_of else None


def _told_before(found: OrderView) -> Side | None:
    """The order that stands for the sale, where this one tells of it again."""
    pairs = doubles.of_order(found.id) if found.kind == DOUBLE else []
    return next((one.order for one in pairs if one.state == "same" and one.twin.id == found.id), None)


def _unit(price: Decimal, currency: str) -> str:
    """A price of one, with the parts of a minor unit it may have: 1.375 each stays so."""
    minor = price.scaleb(exponent(currency))
    if minor == minor.to_integral_value():
        return formats.money(int(minor), currency)
    return f"{_exact(price)} {currency}"


def _exact(value: Decimal) -> str:
    """With every decimal it has."""
    places = value.normalize().as_tuple().exponent
    return formats.number(value, max(0, -places) if isinstance(places, int) else None)


def _in_shop_money(found: OrderView) -> str:
    """The total at the captured rate; empty where none was captured, or both are the same money."""
    if found.rate is None or found.shop_currency is None or found.shop_currency == found.currency:
        return ""
    whole = Decimal(found.total_minor).scaleb(-exponent(found.currency)) * found.rate
    minor = whole.scaleb(exponent(found.shop_currency)).to_integral_value(ROUND_HALF_UP)
    return formats.money(int(minor), found.shop_currency)


def _parcel(one: ShipmentView, titles: dict[int, str], names: dict[str, str], now: datetime) -> Parcel:
    state, tone = order_words.SHIPMENT_STATES[one.state]
    return Parcel(
        one,
        order_words.FULFILMENTS[one.mode],
        state,
        tone,
        names.get(one.store, one.store),
        one.is_late(now),
        [(titles.get(number, str(number)), quantity) for number, quantity in one.lines.items() if quantity],
        [(order_words.EVENTS[event.code], event.at, event.expected_at) for event in reversed(one.events)],
    )


def _steps(found: OrderView) -> list[Step]:
    """Every change, newest first."""
    changes = orders.history(found.id)
    names = actors.told(change.source for change in changes if change.source)
    return [
        Step(
            order_words.CHANGES.get(change.what, change.what),
            change,
            names.get(change.source, ""),
            _amounts(change, found.currency),
            abs((change.recorded_at - change.at).total_seconds()) >= 60,
        )
        for change in reversed(changes)
    ]


def _amounts(change: Change, currency: str) -> str:
    after = change.after_minor
    if after is None:
        return ""
    if change.before_minor is None or change.before_minor == after:
        return formats.money(after, currency)
    return f"{formats.money(change.before_minor, currency)} → {formats.money(after, currency)}"
