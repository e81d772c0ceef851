"""More points for those on a level: the level they were on before the order; it is kept as evidence with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

import numpy as np

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.columns import Answers, Flags, OrderColumns
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed, Reason, split
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, shared
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView


@dataclass(frozen=True, kw_only=True)
class TierBonus(Rule):
    """`times` what the rules it `multiplies` gave, by level of the set `tiers`."""

    kind: ClassVar[str] = "tier_bonus"

    tiers: str
    times: Mapping[str, Fraction] = field(default_factory=dict)
    multiplies: tuple[str, ...] = ()

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """What their level adds, rounded down once for the order."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        level = context.tiers.get(self.tiers, "")
        times = self.times.get(level)
        if times is None:
            return self.missed("not_on_the_level")
        extra = int(given.parts(self.multiplies) * (times - 1))
        if not extra:
            return self.missed("nothing_to_multiply")
        why = Reason("tier_times", {"level": level, "times": _said(times)})
        return Grant(self.id, extra, split(extra, given.lines(self.multiplies)), why, self.funding)

    def may_give(self, context: Context) -> bool:
        """To those on a level that has more."""
        return context.tiers.get(self.tiers, "") in self.times

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for: levels are told with the orders."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found, levels = self.reach_columns(orders, terms), orders.tiers[self.tiers]
        found.miss(~self.may_give_columns(orders), "not_on_the_level")
        others, is_open = [given[rule] for rule in self.multiplies], found.is_open.copy()
        for level, times in self.times.items():
            found.is_open = is_open & (levels == level)
            found.more(others, times - 1, orders.begins, "tier_times", level=level, times=_said(times))
            found.miss(found.is_open, "nothing_to_multiply")
        return found

    def may_give_columns(self, orders: OrderColumns) -> Flags:
        """`may_give` for many."""
        levels = orders.tiers[self.tiers]
        found: Flags = np.isin(levels, np.array([*self.times], object))
        return found


def _said(times: Fraction) -> str:
    return f"{Decimal(times.numerator) / Decimal(times.denominator):f}"


def read(told: Told, terms: Terms) -> TierBonus:
    """From the file: `times` by level of `tiers`, of what the rules it `multiplies` give."""
    tiers = told.one_of("tiers", tuple(terms.tiers)) if terms.tiers else told.text("tiers", longest=40)
    if tiers not in terms.tiers:
        raise told.bad("tiers", _("this programme has no such set of tiers; write one under `tiers`"))
    if told.raw("multiplies") is None:
        raise told.bad("multiplies", _("write which rules' points are multiplied"))
    under, times = told.under("times"), {}
    for level in terms.tiers[tiers]:
        if under.has(level):
            many = Fraction(under.decimal(level))
            if not 1 < many <= 100:
                raise under.bad(level, _("write a number above 1, up to 100"))
            times[level] = many
    under.done(terms.tiers[tiers])
    if not times:
        raise told.bad("times", _('write how many times by level, such as {gold: "1.5"}'))
    return TierBonus(**shared(told, terms, TierBonus), tiers=tiers, times=times, multiplies=told.words("multiplies"))
