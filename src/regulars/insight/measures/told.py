"""What the shop tells that no order says: its margin, what it spends to win customers, and where it cuts its scores."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import pairwise

from django.utils.translation import gettext as _

from regulars.insight.measures.cutting import Cuts
from regulars.insight.measures.library.regular import REGULAR_DAYS
from regulars.insight.measures.models import AcquisitionCost
from regulars.insight.measures.scope import Cost, Told
from regulars.runtime.preferences import preferences
from regulars.runtime.preferences.preferences import Preference


def _percent(value: Decimal) -> str | None:
    if 0 <= value <= 100:
        return None
    return _("give a percentage from 0 to 100, not %(value)s") % {"value": value}


#: What part of the net revenue is left once the goods are paid, in per cent; nought where the shop told nothing.
MARGIN_PERCENT = Preference("measures.margin_percent", Decimal, Decimal(0), check=_percent)


def _rising(many: int, least: int) -> Callable[[tuple[int, ...]], str | None]:
    def check(value: tuple[int, ...]) -> str | None:
        if not value:
            return None
        told = {"many": many, "least": least}
        if len(value) != many:
            return _("give %(many)s numbers, or none") % told
        if any(after <= before for before, after in pairwise(value)):
            return _("each number must be larger than the one before")
        if value[0] < least or value[-1] > 2**60:
            return _("the first number must be %(least)s or more") % told
        return None

    return check


CUTS: Mapping[str, Preference[tuple[int, ...]]] = {
    "recency_days": Preference("measures.cuts_recency_days", tuple[int, ...], (), check=_rising(4, 0)),
    "regular_days": Preference("measures.cuts_regular_days", tuple[int, ...], (), check=_rising(2, REGULAR_DAYS + 1)),
    "money_minor": Preference("measures.cuts_money_minor", tuple[int, ...], (), check=_rising(4, 1)),
}


def cuts_of_shop() -> Cuts:
    """Where the shop cuts its scores; three indexed rows."""
    return Cuts(**{name: preferences.read(of) for name, of in CUTS.items()})


def costs_of_shop(currency: str) -> tuple[Cost, ...]:
    """What it told in that currency, oldest first. As many rows as months and channels."""
    rows = AcquisitionCost.objects.filter(currency=currency).order_by("month_on", "channel")
    return tuple(Cost(row.month_on, row.channel, row.cost_minor) for row in rows)


def told(currency: str) -> Told:
    """All that figures are reckoned with, amounts in that currency. Two queries."""
    percent = preferences.read(MARGIN_PERCENT)
    return Told(margin=float(percent) / 100 if percent else None, costs=costs_of_shop(currency))
