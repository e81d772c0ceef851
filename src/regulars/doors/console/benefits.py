"""Loyalty → Benefits: which there are, for whom and how often they are used; a member's, used, given back and given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import programmes
from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.customers import customers, persons
from regulars.facts.customers.customers import Customer
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import benefit_words, benefits, memberships, tier_words, tiers
from regulars.levers.loyalty.benefits import BenefitView, Entitlement, GiftView, Saved, UseView
from regulars.levers.loyalty.memberships import PlanView
from regulars.levers.loyalty.rules.benefit_terms import Benefit, OnLevel
from regulars.levers.loyalty.tiers import SetView
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

A_MONTH = timedelta(days=30)
USES_SHOWN = 6
Its = TypeVar("Its", UseView, GiftView)


@dataclass(frozen=True)
class Row:
    """A benefit as the list shows it: for whom, and what became of it in thirty days."""

    view: BenefitView
    title: str
    programme: str
    kind: str
    gives: str
    levels: tuple[tuple[str, str], ...]
    uses: int
    saved: tuple[str, ...]


class _Use(forms.Form):
    benefit = forms.RegexField(r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")
    source = forms.CharField(max_length=60)
    about = forms.RegexField(r"^[A-Za-z0-9._:/-]{1,80}$", required=False)
    saved = forms.DecimalField(required=False, min_value=0, max_digits=15)
    key = forms.CharField(max_length=36)


class _Give(forms.Form):
    benefit = forms.RegexField(r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")
    reason = forms.ChoiceField(choices=[(code, code) for code in benefits.REASONS])
    most = forms.IntegerField(required=False, min_value=1, max_value=10_000)
    until = forms.DateField(required=False)
    partner = forms.RegexField(r"^[a-z][a-z0-9_.-]{0,59}$", required=False)
    key = forms.CharField(max_length=36)


@require_safe
@requires("points.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every benefit in force."""
    now = timezone.now()
    found: dict[str, list[Saved]] = {}
    for one in benefits.savings(since=now - A_MONTH, until=now):
        found.setdefault(f"{one.programme}.{one.benefit}", []).append(one)
    sets = {(view.programme, view.tiers.id): view for view in tiers.sets(at=now)}
    plans, called = memberships.plans(at=now), programmes.called(now)
    rows = [
        _row(view, called.get(view.programme, view.programme), sets, plans, found.get(view.key, []))
        for view in benefits.every(at=now)
    ]
    return page(request, "console/benefits.html", title=_("Benefits"), rows=rows)


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card on a member's page: what they have, why, what is left; what they used."""
    who, now = _found(public_id), timezone.now()
    sets = {(view.programme, view.tiers.id): view for view in tiers.sets(at=now)}
    seen = benefits.overview(customer=who.id, at=now, standing=tiers.of(customer=who.id, at=now))
    given = {f"gift:{one.id}": one for one in benefits.gifts(customer=who.id)}
    every = benefits.every(at=now)
    called = {view.key: benefit_words.title(view.benefit.titles) for view in every}
    return fragment(
        request,
        "console/member_benefits_card.html",
        who=who,
        zone=shop_of(request).zone,
        currency=shop_of(request).currency,
        rows=[
            {
                "one": one,
                "title": benefit_words.title(one.view.benefit.titles),
                "gives": benefit_words.gives(one.view, formats.money) or benefit_words.kind(one.view.benefit),
                "often": _often(one),
                "source": because(one, sets),
                "gift": given[one.source].public_id if one.source in given else "",
            }
            for one in seen.entitlements
        ],
        used=[_used(one, called) for one in benefits.uses(customer=who.id, limit=USES_SHOWN)],
        saved=[formats.money(one.minor, one.currency) for one in seen.saved],
        every=[(view.key, benefit_words.title(view.benefit.titles)) for view in every],
        reasons=benefit_words.reasons(),
        why_back=benefit_words.why_back(),
        key=uuid4().hex,
        may_use=may(request, "benefits.use"),
        may_give=may(request, "benefits.give"),
        may_give_many=may(request, "points.manage"),
        may_end=may(request, "points.manage"),
    )


@require_POST
@requires("benefits.use")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Use one, give a use back, give one, end one that was given."""
    who, by, now = _found(public_id), operators.actor(me(request)), clock.now()
    try:
        match request.POST.get("act"):
            case "use" if (used := _Use(request.POST)).is_valid():
                said, currency = used.cleaned_data, shop_of(request).currency
                benefits.use(
                    customer=who.id,
                    benefit=said["benefit"],
                    source=said["source"],
                    about=said["about"],
                    saved=Money.of(str(said["saved"]), currency) if said["saved"] else None,
                    key=f"console:{said['key']}",
                    at=now,
                    by=by,
                )
                messages.success(request, _("It is used."))
            case "back":
                used_once = _theirs(benefits.get_use(request.POST.get("use", "")), who)
                benefits.give_back(use=used_once.id, why=request.POST.get("why", ""), at=now, by=by)
                messages.success(request, _("It was not used, and can be used again in its time."))
            case "give" | "withdraw" if not may(request, "benefits.give"):
                raise PermissionDenied
            case "withdraw" if not may(request, "points.manage"):
                raise PermissionDenied
            case "give" if request.POST.get("most") != "1" and not may(request, "points.manage"):
                messages.error(request, _("You may give one use at a time; a manager gives more."))
            case "give" if (given := _Give(request.POST)).is_valid():
                said = given.cleaned_data
                benefits.give(
                    customer=who.id,
                    benefit=said["benefit"],
                    reason=said["reason"],
                    most=said["most"],
                    until=said["until"],
                    partner=said["partner"],
                    key=f"console:{said['key']}",
                    at=now,
                    by=by,
                )
                messages.success(request, _("It is theirs."))
            case "withdraw":
                gift = _theirs(benefits.get_gift(request.POST.get("gift", "")), who)
                benefits.withdraw(gift=gift.id, at=now, by=by)
                messages.success(request, _("It is over. What was used of it stays."))
            case "use" | "give":
                messages.error(request, _("Check what you wrote: a number, a day, a short code without spaces."))
            case _:
                raise Http404
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(reverse("console:member", args=[who.public_id]) + "#benefits")


def _theirs(one: Its, who: Customer) -> Its:
    """Only what is of the person whose page it is."""
    if persons.of(one.customer) != persons.of(who.id):
        raise Http404
    return one


def because(one: Entitlement, sets: Mapping[tuple[str, str], SetView]) -> str:
    """Whom it comes from: the level by its name, why it was given in words."""
    if one.given_by == "tier":
        name, _dot, level = one.because.partition(".")
        view = sets.get((one.view.programme, name))
        return _("%(level)s level") % {"level": tier_words.level_title(view, level) if view else level}
    if one.given_by == "gift":
        return f"{benefit_words.source(one)}: {dict(benefit_words.reasons()).get(one.because, one.because)}"
    return benefit_words.source(one) + (f": {one.because}" if one.given_by == "partner" else "")


def _often(one: Entitlement) -> str:
    if one.most is None:
        return benefit_words.often(None, one.view.benefit)
    return _("%(left)s of %(most)s left") % {"left": formats.number(one.left or 0), "most": formats.number(one.most)}


def _row(
    view: BenefitView,
    programme: str,
    sets: Mapping[tuple[str, str], SetView],
    plans: list[PlanView],
    found: list[Saved],
) -> Row:
    benefit = view.benefit
    title, kind = benefit_words.title(benefit.titles), benefit_words.kind(benefit)
    paid = [
        (benefit_words.title(one.plan.titles), benefit_words.often(each.most, benefit))
        for one in plans
        for each in one.plan.benefits
        if (one.programme, each.benefit) == (view.programme, benefit.id)
    ]
    return Row(
        view=view,
        title=title,
        programme=programme,
        kind="" if title.casefold() == kind.casefold() else kind,
        gives=benefit_words.gives(view, formats.money),
        levels=tuple(
            (_on(one, benefit, sets.get((view.programme, one.tiers))), benefit_words.often(one.most, benefit))
            for one in benefit.levels
        )
        + tuple(paid),
        uses=sum(one.uses for one in found),
        saved=tuple(formats.money(one.minor, one.currency) for one in benefits.in_all(found)),
    )


def _on(one: OnLevel, benefit: Benefit, view: SetView | None) -> str:
    """A level of a benefit; of the highest that it names also that those above have it, where there are any."""
    if view is None:
        return one.level
    title = tier_words.level_title(view, one.level)
    last = max(each.rank for each in benefit.levels if each.tiers == one.tiers)
    return _("%(level)s and above") % {"level": title} if one.rank == last < len(view.tiers.levels) else title


def _used(one: UseView, called: Mapping[str, str]) -> dict[str, Any]:
    key = f"{one.programme}.{one.benefit}"
    return {
        "one": one,
        "title": called.get(key) or one.benefit,
        "saved": formats.money(one.saved.minor, one.saved.currency) if one.saved else "",
        "why": dict(benefit_words.why_back()).get(one.why_back, ""),
    }


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
