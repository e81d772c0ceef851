"""Loyalty → Memberships: plans, how many are where, who has something to pay; a member's, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import people, programmes
from regulars.doors.console.site import fragment, may, me, page
from regulars.facts.customers import customers
from regulars.facts.customers.customers import Customer
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import benefit_words, membership_words, memberships
from regulars.levers.loyalty.memberships import Consent, MembershipView, PlanView
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

STATES = ("past_due", "waiting", "trial", "active", "paused", "ended")
#: Of whichever state, with money that is still to be given back.
OWED = "owed"
SHOWN = 100


@dataclass(frozen=True)
class Plan:
    """A plan as the list shows it."""

    view: PlanView
    title: str
    programme: str
    price: str
    states: tuple[tuple[str, int], ...]


class _Join(forms.Form):
    plan = forms.RegexField(r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")
    language = forms.ChoiceField(choices=[("en", "en"), ("zh", "zh")])
    where = forms.ChoiceField(choices=[(code, code) for code in memberships.PLACES])
    number = forms.RegexField(r"^[A-Za-z0-9._:/-]{1,60}$", required=False)
    agreed = forms.BooleanField()
    terms = forms.CharField(max_length=20)
    key = forms.CharField(max_length=36)


@require_safe
@requires("points.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Plans, and memberships of a state: those first on which something happens first."""
    now = clock.now()
    counts = memberships.counts()
    asked = request.GET.get("state", "")
    state, owed = asked if asked in (*STATES, OWED) else "", asked == OWED
    found = memberships.every(at=now, state="" if owed else state, is_owed=owed, limit=SHOWN)
    called = programmes.called(now)
    who = {one.id: one for one in people.shown(sorted({one.customer for one in found}))} if found else {}
    return page(
        request,
        "console/memberships.html",
        title=_("Memberships"),
        plans=[_plan(view, called, counts) for view in memberships.plans(at=now)],
        rows=[(_shown(one), who.get(one.customer)) for one in found],
        states=[*((code, membership_words.state(code)) for code in STATES), (OWED, _("to be given back"))],
        state=state,
        most=SHOWN,
    )


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card on a member's page."""
    who, now = _found(public_id), clock.now()
    mine = memberships.of(customer=who.id, at=now)
    living = [one.programme for one in mine if one.state != "ended"]
    plans = [view for view in memberships.plans(at=now) if view.programme not in living]
    return fragment(
        request,
        "console/member_memberships_card.html",
        who=who,
        rows=[
            _shown(one)
            | {"steps": _steps(one), "back": _back(one, now), "where": membership_words.where(one.agreed.to.where)}
            | {"others": _others(one, now)}
            for one in mine[:3]
        ],
        plans=[(view, benefit_words.title(view.plan.titles), benefit_words.title(view.plan.terms)) for view in plans],
        places=[(code, membership_words.where(code)) for code in memberships.PLACES if code != "order"],
        key=uuid4().hex,
        twice=len(living) > len(set(living)),
        may_act=may(request, "points.spend"),
        may_end=may(request, "memberships.money"),
    )


@require_POST
@requires("points.spend")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Join, rest, go on, choose another plan, leave, stay: for a member at the counter or on the telephone."""
    who, by, now = _found(public_id), operators.actor(me(request)), clock.now()
    doing = request.POST.get("act", "")
    try:
        if doing == "join":
            form = _Join(request.POST)
            if form.is_valid():
                said = form.cleaned_data
                memberships.join(
                    customer=who.id,
                    plan=said["plan"],
                    consent=_consent(form),
                    key=f"console:{said['key']}",
                    at=now,
                    by=by,
                )
                messages.success(request, _("They have joined."))
            else:
                messages.error(request, _("Choose where they agreed, and say that they did."))
        else:
            number = _theirs(request, who).id
            key = f"console:{request.POST.get('key', '')[:60] or uuid4().hex}:{doing[:10]}"
            match doing:
                case "end" if not may(request, "memberships.money"):
                    raise PermissionDenied
                case "cancel":
                    memberships.cancel(membership=number, key=key, at=now, by=by)
                    messages.success(request, _("It is over when what is paid is over."))
                case "end":
                    memberships.cancel(membership=number, at_once=True, key=key, at=now, by=by)
                    messages.success(request, _("It is over."))
                case "keep":
                    memberships.keep(membership=number, key=key, at=now, by=by)
                    messages.success(request, _("It goes on."))
                case "pause":
                    memberships.pause(membership=number, key=key, at=now, by=by)
                    messages.success(request, _("It rests, with the days that are left."))
                case "resume":
                    memberships.resume(membership=number, key=key, at=now, by=by)
                    messages.success(request, _("It goes on."))
                case "stay":
                    memberships.stay(membership=number, key=key, at=now, by=by)
                    messages.success(request, _("They stay with their plan."))
                case "switch":
                    form = _Join(request.POST)
                    if form.is_valid():
                        wanted, consent = form.cleaned_data["plan"], _consent(form)
                        memberships.switch(membership=number, plan=wanted, consent=consent, key=key, at=now, by=by)
                        messages.success(request, _("They have chosen another plan."))
                    else:
                        messages.error(request, _("Choose where they agreed, and say that they did."))
                case _:
                    raise Http404
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(reverse("console:member", args=[who.public_id]) + "#memberships")


def _consent(form: _Join) -> Consent:
    said = form.cleaned_data
    return Consent(said["terms"], said["language"], ":".join(filter(None, (said["where"], said["number"]))))


def _theirs(request: HttpRequest, who: Customer) -> MembershipView:
    """Only one of the person whose page it is."""
    now = clock.now()
    found = memberships.by_public_id(request.POST.get("membership", ""), at=now)
    if found.id not in {one.id for one in memberships.of(customer=who.id, at=now)}:
        raise Http404
    return found


def _plan(view: PlanView, called: Mapping[str, str], counts: dict[tuple[str, str], int]) -> Plan:
    return Plan(
        view=view,
        title=benefit_words.title(view.plan.titles),
        programme=called.get(view.programme, view.programme),
        price=membership_words.price_of(view, formats.money),
        states=tuple(
            (membership_words.state(code), many) for code in STATES if (many := counts.get((view.key, code), 0))
        ),
    )


def _shown(one: MembershipView) -> dict[str, Any]:
    return {
        "one": one,
        "title": benefit_words.title(one.titles),
        "state": membership_words.state(one.state),
        "tone": {"past_due": "bad", "waiting": "care", "active": "good"}.get(one.state, ""),
        "comes": membership_words.comes(one, formats.money, formats.day),
        "why": membership_words.why_ended(one.why_ended),
    }


def _others(one: MembershipView, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "view": each.to,
            "title": benefit_words.title(each.to.plan.titles),
            "price": membership_words.price_of(each.to, formats.money),
            "terms": benefit_words.title(each.to.plan.terms),
            "begins": membership_words.begins(each, formats.money, formats.day),
        }
        for each in (memberships.changes(membership=one.id, at=now) if one.state != "ended" else ())
    ]


def _steps(one: MembershipView) -> list[tuple[Any, str, str]]:
    return [
        (each.on, membership_words.step(each.kind, each.why), formats.money(each.money.minor, each.money.currency))
        if each.money
        else (each.on, membership_words.step(each.kind, each.why), "")
        for each in reversed(memberships.history(one.id))
    ]


def _back(one: MembershipView, now: Any) -> str:
    if one.state == "ended":
        return ""
    back = memberships.refundable(membership=one.id, at=now)
    return formats.money(back.minor, back.currency) if back else ""


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
