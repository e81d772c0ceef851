"""From our own format to our reports, with an answer that names field, value and mend. Pure.

What is wrong with one item keeps that item out; the rest goes through.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from regulars.doors.connectors.generic import format as told_as
from regulars.doors.connectors.generic.format import Wrong, quantity, version, within
from regulars.doors.connectors.protocol import About, Answer
from regulars.doors.connectors.reading import Document, NotUnderstood, document
from regulars.doors.connectors.reports import (
    ConsentTold,
    CustomerTold,
    Deleted,
    Ignored,
    MembershipPaymentTold,
    OrderTold,
    PriceTold,
    ProductTold,
    RefundTold,
    Report,
    ShipmentTold,
    StockTold,
    VariantTold,
)
from regulars.facts.commerce import order_reports, return_reports, shipment_reports
from regulars.facts.commerce.order_reports import LineReport, OrderReport, TenderReport
from regulars.facts.commerce.return_reports import ReturnLineReport, ReturnReport
from regulars.facts.commerce.shipment_reports import ShipmentReport
from regulars.facts.customers.profiles import Profile
from regulars.kit import money
from regulars.kit.refusals import Refusal

#: Characters of a wrong value that the answer repeats.
_SHOWN = 60
#: As for every other source.
_LARGEST_AMOUNT = 10**15
_JSON = "application/json; charset=utf-8"
#: Times of what has happened, and how far a clock may be ahead of ours.
_HAS_BEEN = ("updated_at", "placed_at", "cancelled_at", "returned_at", "first_seen_at", "deleted_at")
_AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Refused:
    """An item that is kept out, by its place among the others."""

    place: int
    wrong: Wrong


def translate(topic: str, body: bytes, told_at: datetime | None, about: About) -> Sequence[Report]:
    """What the items tell; those that are wrong are left out and counted. Nothing where all are wrong."""
    told, refused = _items(body, about, told_at)
    if refused and not told:
        first = refused[0]
        where = f"items[{first.place}].{first.wrong.field}".removesuffix(".")
        # What stands there may be somebody's name: it is in the answer to who sent it, and nowhere else.
        raise NotUnderstood("refused", f"{where}: {first.wrong.mend}")
    return [*told, *(Ignored(why="refused") for _ in refused)]


def reply(body: bytes, told_at: datetime | None, about: About) -> Answer:
    """How many items were taken, and of each that was not the field, its value and the mend."""
    try:
        told, refused = _items(body, about, told_at)
    except NotUnderstood as problem:
        return _answer(400, {"taken": 0, "refused": [{"item": None, "field": "body", "mend": problem.why}]})
    listed = [
        {
            "item": one.place,
            "field": one.wrong.field,
            "value": _shown(one.wrong.value),
            "mend": one.wrong.mend,
        }
        for one in refused
    ]
    return _answer(200 if told else 422, {"taken": len(told), "refused": listed})


def _items(body: bytes, about: About, told_at: datetime | None) -> tuple[list[Report], list[Refused]]:
    told: list[Report] = []
    refused: list[Refused] = []
    for place, one in enumerate(told_as.items(document(body, mend=False))):
        try:
            item = told_as.parsed(one)
            _refuse_what_has_not_been(item, told_at)
            told.append(_report(item, about))
        except Wrong as wrong:
            refused.append(Refused(place, wrong))
        except ArithmeticError:
            refused.append(Refused(place, Wrong("", None, "send numbers that goods or money come to")))
        except Refusal as refusal:
            field, _, mend = refusal.message.partition(": ")
            named = str(refusal.facts.get("field", field)).removesuffix("_minor")
            refused.append(Refused(place, Wrong(named, refusal.facts.get("value"), mend or refusal.message)))
    return told, refused


def _refuse_what_has_not_been(item: told_as.Item, told_at: datetime | None) -> None:
    """What is told as of a day that has not come would be the latest until then, whatever is told after it."""
    if told_at is None:
        return
    times = {name: getattr(item, name, None) for name in _HAS_BEEN}
    for n, one in enumerate(getattr(item, "consents", ())):
        times[f"consents[{n}].at"] = one.at
    for field, at in times.items():
        if at is not None and at > told_at + _AHEAD:
            raise Wrong(field, at.isoformat(), "send when it was; this is in the future: compare the clocks")


def _report(item: told_as.Item, about: About) -> Report:
    match item:
        case told_as.Order():
            return _order(item, about)
        case told_as.Refund():
            return _refund(item, about)
        case told_as.Customer():
            return _customer(item)
        case told_as.Product():
            return _product(item)
        case told_as.Price():
            return _price(item)
        case told_as.Stock():
            return _stock(item)
        case told_as.Shipment():
            return _shipment(item, about)
        case told_as.MembershipPayment():
            return _membership_payment(item)
        case told_as.Gone():
            return Deleted(what=item.what, ref=item.ref, told_at=_utc(item.deleted_at, "deleted_at"))


def _order(item: told_as.Order, about: About) -> OrderTold:
    code = _currency(item.currency)
    numbers = [line.number for line in item.lines]
    for n, number in enumerate(numbers):
        if number in numbers[:n]:
            raise Wrong(f"lines[{n}].number", number, "number the order's lines, each once, and never anew")
    report = OrderReport(
        namespace=about.namespace,
        ref=item.ref,
        placed_at=_utc(item.placed_at, "placed_at"),
        currency=code,
        lines=[_line(line, n, code) for n, line in enumerate(item.lines)],
        customer_ref=item.customer_ref,
        country=item.country,
        channel=item.channel,
        store=item.store,
        discount_minor=_minor(item.discount, code, "discount"),
        shipping_minor=_minor(item.shipping, code, "shipping"),
        tax_minor=_minor(item.tax, code, "tax"),
        fees_minor=_minor(item.fees, code, "fees"),
        total_minor=_minor_or_none(item.total, code, "total"),
        prices_include_tax=item.prices_include_tax,
        source_updated_at=_utc(item.updated_at, "updated_at"),
        number=item.number,
        state="cancelled" if item.cancelled_at is not None else item.state,
        is_test=item.is_test,
        cancelled_at=_utc_or_none(item.cancelled_at, "cancelled_at"),
        paid_minor=_minor_or_none(item.paid, code, "paid"),
        refunded_minor=_minor_or_none(item.refunded, code, "refunded"),
        tenders=[
            TenderReport(
                one.ref,
                one.kind,
                one.state,
                _minor(one.amount, code, f"tenders[{n}].amount"),
                _utc_or_none(one.at, f"tenders[{n}].at"),
            )
            for n, one in enumerate(item.tenders)
        ],
        shop_currency=item.shop_currency,
        rate=item.rate,
        exchange_of=item.exchange_of,
        till=item.till,
        taken_by=item.taken_by,
        fulfilment=item.fulfilment,
        version=version(item.version),
    )
    order_reports.check(report, sums=True)
    return OrderTold(report=report)


def _line(line: told_as.Line, n: int, code: str) -> LineReport:
    field = f"lines[{n}]"
    price = within(line.unit_price, f"{field}.unit_price")
    if price < 0:
        raise Wrong(f"{field}.unit_price", str(price), "send what comes back as a refund")
    bought = quantity(line.quantity, f"{field}.quantity")
    if bought <= 0:
        raise Wrong(f"{field}.quantity", str(bought), "send how many were bought; what comes back is a refund")
    return LineReport(
        number=line.number,
        product_ref=line.product_ref,
        quantity=bought,
        unit_price=price,
        amount_minor=_minor_or_none(line.amount, code, f"{field}.amount"),
        discount_minor=_minor(line.discount, code, f"{field}.discount"),
        title=line.title,
        category=line.category,
        variant_ref=line.variant_ref,
        sku=line.sku,
        tax_minor=_minor_or_none(line.tax, code, f"{field}.tax"),
        is_gift_card=line.is_gift_card,
        personalisation=tuple(line.personalisation),
    )


def _refund(item: told_as.Refund, about: About) -> RefundTold:
    code = _currency(item.currency)
    report = ReturnReport(
        namespace=about.namespace,
        ref=item.ref,
        order_ref=item.order_ref,
        returned_at=_utc(item.returned_at, "returned_at"),
        currency=code,
        lines=[
            ReturnLineReport(
                product_ref=one.product_ref,
                quantity=quantity(one.quantity, f"lines[{n}].quantity"),
                amount_minor=_minor(one.amount, code, f"lines[{n}].amount"),
                of_line=one.of_line,
                restock=one.restock,
            )
            for n, one in enumerate(item.lines)
        ],
        amount_minor=_minor_or_none(item.amount, code, "amount"),
        shipping_minor=_minor(item.shipping, code, "shipping"),
        tax_minor=_minor(item.tax, code, "tax"),
        customer_ref=item.customer_ref,
        store=item.store,
        is_void=item.is_void,
        reason=item.reason,
        source_updated_at=_utc(item.updated_at, "updated_at"),
        version=version(item.version),
    )
    return_reports.check(report)
    return RefundTold(report=report)


def _customer(item: told_as.Customer) -> CustomerTold:
    return CustomerTold(
        ref=item.ref,
        told_at=_utc(item.updated_at, "updated_at"),
        profile=Profile(
            given_name=item.given_name,
            family_name=item.family_name,
            email=item.email,
            phone=item.phone,
            address=item.address,
            country=item.country,
            language=item.language,
        ),
        first_seen_at=_utc_or_none(item.first_seen_at, "first_seen_at"),
        consents=[
            ConsentTold(
                channel=one.channel,
                is_granted=one.is_granted,
                at=_utc(one.at, f"consents[{n}].at"),
                purpose=one.purpose,
                proof=one.proof,
            )
            for n, one in enumerate(item.consents)
        ],
    )


def _product(item: told_as.Product) -> ProductTold:
    return ProductTold(
        ref=item.ref,
        told_at=_utc(item.updated_at, "updated_at"),
        title=item.title,
        category=item.category,
        brand=item.brand,
        status=item.status,
        variants=[
            VariantTold(
                ref=one.ref,
                title=one.title,
                sku=one.sku,
                barcode=one.barcode,
                options=one.options,
                status=one.status,
            )
            for one in item.variants
        ],
    )


def _price(item: told_as.Price) -> PriceTold:
    code = _currency(item.currency)
    usual, now = _minor(item.price, code, "price"), _minor_or_none(item.sale_price, code, "sale_price")
    if item.store is not None and item.channel is not None:
        raise Wrong("channel", item.channel, "send a price of a store or of a channel, each by itself")
    if now is not None and now > usual:
        raise Wrong("sale_price", str(item.sale_price), "send a price of at most the usual one, or leave it out")
    return PriceTold(
        product_ref=item.product_ref,
        variant_ref=item.variant_ref,
        currency=code,
        list_minor=usual,
        sale_minor=now,
        told_at=_utc(item.valid_from, "valid_from"),
        store=item.store,
        channel=item.channel,
    )


def _stock(item: told_as.Stock) -> StockTold:
    reserved = Decimal(0) if item.reserved is None else quantity(item.reserved, "reserved")
    if reserved < 0:
        raise Wrong("reserved", str(reserved), "send how many are kept there, zero or more")
    return StockTold(
        variant_ref=item.variant_ref,
        product_ref=item.product_ref,
        store=item.store,
        on_hand=quantity(item.on_hand, "on_hand"),
        reserved=reserved,
        may_oversell=item.may_oversell,
        told_at=_utc(item.updated_at, "updated_at"),
        version=version(item.version),
    )


def _shipment(item: told_as.Shipment, about: About) -> ShipmentTold:
    report = ShipmentReport(
        namespace=about.namespace,
        ref=item.ref,
        order_ref=item.order_ref,
        state=item.state,
        mode=item.mode,
        lines=[(one.line, quantity(one.quantity, f"lines[{n}].quantity")) for n, one in enumerate(item.lines)],
        store=item.store,
        carrier=item.carrier,
        tracking=item.tracking,
        shipped_at=_utc_or_none(item.shipped_at, "shipped_at"),
        promised_from=_utc_or_none(item.promised_from, "promised_from"),
        promised_until=_utc_or_none(item.promised_until, "promised_until"),
        expected_at=_utc_or_none(item.expected_at, "expected_at"),
        ready_at=_utc_or_none(item.ready_at, "ready_at"),
        arrived_at=_utc_or_none(item.arrived_at, "arrived_at"),
        source_updated_at=_utc(item.updated_at, "updated_at"),
        version=version(item.version),
    )
    shipment_reports.check(report)
    return ShipmentTold(report=report)


def _currency(code: str) -> str:
    try:
        money.exponent(code)
    except Refusal:
        raise Wrong("currency", code, "send a currency that people pay with, such as CNY or GBP") from None
    return code


def _minor(amount: Decimal, code: str, field: str) -> int:
    """Whole minor units, of zero or more: what goes back is a refund. What is finer than the currency is refused, for
    nobody knows which way it was meant."""
    places = money.exponent(code)
    shifted = within(amount, field).scaleb(places)
    if shifted < 0:
        raise Wrong(field, str(amount), "send zero or more; what goes back is a refund of its own")
    if shifted != shifted.to_integral_value():
        raise Wrong(field, str(amount), f"send an amount of {code} with at most {places} places")
    if abs(shifted) > _LARGEST_AMOUNT:
        raise Wrong(field, str(amount), f"send an amount of at most {_LARGEST_AMOUNT} of the currency's smallest unit")
    return int(shifted)


def _minor_or_none(amount: Decimal | None, code: str, field: str) -> int | None:
    return None if amount is None else _minor(amount, code, field)


def _membership_payment(item: told_as.MembershipPayment) -> MembershipPaymentTold:
    code = _currency(item.currency)
    if item.membership is None and (item.of is None or item.state != "refunded"):
        raise Wrong("membership", None, "send the membership's id, mbs_…; of a refund `of` is enough")
    return MembershipPaymentTold(
        membership=item.membership or "",
        payment=item.payment,
        state=item.state,
        minor=_minor(item.amount, code, "amount"),
        currency=code,
        of=item.of or "",
    )


def _utc(at: datetime, field: str) -> datetime:
    try:
        found = at.astimezone(UTC)
    except OverflowError:
        found = datetime.min.replace(tzinfo=UTC)
    if not 1990 <= found.year <= 2200:
        raise Wrong(field, at.isoformat(), "send a time of a year in which a shop is open")
    return found


def _utc_or_none(at: datetime | None, field: str) -> datetime | None:
    return None if at is None else _utc(at, field)


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    return (value if isinstance(value, str) else str(value))[:_SHOWN]


def _answer(status: int, doc: Document) -> Answer:
    return Answer(status, json.dumps(doc).encode() + b"\n", _JSON)
