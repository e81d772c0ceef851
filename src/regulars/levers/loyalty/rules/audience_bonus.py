"""More points for those who are in an audience; that they were in it, and since when, is kept as evidence."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.grants import Answer, Missed
from regulars.levers.loyalty.rules.rule import Given, Terms
from regulars.levers.loyalty.rules.told import Told
from regulars.levers.loyalty.rules.views import Context, OrderView
from regulars.levers.loyalty.rules.window_bonus import Bonus, shared_bonus


@dataclass(frozen=True, kw_only=True)
class AudienceBonus(Bonus):
    """A bonus for members of `audience` at the moment it was decided first."""

    kind: ClassVar[str] = "audience_bonus"

    audience: str

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """For those who were in."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        since = context.audiences.get(self.audience)
        if since is None:
            return self.missed("not_in_audience", audience=self.audience)
        return self.more(found, given, "audience", audience=self.audience, since=since)


def read(told: Told, terms: Terms) -> AudienceBonus:
    """From the file: a bonus for an `audience`, by its id."""
    audience = told.text("audience", longest=80)
    if terms.customers is not None and audience not in terms.customers.audiences:
        raise told.bad("audience", _("there is no such audience; write its id, aud_…"))
    return AudienceBonus(**shared_bonus(told, terms, AudienceBonus), audience=audience)
