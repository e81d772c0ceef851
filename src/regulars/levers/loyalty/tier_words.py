"""Status in words, in the reader's language: what a level asks, what is missing, why somebody moved. Money as whoever
shows it writes it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from regulars.levers.loyalty.rules.reasons import event
from regulars.levers.loyalty.rules.tier_progress import Part
from regulars.levers.loyalty.rules.tier_sets import Criterion, Every, Need
from regulars.levers.loyalty.tiers import SetView

#: Minor units and their currency, as text.
Money = Callable[[int, str], str]


class Counts(Protocol):
    """In which money and points something is counted."""

    @property
    def money(self) -> str: ...
    @property
    def scale(self) -> int: ...
    @property
    def points(self) -> Mapping[str, str]: ...


def level_title(view: SetView, level: str) -> str:
    """What a level is called; empty for none."""
    return next((in_words(one.titles) for one in view.tiers.levels if one.id == level), level)


def image(view: SetView, level: str) -> str:
    """The name of a level's picture; empty for none."""
    return next((one.image for one in view.tiers.levels if one.id == level), "")


def in_words(titles: object) -> str:
    """One of a text's languages."""
    assert isinstance(titles, dict)
    return str(titles["zh" if (get_language() or "").startswith("zh") else "en"])


def asked(need: Need, view: Counts, money: Money) -> str:
    """What is asked: £300 spent."""
    return _said(need, need.at_least, view, money)


def asked_in_all(criterion: Criterion | None, view: Counts, money: Money) -> str:
    """All that a level asks, as a sentence; empty where it asks nothing."""
    if criterion is None:
        return ""
    if isinstance(criterion, Need):
        return asked(criterion, view, money)
    parts = [
        said if isinstance(part, Need) else _("(%(inner)s)") % {"inner": said}
        for part in criterion.parts
        if (said := asked_in_all(part, view, money))
    ]
    return (_(" and ") if isinstance(criterion, Every) else _(" or ")).join(parts)


def has(part: Part, view: Counts, money: Money) -> str:
    """How much of it there is: £120 spent."""
    return _said(part.need, part.has, view, money)


def so_far(part: Part, view: Counts, money: Money) -> str:
    """How much of how much: £120 of £300 spent."""
    need = part.need
    if need.what == "spend":
        short = money(part.has, view.money)
    else:
        short = _points(part.has, view) if need.what == "points" else f"{part.has:,}"
    return _("%(has)s of %(asked)s") % {"has": short, "asked": asked(need, view, money)}


def _of(need: Need) -> str:
    """What the category or event is called: by its programme, else as it is known."""
    english, chinese = need.called
    if english:
        return in_words({"en": english, "zh": chinese})
    return event(need.of) if need.what == "events" else need.of


def _said(need: Need, many: int, view: Counts, money: Money) -> str:
    if need.what == "spend":
        amount = money(many, view.money)
        if need.of:
            return _("%(amount)s spent on %(category)s") % {"amount": amount, "category": _of(need)}
        return _("%(amount)s spent") % {"amount": amount}
    if need.what == "points":
        return _("%(points)s %(name)s earned") % {"points": _points(many, view), "name": in_words(view.points)}
    texts = {
        "orders": ngettext("%(n)s order", "%(n)s orders", many),
        "categories": ngettext("bought from %(n)s category", "bought from %(n)s categories", many),
        "visits": ngettext("%(n)s visit to a store", "%(n)s visits to a store", many),
        "stores": ngettext("%(n)s store visited", "%(n)s stores visited", many),
        "tenure": ngettext("%(n)s month with us", "%(n)s months with us", many),
        "events": ngettext("%(event)s: %(n)s time", "%(event)s: %(n)s times", many),
    }
    return texts[need.what] % {"n": f"{many:,}", "event": _of(need)}


def missing(part: Part, view: Counts, money: Money) -> str:
    """What is left to do: spend £45 more."""
    need, left = part.need, part.left
    if need.what == "spend":
        amount = money(left, view.money)
        if need.of:
            return _("spend %(amount)s more on %(category)s") % {"amount": amount, "category": _of(need)}
        return _("spend %(amount)s more") % {"amount": amount}
    if need.what == "points":
        return _("earn %(points)s more %(name)s") % {"points": _points(left, view), "name": in_words(view.points)}
    texts = {
        "orders": ngettext("%(n)s more order", "%(n)s more orders", left),
        "categories": ngettext("buy from %(n)s more category", "buy from %(n)s more categories", left),
        "visits": ngettext("%(n)s more visit to a store", "%(n)s more visits to a store", left),
        "stores": ngettext("visit %(n)s more store", "visit %(n)s more stores", left),
        "tenure": ngettext("%(n)s more month with us", "%(n)s more months with us", left),
        "events": ngettext("%(event)s: %(n)s more time", "%(event)s: %(n)s more times", left),
    }
    return texts[need.what] % {"n": f"{left:,}", "event": _of(need)}


def because(code: str) -> str:
    """Why somebody came to another level."""
    return {
        "reached": _("reached by what was kept"),
        "fell": _("its time was over"),
        "rules": _("the rules are others"),
        "returned": _("what it rested on came back"),
        "corrected": _("who they are was corrected"),
    }[code]


def freezes() -> list[tuple[str, str]]:
    """Why status may be frozen, code and words."""
    return [
        ("life_event", _("an event in their life")),
        ("service", _("by customer service")),
        ("dispute", _("a question that is still open")),
    ]


def _points(parts: int, view: Counts) -> str:
    return f"{Decimal(parts).scaleb(-view.scale):,f}"
