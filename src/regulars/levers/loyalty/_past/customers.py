"""What was so of customers right before each of very many orders, as far as a programme's rules ask: what
`_earning/seeing` reads for each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from regulars.facts.commerce.kept_columns import Flags, KeptColumns, Texts
from regulars.kit import civil
from regulars.levers.loyalty._earning import birthdays
from regulars.levers.loyalty._tiers import before as tier_before
from regulars.levers.loyalty._tiers.facts import moment
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.birthday_bonus import BirthdayBonus
from regulars.levers.loyalty.rules.tier_bonus import TierBonus


@dataclass(frozen=True)
class Customers:
    """Of each order, as `Context` has it: by set of tiers a level, by benefit how many times it gives; else empty."""

    tiers: Mapping[str, Texts] = field(default_factory=dict)
    birthdays: Mapping[str, Texts] = field(default_factory=dict)

    def only(self, wanted: Flags) -> "Customers":
        """Of those of the orders that are wanted."""
        tiers, days = ({name: told[wanted] for name, told in of.items()} for of in (self.tiers, self.birthdays))
        return Customers(tiers, days)


@dataclass(frozen=True, slots=True)
class _Bought:
    order: int
    customer: int
    placed_at: datetime


def of(orders: KeptColumns, programme: Programme) -> Customers:
    """Where no rule asks anything of it, nothing is read."""
    sets = {rule.tiers for rule in programme.of_orders if isinstance(rule, TierBonus)}
    benefits = {rule.benefit for rule in programme.of_orders if isinstance(rule, BirthdayBonus)}
    numbers, people, moments = orders.order.tolist(), orders.customer.tolist(), orders.placed_at.tolist()
    levels: dict[int, dict[str, str]] = {}
    if sets and numbers and (ladder := tier_before.ladder(programme.code)) is not None:
        sets |= {*ladder.segments}
        levels = tier_before.levels(ladder, dict(zip(numbers, zip(people, moments, strict=True), strict=True)))
    multiplied: dict[int, dict[str, str]] = {}
    if benefits:
        bought = [_Bought(n, who, moment(at)) for n, who, at in zip(numbers, people, moments, strict=True)]
        zone = civil.zone(programme.zone)
        multiplied = birthdays.multiplied(bought, programme, zone, levels, of_the_past=True, ladder=None)
    tiers, days = (
        {name: np.array([told.get(n, _NOTHING).get(name, "") for n in numbers], object) for name in sorted(names)}
        for names, told in ((sets, levels), (benefits, multiplied))
    )
    return Customers(tiers, days)


_NOTHING: Mapping[str, str] = {}
