"""What rules look at: an order as it stands, something that happened, and what was so of its customer. Frozen, no
database. Amounts are whole minor units of the order's currency."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

#: Stands for shipping where lines are numbered; lines of orders are numbered from 1.
SHIPPING = 0


@dataclass(frozen=True, slots=True)
class LineView:
    """One line. `amount_minor` is what it costs after its own discount; `kept` of `quantity` has not come back.

    `tax_minor` is None where nobody told it for the line.
    """

    number: int
    quantity: Decimal
    kept: Decimal
    amount_minor: int
    product: str = ""
    category: str = ""
    brand: str = ""
    sku: str = ""
    tax_minor: int | None = None
    is_gift_card: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """The money of an order that counts for a rule. `weights`: line to what was kept of it, in minor units of the
    order's currency; one of them is worth `worth` minor units of the programme's money."""

    weights: tuple[tuple[int, int], ...]
    worth: Fraction
    #: Of all lines, in the order's currency, before `worth`.
    whole: int

    @property
    def floor(self) -> int:
        """`minor` without what is less than one."""
        return self.whole * self.worth.numerator // self.worth.denominator

    def reaches(self, minor: int) -> bool:
        """Whether it is as much as that in the programme's money."""
        return self.whole * self.worth.numerator >= minor * self.worth.denominator

    @property
    def minor(self) -> Fraction:
        """Of all lines, in the programme's money, exactly."""
        return self.whole * self.worth


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order as it stands now.

    `counts` is False for what earns nothing: cancelled, a draft, a test, nobody's. `due_minor`: its total less what its
    refunds take off it; `kept_minor`: paid less refunded. `money_back_minor` went back for no goods. `tenders`: kind to
    what was captured. `rate`: minor units of the programme's money for one of the order's, None where nobody knows it.
    """

    placed_at: datetime
    placed_on: date
    currency: str
    lines: tuple[LineView, ...]
    total_minor: int
    due_minor: int
    kept_minor: int
    counts: bool = True
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    prices_include_tax: bool = False
    money_back_minor: int = 0
    channel: str = ""
    store: str = ""
    fulfilment: str = ""
    tenders: Mapping[str, int] = field(default_factory=dict)
    rate: Fraction | None = Fraction(1)
    #: What earns of it, as far as a rule has asked: most rules ask the same.
    bases: dict[object, Basis] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class EventView:
    """Something a customer did, or that came round: a review, a sign-up, a birthday, a visit to a store.

    `about` is what it was done to, such as a product; `properties` what was told of it. `year` is the one it is kept
    for, where that may not be the one it is in: a birthday of the Chinese calendar may come twice in one.
    """

    name: str
    at: datetime
    on: date
    about: str = ""
    store: str = ""
    properties: Mapping[str, str | int | bool | Decimal] = field(default_factory=dict)
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What was so of the customer when it was decided first; kept, so that a return is decided with the same.

    `member` and `seed` make surprises that cannot be drawn again. `order_number`: this is their first order, their
    second … `fits`: rule to whether its `only_if` held. `audiences`: those they were in, with when they came in.
    `streaks`: rule to how many periods in a row they had come, this one included. `turns`: rule that gives for every so
    many orders to the number this one is given it for, 0 for none. `tiers`: set to the level they were on before it.
    `birthdays`: benefit to how many times it gives, of an order around their birthday, for who had it.
    `about`: of an event, what it was done to.
    """

    member: str = ""
    seed: str = ""
    order_number: int | None = None
    fits: Mapping[str, bool] = field(default_factory=dict)
    audiences: Mapping[str, str] = field(default_factory=dict)
    streaks: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)
    birthdays: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
