"""Now and then points for nothing: drawn once for each member and period, and never again for the same."""

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.grants import Answer, Missed
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, once_a, points_text, read_points, shared
from regulars.levers.loyalty.rules.streak import PERIODS, beginning
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView


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

    def draw(self, context: Context, period: str) -> int:
        """A number from 0 to 9999, always the same for a member and a period."""
        told = f"{context.seed}/{self.id}/{context.member}/{period}"
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
