"""Estimates in words: no page writes a number without what it rests on."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from regulars.insight.measures.estimates import Estimate, Number, Unit
from regulars.oversight.reporting import formats

LACKS: dict[str, Any] = {
    "nobody": gettext_lazy("nobody to tell of"),
    "too_few": gettext_lazy("one alone shows no spread"),
    "too_short": gettext_lazy("not enough history yet"),
    "nobody_left": gettext_lazy("too few left to tell how long they stay"),
    "no_margin_told": gettext_lazy("no cost is known, and no margin told"),
    "not_paid_back": gettext_lazy("not paid back yet"),
}
#: Names of the factors a number is made of.
FACTORS: dict[str, Any] = {
    "bought": gettext_lazy("bought"),
    "returned": gettext_lazy("returned"),
    "spend": gettext_lazy("net spend"),
    "margin": gettext_lazy("margin the shop told"),
    "start": gettext_lazy("customers at the start"),
    "end": gettext_lazy("customers at the end"),
    "new": gettext_lazy("new among them"),
    "lower": gettext_lazy("a quarter of gaps up to"),
    "upper": gettext_lazy("three quarters up to"),
    "average_order": gettext_lazy("average order"),
    "orders_a_year": gettext_lazy("orders a year"),
    "years": gettext_lazy("years a customer stays"),
    "kept": gettext_lazy("bought again the year after"),
    "recovered": gettext_lazy("came back so far, times the cost"),
    "cost": gettext_lazy("spent to win them"),
    "watched": gettext_lazy("watched for"),
}


@dataclass(frozen=True)
class Written:
    """An estimate in the reader's language. `rests_on` says of how many; `sure` is the interval, or that none is."""

    value: str
    sure: str
    rests_on: str
    is_known: bool
    factors: tuple[tuple[str, "Written"], ...]


def written(estimate: Estimate, currency: str) -> Written:
    """Money is of `currency`, in minor units."""
    factors = tuple((str(FACTORS.get(name, name)), written(one, currency)) for name, one in estimate.factors.items())
    rests_on = _basis(estimate)
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Written("–", str(LACKS[estimate.lack or "nobody"]), rests_on, False, factors)
    value = plain(estimate.value, estimate.unit, currency)
    if estimate.is_exact:
        return Written(value, _("exact"), rests_on, True, factors)
    sure = between(estimate.low, estimate.high, estimate.unit, currency)
    if estimate.is_open:
        sure = _("%(interval)s or more") % {"interval": sure}
    return Written(value, sure, rests_on, True, factors)


def plain(value: Number, unit: Unit, currency: str) -> str:
    """One number with its unit."""
    if unit == "money":
        return formats.round_money(int(value), currency)
    if unit == "share":
        return formats.percent(value)
    if unit == "count":
        return formats.number(int(value))
    if unit == "days":
        text = formats.number(value, 0 if float(value).is_integer() else 1)
        return ngettext("%(n)s day", "%(n)s days", 1 if value == 1 else 2) % {"n": text}
    if unit == "months":
        return ngettext("%(n)s month", "%(n)s months", int(value)) % {"n": formats.number(int(value))}
    if unit == "years":
        return ngettext("%(n)s year", "%(n)s years", 2) % {"n": formats.number(value, 1)}
    return formats.number(value, 2)


def between(low: Number, high: Number, unit: Unit, currency: str) -> str:
    """From one end to the other, the unit once where that can be read."""
    if unit == "share":
        return formats.interval(low, high)
    if unit in ("number", "times"):
        return f"{formats.number(low, 2)}–{formats.number(high, 2)}"
    if unit == "days":
        places = 0 if float(low).is_integer() and float(high).is_integer() else 1
        return f"{formats.number(low, places)}–{formats.number(high, places)}"
    if unit == "months":
        ends = dict.fromkeys(formats.number(int(end)) for end in (low, high))
        return "–".join(ends)
    if unit == "years":
        return f"{formats.number(low, 1)}–{formats.number(high, 1)}"
    return f"{plain(low, unit, currency)}–{plain(high, unit, currency)}"


def _basis(estimate: Estimate) -> str:
    n = {"n": formats.number(estimate.n)}
    match estimate.of:
        case "customers":
            return ngettext("%(n)s customer", "%(n)s customers", estimate.n) % n
        case "buyers":
            return ngettext("%(n)s buyer", "%(n)s buyers", estimate.n) % n
        case "orders":
            return ngettext("%(n)s order", "%(n)s orders", estimate.n) % n
        case "gaps":
            return ngettext("%(n)s gap", "%(n)s gaps", estimate.n) % n
        case "baskets":
            return ngettext("%(n)s basket", "%(n)s baskets", estimate.n) % n
        case "messages":
            return ngettext("%(n)s message", "%(n)s messages", estimate.n) % n
    return ngettext("%(n)s line", "%(n)s lines", estimate.n) % n
