"""Orders: recording, cancelling and refunding them; asking for them, where they stand and what became of them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Header, Query, Router
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
#: `IdempotencyKey | None` would be read from the query: the mark has to stand outermost.
MaybeIdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", pattern="^[!-~]{1,120}$")]


OrderState = Literal["draft", "placed", "completed", "cancelled"]
TenderKind = Literal["card", "cash", "wallet", "bank", "gift_card", "store_credit", "points", "other"]
TenderState = Literal["pending", "captured", "failed", "voided"]
Fulfilment = Literal["ship", "collect", "same_city", "carry_out"]
Kind = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,31}$")]


class LineIn(exact.Told):
    """One line. `number` stays the same when the order is told again; left out everywhere, it is the position."""

    product_ref: exact.Ref
    quantity: exact.Quantity
    unit_price: exact.UnitPrice
    number: exact.Number | None = None
    amount: exact.Amount | None = Field(None, description="Left out: quantity times unit price, rounded half up.")
    discount: exact.Amount = Decimal(0)
    title: exact.Title | None = None
    category: exact.Ref | None = None
    variant_ref: exact.Ref | None = None
    sku: Annotated[exact.Ref, Field(max_length=100)] | None = None
    tax: exact.Amount | None = None
    is_gift_card: bool = False
    personalisation: Annotated[list[Kind], Field(max_length=5)] = Field(
        default=[], description="Kinds such as engraving or gift_wrap; what is written is personal and not taken."
    )


class TenderIn(exact.Told):
    """One means by which the order is paid. `ref` is the source's own, each once in the order."""

    ref: exact.Ref
    kind: TenderKind
    state: TenderState
    amount: exact.Amount
    at: exact.Instant | None = None


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
    version: exact.Version | None = Field(None, description="Decides between versions told at the same moment.")
    number: exact.Code | None = Field(None, description="What people call it.")
    state: OrderState | None = Field(None, description="Drafts count nowhere.")
    is_test: bool = Field(default=False, description="Tests count nowhere and are nobody's.")
    cancelled_at: exact.Instant | None = None
    paid: exact.Amount | None = Field(None, description="Left out: what captured tenders come to; without any, all.")
    refunded: exact.Amount | None = Field(None, description="All that has gone back, as far as the source knows.")
    fees: exact.Amount = Field(Decimal(0), description="Tips, duties, packing.")
    prices_include_tax: bool = Field(default=False, description="The lines' amounts have the tax in them.")
    tenders: Annotated[list[TenderIn], Field(max_length=50)] = []
    shop_currency: exact.Currency | None = None
    rate: exact.Rate | None = Field(None, description="Of shop_currency for one of currency, as captured.")
    exchange_of: exact.Ref | None = Field(None, description="The order in whose place it came.")
    till: Annotated[exact.Ref, Field(max_length=100)] | None = None
    taken_by: Annotated[exact.Ref, Field(max_length=100)] | None = Field(None, description="A code, no name.")
    fulfilment: Fulfilment | None = None


class CancelIn(exact.Told):
    """Why, as a short code."""

    why: exact.Why | None = None


class RefundLineIn(exact.Told):
    """How much of a line comes back."""

    number: exact.Number
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
    variant_ref: str
    sku: str
    tax: str | None
    is_gift_card: bool
    personalisation: list[str]


class TenderOut(exact.Shown):
    """One means by which the order is paid."""

    ref: str
    kind: str
    state: str
    amount: str
    at: datetime | None


class OrderOut(exact.Shown):
    """One order as it is on record."""

    id: str
    namespace: str
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
    number: str
    state: str
    paid: str | None
    refunded: str | None
    fees: str
    prices_include_tax: bool
    expected_total: str
    differs: str = Field(description="So much is the total more than its parts come to.")
    over_refunded: str = Field(description="So much more went back than was paid.")
    lines_differ: str = Field(description="So much are its lines apart from quantity times unit price, less discount.")
    deleted_at: datetime | None = Field(description="Since when its source has it no more; `state` is then deleted.")
    tenders_differ: str = Field(description="So much more was captured than was paid, or than there was to pay.")
    shop_currency: str | None
    rate: str | None
    exchange_of: str
    exchanged_for: list[str] = Field(description="The orders that came in exchange for this one.")
    till: str
    taken_by: str
    fulfilment: str
    version: int | None
    source_updated_at: datetime | None
    recorded_at: datetime
    lines: list[LineOut]
    tenders: list[TenderOut]


class OrdersOut(exact.Shown):
    """A page of orders, the one placed last first."""

    items: list[OrderOut]
    next: str | None


class StandingOut(exact.Shown):
    """Where an order stands: paid less refunded, the same whatever was told first."""

    order: str
    currency: str
    word: str
    counts: bool
    total: str
    paid: str
    refunded: str
    kept: str
    is_paid_told: bool
    goods: str
    goods_back: str
    goods_kept: str
    set_off: str = Field(description="What was settled by goods of it that came back in exchange, and is owed no more.")
    over_refunded: str = Field(description="So much more went back than was paid.")
    gift_cards: str
    tenders: dict[str, str]


class ChangeOut(exact.Shown):
    """One change of an order, as it was told, and who told it."""

    what: str
    at: datetime
    before: str | None
    after: str | None
    source: str
    delivery: str
    recorded_at: datetime


class HistoryOut(exact.Shown):
    """What happened to an order, oldest first."""

    order: str
    changes: list[ChangeOut]


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
def record_order(request: HttpRequest, body: OrderIn, idempotency_key: MaybeIdempotencyKey = None) -> OrderOut:
    """Put one order on record. Its `ref` is its key: the same content again gives the same answer.

    Other content under the same `ref` replaces it when `source_updated_at` is later, and is refused otherwise.
    An `Idempotency-Key` is accepted and not needed.
    """
    now = clock.now()
    not_ahead(now, placed_at=body.placed_at, source_updated_at=body.source_updated_at, cancelled_at=body.cancelled_at)
    view = orders.record(report=_report(body), at=now, by=caller(request))
    return order_out([view])[0]


@router.get("/orders", auth=ApiKey("orders.read"), response=OrdersOut, operation_id="list_orders")
def list_orders(
    request: HttpRequest,
    ref: Annotated[str, Query(max_length=200, description="As its source or as people call it.")] = "",
    namespace: Annotated[str, Query(max_length=64, description="Only of that source.")] = "",
    kind: Literal["", "purchase", "giveaway", "adjustment", "draft", "test", "double"] = "",
    channel: Annotated[str, Query(max_length=64)] = "",
    store: Annotated[str, Query(max_length=64)] = "",
    differs: Annotated[
        bool, Query(description="Only those whose sums do not add up, or of which more went back than was paid.")
    ] = False,
    cursor: Annotated[str, Query(max_length=400)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrdersOut:
    """Orders, the one placed last first.

    Where much has to be looked through for little, a page has few orders or none and a `next` to look on from.
    """
    page = orders.page(
        ref=ref,
        namespace=namespace,
        kind=kind,
        channel=channel,
        store=store,
        differs=differs,
        cursor=cursor or None,
        limit=limit,
    )
    return OrdersOut(items=order_out(page.items), next=page.next)


@router.get("/orders/{order}/standing", auth=ApiKey("orders.read"), response=StandingOut, operation_id="get_standing")
def get_standing(request: HttpRequest, order: str) -> StandingOut:
    """What the order comes to: paid less refunded, and how much of its goods was kept."""
    found = orders.by_public_id(order)
    stands = orders.standing(found.id)

    def shown(minor: int) -> str:
        return exact.shown(minor, stands.currency)

    return StandingOut(
        order=found.public_id,
        currency=stands.currency,
        word=stands.word,
        counts=stands.counts,
        total=shown(stands.total_minor),
        paid=shown(stands.paid_minor),
        refunded=shown(stands.refunded_minor),
        kept=shown(stands.kept_minor),
        is_paid_told=stands.is_paid_told,
        goods=shown(stands.goods_minor),
        goods_back=shown(stands.goods_back_minor),
        goods_kept=shown(stands.goods_kept_minor),
        set_off=shown(stands.set_off_minor),
        over_refunded=shown(stands.over_refunded_minor),
        gift_cards=shown(stands.gift_cards_minor),
        tenders={kind: shown(minor) for kind, minor in stands.tenders.items()},
    )


@router.get("/orders/{order}/history", auth=ApiKey("orders.read"), response=HistoryOut, operation_id="get_history")
def get_history(request: HttpRequest, order: str) -> HistoryOut:
    """What happened to the order as it was told, with who told it, oldest first."""
    found = orders.by_public_id(order)

    def shown(minor: int | None) -> str | None:
        return None if minor is None else exact.shown(minor, found.currency)

    changes = [
        ChangeOut(
            what=change.what,
            at=change.at,
            before=shown(change.before_minor),
            after=shown(change.after_minor),
            source=change.source,
            delivery=change.delivery,
            recorded_at=change.recorded_at,
        )
        for change in orders.history(found.id)
    ]
    return HistoryOut(order=found.public_id, changes=changes)


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
    """Orders as the API shows them. Two queries, for the customers' public ids and the orders' exchanges."""
    exchanges = orders.exchanged_for(views)
    known = customers.get_many(sorted({view.customer_id for view in views if view.customer_id is not None}))
    return [
        OrderOut(
            id=view.public_id,
            namespace=view.namespace,
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
            number=view.number,
            state=view.state,
            paid=None if view.paid_minor is None else exact.shown(view.paid_minor, view.currency),
            refunded=None if view.refunded_minor is None else exact.shown(view.refunded_minor, view.currency),
            fees=exact.shown(view.fees_minor, view.currency),
            prices_include_tax=view.prices_include_tax,
            expected_total=exact.shown(view.expected_minor, view.currency),
            differs=exact.shown(view.differs_minor, view.currency),
            over_refunded=exact.shown(view.over_refunded_minor, view.currency),
            deleted_at=view.deleted_at,
            lines_differ=exact.shown(view.lines_differ_minor, view.currency),
            tenders_differ=exact.shown(view.tenders_differ_minor, view.currency),
            shop_currency=view.shop_currency,
            rate=None if view.rate is None else f"{view.rate.normalize():f}",
            exchange_of=view.exchange_of,
            exchanged_for=[one.public_id for one in exchanges[view.id]],
            till=view.till,
            taken_by=view.taken_by,
            fulfilment=view.fulfilment,
            version=view.version,
            source_updated_at=view.source_updated_at,
            recorded_at=view.recorded_at,
            tenders=[
                TenderOut(
                    ref=tender.ref,
                    kind=tender.kind,
                    state=tender.state,
                    amount=exact.shown(tender.amount_minor, view.currency),
                    at=tender.at,
                )
                for tender in view.tenders
            ],
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
                    variant_ref=line.variant_ref,
                    sku=line.sku,
                    tax=None if line.tax_minor is None else exact.shown(line.tax_minor, view.currency),
                    is_gift_card=line.is_gift_card,
                    personalisation=list(line.personalisation),
                )
                for line in view.lines
            ],
        )
        for view in views
    ]


def not_ahead(now: datetime, **told: datetime | None) -> None:
    """Refuse instants that no clock shows yet."""
    for field, instant in told.items():
        if instant is not None and instant > now + AHEAD:
            raise InTheFuture(
                f"{field}: {instant.isoformat()} is in the future; send the true instant",
                field=field,
                value=instant.isoformat(),
            )


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
        number=body.number,
        state=body.state,
        is_test=body.is_test,
        cancelled_at=body.cancelled_at,
        paid_minor=None if body.paid is None else exact.minor(body.paid, currency, "paid"),
        refunded_minor=None if body.refunded is None else exact.minor(body.refunded, currency, "refunded"),
        fees_minor=exact.minor(body.fees, currency, "fees"),
        prices_include_tax=body.prices_include_tax,
        tenders=[_tender(tender, currency, n) for n, tender in enumerate(body.tenders)],
        shop_currency=body.shop_currency,
        rate=body.rate,
        exchange_of=body.exchange_of,
        till=body.till,
        taken_by=body.taken_by,
        fulfilment=body.fulfilment,
        version=body.version,
    )


def _tender(told: TenderIn, currency: str, place: int) -> orders.TenderReport:
    amount = exact.minor(told.amount, currency, f"tenders.{place}.amount")
    return orders.TenderReport(told.ref, told.kind, told.state, amount, told.at)


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
        variant_ref=line.variant_ref,
        sku=line.sku,
        tax_minor=None if line.tax is None else exact.minor(line.tax, currency, f"{where}.tax"),
        is_gift_card=line.is_gift_card,
        personalisation=line.personalisation,
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
