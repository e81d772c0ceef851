"""From Medusa's JSON to our reports. Pure.

Medusa says nothing by itself: a small module in the shop sends ids of what changed (`extras/medusa-subscriber`), and
the Admin API is asked for the rest. Amounts are decimals in major units, read from their exact twins (`raw_…`) where
there are any. An order's own update time does not move when it is paid or money goes back, so the latest time of all
its parts is its version. Line totals leave out what came back: what was sold is reckoned anew from prices, discounts
and tax rates, by the formulas of Medusa's own totals.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

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
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
    StockTold,
    StoreTold,
    VariantTold,
)
from regulars.facts.commerce.order_reports import (
    LineReport,
    OrderReport,
    OrderState,
    TenderKind,
    TenderReport,
    TenderState,
)
from regulars.facts.commerce.return_reports import ReturnLineReport, ReturnReport
from regulars.facts.commerce.shipment_reports import ShipmentReport, ShipmentState
from regulars.facts.customers.profiles import Profile
from regulars.kit import money as monies
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal

#: What stands on a line that is no product of the catalogue, such as one that an operator wrote by hand.
NO_PRODUCT = "custom-item"
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
_STATUSES: Mapping[str, Literal["active", "draft", "discontinued"]] = {
    "published": "active",
    "draft": "draft",
    "proposed": "draft",
    "rejected": "draft",
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
#: What of an order's document has its own times, and is the order's: its customer's or a product's times are not.
_PARTS = frozenset(
    {
        *("items", "detail", "shipping_methods", "adjustments", "tax_lines", "transactions", "credit_lines"),
        *("payment_collections", "payments", "captures", "refunds", "fulfillments", "labels", "returns"),
    }
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


def location(doc: Document, about: About) -> list[Report]:
    """A stock location: a store, a warehouse."""
    code = _store(doc.get("id"), about)
    if code is None:
        raise NotUnderstood("no_ref", "id: has no id")
    return [StoreTold(code=code, name=text(doc.get("name"), 120) or code)]


def product(doc: Document, about: About) -> list[Report]:
    """A product with its variants, and what each costs in each currency."""
    product_ref = ref(doc.get("id"), "id")
    variants = [mapping(one, "variants") for one in listing(doc.get("variants"), "variants")]
    told_at = _latest(doc, about, frozenset({"variants", "prices"}))
    told: list[Report] = [
        ProductTold(
            ref=product_ref,
            told_at=told_at,
            title=text(doc.get("title"), 300),
            category=_category(doc),
            brand=text(got(doc, "collection", "title"), 120),
            status=_STATUSES.get(str(doc.get("status") or "published"), "active"),
            variants=[_variant(one) for one in variants],
        )
    ]
    for one in variants:
        told += _prices(one, product_ref, about)
    return told


def stock(doc: Document, about: About) -> list[Report]:
    """How much there is of one inventory item at each location, for each variant that is made of it alone."""
    forms = [mapping(one, "variants") for one in listing(doc.get("variants"), "variants")]
    if not forms:
        return [Ignored(why="no_variant")]
    told: list[Report] = []
    for level in listing(doc.get("location_levels"), "location_levels"):
        store = _store(got(level, "location_id"), about)
        if store is None:
            raise NotUnderstood("no_ref", "location_levels.location_id: has no id")
        on_hand = _number(level, "stocked_quantity")
        for form in forms:
            told.append(
                StockTold(
                    variant_ref=ref(form.get("id"), "variants.id"),
                    product_ref=ref_or_none(form.get("product_id"), "variants.product_id"),
                    store=store,
                    on_hand=on_hand,
                    reserved=max(_number(level, "reserved_quantity"), Decimal(0)),
                    may_oversell=form.get("allow_backorder") is True,
                    told_at=instant(level.get("updated_at"), about.zone, "location_levels.updated_at"),
                )
            )
    return told or [Ignored(why="not_tracked")]


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
        address=_address(home),
        country=_country(got(home, "country_code")),
    )
    return [
        CustomerTold(
            ref=ref(doc.get("id"), "id"),
            told_at=updated_at,
            profile=profile,
            first_seen_at=instant_or_none(doc.get("created_at"), about.zone, "created_at"),
        )
    ]


@dataclass(frozen=True)
class _Sold:
    """A line with its exact amounts: `net` after its discount and `tax` on it, both in the order's own terms."""

    report: LineReport
    net: Decimal
    tax: Decimal
    exact: Decimal


def order(doc: Document, about: About) -> list[Report]:
    """An order with its payments, what went back and its shipments."""
    code = currency(str(doc.get("currency_code") or "").upper(), "currency_code")
    items = _by_age(doc, "items")
    number_of = {ref(one.get("id"), "items.id"): n for n, one in enumerate(items, 1)}
    is_inclusive = bool(items) and all(one.get("is_tax_inclusive") is True for one in items)
    sold = _lines(items, code, is_inclusive)
    version_at = _latest(doc, about, _PARTS)
    payments = [
        mapping(one, "payments")
        for group in _by_age(doc, "payment_collections")
        for one in listing(group.get("payments"), "payments")
    ]
    refunds = sorted(
        (mapping(one, "refunds") for payment in payments for one in listing(payment.get("refunds"), "refunds")),
        key=lambda one: (str(one.get("created_at")), str(one.get("id"))),
    )
    report = _order(doc, about, code, items, sold, payments, refunds, is_inclusive, version_at)
    told: list[Report] = [OrderTold(report=report)]
    told += [
        RefundTold(report=one) for one in _refunds(doc, about, code, is_inclusive, sold, number_of, refunds, version_at)
    ]
    told += [
        ShipmentTold(report=_shipment(one, report.ref, about, number_of, version_at))
        for one in _by_age(doc, "fulfillments")
    ]
    return told


def _order(
    doc: Document,
    about: About,
    code: str,
    items: Sequence[Document],
    sold: Sequence[_Sold],
    payments: Sequence[Document],
    refunds: Sequence[Document],
    is_inclusive: bool,
    version_at: datetime,
) -> OrderReport:
    shipping, tax = _shipping(doc, is_inclusive)
    tax = sum((one.tax for one in sold), tax)
    net = sum((one.net for one in sold), Decimal(0))
    goods_minor = sum(one.report.amount_minor or 0 for one in sold)
    shipping_minor = _minor(net + shipping, code) - goods_minor
    tax_minor = _minor(tax, code) if is_inclusive else _minor(net + shipping + tax, code) - goods_minor - shipping_minor
    credits = [
        one
        for one in _by_age(doc, "credit_lines")
        if one.get("reference") != _BOOKKEEPING and _number(one, "amount") > 0
    ]
    tenders = [_tender(one, code, about) for one in payments]
    tenders += [_credit(one, code, about) for one in credits]
    captured = sum((_captured(one) for one in payments), Decimal(0)) + sum(_number(one, "amount") for one in credits)
    status = str(doc.get("status") or "pending")
    state: OrderState = "draft" if doc.get("is_draft_order") is True else _STATES.get(status, "placed")
    # Medusa's totals leave out what came back and what stands on credit lines; ours are what was sold.
    gone = sum(
        (one.exact - _number(item, "total") for one, item in zip(sold, items, strict=True) if "total" in item),
        Decimal(0),
    )
    total = _number(doc, "total") + _number(doc, "credit_line_total") + gone if "total" in doc else None
    return OrderReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "id"),
        number=text(str(doc["display_id"]), 64) if doc.get("display_id") is not None else None,
        placed_at=instant(doc.get("created_at"), about.zone, "created_at"),
        currency=code,
        lines=[one.report for one in sold],
        customer_ref=ref_or_none(doc.get("customer_id"), "customer_id"),
        country=_country(got(doc, "shipping_address", "country_code")),
        channel=str(about.settings.get("channel") or "web"),
        shipping_minor=shipping_minor,
        tax_minor=tax_minor,
        total_minor=None if total is None else _minor(total, code),
        prices_include_tax=is_inclusive,
        state=state,
        cancelled_at=instant_or_none(doc.get("canceled_at"), about.zone, "canceled_at")
        or (version_at if state == "cancelled" else None),
        paid_minor=_minor(captured, code),
        refunded_minor=_minor(sum((_number(one, "amount") for one in refunds), Decimal(0)), code),
        tenders=tenders,
        version=_whole(doc.get("version")),
        source_updated_at=version_at,
    )


def _lines(items: Sequence[Document], code: str, is_inclusive: bool) -> list[_Sold]:
    """The lines; what rounding takes from one it gives to the next, so that they come to what all of them do."""
    sold: list[_Sold] = []
    until = Decimal(0)
    for n, one in enumerate(items, 1):
        net, tax, exact, unit = _reckoned(one, is_inclusive)
        amount = _minor(until + net, code) - _minor(until, code)
        until += net
        sold.append(_Sold(_line(one, n, code, unit, amount, _minor(tax, code)), net, tax, exact))
    return sold


def _reckoned(doc: Document, is_inclusive: bool) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Net and tax of all that was sold on a line, also of what came back since, both together, and the unit's price."""
    rate = _rate(doc)
    off = sum((_discount(one, rate) for one in listing(doc.get("adjustments"), "items.adjustments")), Decimal(0))
    price = _number(doc, "unit_price")
    bare = price / (_ONE + rate) if doc.get("is_tax_inclusive") is True else price
    untaxed = bare * _number(doc, "quantity") - off
    tax = untaxed * rate
    exact = untaxed + tax
    return (exact, tax, exact, price) if is_inclusive else (untaxed, tax, exact, bare)


def _line(doc: Document, n: int, code: str, unit: Decimal, amount: int, tax: int) -> LineReport:
    field = f"items[{n}]"
    quantity = _number(doc, "quantity")
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
        discount_minor=max(0, _minor(unit * quantity, code) - amount) if has_discount else 0,
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
    amount = _number(doc, "amount")
    return amount / (_ONE + rate) if doc.get("is_tax_inclusive") is True else amount


def _shipping(doc: Document, is_inclusive: bool) -> tuple[Decimal, Decimal]:
    """What all ways of shipping cost, in the order's own terms, and the tax on it."""
    amount, tax = Decimal(0), Decimal(0)
    for one in _by_age(doc, "shipping_methods"):
        rate = _rate(one)
        told = _number(one, "amount")
        untaxed = told / (_ONE + rate) if one.get("is_tax_inclusive") is True else told
        untaxed -= sum((_discount(off, rate) for off in listing(one.get("adjustments"), "adjustments")), Decimal(0))
        amount += untaxed * (_ONE + rate) if is_inclusive else untaxed
        tax += untaxed * rate
    return amount, tax


def _captured(payment: Document) -> Decimal:
    return sum((_number(one, "amount") for one in listing(payment.get("captures"), "captures")), Decimal(0))


def _tender(doc: Document, code: str, about: About) -> TenderReport:
    provider = str(doc.get("provider_id") or "")
    kind: TenderKind = next((kind for part, kind in _PROVIDERS if part in provider), "other")
    captured = _captured(doc)
    state: TenderState = "captured" if captured else "voided" if doc.get("canceled_at") else "pending"
    amount = captured if captured else _number(doc, "amount")
    at = instant_or_none(doc.get("captured_at") or doc.get("created_at"), about.zone, "payments.captured_at")
    return TenderReport(ref(doc.get("id"), "payments.id"), kind, state, _minor(amount, code), at)


def _credit(doc: Document, code: str, about: About) -> TenderReport:
    kind: TenderKind = "gift_card" if "gift" in str(doc.get("reference") or "") else "store_credit"
    at = instant_or_none(doc.get("created_at"), about.zone, "credit_lines.created_at")
    return TenderReport(
        ref(doc.get("id"), "credit_lines.id"), kind, "captured", _minor(_number(doc, "amount"), code), at
    )


def _refunds(
    doc: Document,
    about: About,
    code: str,
    is_inclusive: bool,
    sold: Sequence[_Sold],
    number_of: Mapping[str, int],
    refunds: Sequence[Document],
    version_at: datetime,
) -> Iterator[ReturnReport]:
    """Money that went back, with the goods it was for; and goods that came back for others.

    Medusa knows the two apart: returns are of goods, refunds of money, and neither names the other. A refund is for
    what came back since the refund before it, the last one also for what came after it once nothing is owed for that.
    Goods that came in exchange are told by themselves and without money, for their worth is set against the goods that
    went out; where these are worth less, the money that goes back then is for the difference, and takes no more off.
    """
    returns = [one for one in _by_age(doc, "returns") if one.get("canceled_at") is None]
    came = sorted(
        (
            (instant(one.get("received_at") or one.get("updated_at"), about.zone, "returns.received_at"), one)
            for one in returns
            if any(_number(item, "received_quantity") > 0 for item in listing(one.get("items"), "returns.items"))
        ),
        key=lambda pair: (pair[0], str(pair[1].get("id"))),
    )
    order_ref = ref(doc.get("id"), "id")
    waiting, over = [], 0
    for at, one in came:
        why = _instead(one)
        if why is None:
            waiting.append((at, one))
            continue
        goods, tax = _goods([one], sold, number_of, code, is_inclusive)
        worth = sum(line.amount_minor for line in goods) + tax
        over += max(0, worth - _sent_instead(one, worth, sold, number_of, code))
        yield ReturnReport(
            namespace=about.namespace,
            ref=ref(one.get("id"), "returns.id"),
            order_ref=order_ref,
            returned_at=at,
            currency=code,
            lines=goods,
            tax_minor=tax,
            paid_back_minor=0,
            store=_store(one.get("location_id"), about),
            reason=why,
            source_updated_at=version_at,
        )
    owed = -_number(mapping(doc.get("summary") or {}, "summary"), "pending_difference")
    for place, refund in enumerate(refunds):
        at = instant(refund.get("created_at"), about.zone, "refunds.created_at")
        is_last = place == len(refunds) - 1
        mine = [pair for pair in waiting if pair[0] <= at or (is_last and owed <= 0)]
        waiting = [pair for pair in waiting if pair not in mine]
        places = [one.get("location_id") for _, one in mine if one.get("location_id")]
        goods, tax = _goods([one for _, one in mine], sold, number_of, code, is_inclusive)
        paid = _minor(_number(refund, "amount"), code)
        difference = min(over, max(0, paid - tax - sum(line.amount_minor for line in goods)))
        over -= difference
        yield ReturnReport(
            namespace=about.namespace,
            ref=ref(refund.get("id"), "refunds.id"),
            order_ref=order_ref,
            returned_at=at,
            currency=code,
            lines=goods,
            tax_minor=tax,
            amount_minor=paid - difference,
            paid_back_minor=paid,
            store=_store(places[0], about) if places else None,
            reason=_reason(got(refund, "refund_reason", "code")) or ("claim" if any(map(_is_claim, mine)) else ""),
            source_updated_at=version_at,
        )


def _instead(back: Document) -> str | None:
    """For what goods of the same order these came back: "exchange", or "claim" where they were wrong or broken and
    others are sent for them. None where money goes back for them."""
    if back.get("exchange_id") is not None or got(back, "exchange", "id") is not None:
        return "exchange"
    is_replaced = got(back, "claim", "type") == "replace" or bool(got(back, "claim", "additional_items"))
    return "claim" if is_replaced else None


def _is_claim(came: tuple[datetime, Document]) -> bool:
    return came[1].get("claim_id") is not None or got(came[1], "claim", "id") is not None


def _sent_instead(back: Document, worth: int, sold: Sequence[_Sold], number_of: Mapping[str, int], code: str) -> int:
    """What the goods that went out for those of this return are worth with tax; `worth`, where nothing tells of any."""
    told = got(back, "exchange" if _instead(back) == "exchange" else "claim", "additional_items")
    if told is None:
        return worth
    sent = Decimal(0)
    for item in listing(told, "returns.exchange.additional_items"):
        n = number_of.get(ref_or_none(got(item, "item_id"), "additional_items.item_id") or "")
        if n is not None and (line := sold[n - 1]).report.quantity:
            sent += line.exact * _number(mapping(item, "additional_items"), "quantity") / line.report.quantity
    return _minor(sent, code)


def _goods(
    returns: Sequence[Document], sold: Sequence[_Sold], number_of: Mapping[str, int], code: str, is_inclusive: bool
) -> tuple[list[ReturnLineReport], int]:
    """What came back, at what was paid for it, and the tax on that where it is not in it. What came damaged is not sold
    again."""
    lines, tax = [], Decimal(0)
    for item in (one for back in returns for one in listing(back.get("items"), "returns.items")):
        n = number_of.get(ref(got(item, "item_id"), "returns.items.item_id"))
        whole, broken = _number(item, "received_quantity"), _number(item, "damaged_quantity")
        if n is None or whole <= 0:
            continue
        line = sold[n - 1]
        share = whole / line.report.quantity if line.report.quantity else Decimal(0)
        tax += Decimal(0) if is_inclusive else line.tax * share
        lines.append(
            ReturnLineReport(
                product_ref=line.report.product_ref,
                quantity=whole,
                amount_minor=_minor(line.net * share, code),
                of_line=n,
                restock=broken < whole,
            )
        )
    return lines, _minor(tax, code)


def _reason(told: object) -> str:
    code = re.sub(r"[^a-z0-9]+", "_", str(told or "").lower()).strip("_")[:60]
    return code if re.fullmatch(r"[a-z][a-z0-9_]*", code) else ""


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
        if n is not None and (quantity := _number(item, "quantity")) > 0:
            sums[n] = sums.get(n, Decimal(0)) + quantity
    labels = _by_age(doc, "labels")
    return ShipmentReport(
        namespace=about.namespace,
        ref=ref(doc.get("id"), "fulfillments.id"),
        order_ref=order_ref,
        state=state,
        mode="collect" if is_collected else "ship",
        lines=sorted(sums.items()),
        store=_store(doc.get("location_id"), about),
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


def _variant(doc: Document) -> VariantTold:
    chosen = {
        str(got(one, "option", "title")): str(got(one, "value"))
        for one in listing(doc.get("options"), "variants.options")
        if got(one, "option", "title")
    }
    return VariantTold(
        ref=ref(doc.get("id"), "variants.id"),
        title=text(doc.get("title"), 300),
        sku=text(doc.get("sku"), 100),
        barcode=text(doc.get("barcode") or doc.get("ean") or doc.get("upc"), 64),
        options=chosen or None,
        status="active",
    )


def _prices(doc: Document, product_ref: str, about: About) -> Iterator[PriceTold]:
    """The prices that hold for everybody; those of a region, a group or from a number of pieces on are rules."""
    for one in listing(doc.get("prices"), "variants.prices"):
        if got(one, "rules") or got(one, "min_quantity") is not None or got(one, "price_list_id") is not None:
            continue
        code = currency(str(got(one, "currency_code") or "").upper(), "prices.currency_code")
        yield PriceTold(
            product_ref=product_ref,
            variant_ref=ref(doc.get("id"), "variants.id"),
            currency=code,
            list_minor=_minor(_number(one, "amount"), code),
            told_at=instant(one.get("updated_at"), about.zone, "prices.updated_at"),
        )


def _category(doc: Document) -> str | None:
    """The first category with all that are above it; else the product's type."""
    found = listing(doc.get("categories"), "categories")
    names = [name for one in found[:1] if (name := text(got(one, "name"), 100)) is not None]
    return names[0] if names else text(got(doc, "type", "value"), 100)


def _latest(doc: Document, about: About, parts: frozenset[str]) -> datetime:
    """The latest update time of a thing and all its parts: what changed last is its version."""
    found = [instant(doc.get("updated_at"), about.zone, "updated_at")]
    for name in sorted(parts & doc.keys()):
        inner = doc[name] if isinstance(doc[name], list | tuple) else [doc[name]]
        for one in inner:
            if isinstance(one, Mapping) and one.get("updated_at") is not None:
                found.append(_latest(one, about, parts))
    return max(found)


def _number(doc: Document, name: str) -> Decimal:
    """An amount, exactly: its raw twin {value, precision} where there is one, else a number, a text or an object."""
    told = got(doc, f"raw_{name}")
    value = doc.get(name) if told is None else told
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("value", "numeric") if key in value), None)
    return Decimal(0) if value in (None, "") else number(value, name)


def _minor(amount: Decimal, code: str) -> int:
    return monies.to_minor(amount, code)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _by_age(doc: Document, name: str) -> list[Document]:
    """The parts of a thing by when they were made: their places stay the same when others are added."""
    found = [mapping(one, name) for one in listing(doc.get(name), name)]
    return sorted(found, key=lambda one: (str(one.get("created_at") or ""), ref(one.get("id"), f"{name}.id")))


def _store(told: object, about: About) -> str | None:
    """Our code of a location: what the settings call it (`stores`: id=code, with commas between), else its id."""
    place = ref_or_none(told, "location_id")
    if place is None:
        return None
    named = dict(
        pair.strip().split("=", 1) for pair in str(about.settings.get("stores") or "").split(",") if "=" in pair
    )
    return named.get(place) or f"{about.namespace}-{place}"


def _country(told: object) -> str | None:
    code = text(told, 2)
    try:
        return None if code is None else check_country(code.upper())
    except Refusal:
        return None


def _address(told: object) -> str | None:
    names = ("address_1", "address_2", "postal_code", "city", "province", "country_code")
    parts = [part for name in names if (part := text(got(told, name), 120)) is not None]
    return ", ".join(parts)[:500] or None


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
