"""Missions in words, in the reader's language: what a step asks, what is left of it, what there is to win. Money as
whoever shows it writes it."""

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from regulars.kit.points import Points
from regulars.levers.loyalty import tier_words
from regulars.levers.loyalty.missions import MissionView, Progress
from regulars.levers.loyalty.rules.mission_walk import Seen
from regulars.levers.loyalty.rules.missions import Goal
from regulars.levers.loyalty.rules.reasons import event
from regulars.levers.loyalty.rules.tier_progress import Part
from regulars.levers.loyalty.tier_words import Money


def title(view: MissionView) -> str:
    """What it is called."""
    return tier_words.in_words(view.mission.titles)


def about(view: MissionView) -> str:
    """What its file says of it; empty where that is nothing."""
    return tier_words.in_words(view.mission.about)


def asked(goal: Goal, view: MissionView, money: Money) -> str:
    """What a step asks: 3 orders."""
    if goal.titles["en"]:
        return tier_words.in_words(goal.titles)
    assert goal.need is not None
    return _row(goal, goal.at_least) if goal.in_a_row else tier_words.asked(goal.need, view, money)


def missing(goal: Goal, seen: Seen, view: MissionView, money: Money) -> str:
    """What is left of a step: 2 more orders."""
    if goal.need is None or goal.titles["en"]:
        return asked(goal, view, money)
    if goal.in_a_row:
        return _more_in_a_row(goal, seen.left)
    return tier_words.missing(Part(goal.need, seen.has), view, money)


def so_far(goal: Goal, seen: Seen, view: MissionView, money: Money) -> str:
    """How much of how much: 1 of 3 orders."""
    if seen.at_least == 1 or (goal.need is None and not goal.many):
        return asked(goal, view, money)
    has = min(seen.has, seen.at_least) if seen.met_us is None else seen.at_least
    if goal.need is not None and not goal.in_a_row and not goal.titles["en"]:
        return tier_words.so_far(Part(goal.need, has), view, money)
    short = money(has, view.money) if goal.need is not None and goal.need.what == "spend" else f"{has:,}"
    whole = (
        money(seen.at_least, view.money)
        if goal.need is not None and goal.need.what == "spend"
        else f"{seen.at_least:,}"
    )
    return _("%(asked)s: %(has)s of %(whole)s") % {"asked": asked(goal, view, money), "has": short, "whole": whole}


def prize(view: MissionView, rewards: Mapping[str, str]) -> str:
    """What there is to win: 30 points + badge “Explorer”. `rewards`: what they are called."""
    told, parts = view.mission.prize, []
    if told.points:
        amount = f"{Decimal(Points(told.points, view.scale).decimal):,f}"
        parts.append(_("%(points)s %(name)s") % {"points": amount, "name": tier_words.in_words(view.points)})
    if view.badge is not None:
        parts.append(_("badge “%(badge)s”") % {"badge": tier_words.in_words(view.badge.titles)})
    if told.reward:
        parts.append(rewards.get(told.reward, told.reward))
    return " + ".join(parts)


def how_often(view: MissionView) -> str:
    """Whether, and how often, it comes again."""
    return {
        "once": _("once"),
        "day": _("every day anew"),
        "week": _("every week anew"),
        "month": _("every month anew"),
        "quarter": _("every quarter anew"),
        "year": _("every year anew"),
    }[view.mission.repeat]


def surprise(view: MissionView) -> str:
    """That it is one, and for how many; empty of one that is none."""
    mission = view.mission
    if mission.one_in > 1:
        return _("a surprise for one in %(n)s") % {"n": f"{mission.one_in:,}"}
    return _("a surprise") if mission.is_surprise else ""


def next_step(one: Progress, money: Money) -> str:
    """What they do next; empty where all is done."""
    if one.next is None:
        return ""
    left = [
        missing(goal, seen, one.view, money)
        for goal, seen in one.steps
        if seen.met_us is None and (not one.view.mission.in_order or (goal, seen) == one.next)
    ]
    return _(", ").join(left)


def days_left(one: Progress) -> str:
    """How long it is open; empty where it has no end."""
    return "" if one.days_left is None else days(one.days_left)


def days(left: int) -> str:
    """So many are left."""
    return ngettext("%(n)s day left", "%(n)s days left", left) % {"n": f"{left:,}"}


def _row(goal: Goal, many: int) -> str:
    assert goal.need is not None
    names = {"n": f"{many:,}", "event": event(goal.need.of)}
    words = {
        ("orders", "day"): _("an order on each of %(n)s days in a row"),
        ("orders", "week"): _("an order in each of %(n)s weeks in a row"),
        ("orders", "month"): _("an order in each of %(n)s months in a row"),
        ("visits", "day"): _("a visit on each of %(n)s days in a row"),
        ("visits", "week"): _("a visit in each of %(n)s weeks in a row"),
        ("visits", "month"): _("a visit in each of %(n)s months in a row"),
        ("events", "day"): _("%(event)s on each of %(n)s days in a row"),
        ("events", "week"): _("%(event)s in each of %(n)s weeks in a row"),
        ("events", "month"): _("%(event)s in each of %(n)s months in a row"),
    }[goal.need.what, goal.in_a_row] % names
    if not goal.rests:
        return words
    rests = ngettext("%(n)s may be left out", "%(n)s may be left out", goal.rests) % {"n": f"{goal.rests:,}"}
    return _("%(words)s, %(rests)s") % {"words": words, "rests": rests}


def _more_in_a_row(goal: Goal, left: int) -> str:
    words = {
        "day": ngettext("%(n)s more day in a row", "%(n)s more days in a row", left),
        "week": ngettext("%(n)s more week in a row", "%(n)s more weeks in a row", left),
        "month": ngettext("%(n)s more month in a row", "%(n)s more months in a row", left),
    }
    return words[goal.in_a_row] % {"n": f"{left:,}"}
