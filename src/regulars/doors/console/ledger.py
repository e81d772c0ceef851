"""Loyalty → Ledger: all books and whether they agree, what waits for a second person, what is frozen, last entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import people, points_words, refused
from regulars.doors.console.points import asked_for, named
from regulars.doors.console.points_words import Told, shown, signed
from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.commerce import orders
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    adjustments,
    currencies,
    examination,
    ledger_seen,
    order_spends,
    titles,
    wallets,
    warning,
)
from regulars.levers.loyalty.order_spends import OrderSpendView
from regulars.runtime.preferences.preferences import read, write
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN, FROZEN_SHOWN = 25, 10
#: Days before their last in which points are on the list of those that end, and how many of the days are on the ledger.
ENDING_DAYS, ENDING_SHOWN = 90, 8
#: As many postings are added up whenever the page is opened; of more, when somebody asks.
ADDED_UP_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Row:
    """An entry, and whose."""

    told: Told
    who: people.Shown | None


@dataclass(frozen=True)
class Frozen:
    """Accounts that are frozen for the same: all that a person froze of somebody, or one whose books do not agree.
    `of` is what the kinds of points are called, where there are several."""

    one: ledger_seen.Frozen
    who: people.Shown | None
    of: tuple[str, ...]


@dataclass(frozen=True)
class Spend:
    """Points that were spent for an order, whose, and the order's page where it is on record."""

    one: OrderSpendView
    who: people.Shown | None
    amount: str
    of: str
    order: str


class Hours(forms.Form):
    hours = forms.IntegerField(min_value=1, max_value=24 * 60)


class Day(forms.Form):
    on = forms.DateField(required=False)


@require_safe
@requires("points.read")
def ledger(request: HttpRequest) -> HttpResponseBase:
    """Everybody's entries, of a kind and a day, and what somebody has to look at."""
    kinds = currencies.listed()
    chosen = next((one for one in kinds if one.code == request.GET.get("of", "points")), None)
    if chosen is None:
        raise Http404
    zone, kind, on = shop_of(request).zone, request.GET.get("kind", ""), _day(request)
    if kind not in ledger_seen.KINDS:
        kind = ""
    after = request.GET.get("after") or None
    try:
        found = ledger_seen.latest(currency=chosen.code, kind=kind, on=on, zone=zone, cursor=after, limit=SHOWN)
    except BadCursor:
        after = None
        found = ledger_seen.latest(currency=chosen.code, kind=kind, on=on, zone=zone, limit=SHOWN)
    titled = {one.code: titles.titled(one.code, one.titles) for one in kinds}
    frozen = ledger_seen.frozen(FROZEN_SHOWN)
    who = named([line.customer for line in found.items] + [one.customer for one in frozen])
    return page(
        request,
        "console/ledger.html",
        title=_("Ledger"),
        rows=[Row(told, who.get(told.line.customer)) for told in points_words.told(found.items, chosen.scale)],
        next=found.next,
        is_later=after is not None,
        of=chosen.code,
        currencies=list(titled.items()),
        kinds=[(code, words) for code, words in points_words.KINDS.items()],
        kind=kind,
        on=on,
        frozen=_frozen(frozen, who, titled),
        is_frozen_by_hand=any(one.by_hand for one in frozen),
        is_found=any(one.found for one in frozen),
        asked=asked_for(request, adjustments.waiting()),
        ending=[
            (one, shown(one.parts, chosen.scale))
            for one in warning.due_days(currency=chosen.code, days=ENDING_DAYS, at=timezone.now())[:ENDING_SHOWN]
        ],
        spends=_spends(titled),
        spends_wrong=order_spends.count_wrong(),
        within_hours=read(order_spends.WITHIN_HOURS),
        is_added_up_at_once=ledger_seen.postings() <= ADDED_UP_AT_ONCE,
        limit=read(adjustments.APPROVAL_ABOVE),
        may_manage=may(request, "points.manage"),
        may_limit=may(request, "preferences.change"),
        here=request.path,
    )


@require_safe
@requires("points.read")
def ending(request: HttpRequest) -> HttpResponseBase:
    """Whose points end soon, on all days or on one."""
    currency, on, after = request.GET.get("of", "points"), _day(request), request.GET.get("after") or None
    try:
        scale = wallets.scale(currency)
        found = warning.due_page(
            currency=currency, days=ENDING_DAYS, at=timezone.now(), on=on, cursor=after, limit=SHOWN
        )
    except Refusal:
        raise Http404 from None
    who = named([one.customer for one in found.items])
    return page(
        request,
        "console/ending.html",
        title=_("Points that end soon"),
        rows=[(one, who.get(one.customer), shown(one.parts, scale)) for one in found.items],
        next=found.next,
        of=currency,
        on=on,
        days=ENDING_DAYS,
    )


@require_safe
@requires("points.read")
def totals(request: HttpRequest) -> HttpResponseBase:
    """What is in each book, added up now."""
    currency = request.GET.get("of", "points")
    try:
        scale, found = wallets.scale(currency), ledger_seen.totals(currency)
    except Refusal:
        raise Http404 from None
    amounts = {one.book: one.amount for one in found.books}
    books = [
        (name, meaning, signed(amounts[code], scale), amounts[code])
        for code, (name, meaning) in points_words.BOOKS.items()
        if amounts[code] or code in ("available", "issuance", "redeemed")
    ]
    return fragment(
        request,
        "console/ledger_totals.html",
        books=books,
        total=shown(found.total, scale),
        found=found,
        differs=[points_words.book(code) for code in found.differs],
        at=timezone.now(),
        zone=shop_of(request).zone,
    )


@require_POST
@requires("preferences.change")
def limit(request: HttpRequest) -> HttpResponseBase:
    """How much one person gives or takes of a member in a day without a second."""
    told = request.POST.get("limit", "").strip()
    try:
        write(
            adjustments.APPROVAL_ABOVE,
            int(told) if told.isascii() and told.isdigit() else -1,
            at=timezone.now(),
            by=operators.actor(me(request)),
        )
        messages.success(request, _("Saved."))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return redirect("console:ledger")


def _day(request: HttpRequest) -> date | None:
    form = Day(request.GET)
    return form.cleaned_data["on"] if form.is_valid() else None


@require_POST
@requires("points.manage")
def spend(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Points that were spent for an order are given back, or left as they are."""
    by, at = operators.actor(me(request)), timezone.now()
    act = {"give_back": order_spends.give_back, "leave": order_spends.leave}.get(request.POST.get("act", ""))
    if act is None:
        raise Http404
    try:
        done = act(spend=order_spends.by_public_id(public_id).id, at=at, by=by)
        if done.state == "left":
            messages.success(request, _("It is left as it is, and is not asked about again."))
        else:
            messages.success(request, _("The points are back with the awards they came from."))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    return redirect(f"{reverse('console:ledger')}#orders")


@require_POST
@requires("points.manage")
def thaw(request: HttpRequest, account: int) -> HttpResponseBase:
    """An account whose books were mended takes verbs again; refused while they do not agree."""
    try:
        examination.thaw(account=account, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, _("The books agree: it goes on."))
    except Refusal as refusal:
        messages.error(request, refused.words(refusal))
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect(f"{reverse('console:ledger')}#frozen")


@require_POST
@requires("preferences.change")
def hours(request: HttpRequest) -> HttpResponseBase:
    """How long after points were spent for it an order may come."""
    form = Hours(request.POST)
    if form.is_valid():
        by = operators.actor(me(request))
        write(order_spends.WITHIN_HOURS, form.cleaned_data["hours"], at=timezone.now(), by=by)
        messages.success(request, _("It is saved."))
    else:
        messages.error(request, _("Give a number of hours, up to 60 days."))
    return redirect(f"{reverse('console:ledger')}#orders")


def _frozen(
    found: Sequence[ledger_seen.Frozen], who: Mapping[int, people.Shown], kinds: Mapping[str, str]
) -> list[Frozen]:
    """As people look at them: somebody whose points a person froze stands once, with the kinds that are."""
    groups: dict[tuple[object, ...], list[ledger_seen.Frozen]] = {}
    for one in found:
        groups.setdefault((one.customer, one.by_hand, one.account if one.found else 0), []).append(one)
    return [
        Frozen(
            some[0],
            who.get(some[0].customer),
            tuple(kinds.get(one.currency, one.currency) for one in some) if len(kinds) > 1 else (),
        )
        for some in groups.values()
    ]


def _spends(kinds: Mapping[str, str]) -> list[Spend]:
    """Those that somebody has to look at, of every kind of points, the latest first. Up to seven queries."""
    found = order_spends.listed(limit=SHOWN).items
    who = named([one.customer for one in found]) if found else {}
    called = orders.public_ids(one.order for one in found if one.order is not None) if found else {}
    return [
        Spend(
            one,
            who.get(one.customer),
            shown(one.parts, one.scale),
            kinds.get(one.currency, one.currency) if len(kinds) > 1 else "",
            called.get(one.order or 0, ""),
        )
        for one in found
    ]
