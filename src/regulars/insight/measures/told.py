"""What the shop tells of itself that no order says, for the figures that need it."""

from decimal import Decimal

from django.utils.translation import gettext as _

from regulars.insight.measures.figure import Told
from regulars.runtime.preferences import preferences
from regulars.runtime.preferences.preferences import Preference


def _percent(value: Decimal) -> str | None:
    if 0 <= value <= 100:
        return None
    return _("give a percentage from 0 to 100, not %(value)s") % {"value": value}


#: What part of the net revenue is left once the goods are paid, in per cent; nought where the shop told nothing.
MARGIN_PERCENT = Preference("measures.margin_percent", Decimal, Decimal(0), check=_percent)


def told() -> Told:
    """One indexed row."""
    percent = preferences.read(MARGIN_PERCENT)
    return Told(margin=float(percent) / 100 if percent else None)
