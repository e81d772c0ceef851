"""How sources tell of orders: one by one as reports, many as frames. Values and their translation, no database."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import polars as pl
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import _told
from regulars.kit import civil, money
from regulars.kit.actors import Origin
from regulars.kit.money import to_minor
from regulars.kit.refusals import Refusal

OrderState = Literal["draft", "placed", "completed", "cancelled"]
TenderKind = Literal["card", "cash", "wallet", "bank", "gift_card", "store_credit", "points", "other"]
TenderState = Literal["pending", "captured", "failed", "voided"]
Fulfilment = Literal["ship", "collect", "same_city", "carry_out"]

ORDER_STATES = ("draft", "placed", "completed", "cancelled")
TENDER_KINDS = ("card", "cash", "wallet", "bank", "gift_card", "store_credit", "points", "other")
TENDER_STATES = ("pending", "captured", "failed", "voided")
FULFILMENTS = ("ship", "collect", "same_city", "carry_out")

#: Columns of a batch's two frames. Amounts are whole minor units of the order's currency. `total_minor` may be null:
#: goods less discount plus shipping, tax and fees. `country` is the customer's. Everything but refs, instants and
#: currency may be null where the source does not tell.
#: A line's `amount_minor` is what the line costs after its own discount; `discount_minor` tells how much that was.
ORDERS = pl.Schema(
    {
        "ref": pl.String(),
        "customer_ref": pl.String(),
        "country": pl.String(),
        "channel": pl.String(),
        "store": pl.String(),
        "placed_at": pl.Datetime("us", "UTC"),
        "placed_on": pl.Date(),
        "currency": pl.String(),
        "is_adjustment": pl.Boolean(),
        "discount_minor": pl.Int64(),
        "shipping_minor": pl.Int64(),
        "tax_minor": pl.Int64(),
        "total_minor": pl.Int64(),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)
LINES = pl.Schema(
    {
        "ref": pl.String(),
        "number": pl.Int32(),
        "product_ref": pl.String(),
        "title": pl.String(),
        "category": pl.String(),
        "quantity": pl.Decimal(18, 3),
        "unit_price": pl.Decimal(18, 6),
        "amount_minor": pl.Int64(),
        "discount_minor": pl.Int64(),
    }
)
#: What the frames may have besides: a column that is not there, like null in it, tells nothing. They mean what the
#: fields of the reports mean.
MORE_OF_ORDERS = pl.Schema(
    {
        "number": pl.String(),
        "state": pl.String(),
        "is_test": pl.Boolean(),
        "cancelled_at": pl.Datetime("us", "UTC"),
        "paid_minor": pl.Int64(),
        "refunded_minor": pl.Int64(),
        "fees_minor": pl.Int64(),
        "prices_include_tax": pl.Boolean(),
        "shop_currency": pl.String(),
        "rate": pl.Decimal(24, 12),
        "exchange_of": pl.String(),
        "till": pl.String(),
        "taken_by": pl.String(),
        "fulfilment": pl.String(),
        "version": pl.Int64(),
        "delivery": pl.String(),
    }
)
#: `personalisation` holds the kinds in their order, with commas between.
MORE_OF_LINES = pl.Schema(
    {
        "variant_ref": pl.String(),
        "sku": pl.String(),
        "tax_minor": pl.Int64(),
        "is_gift_card": pl.Boolean(),
        "personalisation": pl.String(),
    }
)
#: How orders were paid. `ref` is the order's; an order told with any of its tenders is told with all of them.
TENDERS = pl.Schema(
    {
        "ref": pl.String(),
        "tender_ref": pl.String(),
        "kind": pl.String(),
        "state": pl.String(),
        "amount_minor": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
    }
)

_PERSONALISATION = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
#: What the columns hold.
_LONGEST = {"number": 64, "exchange_of": 200, "till": 100, "taken_by": 100, "delivery": 200}
_REFS = {"ref": 200, "customer_ref": 200, "channel": 64, "store": 64}
_INSTANTS = ("placed_at", "cancelled_at", "source_updated_at")
_PLACES = {"quantity": Decimal("0.001"), "unit_price": Decimal("0.000001")}
_LARGEST = Decimal(10**12)
_MOST_PERSONALISATION = 200
_RATE_PLACES = Decimal(1).scaleb(-12)
_LARGEST_RATE = Decimal(10**12)


@dataclass(frozen=True)
class TenderReport:
    """One means by which an order is paid, or a part of it. `ref` is the source's own, the same order's each once."""

    ref: str
    kind: TenderKind
    state: TenderState
    amount_minor: int
    at: datetime | None = None


@dataclass(frozen=True)
class LineReport:
    """One line as its source tells it. `discount_minor` is the line's own.

    `amount_minor` is what the line costs after it, and may be left out: quantity times unit price, rounded half up,
    less the discount. `personalisation`: kinds such as "engraving" or "gift_wrap", never what a customer wrote, which
    is personal.
    """

    number: int
    product_ref: str
    quantity: Decimal
    unit_price: Decimal
    amount_minor: int | None = None
    discount_minor: int = 0
    title: str | None = None
    category: str | None = None
    variant_ref: str | None = None
    sku: str | None = None
    tax_minor: int | None = None
    is_gift_card: bool = False
    personalisation: Sequence[str] = ()


@dataclass(frozen=True)
class OrderReport:
    """One order as its source tells it. `ref` is its key: the same in the same namespace is the same order.

    `number` is what people call it. `paid_minor` and `refunded_minor` are what its source says was paid and has gone
    back in all; None where it does not say: paid is then what its captured tenders come to, and where it tells of none,
    all of it. `fees_minor`: tips, duties, packing. `prices_include_tax`: the lines' amounts have the tax in them.
    `rate`: of `shop_currency` for one of `currency`, as captured with the order. `exchange_of`: the order in whose
    place it came. `taken_by` and `till` are codes, no names. `version`: a shop's own count; the higher overrides the
    lower told at the same moment, or without any. `delivery` says which message told it, and is no part of the order.
    """

    namespace: str
    ref: str
    placed_at: datetime
    currency: str
    lines: Sequence[LineReport]
    customer_ref: str | None = None
    country: str | None = None
    channel: str = "web"
    store: str | None = None
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    total_minor: int | None = None
    is_adjustment: bool = False
    source_updated_at: datetime | None = None
    number: str | None = None
    state: OrderState | None = None
    is_test: bool = False
    cancelled_at: datetime | None = None
    paid_minor: int | None = None
    refunded_minor: int | None = None
    fees_minor: int = 0
    prices_include_tax: bool = False
    tenders: Sequence[TenderReport] = ()
    shop_currency: str | None = None
    rate: Decimal | None = None
    exchange_of: str | None = None
    till: str | None = None
    taken_by: str | None = None
    fulfilment: Fulfilment | None = None
    version: int | None = None
    delivery: str = ""


@dataclass(frozen=True)
class OrderBatch:
    """Many orders of one source: frames with the columns ORDERS and LINES, and any of MORE_OF_ORDERS and
    MORE_OF_LINES; `tenders` with TENDERS. No reference stands twice in `orders`."""

    namespace: str
    orders: pl.DataFrame
    lines: pl.DataFrame
    origin: Origin
    tenders: pl.DataFrame | None = None


class NoLines(Refusal):
    """An order with nothing on it."""

    code = "orders.no_lines"


class BadAmount(Refusal):
    """An amount that no purchase has: below zero, or a discount of more than there is."""

    code = "orders.bad_amount"


class BadOrder(Refusal):
    """A field holds what it cannot."""

    code = "orders.bad_field"


def batch_of(reports: Sequence[OrderReport], *, zone: str, origin: Origin) -> OrderBatch:
    """Reports of one source, each order once, as a batch; days are those of `zone`. Raises nothing: check first."""
    [namespace] = {report.namespace for report in reports}
    days = civil.zone(zone)
    heads = [_head(report, days) for report in reports]
    lines = [_line(report, line) for report in reports for line in report.lines]
    tenders = [
        {
            "ref": report.ref,
            "tender_ref": tender.ref,
            "kind": tender.kind,
            "state": tender.state,
            "amount_minor": tender.amount_minor,
            "at": tender.at,
        }
        for report in reports
        for tender in report.tenders
    ]
    return OrderBatch(
        namespace,
        pl.DataFrame(heads, schema=pl.Schema({**ORDERS, **MORE_OF_ORDERS})),
        pl.DataFrame(lines, schema=pl.Schema({**LINES, **MORE_OF_LINES})),
        origin,
        pl.DataFrame(tenders, schema=TENDERS) if tenders else None,
    )


def check(report: OrderReport, *, sums: bool) -> None:
    """Refuse what the tables would, by name; with `sums` also an order without lines and a discount of more than there
    is, which are otherwise flagged as a total that differs."""
    if sums and not report.lines:
        raise NoLines(
            _("lines: order %(ref)r has none; send at least one") % {"ref": report.ref}, field="lines", value=report.ref
        )
    money.exponent(report.currency)
    _told.check(report, BadOrder, texts=_LONGEST, instants=_INSTANTS)
    for name, most in _REFS.items():
        if (told := getattr(report, name)) is not None:
            _told.check_ref(name, told, most, BadOrder)
    _check_words(report)
    _check_rate(report)
    _check_tenders(report)
    numbers = [line.number for line in report.lines]
    if len(set(numbers)) < len(numbers):
        raise BadOrder(_("lines: a number stands twice; number each line once"), field="lines")
    for line in report.lines:
        _check_line(line)
        _check_personalisation(line)
    if not report.is_adjustment:
        _check_amounts(report, sums=sums)


def _head(report: OrderReport, days: Any) -> dict[str, Any]:
    fields = {name: getattr(report, name) for name in (*ORDERS, *MORE_OF_ORDERS) if name != "placed_on"}
    return fields | {
        "placed_on": civil.day_of(report.placed_at, days),
        "state": report.state or ("cancelled" if report.cancelled_at is not None else None),
        "is_test": report.is_test or None,
        "paid_minor": _paid(report),
        "fees_minor": report.fees_minor or None,
        "prices_include_tax": report.prices_include_tax or None,
        "rate": None if report.rate is None else report.rate.quantize(_RATE_PLACES),
        "delivery": report.delivery or None,
    }


def _paid(report: OrderReport) -> int | None:
    if report.paid_minor is not None or not report.tenders:
        return report.paid_minor
    return sum(tender.amount_minor for tender in report.tenders if tender.state == "captured")


def _line(report: OrderReport, line: LineReport) -> dict[str, Any]:
    return {
        "ref": report.ref,
        "number": line.number,
        "product_ref": line.product_ref,
        "title": line.title,
        "category": line.category,
        # A shop's sums of prices end in digits of noise, which the columns do not hold.
        "quantity": line.quantity.quantize(_PLACES["quantity"], ROUND_HALF_UP),
        "unit_price": line.unit_price.quantize(_PLACES["unit_price"], ROUND_HALF_UP),
        "amount_minor": _amount(line, report.currency),
        "discount_minor": line.discount_minor,
        "variant_ref": line.variant_ref,
        "sku": line.sku,
        "tax_minor": line.tax_minor,
        "is_gift_card": line.is_gift_card or None,
        "personalisation": ",".join(line.personalisation) or None,
    }


def _amount(line: LineReport, currency: str) -> int:
    if line.amount_minor is not None:
        return line.amount_minor
    return to_minor(line.quantity * line.unit_price, currency) - line.discount_minor


def _check_amounts(report: OrderReport, *, sums: bool) -> None:
    amounts = [_amount(line, report.currency) for line in report.lines]
    names = ("discount_minor", "shipping_minor", "tax_minor", "fees_minor", "paid_minor", "refunded_minor")
    told: dict[str, int | None] = {name: getattr(report, name) for name in names}
    for line, amount in zip(report.lines, amounts, strict=True):
        told |= {
            f"lines[{line.number}].amount": amount,
            f"lines[{line.number}].discount": line.discount_minor,
            f"lines[{line.number}].tax": line.tax_minor,
        }
    for name, value in told.items():
        if value is not None and value < 0:
            raise BadAmount(
                _("%(name)s: %(value)s is below zero; send it as a positive amount") % {"name": name, "value": value},
                field=name,
                value=value,
            )
        if value is not None and value > _told.LARGEST_AMOUNT:
            raise BadAmount(
                _("%(name)s: %(value)s is more than any order; check the unit") % {"name": name, "value": value},
                field=name,
                value=str(value),
            )
    goods = sum(amounts)
    if sums and report.discount_minor > goods:
        raise BadAmount(
            _("discount_minor: %(discount_minor)s is more than the goods' %(goods)s; send at most that")
            % {"discount_minor": report.discount_minor, "goods": goods},
            field="discount_minor",
            value=report.discount_minor,
        )
    if report.total_minor is not None and report.total_minor < 0:
        raise BadAmount(
            _("total_minor: %(total_minor)s is below zero; send a refund for money that goes back")
            % {"total_minor": report.total_minor},
            field="total_minor",
            value=report.total_minor,
        )


def _check_words(report: OrderReport) -> None:
    for name, known in (("state", ORDER_STATES), ("fulfilment", FULFILMENTS)):
        told = getattr(report, name)
        if told is not None and told not in known:
            raise _odd(name, told, _("send one of %(choices)s") % {"choices": ", ".join(known)})


def _check_rate(report: OrderReport) -> None:
    if (report.rate is None) != (report.shop_currency is None):
        raise _odd("rate", report.rate, _("send it together with shop_currency, or neither"))
    if report.rate is not None and report.shop_currency is not None:
        money.exponent(report.shop_currency)
        if not report.rate.is_finite() or not _RATE_PLACES <= report.rate < _LARGEST_RATE:
            raise _odd("rate", report.rate, _("send how much of shop_currency one of currency is worth"))


def _check_tenders(report: OrderReport) -> None:
    refs = [tender.ref for tender in report.tenders]
    for n, tender in enumerate(report.tenders):
        if not 0 < len(tender.ref) <= 200 or refs.count(tender.ref) > 1:
            raise _odd(f"tenders[{n}].ref", tender.ref, _("send each tender once, with its own reference"))
        if tender.kind not in TENDER_KINDS:
            raise _odd(
                f"tenders[{n}].kind", tender.kind, _("send one of %(choices)s") % {"choices": ", ".join(TENDER_KINDS)}
            )
        if tender.state not in TENDER_STATES:
            raise _odd(
                f"tenders[{n}].state",
                tender.state,
                _("send one of %(choices)s") % {"choices": ", ".join(TENDER_STATES)},
            )
        if tender.amount_minor < 0:
            raise BadAmount(
                _("tenders[%(n)s].amount: %(amount_minor)s is below zero; send a refund for money that goes back")
                % {"n": n, "amount_minor": tender.amount_minor},
                field=f"tenders[{n}].amount",
                value=tender.amount_minor,
            )


def _check_line(line: LineReport) -> None:
    where = f"lines[{line.number}]"
    if not 0 < line.number <= _told.LARGEST_NUMBER:
        raise _odd(f"{where}.number", line.number, _("number lines from 1 on"))
    _told.check_ref(f"{where}.product_ref", line.product_ref, 200, BadOrder)
    for name, most in (("variant_ref", 200), ("sku", 100)):
        if told := getattr(line, name):
            _told.check_ref(f"{where}.{name}", told, most, BadOrder)
    for name in _PLACES:
        number = getattr(line, name)
        if not number.is_finite() or abs(number) >= _LARGEST:
            raise _odd(f"{where}.{name}", number, _("send a decimal number below a billion"))


def _check_personalisation(line: LineReport) -> None:
    field = f"lines[{line.number}].personalisation"
    for kind in line.personalisation:
        # What it says is not repeated in the refusal: it may be what the customer wrote.
        if not _PERSONALISATION.fullmatch(kind):
            raise BadOrder(
                _('%(field)s: is no kind; send kinds such as "engraving", not what is written') % {"field": field},
                field=field,
            )
    if len(",".join(line.personalisation)) > _MOST_PERSONALISATION:
        raise BadOrder(_("%(field)s: has too many kinds; send fewer") % {"field": field}, field=field)


def _odd(field: str, value: object, mend: object) -> BadOrder:
    shown = str(value)[:40]
    return BadOrder(
        _("%(field)s: %(shown)r cannot be; %(mend)s") % {"field": field, "shown": shown, "mend": mend},
        field=field,
        value=shown,
    )
