"""What a member pays instead: of each line of a cart or order the benefit that takes most off. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from regulars.levers.loyalty.rules import asking
from regulars.levers.loyalty.rules.benefit_terms import Benefit
from regulars.levers.loyalty.rules.views import LineView, OrderView


@dataclass(frozen=True)
class Off:
    """So much off a line, by the benefit at that place among those asked for."""

    place: int
    minor: int


def off(benefit: Benefit, order: OrderView, line: LineView) -> int:
    """What it takes off what a line costs, in minor units: a percentage rounded half up once for the line, or an amount
    for each; never more than the line."""
    if benefit.kind != "member_price" or line.amount_minor <= 0 or line.is_gift_card:
        return 0
    if benefit.where is not None and not asking.line_fits(benefit.where, order, line):
        return 0
    if benefit.percent:
        exact = Decimal(line.amount_minor) * benefit.percent / 100
        return int(exact.to_integral_value(ROUND_HALF_UP))
    return min(int((benefit.off_minor * line.quantity).to_integral_value(ROUND_FLOOR)), line.amount_minor)


def best(order: OrderView, benefits: Sequence[Benefit]) -> dict[int, Off]:
    """Line to what is taken off; of two that take as much the first. Prices never add up."""
    found: dict[int, Off] = {}
    for line in order.lines:
        for place, benefit in enumerate(benefits):
            minor = off(benefit, order, line)
            if minor and (line.number not in found or found[line.number].minor < minor):
                found[line.number] = Off(place, minor)
    return found


def taken_off(benefit: Benefit, order: OrderView, discounts: dict[int, int]) -> int:
    """What an order's own lines say that a price took off: of each line it is for its discount, at most what the price
    takes off what it cost before. `order` has the amounts after it."""
    saved = 0
    for line in order.lines:
        told = discounts.get(line.number, 0)
        if told > 0:
            before = LineView(
                line.number,
                line.quantity,
                line.kept,
                line.amount_minor + told,
                line.product,
                line.category,
                line.brand,
                line.sku,
                is_gift_card=line.is_gift_card,
            )
            saved += min(told, off(benefit, order, before))
    return saved
