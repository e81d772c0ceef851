"""Points for money spent: on what lines, by what tenders, where and on which weekdays, `where` and `tenders` say."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from regulars.levers.loyalty.rules.columns import Answers, OrderColumns, fits, split
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed
from regulars.levers.loyalty.rules.rule import (
    Given,
    Rule,
    Terms,
    points_text,
    read_money,
    read_points,
    shared,
    shown,
    shown_of,
    up,
)
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Basis, Context, OrderView


@dataclass(frozen=True, kw_only=True)
class Spend(Rule):
    """`points` parts for each `per_minor` of money kept; rounded down once for the order."""

    kind: ClassVar[str] = "spend"

    points: int
    per_minor: int

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """What the money kept gives; where that is nothing yet, how much more would give something."""
        found = self.reach(order, context, terms)
        return found if isinstance(found, Missed) else self.paid_for(found, self.per_minor, terms)

    def paid_for(self, found: Basis, per_minor: int, terms: Terms) -> Grant | Missed:
        """`points` for each `per_minor`."""
        scaled = self.points * found.whole * found.worth.numerator
        parts = scaled // (found.worth.denominator * per_minor)
        if parts:
            return self.granted(
                parts,
                found,
                "spent",
                money=shown(found.floor, terms.currency),
                points=points_text(self.points, terms.scale),
                per=shown(per_minor, terms.currency),
            )
        more = Fraction(per_minor, self.points) - found.minor
        return self.missed(
            "spend_for_points",
            money=shown(up(more), terms.currency),
            points=points_text(max(self.points * up(Fraction(per_minor, self.points)) // per_minor, 1), terms.scale),
        )

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found = self.reach_columns(orders, terms)
        fits(self.points, orders.whole, orders.over)
        fits(orders.under, self.per_minor)
        scaled = self.points * orders.whole * orders.over
        parts = np.where(found.is_open, scaled // (orders.under * self.per_minor), 0)
        found.grant(
            parts,
            "spent",
            money=shown_of(orders.floor, terms.currency),
            points=points_text(self.points, terms.scale),
            per=shown(self.per_minor, terms.currency),
        )
        found.shares = split(parts, orders.weights, orders.begins)
        # Rounded up to what is enough.
        more = -((scaled - self.per_minor * orders.under) // (self.points * orders.under))
        found.miss(
            found.is_open,
            "spend_for_points",
            money=shown_of(more, terms.currency),
            points=points_text(
                max(self.points * up(Fraction(self.per_minor, self.points)) // self.per_minor, 1), terms.scale
            ),
        )
        return found


def read(told: Told, terms: Terms) -> Spend:
    """From the file: `points` for each `per` of money."""
    return Spend(
        **shared(told, terms, Spend),
        points=read_points(told, "points", terms),
        per_minor=read_money(told, "per", terms),
    )
