"""The money that earns: what a customer kept of goods and paid for with money, and nothing else unless a rule says so.

Points, gift cards, tax and shipping earn nothing by default. All of it is a function of what stands now, so whatever
order parts come back in, what is left is the same.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from regulars.levers.loyalty.rules import columns
from regulars.levers.loyalty.rules.columns import Flags, Numbers, fits, sums
from regulars.levers.loyalty.rules.grants import split
from regulars.levers.loyalty.rules.views import SHIPPING, Basis, LineView, OrderView

#: What a rule may count besides. Points are no money: what was paid with them never earns.
INCLUDABLE = ("shipping", "tax", "gift_cards_sold", "gift_cards_used")
#: Means of payment that are no money when they are used.
NEVER = "points"
GIFT_CARD = "gift_card"
#: So much of so much: whole numbers, for a fraction costs ten times as much and most orders need none.
_Share = tuple[int, int]
_ALL: _Share = (1, 1)
_NOTHING: _Share = (0, 1)


def of(
    order: OrderView,
    *,
    include: Collection[str] = (),
    tenders: Collection[str] = (),
    fits: Callable[[LineView], bool] | None = None,
) -> Basis:
    """What earns of `order`: of lines that fit, with `tenders` of what was paid by these means only.

    A line's part of the order's discount and tax is fixed by largest remainder; what is kept of a line is its quantity
    kept, rounded down to the minor unit.
    """
    rate = order.rate if order.rate is not None else Fraction(0)
    if not order.counts:
        return Basis((), rate, 0)
    off: dict[int, int] = {}
    if order.discount_minor:
        off = split(order.discount_minor, [(line.number, line.amount_minor) for line in order.lines])
    tax = _taxes(order, off, include)
    weights, everything = [], 0
    for line in order.lines:
        whole = max(line.amount_minor - off.get(line.number, 0), 0)
        kept = _kept(whole, line)
        everything += kept
        if (line.is_gift_card and "gift_cards_sold" not in include) or (fits is not None and not fits(line)):
            continue
        if line.number in tax:
            kept = max(kept + _kept(tax[line.number], line), 0)
        if kept:
            weights.append((line.number, kept))
    if "shipping" in include and order.shipping_minor and everything:
        weights.append((SHIPPING, order.shipping_minor))
    over, under = 1, 1
    for part, whole in (_paid(order), _left(order, everything), _by(order, include, tenders)):
        over, under = over * part, under * whole
    whole = sum([weight for _, weight in weights])
    return Basis(tuple(weights), rate if over == under else rate * Fraction(over, under), whole)


@dataclass(frozen=True)
class Paid:
    """What `of_columns` has to know of many orders, as `OrderView` and `LineView` have it. Lines of order n stand from
    `begins[n]`; `is_taxed`: whether somebody told the line's `line_tax_minor`. Of what was paid `money_minor` of
    `paid_minor` was paid with money."""

    begins: Numbers
    quantity: Numbers
    kept: Numbers
    amount_minor: Numbers
    is_gift_card: Flags
    is_taxed: Flags
    line_tax_minor: Numbers
    discount_minor: Numbers
    shipping_minor: Numbers
    tax_minor: Numbers
    prices_include_tax: Flags
    due_minor: Numbers
    kept_minor: Numbers
    money_back_minor: Numbers
    money_minor: Numbers
    paid_minor: Numbers


def of_columns(orders: Paid) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """`of` for many orders of which nothing is included or asked, in the programme's money; no line, tax or shipping of
    theirs is less than nothing. What counts of each line, of each order, and one of it is worth so many of so many."""
    begins, whole = orders.begins, orders.amount_minor
    if orders.discount_minor.any():
        whole = np.maximum(whole - columns.split(orders.discount_minor, whole, begins), 0)
    of_line = _kept_of(whole, orders)
    everything = sums(of_line, begins)
    kept = of_line
    if orders.prices_include_tax.any():
        kept = np.maximum(kept - _kept_of(_taxes_of(orders, whole), orders), 0)
    weights = np.where(orders.is_gift_card, 0, kept)
    over = under = np.ones(len(begins) - 1, np.int64)
    for is_all, part, of in (
        (
            (orders.due_minor <= 0) | (orders.kept_minor >= orders.due_minor),
            np.maximum(orders.kept_minor, 0),
            orders.due_minor,
        ),
        (
            (orders.money_back_minor <= 0) | (everything <= 0),
            np.maximum(everything - orders.money_back_minor, 0),
            everything,
        ),
        (orders.paid_minor <= 0, orders.money_minor, orders.paid_minor),
    ):
        part, of = np.where(is_all, 1, part), np.where(is_all, 1, of)
        shared = np.maximum(np.gcd(part, of), 1)
        fits(over, part // shared)
        fits(under, of // shared)
        over, under = over * (part // shared), under * (of // shared)
    return weights, sums(weights, begins), over, under


def _kept_of(minor: Numbers, orders: Paid) -> Numbers:
    """`_kept` for many, of what is not less than nothing."""
    fits(minor, orders.kept)
    share = minor * np.maximum(orders.kept, 0) // np.maximum(orders.quantity, 1)
    return np.where(orders.kept == orders.quantity, minor, share)


def _taxes_of(orders: Paid, whole: Numbers) -> Numbers:
    """What tax is in what each line costs: told, or its part of what is left of the order's."""
    begins, many = orders.begins, len(orders.begins) - 1
    of = np.repeat(np.arange(many), np.diff(begins))
    taxed = orders.prices_include_tax
    told = np.where(orders.is_taxed & taxed[of], orders.line_tax_minor, 0)
    untold = np.where(orders.is_taxed, 0, whole)
    # Shipping has its part too: it stands behind the lines of its order.
    with_shipping = begins + np.arange(many + 1)
    places = np.arange(len(of)) + of
    weights = np.zeros(len(of) + many, np.int64)
    weights[places] = untold
    weights[with_shipping[1:] - 1] = orders.shipping_minor
    rest = np.maximum(orders.tax_minor - sums(told, begins), 0)
    has = taxed & (sums((~orders.is_taxed).astype(np.int64), begins) > 0) & (sums(weights, with_shipping) > 0)
    shares = columns.split(np.where(has, rest, 0), weights, with_shipping)
    return told + np.where(orders.is_taxed, 0, shares[places])


def _kept(minor: int, line: LineView) -> int:
    if line.kept == line.quantity or line.quantity <= 0:
        return minor
    if line.kept <= 0:
        return 0
    share = Fraction(line.kept) / Fraction(line.quantity)
    return int(minor * share) if minor >= 0 else -int(-minor * share)


def _taxes(order: OrderView, off: dict[int, int], include: Collection[str]) -> dict[int, int]:
    """What tax adds to what each line costs, or takes from it: nothing where prices already are as they shall count."""
    wanted = "tax" in include
    if wanted == order.prices_include_tax:
        return {}
    told = {line.number: line.tax_minor for line in order.lines if line.tax_minor is not None}
    if not told and not order.tax_minor:
        return told
    rest = max(order.tax_minor - sum(told.values()), 0)
    untold = [
        (line.number, max(line.amount_minor - off.get(line.number, 0), 0))
        for line in order.lines
        if line.number not in told
    ]
    if rest and untold:
        told |= {
            line: share for line, share in split(rest, [*untold, (SHIPPING, order.shipping_minor)]).items() if line
        }
    return told if wanted else {line: -share for line, share in told.items()}


def _paid(order: OrderView) -> _Share:
    """How much of what is to be paid has been."""
    if order.due_minor <= 0 or order.kept_minor >= order.due_minor:
        return _ALL
    return max(order.kept_minor, 0), order.due_minor


def _left(order: OrderView, everything: int) -> _Share:
    """What is left of the goods' price after money that went back for no goods."""
    if order.money_back_minor <= 0 or everything <= 0:
        return _ALL
    return max(everything - order.money_back_minor, 0), everything


def _by(order: OrderView, include: Collection[str], tenders: Collection[str]) -> _Share:
    """The share that was paid with money, or by the means that a rule asks for."""
    if not order.tenders:
        return _NOTHING if tenders else _ALL
    whole = max(sum(order.tenders.values()), order.total_minor)
    if whole <= 0:
        return _NOTHING if tenders else _ALL
    left_out = {NEVER} if "gift_cards_used" in include else {NEVER, GIFT_CARD}
    if tenders:
        return sum(paid for kind, paid in order.tenders.items() if kind in tenders), whole
    return whole - sum(paid for kind, paid in order.tenders.items() if kind in left_out), whole
