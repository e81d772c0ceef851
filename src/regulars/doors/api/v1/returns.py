"""Refunds as shops tell them: of goods or of money alone, before their order or after, to whatever store."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.orders import MOST_LINES, not_ahead
from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnLineReport, ReturnReport
from regulars.facts.customers import identifiers, records
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["returns"])


class ReturnLineIn(exact.Told):
    """Goods that came back."""

    product_ref: exact.Ref
    quantity: exact.Quantity
    amount: exact.Amount = Field(description="What all of them are worth, by what was asked for them.")
    of_line: exact.Number | None = Field(None, description="The number of the order's line they were on.")
    restock: bool | None = Field(None, description="Whether they can be sold again.")
    title: exact.Title | None = None


class ReturnIn(exact.Told):
    """One refund as its source tells it. `ref` is its key: the same again changes nothing."""

    ref: exact.Ref
    namespace: exact.Code = Field("api", description="The source that gave the references.")
    order_ref: exact.Ref | None = Field(None, description="Its order, which may come later.")
    customer_ref: exact.Ref | None = Field(None, description="Left out: its order's.")
    returned_at: exact.Instant
    currency: exact.Currency
    lines: Annotated[list[ReturnLineIn], Field(max_length=MOST_LINES)] = []
    amount: exact.Amount | None = Field(None, description="All that it takes off the sale. Left out: its parts' sum.")
    shipping: exact.Amount = Decimal(0)
    tax: exact.Amount = Field(Decimal(0), description="Where the lines' amounts have none in them.")
    money: exact.Amount = Field(Decimal(0), description="For no goods.")
    paid_back: exact.Amount | None = Field(
        None,
        description="The money that went out with it. Left out: `amount`. Less where goods came back in exchange for"
        " others of the same order; more where it pays the rest of such an exchange.",
    )
    store: exact.Code | None = Field(None, description="Where the goods came back to.")
    is_void: bool = Field(default=False, description="It came to nothing after all.")
    reason: exact.Why | None = None
    source_updated_at: exact.Instant | None = Field(None, description="Decides between versions of it.")
    version: exact.Version | None = Field(None, description="Decides between versions told at the same moment.")


class ReturnLineOut(exact.Shown):
    """Goods that came back. `matched_quantity` of them are known to have been bought."""

    number: int
    product_ref: str
    title: str
    quantity: str
    amount: str
    matched_quantity: str
    of_line: int | None
    restock: bool | None


class ReturnOut(exact.Shown):
    """One return as it is on record. `order` is null while the order it names is not."""

    id: str
    ref: str
    order: str | None
    order_ref: str
    customer: str | None
    returned_at: datetime
    returned_on: date
    currency: str
    amount: str
    shipping: str
    tax: str
    money: str
    paid_back: str
    matched: str
    differs: str
    store: str
    is_void: bool
    reason: str
    source_updated_at: datetime | None
    version: int | None
    lines: list[ReturnLineOut]


class NothingCameBack(Refusal):
    """No goods and no money."""

    code = "returns.nothing_came_back"


@router.post("/returns", auth=ApiKey("orders.write"), response=ReturnOut, operation_id="record_return")
def record_return(request: HttpRequest, body: ReturnIn) -> ReturnOut:
    """Put one refund on record as its source tells it, before its order or after.

    Other content under the same `ref` replaces it when `source_updated_at`, or at the same moment `version`, is later,
    and is refused otherwise.
    """
    now = clock.now()
    not_ahead(now, returned_at=body.returned_at, source_updated_at=body.source_updated_at)
    view = goods_returns.record(report=_report(body), at=now, by=caller(request), on_tie="listed")
    return return_out([view])[0]


@router.get("/returns/{goods_return}", auth=ApiKey("orders.read"), response=ReturnOut, operation_id="get_return")
def get_return(request: HttpRequest, goods_return: str) -> ReturnOut:
    """One return with its lines."""
    return return_out([goods_returns.by_public_id(goods_return)])[0]


@router.get(
    "/orders/{order}/returns", auth=ApiKey("orders.read"), response=list[ReturnOut], operation_id="list_order_returns"
)
def list_order_returns(request: HttpRequest, order: str) -> list[ReturnOut]:
    """What came back of an order, oldest first."""
    return return_out(goods_returns.of_order(orders.by_public_id(order).id))


def return_out(views: Sequence[goods_returns.ReturnView]) -> list[ReturnOut]:
    """Returns as the API shows them. Two queries, for public ids."""
    sales = orders.public_ids(view.order_id for view in views if view.order_id is not None)
    people = records.public_ids(view.customer_id for view in views if view.customer_id is not None)
    return [
        ReturnOut(
            id=view.public_id,
            ref=view.ref,
            order=None if view.order_id is None else sales[view.order_id],
            order_ref=view.order_ref,
            customer=None if view.customer_id is None else people[view.customer_id],
            returned_at=view.returned_at,
            returned_on=view.returned_on,
            currency=view.currency,
            amount=exact.shown(view.amount_minor, view.currency),
            shipping=exact.shown(view.shipping_minor, view.currency),
            tax=exact.shown(view.tax_minor, view.currency),
            money=exact.shown(view.money_minor, view.currency),
            paid_back=exact.shown(view.paid_back_minor, view.currency),
            matched=exact.shown(view.matched_minor, view.currency),
            differs=exact.shown(view.differs_minor, view.currency),
            store=view.store,
            is_void=view.is_void,
            reason=view.reason,
            source_updated_at=view.source_updated_at,
            version=view.version,
            lines=[
                ReturnLineOut(
                    number=line.number,
                    product_ref=line.product_ref,
                    title=line.title,
                    quantity=str(line.quantity),
                    amount=exact.shown(line.amount_minor, view.currency),
                    matched_quantity=str(line.matched_quantity),
                    of_line=line.of_line,
                    restock=line.restock,
                )
                for line in view.lines
            ],
        )
        for view in views
    ]


def _report(body: ReturnIn) -> ReturnReport:
    def minor(amount: Decimal, field: str) -> int:
        return exact.minor(amount, body.currency, field)

    amounts = (body.amount, body.shipping, body.tax, body.money, body.paid_back)
    if not (body.lines or any(amounts) or body.is_void):
        raise NothingCameBack("lines: neither goods nor money came back; send one of them", field="lines")
    return ReturnReport(
        namespace=identifiers.check_namespace(body.namespace),
        ref=body.ref,
        returned_at=body.returned_at,
        currency=body.currency,
        order_ref=body.order_ref,
        lines=[
            ReturnLineReport(
                line.product_ref,
                line.quantity,
                minor(line.amount, f"lines.{n}.amount"),
                line.of_line,
                line.restock,
                line.title,
            )
            for n, line in enumerate(body.lines)
        ],
        amount_minor=None if body.amount is None else minor(body.amount, "amount"),
        paid_back_minor=None if body.paid_back is None else minor(body.paid_back, "paid_back"),
        shipping_minor=minor(body.shipping, "shipping"),
        tax_minor=minor(body.tax, "tax"),
        money_minor=minor(body.money, "money"),
        customer_ref=body.customer_ref,
        store=body.store,
        is_void=body.is_void,
        reason=body.reason or "",
        source_updated_at=body.source_updated_at,
        version=body.version,
    )
