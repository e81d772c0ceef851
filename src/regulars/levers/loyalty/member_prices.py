"""What a member pays for a cart, and whether they may see something before others: what a shop or a till
asks. Nothing is written; that a benefit was used is told by `benefits.use` with the order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from regulars.kit import civil
from regulars.kit.money import Money
from regulars.levers.loyalty import benefits
from regulars.levers.loyalty.benefits import Entitlement
from regulars.levers.loyalty.rules import benefit_prices
from regulars.levers.loyalty.rules.views import LineView, OrderView

__all__ = ("Cart", "CartLine", "Early", "Priced", "PricedLine", "early", "prices")


@dataclass(frozen=True)
class CartLine:
    """One line as anybody would pay it: `amount` of all of it."""

    product: str
    quantity: Decimal
    amount_minor: int
    category: str = ""
    brand: str = ""
    sku: str = ""
    is_gift_card: bool = False


@dataclass(frozen=True)
class Cart:
    """What somebody is about to buy, where, in one currency."""

    currency: str
    lines: Sequence[CartLine]
    channel: str = ""
    store: str = ""
    fulfilment: str = ""


@dataclass(frozen=True)
class PricedLine:
    """A line, from 1 on: what anybody pays, and the member less by `benefit` ("programme.benefit", empty for none)."""

    number: int
    amount: Money
    off: Money
    benefit: str


@dataclass(frozen=True)
class Priced:
    """The lines, and what is taken off them together."""

    lines: list[PricedLine]
    off: Money

    @property
    def benefits(self) -> list[str]:
        """Those to be told as used when it is bought."""
        return sorted({line.benefit for line in self.lines if line.benefit})


@dataclass(frozen=True)
class Early:
    """Something that opens for everybody at `opens_at`: from when on a member may see it, and by which benefit
    ("programme.benefit", empty where they have none and wait as everybody)."""

    opens_at: datetime
    sees_from: datetime
    may_see: bool
    benefit: str
    hours: int


def prices(*, customer: int, cart: Cart, at: datetime) -> Priced:
    """What a person pays for these by the member prices that they have and have not used up; of each line the best one,
    in its programme's money alone."""
    offered = [one for one in _had(customer, "member_price", at) if one.view.money == cart.currency]
    found: dict[int, tuple[str, int]] = {}
    for zone in sorted({one.view.zone for one in offered}):
        some = [one for one in offered if one.view.zone == zone]
        order = _as_order(cart, at, zone)
        for number, off in benefit_prices.best(order, [one.view.benefit for one in some]).items():
            if off.minor > found.get(number, ("", 0))[1]:
                found[number] = (some[off.place].view.key, off.minor)
    lines = [
        PricedLine(
            number,
            Money(line.amount_minor, cart.currency),
            Money(found[number][1] if number in found else 0, cart.currency),
            found[number][0] if number in found else "",
        )
        for number, line in enumerate(cart.lines, 1)
    ]
    return Priced(lines, Money(sum(line.off.minor for line in lines), cart.currency))


def early(*, customer: int, opens_at: datetime, at: datetime) -> Early:
    """Whether a person may see now what opens for everybody at `opens_at`."""
    had = _had(customer, "early_access", at)
    best = max(had, key=lambda one: one.view.benefit.hours, default=None)
    hours = best.view.benefit.hours if best is not None else 0
    sees_from = opens_at - timedelta(hours=hours)
    return Early(opens_at, sees_from, sees_from <= at, "" if best is None else best.view.key, hours)


def _had(customer: int, kind: str, at: datetime) -> list[Entitlement]:
    return [
        one
        for one in benefits.of(customer=customer, at=at)
        if one.view.benefit.kind == kind and (one.left is None or one.left)
    ]


def _as_order(cart: Cart, at: datetime, zone: str) -> OrderView:
    total = sum(line.amount_minor for line in cart.lines)
    return OrderView(
        placed_at=at,
        placed_on=civil.day_of(at, civil.zone(zone)),
        currency=cart.currency,
        lines=tuple(
            LineView(
                number,
                line.quantity,
                line.quantity,
                line.amount_minor,
                line.product,
                line.category,
                line.brand,
                line.sku,
                is_gift_card=line.is_gift_card,
            )
            for number, line in enumerate(cart.lines, 1)
        ),
        total_minor=total,
        due_minor=total,
        kept_minor=total,
        channel=cart.channel,
        store=cart.store,
        fulfilment=cart.fulfilment,
    )
