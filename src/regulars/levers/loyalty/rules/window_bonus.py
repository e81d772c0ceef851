"""More points for a while: so many times what other rules give, or a number of points on top."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules import columns
from regulars.levers.loyalty.rules.columns import Answers, OrderColumns
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed, Reason, split
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, read_points, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Basis, Context, OrderView


@dataclass(frozen=True, kw_only=True)
class Bonus(Rule):
    """Either `points` parts, or what makes `times` as much of what the rules `multiplies` gave."""

    points: int
    times: Fraction
    multiplies: tuple[str, ...]

    def more(self, found: Basis, given: Given, code: str, **facts: str | int) -> Answer:
        """What it adds."""
        if self.points:
            return self.granted(self.points, found, code, **facts)
        extra = int(given.parts(self.multiplies) * (self.times - 1))
        if not extra:
            return self.missed("nothing_to_multiply")
        facts["times"] = f"{Decimal(self.times.numerator) / Decimal(self.times.denominator):f}"
        return Grant(
            self.id, extra, split(extra, given.lines(self.multiplies)), Reason(f"{code}_times", facts), self.funding
        )


@dataclass(frozen=True, kw_only=True)
class WindowBonus(Bonus):
    """A bonus from its first day until the day on which it is over."""

    kind: ClassVar[str] = "window_bonus"

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """Within its days."""
        found = self.reach(order, context, terms)
        return found if isinstance(found, Missed) else self.more(found, given, "bonus")

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found = self.reach_columns(orders, terms)
        if self.points:
            parts = np.where(found.is_open, self.points, 0)
            found.grant(parts, "bonus")
            found.shares = columns.split(parts, orders.weights, orders.begins)
            return found
        times = f"{Decimal(self.times.numerator) / Decimal(self.times.denominator):f}"
        others = [given[rule] for rule in self.multiplies]
        found.more(others, self.times - 1, orders.begins, "bonus_times", times=times)
        found.miss(found.is_open, "nothing_to_multiply")
        return found


def shared_bonus(told: Told, terms: Terms, kind: type[Rule]) -> dict[str, Any]:
    """What is said of a bonus: `points`, or `times` what the rules it `multiplies` give."""
    if told.has("points") == told.has("times"):
        raise told.bad("points", _("write either points or times"))
    times = Fraction(told.decimal("times")) if told.has("times") else Fraction(1)
    multiplies = told.words("multiplies")
    if told.has("times") and (not 1 < times <= 100 or not multiplies):
        raise told.bad("times", _("write a number above 1, up to 100, and under `multiplies` the rules"))
    points = read_points(told, "points", terms) if told.has("points") else 0
    return {**shared(told, terms, kind), "points": points, "times": times, "multiplies": multiplies}


def read(told: Told, terms: Terms) -> WindowBonus:
    """From the file: a bonus with its days."""
    if not told.has("from") or not told.has("until"):
        raise told.bad("until", _("say from which day and until which; the last is the first without it"))
    return WindowBonus(**shared_bonus(told, terms, WindowBonus))
