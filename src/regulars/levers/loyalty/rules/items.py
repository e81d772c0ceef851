"""Points for things kept, whatever they cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np

from regulars.levers.loyalty.rules.columns import Answers, OrderColumns, fits, sums
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed, Reason
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, points_text, read_points, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView


@dataclass(frozen=True, kw_only=True)
class Items(Rule):
    """`points` parts for each whole item kept of lines that count; what is sold by weight counts its whole units."""

    kind: ClassVar[str] = "item"

    points: int

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """Each line by itself."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        counted = {line for line, _ in found.weights}
        kept = {line.number: int(max(line.kept, Decimal(0))) for line in order.lines if line.number in counted}
        lines = {line: items * self.points for line, items in kept.items() if items}
        if not lines:
            return self.missed("no_whole_item")
        because = Reason("items", {"items": sum(kept.values()), "points": points_text(self.points, terms.scale)})
        return Grant(self.id, sum(lines.values()), lines, because, self.funding)

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found = self.reach_columns(orders, terms)
        whole = np.where(orders.weights > 0, np.maximum(orders.items, 0) // 1000, 0)
        fits(whole, self.points)
        items = sums(whole, orders.begins)
        parts = np.where(found.is_open, items * self.points, 0)
        found.shares = np.where(found.is_open[orders.of], whole * self.points, 0)
        found.grant(
            parts,
            "items",
            items=lambda which: items[which].tolist(),
            points=points_text(self.points, terms.scale),
        )
        found.miss(found.is_open, "no_whole_item")
        return found


def read(told: Told, terms: Terms) -> Items:
    """From the file: `points` for each item."""
    return Items(**shared(told, terms, Items), points=read_points(told, "points", terms))
