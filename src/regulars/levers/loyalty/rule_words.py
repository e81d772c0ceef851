"""Rules in words, in the reader's language: what gives how many points, for what, within which limits. Money and days
as whoever shows them writes them."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from regulars.kit.conditions import spoken
from regulars.kit.conditions.nodes import Condition
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.languages import Language
from regulars.levers.loyalty import tier_words
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import asking
from regulars.levers.loyalty.rules.audience_bonus import AudienceBonus
from regulars.levers.loyalty.rules.birthday_bonus import BirthdayBonus
from regulars.levers.loyalty.rules.donation import Donation
from regulars.levers.loyalty.rules.event import Event
from regulars.levers.loyalty.rules.first_order import FirstOrder
from regulars.levers.loyalty.rules.items import Items
from regulars.levers.loyalty.rules.nth_order import NthOrder
from regulars.levers.loyalty.rules.reasons import event
from regulars.levers.loyalty.rules.rule import SHOP, Cap, Rule, points_text
from regulars.levers.loyalty.rules.spend import Spend
from regulars.levers.loyalty.rules.streak import Streak
from regulars.levers.loyalty.rules.surprise import Surprise
from regulars.levers.loyalty.rules.tier_bonus import TierBonus
from regulars.levers.loyalty.rules.window_bonus import Bonus
from regulars.levers.loyalty.tier_words import Money

DayText = Callable[[date], str]


def said(rule: Rule, programme: Programme, money: Money, day: DayText) -> str:
    """All that a rule says: 1 point for every £1.00 spent, on orders from £20.00, at most 60 points a month."""
    words = [_gives(rule, programme, money)]
    if rule.at_least_minor:
        words.append(_("on orders from %(amount)s") % {"amount": money(rule.at_least_minor, programme.money)})
    if rule.starts_on is not None:
        words.append(_("from %(day)s") % {"day": day(rule.starts_on)})
    if rule.ends_on is not None:
        words.append(_("through %(day)s") % {"day": day(rule.ends_on - timedelta(days=1))})
    if rule.where is not None:
        known = asking.of_lines(programme.money) if rule.of == "order" else None
        words.append(_("only where %(condition)s") % {"condition": _condition(rule.where, known)})
    if rule.only_if is not None:
        told = _condition(rule.only_if, programme.terms.customers)
        words.append(_("only for members where %(condition)s") % {"condition": told})
    if rule.include or rule.tenders:
        words.append(_("counted by the means of payment and extras that the file names"))
    words += [_cap(cap, programme) for cap in rule.caps if not _is_its_own(rule, cap)]
    if rule.at_once is not None:
        words.append(_("%(percent)s %% of it can be spent at once") % {"percent": rule.at_once})
    if rule.funding != SHOP:
        words.append(_("paid by %(partner)s") % {"partner": rule.funding.removeprefix("partner:")})
    return _("; ").join(words)


def _gives(rule: Rule, programme: Programme, money: Money) -> str:
    if isinstance(rule, Spend):
        facts = {"points": _points(rule.points, programme), "amount": money(rule.per_minor, programme.money)}
        return _("%(points)s for every %(amount)s spent") % facts
    if isinstance(rule, Items):
        return _("%(points)s for each item") % {"points": _points(rule.points, programme)}
    if isinstance(rule, FirstOrder):
        return _("%(points)s for the first order") % {"points": _points(rule.points, programme)}
    if isinstance(rule, NthOrder):
        facts = {"points": _points(rule.points, programme), "n": str(rule.nth or rule.every)}
        return (_("%(points)s for order number %(n)s") if rule.nth else _("%(points)s for every %(n)s orders")) % facts
    if isinstance(rule, Event):
        facts = {"points": _points(rule.points, programme), "event": event(rule.event), "often": _once(rule.once)}
        return _("%(points)s for: %(event)s, %(often)s") % facts
    if isinstance(rule, Streak):
        return {
            "day": _("%(points)s for orders on %(n)s days in a row"),
            "week": _("%(points)s for orders in %(n)s weeks in a row"),
            "month": _("%(points)s for orders in %(n)s months in a row"),
        }[rule.period] % {"points": _points(rule.points, programme), "n": rule.length}
    if isinstance(rule, Surprise):
        facts = {"points": _points(rule.points, programme), "chance": str(rule.chance), "often": _once(rule.period)}
        return _("%(points)s by luck, with a chance of %(chance)s %%, %(often)s") % facts
    if isinstance(rule, Donation):
        return _("%(percent)s %% of what is spent for %(cause)s") % {
            "percent": f"{rule.percent:f}",
            "cause": rule.cause,
        }
    if isinstance(rule, TierBonus):
        return _on_levels(rule, programme)
    if isinstance(rule, BirthdayBonus):
        title = next(
            (tier_words.in_words(dict(one.titles)) for one in programme.benefits if one.id == rule.benefit),
            rule.benefit,
        )
        return _("as many times the points of %(rules)s as the benefit “%(benefit)s” says") % {
            "rules": _rules(rule.multiplies),
            "benefit": title,
        }
    assert isinstance(rule, Bonus)
    given = (
        _("%(points)s more") % {"points": _points(rule.points, programme)}
        if rule.points
        else _("%(times)s times the points of %(rules)s")
        % {"times": _times(rule.times), "rules": _rules(rule.multiplies)}
    )
    if not isinstance(rule, AudienceBonus):
        return given
    words = programme.terms.customers
    group = (words.audiences.get(rule.audience) if words is not None else None) or rule.audience
    return _("%(given)s for members of “%(group)s”") % {"given": given, "group": group}


def _on_levels(rule: TierBonus, programme: Programme) -> str:
    titles = {
        level.id: tier_words.in_words(dict(level.titles))
        for tiers in programme.tiers
        if tiers.id == rule.tiers
        for level in tiers.levels
    }
    levels = _(", ").join(f"{titles.get(level, level)} × {_times(times)}" for level, times in rule.times.items())
    return _("more points of %(rules)s by level: %(levels)s") % {"rules": _rules(rule.multiplies), "levels": levels}


def _once(period: str) -> str:
    return {
        "about": _("once for each thing it is about"),
        "order": _("once for each order"),
        "day": _("once a day"),
        "week": _("once a week"),
        "month": _("once a month"),
        "year": _("once a year"),
        "ever": _("once for each member"),
    }[period]


def _cap(cap: Cap, programme: Programme) -> str:
    words = {
        "order": _("at most %(points)s an order"),
        "day": _("at most %(points)s a day"),
        "week": _("at most %(points)s a week"),
        "month": _("at most %(points)s a month"),
        "year": _("at most %(points)s a year"),
        "ever": _("at most %(points)s in all"),
    }[cap.period] % {"points": _points(cap.most, programme)}
    return words if cap.per == "member" else _("%(most)s for all members together") % {"most": words}


def _is_its_own(rule: Rule, cap: Cap) -> bool:
    """What comes once is a cap of its points, which its words say already."""
    is_once = isinstance(rule, FirstOrder | NthOrder | Streak | Surprise)
    return is_once and cap.per == "member" and cap.most == getattr(rule, "points", 0)


def _condition(condition: Condition, known: Vocabulary | None) -> str:
    language: Language = "zh" if (get_language() or "").startswith("zh") else "en"
    return spoken.describe(condition, known, language) if known is not None else _("what the file says holds")


def _points(parts: int, programme: Programme) -> str:
    name = tier_words.in_words(dict(programme.currency.titles))
    return _("%(points)s %(name)s") % {"points": points_text(parts, programme.currency.scale), "name": name}


def _times(times: Fraction) -> str:
    return f"{(Decimal(times.numerator) / times.denominator).normalize():f}"


def _rules(rules: Sequence[str]) -> str:
    return _(", ").join(f"“{one}”" for one in rules)
