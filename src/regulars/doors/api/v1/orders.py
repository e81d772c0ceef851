"""Orders: recording them, cancelling them, refunding them, asking for one."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from django.http import HttpRequest
from ninja import Header, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.commerce import goods_returns, orders
from regulars.facts.customers import customers, identifiers
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["orders"])

MOST_LINES = 500
#: Clocks of tills run ahead a little; an order of next year is a mistake that would age every customer.
AHEAD = timedelta(days=1)

IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", pattern="^[!-~]{1,120}$")]


class LineIn(exact.Told):
    """One line. `number` stays the same when the order is told again; left out everywhere, it is the position."""

    product_ref: exact.Ref
    quantity: exact.Quantity
    unit_price: exact.UnitPrice
    number: Annotated[int, Field(ge=1, le=100_000)] | None = None
    amount: exact.Amount | None = Field(None, description="Left out: quantity times unit price, rounded half up.")
    discount: exact.Amount = Decimal(0)
    title: exact.Title | None = None
    category: exact.Ref | None = None


class OrderIn(exact.Told):
    """One order as its source tells it. `ref` is its key: the same again changes nothing."""

    ref: exact.Ref
    namespace: exact.Code = Field("api", description="The source that gave the references.")
    placed_at: exact.Instant
    currency: exact.Currency
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=MOST_LINES)]
    customer_ref: exact.Ref | None = Field(None, description="Left out: a guest's order.")
    country: exact.Country | None = None
    channel: exact.Code | None = None
    store: exact.Code | None = None
    discount: exact.Amount = Decimal(0)
    shipping: exact.Amount = Decimal(0)
    tax: exact.Amount = Decimal(0)
    total: exact.Amount | None = Field(None, description="Left out: goods less discount plus shipping and tax.")
    source_updated_at: exact.Instant | None = Field(None, description="Decides between versions of an order.")


class CancelIn(exact.Told):
    """Why, as a short code."""

    why: exact.Why | None = None


class RefundLineIn(exact.Told):
    """How much of a line comes back."""

    number: Annotated[int, Field(ge=1, le=100_000)]
    quantity: exact.Quantity


class RefundIn(exact.Told):
    """What comes back; without `lines`, all that is left."""

    lines: Annotated[list[RefundLineIn], Field(min_length=1, max_length=MOST_LINES)] | None = None
    why: exact.Why | None = None


class LineOut(exact.Shown):
    """One line."""

    number: int
    product_ref: str
    title: str
    quantity: str
    unit_price: str
    amount: str
    discount: str
    returned_quantity: str


class OrderOut(exact.Shown):
    """One order as it is on record."""

    id: str
    ref: str
    customer: str | None
    channel: str
    store: str
    placed_at: datetime
    placed_on: date
    currency: str
    kind: str
    goods: str
    discount: str
    shipping: str
    tax: str
    total: str
    cancelled_at: datetime | None
    lines: list[LineOut]


class RefundLineOut(exact.Shown):
    """What came back of one line."""

    number: int
    product_ref: str
    title: str
    quantity: str
    amount: str


class RefundOut(exact.Shown):
    """One refund."""

    id: str
    order: str
    customer: str | None
    returned_at: datetime
    returned_on: date
    currency: str
    amount: str
    lines: list[RefundLineOut]


class BadLineNumbers(Refusal):
    """Twice the same number, or numbers on some lines only."""

    code = "orders.bad_line_numbers"


class InTheFuture(Refusal):
    """Later than any clock."""

    code = "orders.in_the_future"


class NoQuantity(Refusal):
    """Nothing of it."""

    code = "orders.no_quantity"


@router.post("/orders", auth=ApiKey("orders.write"), response=OrderOut, operation_id="record_order")
def record_order(request: HttpRequest, body: OrderIn, idempotency_key: IdempotencyKey | None = None) -> OrderOut:
    """Put one order on record. Its `ref` is its key: the same content again gives the same answer.

    Other content under the same `ref` replaces it when `source_updated_at` is later, and is refused otherwise.
    An `Idempotency-Key` is accepted and not needed.
    """
    now = clock.now()
    for field, instant in (("placed_at", body.placed_at), ("source_updated_at", body.source_updated_at)):
        if instant is not None and instant > now + AHEAD:
            raise InTheFuture(
                f"{field}: {instant.isoformat()} is in the future; send the true instant",
                field=field,
                value=instant.isoformat(),
            )
    view = orders.record(report=_report(body), at=now, by=caller(request))
    return order_out([view])[0]


@router.get("/orders/{order}", auth=ApiKey("orders.read"), response=OrderOut, operation_id="get_order")
def get_order(request: HttpRequest, order: str) -> OrderOut:
    """One order with its lines."""
    return order_out([orders.by_public_id(order)])[0]


@router.post("/orders/{order}/cancel", auth=ApiKey("orders.write"), response=OrderOut, operation_id="cancel_order")
def cancel_order(request: HttpRequest, order: str, body: CancelIn | None = None) -> OrderOut:
    """The order does not count any more. Again changes nothing."""
    why = (body.why if body else None) or ""
    found = orders.by_public_id(order)
    return order_out([orders.cancel(order=found.id, at=clock.now(), by=caller(request), why=why)])[0]


@router.post("/orders/{order}/refunds", auth=ApiKey("orders.write"), response=RefundOut, operation_id="refund_order")
def refund_order(
    request: HttpRequest, order: str, idempotency_key: IdempotencyKey, body: RefundIn | None = None
) -> RefundOut:
    """Goods of the order came back. The same `Idempotency-Key` again gives the first answer."""
    told = body or RefundIn()
    found = orders.by_public_id(order)
    lines = None if told.lines is None else _wanted(told.lines)
    view = goods_returns.refund(
        order=found.id, lines=lines, key=idempotency_key, at=clock.now(), by=caller(request), why=told.why or ""
    )
    if lines is not None and lines != {line.number: line.quantity for line in view.lines}:
        # An earlier answer to other words under the same key: nothing was written, and saying yes would be a lie.
        raise goods_returns.KeyUsedElsewhere(
            "Idempotency-Key: it refunded other lines of this order before; choose a new key", field="Idempotency-Key"
        )
    return _refund_out(view, found)


def order_out(views: Sequence[orders.OrderView]) -> list[OrderOut]:
    """Orders as the API shows them. One query, for the customers' public ids."""
    known = customers.get_many(sorted({view.customer_id for view in views if view.customer_id is not None}))
    return [
        OrderOut(
            id=view.public_id,
            ref=view.ref,
            customer=known[view.customer_id].public_id if view.customer_id is not None else None,
            channel=view.channel,
            store=view.store,
            placed_at=view.placed_at,
            placed_on=view.placed_on,
            currency=view.currency,
            kind=view.kind,
            goods=exact.shown(view.goods_minor, view.currency),
            discount=exact.shown(view.discount_minor, view.currency),
            shipping=exact.shown(view.shipping_minor, view.currency),
            tax=exact.shown(view.tax_minor, view.currency),
            total=exact.shown(view.total_minor, view.currency),
            cancelled_at=view.cancelled_at,
            lines=[
                LineOut(
                    number=line.number,
                    product_ref=line.product_ref,
                    title=line.title,
                    quantity=str(line.quantity),
                    unit_price=str(line.unit_price),
                    amount=exact.shown(line.amount_minor, view.currency),
                    discount=exact.shown(line.discount_minor, view.currency),
                    returned_quantity=str(line.returned_quantity),
                )
                for line in view.lines
            ],
        )
        for view in views
    ]


def _refund_out(view: goods_returns.ReturnView, order: orders.OrderView) -> RefundOut:
    known = customers.get_many([order.customer_id]) if order.customer_id is not None else {}
    return RefundOut(
        id=view.public_id,
        order=order.public_id,
        customer=known[order.customer_id].public_id if order.customer_id is not None else None,
        returned_at=view.returned_at,
        returned_on=view.returned_on,
        currency=view.currency,
        amount=exact.shown(view.amount_minor, view.currency),
        lines=[
            RefundLineOut(
                number=line.number,
                product_ref=line.product_ref,
                title=line.title,
                quantity=str(line.quantity),
                amount=exact.shown(line.amount_minor, view.currency),
            )
            for line in view.lines
        ],
    )


def _report(body: OrderIn) -> orders.OrderReport:
    currency = body.currency
    return orders.OrderReport(
        namespace=identifiers.check_namespace(body.namespace),
        ref=body.ref,
        placed_at=body.placed_at,
        currency=currency,
        lines=_lines(body),
        customer_ref=body.customer_ref,
        country=body.country,
        channel=body.channel or ("store" if body.store else "web"),
        store=body.store,
        discount_minor=exact.minor(body.discount, currency, "discount"),
        shipping_minor=exact.minor(body.shipping, currency, "shipping"),
        tax_minor=exact.minor(body.tax, currency, "tax"),
        total_minor=None if body.total is None else exact.minor(body.total, currency, "total"),
        source_updated_at=body.source_updated_at,
    )


def _lines(body: OrderIn) -> list[orders.LineReport]:
    told = [line.number for line in body.lines]
    numbers = [number for number in told if number is not None] or list(range(1, len(told) + 1))
    if len(set(numbers)) != len(told):
        raise BadLineNumbers("lines: number all of them, each once, or none", field="lines")
    return [
        _line(line, number, body.currency, f"lines.{position}")
        for position, (line, number) in enumerate(zip(body.lines, numbers, strict=True))
    ]


def _line(line: LineIn, number: int, currency: str, where: str) -> orders.LineReport:
    _some(line.quantity, f"{where}.quantity")
    if line.quantity * line.unit_price >= exact.LARGEST_AMOUNT:
        raise exact.TooLargeAmount(
            f"{where}: {line.quantity} times {line.unit_price} has over {exact.WHOLE_DIGITS} digits; check the unit",
            field=where,
        )
    return orders.LineReport(
        number=number,
        product_ref=line.product_ref,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount_minor=None if line.amount is None else exact.minor(line.amount, currency, f"{where}.amount"),
        discount_minor=exact.minor(line.discount, currency, f"{where}.discount"),
        title=line.title,
        category=line.category,
    )


def _wanted(lines: Sequence[RefundLineIn]) -> dict[int, Decimal]:
    if len({line.number for line in lines}) != len(lines):
        raise BadLineNumbers("lines: name each line once", field="lines")
    for position, line in enumerate(lines):
        _some(line.quantity, f"lines.{position}.quantity")
    return {line.number: line.quantity for line in lines}


def _some(quantity: Decimal, field: str) -> None:
    if not quantity:
        raise NoQuantity(f"{field}: is nought; leave the line out", field=field, value="0")
