"""A share of what is kept, promised to a cause: money of the shop's, no points of anybody's."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.grants import Answer, Missed, Pledge, Reason
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, shared, shown
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView


@dataclass(frozen=True, kw_only=True)
class Donation(Rule):
    """`percent` of the money kept, rounded down to the minor unit, for `cause`."""

    kind: ClassVar[str] = "donation"

    cause: str
    percent: Decimal

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """What is promised for this order."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        minor = int(found.minor * Fraction(self.percent) / 100)
        if not minor:
            return self.missed("too_little_to_give")
        facts = {"percent": f"{self.percent:f}", "money": shown(int(found.minor), terms.currency), "cause": self.cause}
        return Pledge(self.id, self.cause, minor, Reason("pledged", facts))


def read(told: Told, terms: Terms) -> Donation:
    """From the file: `percent` of what is kept for a `cause`."""
    percent = told.decimal("percent")
    if percent > 100:
        raise told.bad("percent", _("write at most 100"))
    common = shared(told, terms, Donation)
    if common["caps"]:
        raise told.bad("caps", _("caps are for points; leave them out"))
    return Donation(**common, cause=told.text("cause", longest=60), percent=percent)
