"""Now and then points for nothing: drawn once for each member and period, and never again for the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import ClassVar

import numpy as np

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.columns import Answers, OrderColumns, split
from regulars.levers.loyalty.rules.grants import Answer, Missed
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, once_a, points_text, read_points, shared
from regulars.levers.loyalty.rules.streak import PERIODS, beginning, beginnings
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, kw_only=True)
class Surprise(Rule):
    """`points` parts, with a chance of `chance` percent for each member in each period; never twice in one."""

    kind: ClassVar[str] = "surprise"

    points: int
    chance: int
    period: str

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """Whether this was a lucky period; the first order of it that counts gets it, as caps see to."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        if self.draw(context, beginning(order.placed_on, self.period).isoformat()) >= self.chance * 100:
            return self.missed("no_luck", chance=self.chance)
        return self.granted(self.points, found, "surprise", points=points_text(self.points, terms.scale))

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found, first = self.reach_columns(orders, terms), beginnings(orders.placed_on, self.period)
        drawn: dict[tuple[int, int], bool] = {}
        is_lucky, some = np.zeros(len(orders), np.bool_), np.flatnonzero(found.is_open)
        for place, *one in zip(some.tolist(), orders.member[some].tolist(), first[some].tolist(), strict=True):
            member, day = one
            if (lucky := drawn.get((member, day))) is None:
                period = date.fromordinal(day + _EPOCH).isoformat()
                lucky = self._drawn(orders.seed, str(member), period) < self.chance * 100
                drawn[member, day] = lucky
            is_lucky[place] = lucky
        found.miss(~is_lucky, "no_luck", chance=self.chance)
        parts = np.where(found.is_open, self.points, 0)
        found.grant(parts, "surprise", points=points_text(self.points, terms.scale))
        found.shares = split(parts, orders.weights, orders.begins)
        return found

    def draw(self, context: Context, period: str) -> int:
        """A number from 0 to 9999, always the same for a member and a period."""
        return self._drawn(context.seed, context.member, period)

    def _drawn(self, seed: str, member: str, period: str) -> int:
        told = f"{seed}/{self.id}/{member}/{period}"
        return int.from_bytes(sha256(told.encode()).digest()[:8], "big") % 10_000


def read(told: Told, terms: Terms) -> Surprise:
    """From the file: `points` with a `chance` in percent, per `period`; capped at once a period for each member."""
    chance = told.percent("chance")
    if not 1 <= chance <= 100:
        raise told.bad("chance", _("write a chance from 1 to 100 percent"))
    made = Surprise(
        **shared(told, terms, Surprise),
        points=read_points(told, "points", terms),
        chance=chance,
        period=told.one_of("period", PERIODS),
    )
    return once_a(made, made.period, made.points)
