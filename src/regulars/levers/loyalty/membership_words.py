"""Paid memberships in words, in the reader's language. Money and days as whoever shows them writes them."""

from collections.abc import Callable
from datetime import date, timedelta

from django.utils.translation import gettext as _

from regulars.levers.loyalty import benefit_words
from regulars.levers.loyalty.memberships import Change, MembershipView, PlanView

#: Minor units and their currency, and a day, as text.
MoneyText = Callable[[int, str], str]
DayText = Callable[[date], str]


def price(minor: int, currency: str, months: int, money: MoneyText) -> str:
    """What it costs how often."""
    amount = money(minor, currency)
    return {
        1: _("%(amount)s a month"),
        3: _("%(amount)s a quarter"),
        12: _("%(amount)s a year"),
    }[months] % {"amount": amount}


def price_of(view: PlanView, money: MoneyText) -> str:
    """A plan's."""
    return price(view.plan.price_minor, view.money, view.plan.months, money)


def state(code: str) -> str:
    """How it stands, in a word."""
    return {
        "waiting": _("waits for its first payment"),
        "trial": _("on trial"),
        "active": _("paid"),
        "past_due": _("payment is due"),
        "paused": _("rests"),
        "ended": _("has ended"),
    }[code]


def why_ended(code: str) -> str:
    """Why it has ended; empty where it has not."""
    return {
        "": "",
        "cancelled": _("they left"),
        "unpaid": _("it was not paid"),
        "never_paid": _("it was never paid"),
        "refunded": _("the money went back"),
    }[code]


def comes(one: MembershipView, money: MoneyText, day: DayText) -> str:
    """What comes next."""
    if one.state == "ended":
        return _("ended on %(day)s") % {"day": day(one.ended_on)} if one.ended_on is not None else ""
    if one.state in ("waiting", "past_due"):
        last = day((one.grace_until or one.until) - timedelta(days=1))
        return _("%(amount)s to be paid by %(day)s") % {"amount": money(one.due.minor, one.currency), "day": last}
    if one.state == "paused":
        said = _("rests until %(day)s, goes on for the days that are left, then it is over")
        return (said if one.ends else _("goes on by itself on %(day)s")) % {"day": day(one.resumes_on or one.until)}
    if one.ends:
        return _("through %(day)s, then it is over") % {"day": day(one.until - timedelta(days=1))}
    if one.quote is not None and one.quote_until is not None:
        return _("becomes %(plan)s once %(amount)s is paid, by %(day)s") % {
            "plan": benefit_words.title(one.wants_titles),
            "amount": money(one.quote.minor, one.currency),
            "day": day(one.quote_until - timedelta(days=1)),
        }
    told = {"plan": benefit_words.title(one.wants_titles), "day": day(one.until)}
    if not one.next:
        return (_("becomes %(plan)s on %(day)s") if one.wants else _("goes on by itself on %(day)s")) % told
    told["amount"] = money(one.next.minor, one.currency)
    return (_("becomes %(plan)s on %(day)s, for %(amount)s") if one.wants else _("%(amount)s on %(day)s")) % told


def begins(one: Change, money: MoneyText, day: DayText) -> str:
    """When another plan would be theirs, and for what."""
    if one.until is not None:
        due = {"amount": money(one.due.minor, one.due.currency), "day": day(one.until - timedelta(days=1))}
        if one.due.minor == one.to.plan.price_minor:
            return _("It begins once %(amount)s is paid, by %(day)s.") % due
        return _("It begins once %(amount)s is paid, by %(day)s: what is left of this period is taken off.") % due
    if one.on is not None:
        return _("It begins on %(day)s; nothing has to be paid before.") % {"day": day(one.on)}
    return _("It begins at once; nothing has to be paid for the change.")


def where(code: str) -> str:
    """Where they agreed, with its number; what was kept before places had names as it was."""
    place, _colon, number = code.partition(":")
    said = {
        "web": _("on a page of the shop's"),
        "app": _("in the app"),
        "card": _("on their card"),
        "store": _("in a store"),
        "call": _("in a call"),
        "mail": _("in writing"),
        "order": _("by an order"),
    }.get(place)
    return code if said is None else f"{said} {number}".strip()


def step(kind: str, why: str = "") -> str:
    """What happened. Money that is announced goes back; once somebody told so, it went."""
    if (kind, why) == ("refunded", "told"):
        return _("money went back")
    return {
        "joined": _("joined"),
        "began": _("the first paid period began"),
        "renewed": _("another period began"),
        "reminded": _("was reminded"),
        "due": _("money was asked for"),
        "paid": _("was paid"),
        "failed": _("a payment failed"),
        "refunded": _("money goes back"),
        "paused": _("began to rest"),
        "resumed": _("went on"),
        "cancelled": _("was cancelled"),
        "kept": _("was kept after all"),
        "switch_asked": _("another plan was chosen"),
        "switch_lapsed": _("the other plan was not paid in time"),
        "switched": _("became another plan"),
        "ended": _("ended"),
    }[kind]
