"""From Medusa's JSON to our reports. Pure.

Medusa says nothing by itself: a small module in the shop sends ids of what changed (`extras/medusa-subscriber`), and
the Admin API is asked for the rest. Amounts are decimals in major units, read from their exact twins (`raw_…`) where
there are any. An order's own update time does not move when it is paid or money goes back, so the latest time of all
its parts is its version. Line totals leave out what came back: what was sold is reckoned anew from prices, discounts
and tax rates, by the formulas of Medusa's own totals.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from regulars.doors.connectors.medusa.goods import location, product, stock
from regulars.doors.connectors.medusa.parts import (
    PARTS,
    address_of,
    by_age,
    country_of,
    figure,
    latest,
    minor_of,
    store_of,
    whole,
)
from regulars.doors.connectors.medusa.refunds import NO_PRODUCT, Sold, refunds_of
from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    currency,
    document,
    got,
    instant,
    instant_or_none,
    listing,
    mapping,
    number,
    ref,
    ref_or_none,
    text,
)
from regulars.doors.connectors.reports import (
    Ask,
    CustomerTold,
    Deleted,
    Ignored,
    OrderTold,
    RefundTold,
    Report,
    ShipmentTold,
)
from regulars.facts.commerce.order_reports import (
    LineReport,
    OrderReport,
    OrderState,
    TenderKind,
    TenderReport,
    TenderState,
)
from regulars.facts.commerce.shipment_reports import ShipmentReport, ShipmentState
from regulars.facts.customers.profiles import Profile

#: Credit lines that only keep Medusa's own books straight after money went back: no means of payment.
_BOOKKEEPING = "payment_collection"
_STATES: Mapping[str, OrderState] = {
    "draft": "draft",
    "pending": "placed",
    "requires_action": "placed",
    "completed": "completed",
    "archived": "completed",
    "canceled": "cancelled",
}
#: By what a payment provider's id holds.
_PROVIDERS: Sequence[tuple[str, TenderKind]] = (
    ("stripe", "card"),
    ("adyen", "card"),
    ("mollie", "card"),
    ("braintree", "card"),
    ("paypal", "wallet"),
    ("alipay", "wallet"),
    ("wechat", "wallet"),
    ("gift", "gift_card"),
    ("credit", "store_credit"),
)
_ONE = Decimal(1)


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What a message of that event tells: what to ask for, or what is gone."""
    doc = document(body)
    if topic in _GONE:
        what = _GONE[topic]
        if told_at is None:
            raise NotUnderstood("no_time", "at: says no time")
        return [Deleted(what=what, ref=ref(got(doc, "data", "id"), "data.id"), told_at=told_at)]
    if topic in _IGNORED:
        return [Ignored(why="settled_otherwise")]
    hints = _HINTS.get(topic)
    if hints is None:
        raise NotUnderstood("unknown_topic", f"event: {topic[:80]!r} is none we know")
    stream, names = hints
    for name in names:
        if (found := ref_or_none(got(doc, "data", name), f"data.{name}")) is not None:
            return [Ask(stream=stream, ref=found)]
    raise NotUnderstood("no_ref", f"data: has none of {', '.join(names)}")


def read(stream: str, item: Document, about: About) -> Sequence[Report]:
    """What one thing of a stream tells, as the client gives it."""
    return _STREAMS[stream](item, about)


def customer(doc: Document, about: About) -> list[Report]:
    """A customer. One without an account is whoever wrote that address when they bought: nobody showed it is theirs."""
    updated_at = instant(doc.get("updated_at"), about.zone, "updated_at")
    addresses = [mapping(one, "addresses") for one in listing(doc.get("addresses"), "addresses")]
    home = next(
        (one for one in addresses if one.get("is_default_shipping") is True), addresses[0] if addresses else None
    )
    profile = Profile(
        given_name=text(doc.get("first_name"), 80),
        family_name=text(doc.get("last_name"), 80),
        email=text(doc.get("email"), 250),
        phone=text(doc.get("phone"), 40),
        address=address_of(home),
        country=country_of(got(home, "country_code")),
    )
    return [
        CustomerTold(
            ref=ref(doc.get("id"), "id"),
            told_at=updated_at,
            profile=profile,
            first_seen_at=instant_or_none(doc.get("created_at"), about.zone, "created_at"),
        )
    ]


def order(doc: Document, about: About) -> list[Report]:
    """An order with its payments, what went back and its shipments."""
    code = currency(str(doc.get("currency_code") or "").upper(), "currency_code")
    items = by_age(doc, "items")
    number_of = {ref(one.get("id"), "items.id"): n for n, one in enumerate(items, 1)}
    is_inclusive = bool(items) and all(one.get("is_tax_inclusive") is True for one in items)
    sold = _lines(items, code, is_inclusive)
    version_at = latest(doc, about, PARTS)
    payments = [
        mapping(one, "payments")
        for group in by_age(doc, "payment_collections")
        for one in listing(group.get("payments"), "payments")
    ]
    refunds = sorted(
        (mapping(one, "refunds") for payment in payments for one in listing(payment.get("refunds"), "refunds")),
        key=lambda one: (str(one.get("created_at")), str(one.get("id"))),
    )
    report = _order(doc, about, code, items, sold, payments, refunds, is_inclusive, version_at)
    told: list[Report] = [OrderTold(report=report)]
    told += [
        RefundTold(report=one)
        for one in refunds_of(doc, about, code, is_inclusive, sold, number_of, refunds, version_at)
    ]
    told += [
        ShipmentTold(report=_shipment(one, report.ref, about, number_of, version_at))
        for one in by_age(doc, "fulfillments")
    ]
    return told


def _order(
    doc: Document,
    about: About,
    code: str,
    items: Sequence[Document],
    sold: Sequence[Sold],
    payments: Sequence[Document],
    refunds: Sequence[Document],
    is_inclusive: bool,
    version_at: datetime,
) -> OrderReport:
    shipping, tax = _shipping(doc, is_inclusive)
    tax = sum((one.tax for one in sold), tax)
    net = sum((one.net for one in sold), Decimal(0))
    goods_minor = sum(one.report.amount_minor or 0 for one in sold)
    shipping_minor = minor_of(net + shipping, code) - goods_minor
    tax_minor = (
        minor_of(tax, code) if is_inclusive else minor_of(net + shipping + tax, code) - goods_minor - shipping_minor
    )
    credits = [
        one for one in by_age(doc, "credit_lines") if one.get("reference") != _BOOKKEEPING and figure(one, "amount") > 0
    ]
    tenders = [_tender(one, code, about) for one in payments]
    tenders += [_credit(one, code, about) for one in credits]
    captured = sum((_captured(one) for one in payments), Decimal(0)) + sum(figure(one, "amount") for one in credits)
    status = str(doc.get("status") or "pending")
    state: OrderState = "draft" if doc.get("is_draft_order") is True else _STATES.get(status, "placed")
    # Medusa's totals leave out what came back and what stands on credit lines; ours are what was sold.
    gone = sum(
        (one.exact - figure(item, "total") for one, item in zip(sold, items, strict=True) if "total" in item),
        Decimal(0),
    )
    total = figure(doc, "total") + figure(doc, "credit_line_total") + gone if "total" in doc else None
    return OrderReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "id"),
        number=text(str(doc["display_id"]), 64) if doc.get("display_id") is not None else None,
        placed_at=instant(doc.get("created_at"), about.zone, "created_at"),
        currency=code,
        lines=[one.report for one in sold],
        customer_ref=ref_or_none(doc.get("customer_id"), "customer_id"),
        country=country_of(got(doc, "shipping_address", "country_code")),
        channel=str(about.settings.get("channel") or "web"),
        shipping_minor=shipping_minor,
        tax_minor=tax_minor,
        total_minor=None if total is None else minor_of(total, code),
        prices_include_tax=is_inclusive,
        state=state,
        cancelled_at=instant_or_none(doc.get("canceled_at"), about.zone, "canceled_at")
        or (version_at if state == "cancelled" else None),
        paid_minor=minor_of(captured, code),
        refunded_minor=minor_of(sum((figure(one, "amount") for one in refunds), Decimal(0)), code),
        tenders=tenders,
        version=whole(doc.get("version")),
        source_updated_at=version_at,
    )


def _lines(items: Sequence[Document], code: str, is_inclusive: bool) -> list[Sold]:
    """The lines; what rounding takes from one it gives to the next, so that they come to what all of them do."""
    sold: list[Sold] = []
    until = Decimal(0)
    for n, one in enumerate(items, 1):
        net, tax, exact, unit = _reckoned(one, is_inclusive)
        amount = minor_of(until + net, code) - minor_of(until, code)
        until += net
        sold.append(Sold(_line(one, n, code, unit, amount, minor_of(tax, code)), net, tax, exact))
    return sold


def _reckoned(doc: Document, is_inclusive: bool) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Net and tax of all that was sold on a line, also of what came back since, both together, and the unit's price."""
    rate = _rate(doc)
    off = sum((_discount(one, rate) for one in listing(doc.get("adjustments"), "items.adjustments")), Decimal(0))
    price = figure(doc, "unit_price")
    bare = price / (_ONE + rate) if doc.get("is_tax_inclusive") is True else price
    untaxed = bare * figure(doc, "quantity") - off
    tax = untaxed * rate
    exact = untaxed + tax
    return (exact, tax, exact, price) if is_inclusive else (untaxed, tax, exact, bare)


def _line(doc: Document, n: int, code: str, unit: Decimal, amount: int, tax: int) -> LineReport:
    field = f"items[{n}]"
    quantity = figure(doc, "quantity")
    unit = unit.quantize(Decimal("0.000001"))
    has_discount = bool(listing(doc.get("adjustments"), f"{field}.adjustments"))
    return LineReport(
        number=n,
        product_ref=ref_or_none(doc.get("product_id"), f"{field}.product_id")
        or text(doc.get("variant_sku"), 200)
        or NO_PRODUCT,
        quantity=quantity,
        unit_price=unit,
        amount_minor=amount,
        discount_minor=max(0, minor_of(unit * quantity, code) - amount) if has_discount else 0,
        title=text(doc.get("product_title") or doc.get("title"), 300),
        variant_ref=ref_or_none(doc.get("variant_id"), f"{field}.variant_id"),
        sku=text(doc.get("variant_sku"), 100),
        tax_minor=tax,
        is_gift_card=doc.get("is_giftcard") is True,
        personalisation=_personalisation(doc.get("metadata")),
    )


def _personalisation(metadata: object) -> tuple[str, ...]:
    """The names of what the buyer could fill in, which are the shop's; what they wrote stays outside."""
    kinds = []
    for name, value in metadata.items() if isinstance(metadata, Mapping) else ():
        slug = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")[:32]
        if value not in (None, "", False) and not str(name).startswith("_"):
            kinds.append(slug if re.fullmatch(r"[a-z][a-z0-9_]*", slug) else "personalised")
    return tuple(dict.fromkeys(kinds))[:5]


def _rate(doc: Document) -> Decimal:
    """Of the taxes on a line or a way of shipping, as a share."""
    lines = listing(doc.get("tax_lines"), "tax_lines")
    return sum((number(got(one, "rate"), "tax_lines.rate") for one in lines), Decimal(0)) / 100


def _discount(doc: Document, rate: Decimal) -> Decimal:
    """What one adjustment takes off, without tax."""
    amount = figure(doc, "amount")
    return amount / (_ONE + rate) if doc.get("is_tax_inclusive") is True else amount


def _shipping(doc: Document, is_inclusive: bool) -> tuple[Decimal, Decimal]:
    """What all ways of shipping cost, in the order's own terms, and the tax on it."""
    amount, tax = Decimal(0), Decimal(0)
    for one in by_age(doc, "shipping_methods"):
        rate = _rate(one)
        told = figure(one, "amount")
        untaxed = told / (_ONE + rate) if one.get("is_tax_inclusive") is True else told
        untaxed -= sum((_discount(off, rate) for off in listing(one.get("adjustments"), "adjustments")), Decimal(0))
        amount += untaxed * (_ONE + rate) if is_inclusive else untaxed
        tax += untaxed * rate
    return amount, tax


def _captured(payment: Document) -> Decimal:
    return sum((figure(one, "amount") for one in listing(payment.get("captures"), "captures")), Decimal(0))


def _tender(doc: Document, code: str, about: About) -> TenderReport:
    provider = str(doc.get("provider_id") or "")
    kind: TenderKind = next((kind for part, kind in _PROVIDERS if part in provider), "other")
    captured = _captured(doc)
    state: TenderState = "captured" if captured else "voided" if doc.get("canceled_at") else "pending"
    amount = captured if captured else figure(doc, "amount")
    at = instant_or_none(doc.get("captured_at") or doc.get("created_at"), about.zone, "payments.captured_at")
    return TenderReport(ref(doc.get("id"), "payments.id"), kind, state, minor_of(amount, code), at)


def _credit(doc: Document, code: str, about: About) -> TenderReport:
    kind: TenderKind = "gift_card" if "gift" in str(doc.get("reference") or "") else "store_credit"
    at = instant_or_none(doc.get("created_at"), about.zone, "credit_lines.created_at")
    return TenderReport(
        ref(doc.get("id"), "credit_lines.id"), kind, "captured", minor_of(figure(doc, "amount"), code), at
    )


def _shipment(
    doc: Document, order_ref: str, about: About, number_of: Mapping[str, int], version_at: datetime
) -> ShipmentReport:
    times = {
        name: instant_or_none(doc.get(name), about.zone, f"fulfillments.{name}")
        for name in ("packed_at", "shipped_at", "delivered_at", "canceled_at")
    }
    is_collected = got(doc, "shipping_option", "service_zone", "fulfillment_set", "type") == "pickup"
    state: ShipmentState = "pending"
    if times["canceled_at"]:
        state = "cancelled"
    elif times["delivered_at"]:
        state = "collected" if is_collected else "delivered"
    elif times["shipped_at"]:
        state = "ready" if is_collected else "on_its_way"
    elif times["packed_at"]:
        state = "packed"
    sums: dict[int, Decimal] = {}
    for item in listing(doc.get("items"), "fulfillments.items"):
        n = number_of.get(ref_or_none(got(item, "line_item_id"), "fulfillments.items.line_item_id") or "")
        if n is not None and (quantity := figure(item, "quantity")) > 0:
            sums[n] = sums.get(n, Decimal(0)) + quantity
    labels = by_age(doc, "labels")
    return ShipmentReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "fulfillments.id"),
        order_ref=order_ref,
        state=state,
        mode="collect" if is_collected else "ship",
        lines=sorted(sums.items()),
        store=store_of(doc.get("location_id"), about),
        carrier=_carrier(doc.get("provider_id")),
        tracking=(text(labels[0].get("tracking_number"), 200) or "") if labels else "",
        shipped_at=times["shipped_at"],
        ready_at=times["shipped_at"] if is_collected else None,
        arrived_at=times["delivered_at"] if state in {"delivered", "collected"} else None,
        source_updated_at=version_at,
    )


def _carrier(told: object) -> str:
    """A fulfilment provider's id is its module's and its own: `dhl_dhl-express`; the manual one is nobody."""
    name = (text(told, 100) or "").partition("_")[2]
    return "" if name == "manual" else name


_Hint = tuple[str, Sequence[str]]
_ORDER: _Hint = ("orders", ("order_id", "id"))
_HINTS: Mapping[str, _Hint] = {
    **dict.fromkeys(
        [
            *("order.placed", "order.updated", "order.canceled", "order.completed", "order.archived"),
            *("order.fulfillment_created", "order.fulfillment_canceled"),
            *("order.return_requested", "order.return_received", "order.claim_created", "order.exchange_created"),
            *("order.transfer_requested", "order-edit.confirmed"),
            # The module adds the order to what only names a payment or a fulfilment.
            *("payment.captured", "payment.refunded", "shipment.created", "delivery.created"),
        ],
        _ORDER,
    ),
    **dict.fromkeys(["customer.created", "customer.updated"], ("customers", ("id",))),
    **dict.fromkeys(["product.created", "product.updated"], ("products", ("id",))),
    **dict.fromkeys(["product-variant.created", "product-variant.updated"], ("products", ("product_id", "id"))),
    **dict.fromkeys(
        ["inventory-level.created", "inventory-level.updated", "inventory-level.deleted"],
        ("stock", ("inventory_item_id",)),
    ),
}
_GONE: Mapping[str, Literal["order", "product", "variant", "customer"]] = {
    "product.deleted": "product",
    "product-variant.deleted": "variant",
    "customer.deleted": "customer",
}
#: Asked for and turned down, so that nothing of the order changed.
_IGNORED = frozenset({"order-edit.requested", "order-edit.canceled"})
#: The events that the module in the shop listens to.
EVENTS: tuple[str, ...] = (*_HINTS, *_GONE)
_STREAMS: Mapping[str, Callable[[Document, About], list[Report]]] = {
    "stores": location,
    "products": product,
    "stock": stock,
    "customers": customer,
    "orders": order,
}
