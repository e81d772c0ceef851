"""One customer's dealings with the shop, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnView
from regulars.facts.commerce.orders import OrderView
from regulars.kit import paging
from regulars.kit.paging import Page

What = Literal["purchase", "giveaway", "adjustment", "return"]
_LIST = "timeline"
_LAST = 2**63 - 1


@dataclass(frozen=True)
class Line:
    """One product of a document. `amount_minor` is after the line's discount; `returned` of it came back later."""

    title: str
    ref: str
    quantity: Decimal
    amount_minor: int
    returned: Decimal


@dataclass(frozen=True)
class Moment:
    """One document, as it is told. Money in minor units of `currency`; a return's is what was paid back.

    `known_minor` of a return belongs to purchases on record; `place` is the codes of
    the channel and, where there is one, of the store.
    """

    what: What
    public_id: str
    ref: str
    at: datetime
    on: date
    place: tuple[str, ...]
    currency: str
    total_minor: int
    shipping_minor: int
    tax_minor: int
    known_minor: int
    is_cancelled: bool
    lines: Sequence[Line]


def of(customer: int, cursor: str | None = None, *, size: int = 20) -> Page[Moment]:
    """Orders and returns, newest first; at one instant an order before what came back. Four queries.

    Refuses a cursor of another list with BadCursor.
    """
    paging.check_size(size)
    before_order = before_return = None
    if cursor is not None:
        at, is_order, number = paging.decode(cursor, _LIST, datetime, bool, int)
        assert isinstance(at, datetime)
        assert isinstance(number, int)
        before_order = (at, number if is_order else 0)
        before_return = (at, _LAST if is_order else number)
    documents: list[OrderView | ReturnView] = [
        *orders.of_customer(customer, before=before_order, limit=size + 1),
        *goods_returns.of_customer(customer, before=before_return, limit=size + 1),
    ]
    documents.sort(key=_place, reverse=True)
    found = paging.cut(documents[: size + 1], size, of=_LIST, key=_place)
    return Page(tuple(_told(document) for document in found.items), found.next)


def _place(document: OrderView | ReturnView) -> tuple[datetime, bool, int]:
    if isinstance(document, OrderView):
        return document.placed_at, True, document.id
    return document.returned_at, False, document.id


def _told(document: OrderView | ReturnView) -> Moment:
    return _return(document) if isinstance(document, ReturnView) else _order(document)


def _return(document: ReturnView) -> Moment:
    return Moment(
        what="return",
        public_id=document.public_id,
        ref=document.ref,
        at=document.returned_at,
        on=document.returned_on,
        place=(),
        currency=document.currency,
        total_minor=document.amount_minor,
        shipping_minor=0,
        tax_minor=0,
        known_minor=document.matched_minor,
        is_cancelled=False,
        lines=[Line(one.title, one.product_ref, one.quantity, one.amount_minor, Decimal(0)) for one in document.lines],
    )


def _order(document: OrderView) -> Moment:
    kinds: dict[str, What] = {"giveaway": "giveaway", "adjustment": "adjustment"}
    return Moment(
        what=kinds.get(document.kind, "purchase"),
        public_id=document.public_id,
        ref=document.ref,
        at=document.placed_at,
        on=document.placed_on,
        place=tuple(part for part in (document.channel, document.store) if part),
        currency=document.currency,
        total_minor=document.total_minor,
        shipping_minor=document.shipping_minor,
        tax_minor=document.tax_minor,
        known_minor=0,
        is_cancelled=document.cancelled_at is not None,
        lines=[
            Line(one.title, one.product_ref, one.quantity, one.amount_minor, one.returned_quantity)
            for one in document.lines
        ],
    )
