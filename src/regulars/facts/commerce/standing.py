"""What an order comes to: paid less refunded. Pure; `orders.standing` reads what it is asked with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from regulars.facts.commerce.deriving import DOUBLE, UNCOUNTED

Word = Literal["draft", "test", "double", "cancelled", "unpaid", "part_paid", "paid", "part_refunded", "refunded"]


@dataclass(frozen=True)
class Standing:
    """Where one order stands, in minor units of `currency`: the same whatever was told first, and however often.

    `is_paid_told`: its source says what was paid; otherwise a sale counts as paid. `refunded_minor` is what its refunds
    come to, or what its source says has gone back, whichever is more. `counts`: it is a sale that stands, neither
    cancelled nor a draft, a test, told twice or book-keeping. `set_off_minor`: so much of its total was settled by
    goods of it that came back in exchange, and is owed by nobody. `over_refunded_minor`: so much more went back than
    was paid.
    `goods_minor` is what was asked for its goods less discount,
    `goods_back_minor` how much of that went back. `tenders`: kind to what was captured by it, as far as told.
    """

    order: int
    currency: str
    word: Word
    counts: bool
    total_minor: int
    paid_minor: int
    refunded_minor: int
    is_paid_told: bool
    goods_minor: int
    goods_back_minor: int
    gift_cards_minor: int
    tenders: Mapping[str, int]
    set_off_minor: int
    over_refunded_minor: int

    @property
    def kept_minor(self) -> int:
        """Paid less refunded: what the shop has kept. Below zero where more went back than came in."""
        return self.paid_minor - self.refunded_minor

    @property
    def goods_kept_minor(self) -> int:
        """What its customer kept of its goods, by what was asked for them; nothing where it does not count."""
        return self.goods_minor - self.goods_back_minor if self.counts else 0


@dataclass(frozen=True)
class Told:
    """What is on record of an order and its refunds, of which those in its currency count: `taken_off_minor` is what
    they take off the sale, `refunds_minor` the money that went out with them."""

    order: int
    currency: str
    kind: str
    is_cancelled: bool
    total_minor: int
    goods_minor: int
    discount_minor: int
    paid_minor: int | None
    refunded_minor: int | None
    taken_off_minor: int
    refunds_minor: int
    goods_back_minor: int
    gift_cards_minor: int
    tenders: Mapping[str, int]


def standing(told: Told) -> Standing:
    """What `told` comes to."""
    counts = told.kind not in (*UNCOUNTED, "adjustment") and not told.is_cancelled
    refunded = max(told.refunds_minor, told.refunded_minor or 0)
    set_off = max(told.taken_off_minor - told.refunds_minor, 0)
    if told.paid_minor is not None:
        paid = told.paid_minor
    elif told.is_cancelled or told.kind in UNCOUNTED:
        # Nobody said that anything was paid, and nobody expects it: what went back is all there can have been.
        paid = refunded
    else:
        paid = told.total_minor - set_off
    return Standing(
        order=told.order,
        currency=told.currency,
        word=_word(told, paid, refunded, told.total_minor - set_off),
        counts=counts,
        total_minor=told.total_minor,
        paid_minor=paid,
        refunded_minor=refunded,
        is_paid_told=told.paid_minor is not None,
        goods_minor=told.goods_minor - told.discount_minor,
        goods_back_minor=told.goods_back_minor,
        gift_cards_minor=told.gift_cards_minor,
        tenders=told.tenders,
        set_off_minor=set_off,
        # What is book-keeping may be below zero, and pays nothing back.
        over_refunded_minor=0 if told.kind == "adjustment" else max(refunded - paid, 0),
    )


def _word(told: Told, paid: int, refunded: int, due: int) -> Word:
    if told.kind == "draft":
        return "draft"
    if told.kind == "test":
        return "test"
    if told.kind == DOUBLE:
        return "double"
    if told.is_cancelled:
        return "cancelled"
    if refunded:
        return "refunded" if refunded >= paid else "part_refunded"
    if paid >= due:
        return "paid"
    return "part_paid" if paid else "unpaid"
