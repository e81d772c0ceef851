"""Points for certain orders of somebody: the fifth, or every tenth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.columns import Answers, Flags, OrderColumns, split
from regulars.levers.loyalty.rules.grants import Answer, Missed
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, once_a, read_points, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView


@dataclass(frozen=True, kw_only=True)
class NthOrder(Rule):
    """`points` parts for the order numbered `nth`, or for `every` so many of them; one of both is 0."""

    kind: ClassVar[str] = "nth_order"

    points: int
    nth: int
    every: int

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """All of it or nothing."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        number = context.order_number or 0
        if self.every:
            turn = self.turn(context)
            if turn:
                return self.granted(self.points, found, "nth_order", number=turn)
            if number and number % self.every == 0:
                return self.missed("nth_given", number=number)
            return self.missed("not_nth_yet", number=number, more=self.every - number % self.every)
        if number == self.nth:
            return self.granted(self.points, found, "nth_order", number=number)
        if number < self.nth:
            return self.missed("not_nth_yet", number=number, more=self.nth - number)
        return self.missed("past_nth", number=number, nth=self.nth)

    def turn(self, context: Context) -> int:
        """For which number of order this one is given it, 0 for none: where older ones are told of late it may be
        another's than its own. Where nobody settled that, as in a trial of history in order, its own."""
        number = context.order_number or 0
        return context.turns.get(self.id, number if number % self.every == 0 else 0)

    def may_give(self, context: Context) -> bool:
        """For their number alone; of `every` so many any of them may be given what an older one would have been."""
        number = context.order_number or 0
        return number > 0 if self.every else number == self.nth

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many. For every so many they are all of a customer's, and none was given any before: then its
        own number is what each is given it for."""
        found, number = self.reach_columns(orders, terms), orders.number
        if self.every:
            parts = np.where(found.is_open & self.may_give_columns(orders), self.points, 0)
            found.grant(parts, "nth_order", number=lambda which: number[which].tolist())
            found.shares = split(parts, orders.weights, orders.begins)
            found.miss(
                found.is_open,
                "not_nth_yet",
                number=lambda which: number[which].tolist(),
                more=lambda which: (self.every - number[which] % self.every).tolist(),
            )
            return found
        parts = np.where(found.is_open & (number == self.nth), self.points, 0)
        found.grant(parts, "nth_order", number=self.nth)
        found.shares = split(parts, orders.weights, orders.begins)
        found.miss(
            number < self.nth,
            "not_nth_yet",
            number=lambda which: number[which].tolist(),
            more=lambda which: (self.nth - number[which]).tolist(),
        )
        found.miss(found.is_open, "past_nth", number=lambda which: number[which].tolist(), nth=self.nth)
        return found

    def may_give_columns(self, orders: OrderColumns) -> Flags:
        """`may_give` for many; for every so many those that are given it."""
        found: Flags = (
            (orders.number > 0) & (orders.number % self.every == 0) if self.every else orders.number == self.nth
        )
        return found


def read(told: Told, terms: Terms) -> NthOrder:
    """From the file: `points` for the order `nth`, once for each member, or for `every` so many."""
    nth, every = told.number("nth", 0, least=2, most=100_000), told.number("every", 0, least=2, most=100_000)
    if bool(nth) == bool(every):
        raise told.bad("nth", _("write either nth or every"))
    made = NthOrder(**shared(told, terms, NthOrder), points=read_points(told, "points", terms), nth=nth, every=every)
    return once_a(made, "ever", made.points) if nth else made
