"""Points for the first order somebody pays for and keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from regulars.levers.loyalty.rules.columns import Answers, Flags, OrderColumns, split
from regulars.levers.loyalty.rules.grants import Answer, Missed
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, once_a, read_points, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView


@dataclass(frozen=True, kw_only=True)
class FirstOrder(Rule):
    """`points` parts while any of what counts is kept, and at least `at_least_minor` of it."""

    kind: ClassVar[str] = "first_order"

    points: int

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """All of it or nothing."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        if context.order_number != 1:
            return self.missed("not_first", number=context.order_number or 0)
        return self.granted(self.points, found, "first_order")

    def may_give(self, context: Context) -> bool:
        """To nobody's second."""
        return context.order_number == 1

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found = self.reach_columns(orders, terms)
        found.miss(orders.number != 1, "not_first", number=lambda which: orders.number[which].tolist())
        parts = np.where(found.is_open, self.points, 0)
        found.grant(parts, "first_order")
        found.shares = split(parts, orders.weights, orders.begins)
        return found

    def may_give_columns(self, orders: OrderColumns) -> Flags:
        """`may_give` for many."""
        found: Flags = orders.number == 1
        return found


def read(told: Told, terms: Terms) -> FirstOrder:
    """From the file: `points`; capped at once for each member: an older order that is told later was first too."""
    made = FirstOrder(**shared(told, terms, FirstOrder), points=read_points(told, "points", terms))
    return once_a(made, "ever", made.points)
