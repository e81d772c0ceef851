"""Points for money spent on a partner's goods, of which the partner pays all or a share."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.rule import SHOP, Terms, read_money, read_points, shared
from regulars.levers.loyalty.rules.spend import Spend
from regulars.levers.loyalty.rules.told import Told


@dataclass(frozen=True, kw_only=True)
class Partner(Spend):
    """As `Spend`; who pays is `funding`, and stands on every lot it gives."""

    kind: ClassVar[str] = "partner"


def read(told: Told, terms: Terms) -> Partner:
    """From the file: `points` for each `per` of money, `funded_by` a partner; `where` says what is the partner's."""
    common = shared(told, terms, Partner)
    if common["funding"] == SHOP:
        raise told.bad("funded_by", _("write the partner's code: who pays stands on the points"))
    if common["where"] is None:
        raise told.bad("where", _("say which goods are the partner's, such as {field: brand, is: Acme}"))
    return Partner(**common, points=read_points(told, "points", terms), per_minor=read_money(told, "per", terms))
