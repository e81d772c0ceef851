"""How sources tell of returns and refunds: one by one as reports, many as frames. No database."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import _told
from regulars.kit import civil, money
from regulars.kit.actors import Origin
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal

#: Columns of a batch's two frames. Quantities and amounts are positive: what came back, and what was paid out for it.
#: `order_ref` names the order where the return does.
RETURNS = pl.Schema(
    {
        "ref": pl.String(),
        "customer_ref": pl.String(),
        "order_ref": pl.String(),
        "returned_at": pl.Datetime("us", "UTC"),
        "returned_on": pl.Date(),
        "currency": pl.String(),
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
    }
)
#: What the frames may have besides: a column that is not there, like null in it, tells nothing. The amounts come on top
#: of the lines'. A return that names an order and no customer is its order's customer's.
MORE_OF_RETURNS = pl.Schema(
    {
        **dict.fromkeys(
            ("shipping_minor", "tax_minor", "money_minor", "differs_minor", "version", "paid_back_minor"), pl.Int64()
        ),
        "is_void": pl.Boolean(),
        **dict.fromkeys(("store", "reason", "delivery"), pl.String()),
    }
)
MORE_OF_LINES = pl.Schema({"of_line": pl.Int32(), "restock": pl.Boolean()})

_THOUSANDTH = Decimal("0.001")
_REASON = re.compile(r"([a-z][a-z0-9_]{0,59})?", re.ASCII)


@dataclass(frozen=True)
class ReturnLineReport:
    """Goods that came back. `amount_minor` is what all of `quantity` is worth, by what was asked for it; `of_line` the
    number of the order's line they were on, where the source says so; `restock` whether they can be sold again."""

    product_ref: str
    quantity: Decimal
    amount_minor: int
    of_line: int | None = None
    restock: bool | None = None
    title: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class ReturnReport:
    """One refund as its source tells it, of goods or of money alone. `ref` is its key in its namespace.

    `order_ref` names its order, which may come later. `amount_minor` is all that it takes off the sale; left out, the
    sum of what follows. `paid_back_minor` is the money that went out with it: left out, all of that; less where goods
    came back in exchange for others of the same order, more where it pays for what came back so before.
    `shipping_minor` for shipping, `tax_minor` where the lines' amounts have none in them, `money_minor` for no
    goods: what was paid on top. `store` is where the goods came back to. `is_void`: it came to nothing after all, the
    payment failed or somebody took it back. `reason` is a code; what a customer wrote is personal.
    """

    namespace: str
    ref: str
    returned_at: datetime
    currency: str
    order_ref: str | None = None
    lines: Sequence[ReturnLineReport] = ()
    amount_minor: int | None = None
    paid_back_minor: int | None = None
    shipping_minor: int = 0
    tax_minor: int = 0
    money_minor: int = 0
    customer_ref: str | None = None
    store: str | None = None
    is_void: bool = False
    reason: str = ""
    source_updated_at: datetime | None = None
    version: int | None = None
    delivery: str = ""


@dataclass(frozen=True)
class ReturnBatch:
    """Many returns of one source: frames with the columns RETURNS and LINES, and any of MORE_OF_RETURNS and
    MORE_OF_LINES; no reference stands twice in `returns`."""

    namespace: str
    returns: pl.DataFrame
    lines: pl.DataFrame
    origin: Origin


@dataclass(frozen=True)
class Parts:
    """What a refund is made of, so that the parts come to what went back; `differs` is what told parts were short."""

    lines: Sequence[int]
    shipping: int
    tax: int
    money: int
    differs: int


class BadReturn(Refusal):
    """A field holds what it cannot."""

    code = "returns.bad_field"


def batch_of(reports: Sequence[ReturnReport], *, zone: str, origin: Origin) -> ReturnBatch:
    """Reports of one source, each once, as a batch; days are those of `zone`. Raises nothing: `check` first."""
    [namespace] = {report.namespace for report in reports}
    days = civil.zone(zone)
    heads: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for report in reports:
        made = parts(report)
        heads.append(
            {name: getattr(report, name) for name in RETURNS if name != "returned_on"}
            | {
                "returned_on": civil.day_of(report.returned_at, days),
                "shipping_minor": made.shipping or None,
                "tax_minor": made.tax or None,
                "money_minor": made.money or None,
                "differs_minor": made.differs or None,
                "paid_back_minor": _paid_back(report, made),
                "version": report.version,
                "is_void": report.is_void or None,
                "store": report.store,
                "reason": report.reason or None,
                "delivery": report.delivery or None,
            }
        )
        lines += [
            {
                "ref": report.ref,
                "number": number,
                "product_ref": line.product_ref,
                "title": line.title,
                "category": line.category,
                "quantity": line.quantity.quantize(_THOUSANDTH, ROUND_HALF_UP),
                "unit_price": _unit_price(amount, line.quantity, report.currency),
                "amount_minor": amount,
                "of_line": line.of_line,
                "restock": line.restock,
            }
            for number, (line, amount) in enumerate(zip(report.lines, made.lines, strict=True), 1)
        ]
    return ReturnBatch(
        namespace,
        pl.DataFrame(heads, schema=pl.Schema({**RETURNS, **MORE_OF_RETURNS})),
        pl.DataFrame(lines, schema=pl.Schema({**LINES, **MORE_OF_LINES})),
        origin,
    )


def parts(report: ReturnReport) -> Parts:
    """What went back, divided so that it adds up to all of it.

    What goes beyond the parts is money for no goods. What the parts have too much, such as a fee for taking goods back,
    is taken off that money, then off the goods in proportion, then off tax and shipping.
    """
    lines = [line.amount_minor for line in report.lines]
    shipping, tax, extra = report.shipping_minor, report.tax_minor, report.money_minor
    told = sum(lines) + shipping + tax + extra
    differs = (told if report.amount_minor is None else report.amount_minor) - told
    if differs >= 0:
        return Parts(lines, shipping, tax, extra + differs, differs if told else 0)
    short = -differs
    off = min(short, extra)
    extra, short = extra - off, short - off
    if short and (goods := sum(lines)):
        off = min(short, goods)
        left = Money(goods - off, report.currency).allocate(lines)
        lines, short = [one.minor for one in left], short - off
    off = min(short, tax)
    return Parts(lines, shipping - (short - off), tax - off, extra, differs)


def _paid_back(report: ReturnReport, made: Parts) -> int | None:
    """What went out, where that is not what it takes off the sale: said in one way only, for the fingerprint."""
    worth = sum(made.lines) + made.shipping + made.tax + made.money
    return None if report.paid_back_minor == worth else report.paid_back_minor


def check(report: ReturnReport) -> None:
    """Refuse what the tables would, by name."""
    for name, most in (("ref", 200), ("order_ref", 200), ("customer_ref", 200), ("store", 64)):
        if (told := getattr(report, name)) is not None:
            _told.check_ref(name, told, most, BadReturn)
    money.exponent(report.currency)
    _told.check(report, BadReturn, texts={"delivery": 200}, instants=("returned_at", "source_updated_at"))
    if not _REASON.fullmatch(report.reason):
        # What it says is not repeated in the refusal: it may be what the customer wrote.
        raise BadReturn(_("reason: is no code; send one such as too_small, not a sentence"), field="reason")
    amounts: dict[str, int | None] = {
        name: getattr(report, name)
        for name in ("amount_minor", "shipping_minor", "tax_minor", "money_minor", "paid_back_minor")
    }
    for n, line in enumerate(report.lines, 1):
        amounts[f"lines[{n}].amount"] = line.amount_minor
        if not line.quantity.is_finite() or not 0 < line.quantity < 10**12:
            raise _odd(f"lines[{n}].quantity", line.quantity, _("send how many came back"))
        _told.check_ref(f"lines[{n}].product_ref", line.product_ref, 200, BadReturn)
        if line.of_line is not None and not 0 < line.of_line <= _told.LARGEST_NUMBER:
            raise _odd(f"lines[{n}].of_line", line.of_line, _("send the number of the order's line, from 1 on"))
    for name, value in amounts.items():
        if value is not None and not 0 <= value <= _told.LARGEST_AMOUNT:
            raise _odd(name, value, _("send it as a positive amount in minor units"))


def _unit_price(amount: int, quantity: Decimal, currency: str) -> Decimal:
    return (Decimal(amount).scaleb(-money.exponent(currency)) / quantity).quantize(Decimal("0.000001"))


def _odd(field: str, value: object, mend: object) -> BadReturn:
    shown = str(value)[:40]
    return BadReturn(
        _("%(field)s: %(shown)r cannot be; %(mend)s") % {"field": field, "shown": shown, "mend": mend},
        field=field,
        value=shown,
    )
