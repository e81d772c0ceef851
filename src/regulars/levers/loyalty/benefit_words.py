"""Benefits in words, in the reader's language: what they give, how often, and whom they come from. Money as whoever
shows it writes it."""

from collections.abc import Callable, Mapping

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from regulars.levers.loyalty.benefits import BenefitView, Entitlement
from regulars.levers.loyalty.rules.benefit_terms import Benefit

#: Minor units and their currency, as text.
Money = Callable[[int, str], str]


def title(titles: Mapping[str, str]) -> str:
    """What something is called; empty where nobody said."""
    return titles.get("zh" if (get_language() or "").startswith("zh") else "en", "")


def kind(benefit: Benefit) -> str:
    """What sort of benefit it is."""
    return {
        "free_shipping": _("free shipping"),
        "member_price": _("member price"),
        "birthday_multiplier": _("more points around the birthday"),
        "early_access": _("early access"),
        "dedicated_agent": _("an agent of their own"),
        "free_returns": _("free returns"),
        "free_pick_up": _("free pick-up"),
        "free_order": _("a free order"),
        "service": _("a service"),
    }[benefit.kind]


def gives(view: BenefitView, money: Money) -> str:
    """What is in it: 10 % off, 24 hours before others. Empty where its kind says all."""
    one = view.benefit
    if one.at_least_minor:
        return _("on orders from %(amount)s") % {"amount": money(one.at_least_minor, view.money)}
    if one.percent:
        return _("%(percent)s %% off") % {"percent": one.percent}
    if one.off_minor:
        return _("%(amount)s off each") % {"amount": money(one.off_minor, view.money)}
    if one.times is not None:
        said = _("%(times)s times the points") % {"times": f"{one.times.normalize():f}"}
        if not one.days:
            return said
        days = ngettext("%(n)s day before and after", "%(n)s days before and after", one.days) % {"n": one.days}
        return f"{said}, {days}"
    if one.hours:
        return ngettext("%(n)s hour before others", "%(n)s hours before others", one.hours) % {"n": one.hours}
    if one.worth_minor:
        return _("up to %(amount)s") % {"amount": money(one.worth_minor, view.money)}
    return ""


def often(most: int | None, benefit: Benefit) -> str:
    """How often: 3 times a month."""
    if most is None:
        return _("as often as they like")
    times = ngettext("%(n)s time", "%(n)s times", most) % {"n": f"{most:,}"}
    return {
        "ever": _("%(times)s in all"),
        "month": _("%(times)s a month"),
        "quarter": _("%(times)s a quarter"),
        "year": _("%(times)s a year"),
        "rolling": ngettext("%(times)s in %(months)s month", "%(times)s in %(months)s months", benefit.months),
        "anniversary": _("%(times)s in each year since joining"),
        "membership": _("%(times)s in each paid period"),
    }[benefit.per] % {"times": times, "months": benefit.months}


def source(one: Entitlement) -> str:
    """Whom it comes from, without the name of the level or plan."""
    return {
        "tier": _("by their level"),
        "plan": _("by their membership"),
        "gift": _("a present of ours"),
        "partner": _("from a partner"),
    }[one.given_by]


def reasons() -> list[tuple[str, str]]:
    """Why a benefit is given by hand, code and words."""
    return [
        ("goodwill", _("to make up for something")),
        ("service", _("after a case of theirs")),
        ("campaign", _("a campaign")),
        ("birthday", _("a birthday")),
        ("partner", _("agreed with a partner")),
        ("correction", _("a mistake of ours")),
    ]


def why_back() -> list[tuple[str, str]]:
    """Why a use is given back, code and words."""
    return [
        ("order_cancelled", _("the order was cancelled")),
        ("goods_returned", _("the goods came back")),
        ("not_done", _("it was not done after all")),
        ("correction", _("a mistake of ours")),
    ]
