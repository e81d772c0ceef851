"""Loyalty → Programmes: what earns points, as files with versions: checked, compared, tried on real history, approved,
above a limit by another, activated at a time, rolled back; and what was promised to causes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext, ngettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, programme_help, regrants, trials
from regulars.doors.console.points_words import shown
from regulars.doors.console.rewards import KINDS as REWARD_KINDS
from regulars.doors.console.site import may, me, page, shop_of
from regulars.doors.console.trials import KINDS, RuleShown, Tried
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    benefit_words,
    catalogues,
    membership_words,
    mission_words,
    pledges,
    policies,
    programme_files,
    programmes,
    rule_words,
    tier_words,
)
from regulars.levers.loyalty.expiring import Expiry
from regulars.levers.loyalty.missions import MissionView
from regulars.levers.loyalty.programmes import Programme, VersionView
from regulars.levers.loyalty.rules.benefit_terms import Benefit
from regulars.levers.loyalty.rules.missions import Mission
from regulars.levers.loyalty.rules.reward_terms import RewardTold
from regulars.levers.loyalty.rules.tier_sets import Level, TierSet
from regulars.levers.loyalty.tiers import SetView
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.preferences import preferences
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

LONGEST_FILE = 200_000
EXPIRIES: Mapping[str, Any] = {
    "never": gettext_lazy("they stay"),
    "fixed": gettext_lazy("all on one day; what is earned after it, on that day of the year after, and so on"),
    "rolling": gettext_lazy("some time after they were earned"),
    "activity": gettext_lazy("some time after their member last earned or spent points"),
}
CALENDAR_ENDS: Mapping[str, Any] = {
    "month": gettext_lazy("at the end of the month"),
    "quarter": gettext_lazy("at the end of the quarter"),
    "half_year": gettext_lazy("at the end of the half-year"),
    "year": gettext_lazy("at the end of the year"),
}

WAITS: Mapping[str, Any] = {
    "placed": ngettext_lazy("%(n)s day after it was ordered", "%(n)s days after it was ordered", "n"),
    "paid": ngettext_lazy("%(n)s day after it was paid", "%(n)s days after it was paid", "n"),
    "delivered": ngettext_lazy("%(n)s day after it arrived", "%(n)s days after it arrived", "n"),
}
AT_ONCE: Mapping[str, Any] = {
    "placed": gettext_lazy("at once"),
    "paid": gettext_lazy("when it is paid"),
    "delivered": gettext_lazy("when it arrived"),
}


class Written(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What it says"),
        max_length=LONGEST_FILE,
        strip=False,
        widget=forms.Textarea(attrs={"class": "input mono", "rows": 28, "spellcheck": "false", "wrap": "off"}),
    )


class Payment(forms.Form):
    cause = forms.CharField(max_length=60)
    currency = forms.CharField(max_length=3)
    amount = forms.DecimalField(max_digits=15, min_value=Decimal("0.000001"))
    key = forms.CharField(max_length=60)


@dataclass(frozen=True)
class Shown:
    """A programme as the list shows it."""

    code: str
    title: str
    active: int | None
    since: datetime | None
    latest: int


@dataclass(frozen=True)
class PartShown:
    """A part of a programme in short: each thing by its name, and what it asks or costs."""

    title: str
    rows: tuple[tuple[str, str], ...]


@require_safe
@requires("points.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """The programmes there are, those that come with Regulars, and what was promised to causes."""
    return _list(request)


@require_safe
@requires("points.read")
def programme(request: HttpRequest, code: str) -> HttpResponseBase:
    """One programme: a version of it, and what becomes of it."""
    return _version(request, code, number_asked(request.GET.get("version", "")))


def _version(request: HttpRequest, code: str, wanted: int | None, tried: Tried | None = None) -> HttpResponseBase:
    found = _versions(code)
    number = found[0].number if wanted is None else wanted
    chosen = next((one for one in found if one.number == number), None)
    if chosen is None:
        raise Http404
    now = timezone.now()
    active = next((one for one in programmes.active(now) if one.programme.code == code), None)
    before = None if active is None else programmes.get(code, active.number)
    turns = programmes.activations(code)
    names = actors.told(
        {one.drafted_by for one in found} | {one.approved_by or "" for one in found} | {one.by for one in turns}
    )
    said, refusal = readable(chosen.text)
    is_in_force = active is not None and active.number == chosen.number
    if tried is None and not is_in_force:
        tried = trials.there_is(said, chosen.text)
    return page(
        request,
        "console/programme.html",
        title=_title(said, code),
        code=code,
        chosen=chosen,
        versions=[(one, names[one.drafted_by], names.get(one.approved_by or "", "")) for one in found],
        active=active and active.number,
        changes=programmes.diff(before.text, chosen.text) if before and before.number != chosen.number else [],
        turns=[(one, names[one.by]) for one in turns],
        batches=regrants.of(code),
        now=now,
        says=_says(said),
        refusal=refusal,
        tried=tried,
        may_try=said is not None and not is_in_force and (tried is None or tried.trial is not None),
        zone=shop_of(request).zone,
        may_manage=may(request, "points.manage"),
    )


@require_safe
@requires("points.manage")
def edit(request: HttpRequest) -> HttpResponseBase:
    """A file to write: another version of one that is there, or one that comes with Regulars."""
    of, ready = request.GET.get("of", ""), request.GET.get("ready", "")
    if of:
        text = _versions(of)[0].text
    elif ready in programme_files.ready():
        text = programme_files.text_of(ready)
    else:
        raise Http404
    return _editor(request, Written(initial={"text": text}))


@require_POST
@requires("points.manage")
def write(request: HttpRequest) -> HttpResponseBase:
    """Check what is written, try it on the last year's orders, or keep it as the next version."""
    form = Written(request.POST)
    if not form.is_valid():
        return _editor(request, form, status=422)
    text = form.cleaned_data["text"].replace("\r\n", "\n")
    try:
        said = programmes.validate(text)
        if request.POST.get("act") == "keep":
            made = programmes.draft(text=text, at=clock.now(), by=_by(request))
            messages.success(request, _("Version %(number)s is kept. It is not active yet.") % {"number": made.number})
            return redirect(_place(made.programme, made.number))
        tried = trials.look(said, _by(request)) if request.POST.get("act") == "try" else None
    except Refusal as refused:
        form.add_error("text", refused.message)
        return _editor(request, form, status=422)
    return _editor(request, form, said=said, tried=tried)


@require_POST
@requires("points.manage")
def act(request: HttpRequest, code: str, number: int) -> HttpResponseBase:
    """Try a version, approve it, activate it, go back to the one before, or end the programme."""
    now, by = clock.now(), _by(request)
    try:
        chosen = programmes.get(code, number)
        match request.POST.get("act"):
            case "try":
                return _version(request, code, number, trials.look(programmes.validate(chosen.text), by))
            case "approve":
                tried = trials.look(programmes.validate(chosen.text), by, at_most=trials.A_DAY)
                if tried.trial is None:
                    messages.info(request, _("It is being tried on the last year. Approve it when that is done."))
                    return redirect(_place(code, number))
                programmes.approve(
                    programme=code,
                    version=number,
                    cost=tried.trial.all_parts,
                    tried=tried.trial.tried_events,
                    at=now,
                    by=by,
                )
                messages.success(
                    request,
                    _("It is approved. The last year would have earned %(points)s.") % {"points": tried.given},
                )
            case "activate":
                from_at = _moment(request.POST.get("from", ""), shop_of(request).zone, now)
                programmes.activate(programme=code, version=number, at=now, by=by, from_at=from_at)
                messages.success(request, _("It says from then on what is earned."))
                if from_at is None or from_at <= now:
                    brought = [one for one in catalogues.bring(programme=code, at=now, by=by) if one.what != "same"]
                    if brought:
                        messages.info(
                            request,
                            _("Rewards of its file: %(codes)s. New ones are drafts: look at them, then open them.")
                            % {"codes": ", ".join(one.code for one in brought)},
                        )
            case "roll_back":
                back = programmes.roll_back(programme=code, at=now, by=by)
                messages.success(request, _("Version %(number)s is active again.") % {"number": back.number})
            case "end":
                programmes.end(programme=code, at=now, by=by)
                messages.success(request, _("Nothing more is earned by it. What was earned goes on."))
            case _:
                raise Http404
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(_place(code, number))


@require_POST
@requires("points.manage")
def pay(request: HttpRequest) -> HttpResponseBase:
    """Write down what was paid to a cause."""
    form = Payment(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give an amount and the number of your payment."))
        return redirect(reverse("console:programmes") + "#pledges")
    said = form.cleaned_data
    try:
        now = pledges.pay(
            cause=said["cause"],
            amount=Money.of(str(said["amount"]), said["currency"]),
            key=said["key"],
            at=clock.now(),
            by=_by(request),
        )
        messages.success(request, _("It is written down: %(open)s is open now.") % {"open": now.open})
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(reverse("console:programmes") + "#pledges")


@require_POST
@requires("preferences.change")
def publish_pledges(request: HttpRequest) -> HttpResponseBase:
    """Whether everybody may see what was promised to causes."""
    preferences.write(pledges.PUBLIC, request.POST.get("public") == "yes", at=clock.now(), by=_by(request))
    messages.success(request, _("Saved."))
    return redirect(reverse("console:programmes") + "#pledges")


def _list(request: HttpRequest) -> HttpResponseBase:
    there = programmes.every(at=timezone.now())
    codes = {one.code for one in there}
    return page(
        request,
        "console/programmes.html",
        title=_("Programmes"),
        rows=[
            Shown(
                one.code,
                _title(readable(programmes.latest(one.code).text)[0], one.code),
                one.active,
                one.since,
                one.latest,
            )
            for one in there
        ],
        ready=[
            (name, _title(readable(programme_files.text_of(name))[0], name))
            for name in programme_files.ready()
            if name not in codes
        ],
        pledges=pledges.totals(),
        is_public=preferences.read(pledges.PUBLIC),
        public_at=request.build_absolute_uri(reverse("portal-causes")),
        key=f"payment-{uuid4().hex[:8]}",
        zone=shop_of(request).zone,
        may_manage=may(request, "points.manage"),
        may_publish=may(request, "preferences.change"),
    )


def _editor(
    request: HttpRequest,
    form: Written,
    *,
    said: Programme | None = None,
    tried: Tried | None = None,
    status: int = 200,
) -> HttpResponseBase:
    changes = []
    if said is not None and any(one.code == said.code for one in programmes.every(at=timezone.now())):
        changes = programmes.diff(programmes.latest(said.code).text, said.text)
    return page(
        request,
        "console/programme_edit.html",
        title=_("Write a programme"),
        status=status,
        form=form,
        says=_says(said),
        changes=changes,
        tried=tried,
        help_lines=programme_help.LINES,
        help_rules=programme_help.rules(),
        help_ready=programme_files.ready(),
    )


def _versions(code: str) -> list[VersionView]:
    found = programmes.versions(code)
    if not found:
        raise Http404
    return found


def number_asked(told: str) -> int | None:
    """The number of a version that an address or a form names: None where it names none, 0 where that is no number."""
    if not told:
        return None
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 9 else 0


def readable(text: str) -> tuple[Programme | None, str]:
    """A file's text as it is read now, or why it is not: what was valid once may not be any more, for an audience is
    gone, say."""
    try:
        return programmes.validate(text), ""
    except Refusal as refused:
        return None, refused.message


def called(at: datetime) -> dict[str, str]:
    """What the programmes in force are called, by their codes. One query."""
    return {one.programme.code: _title(one.programme, one.programme.code) for one in programmes.active(at)}


def _title(said: Programme | None, code: str) -> str:
    return code if said is None else _in_language(said.titles)


def _in_language(titles: Mapping[str, str]) -> str:
    return titles["zh" if (get_language() or "").startswith("zh") else "en"]


def _says(said: Programme | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "title": _in_language(said.titles),
        "points": _in_language(said.currency.titles),
        "zone": said.zone,
        "expiry": CALENDAR_ENDS[said.expiry.unit] if said.expiry.kind == "calendar_end" else EXPIRIES[said.expiry.kind],
        "notice_days": said.notice_days,
        "pending": said.pending,
        "span": _span(said.expiry),
        "waits": str(WAITS[said.pending.until] % {"n": said.pending.days})
        if said.pending.days
        else str(AT_ONCE[said.pending.until]),
        "rules": _rules(said),
        "parts": _parts(said),
        "packs": [
            (_in_language(one.titles), one.is_reviewed) for one in (policies.pack(name) for name in said.policies)
        ],
        "approval_above": shown(said.approval_above, said.currency.scale),
    }


def _rules(said: Programme) -> list[RuleShown]:
    return [
        RuleShown(rule.id, str(KINDS[rule.kind]), rule_words.said(rule, said, formats.money, formats.day))
        for rule in said.rules
    ]


def _parts(said: Programme) -> list[PartShown]:
    """What it has besides rules, in short; nothing of what it has none of."""
    levels = {f"{one.id}.{each.id}": _in_language(each.titles) for one in said.tiers for each in one.levels}
    found = [
        PartShown(
            _("Tiers: %(title)s") % {"title": _in_language(one.titles)},
            tuple((_in_language(level.titles), _asked(level, one, said)) for level in one.levels),
        )
        for one in said.tiers
    ]
    found += [
        PartShown(_("Benefits"), tuple((_in_language(one.titles), _had_by(one, levels)) for one in said.benefits)),
        PartShown(
            _("Rewards"),
            tuple(
                (
                    _in_language(one.titles),
                    _("%(kind)s, %(price)s") % {"kind": REWARD_KINDS[one.kind], "price": _price(one, said)},
                )
                for one in said.rewards
            ),
        ),
        PartShown(_("Missions"), tuple((_in_language(one.titles), _mission(one, said)) for one in said.missions)),
        PartShown(
            _("Plans"),
            tuple(
                (
                    _in_language(one.titles),
                    membership_words.price(one.price_minor, said.money, one.months, formats.money),
                )
                for one in said.plans
            ),
        ),
    ]
    return [one for one in found if one.rows]


def _asked(level: Level, tiers: TierSet, said: Programme) -> str:
    view = SetView(said.code, tiers, said.money, said.zone, said.currency.scale, said.currency.titles)
    return tier_words.asked_in_all(level.asks, view, formats.money) or _("nothing: everybody's")


def _had_by(benefit: Benefit, levels: Mapping[str, str]) -> str:
    if not benefit.levels:
        return _("by a plan, or given by hand")
    return _("; ").join(
        _("from %(level)s: %(often)s")
        % {"level": levels[f"{one.tiers}.{one.level}"], "often": benefit_words.often(one.most, benefit)}
        for one in benefit.levels
    )


def _price(reward: RewardTold, said: Programme) -> str:
    points = _("%(points)s %(name)s") % {
        "points": shown(reward.price, said.currency.scale),
        "name": _in_language(said.currency.titles),
    }
    return f"{points} + {formats.money(reward.cash_minor, said.money)}" if reward.cash_minor else points


def _mission(mission: Mission, said: Programme) -> str:
    badge = next((one for one in said.badges if one.id == mission.prize.badge), None)
    coin = said.currency
    view = MissionView(said.code, mission, badge, coin.code, said.money, said.zone, coin.scale, coin.titles)
    steps = _(", ").join(mission_words.asked(goal, view, formats.money) for goal in mission.goals)
    rewards = {one.id: _in_language(one.titles) for one in said.rewards}
    return f"{steps} → {mission_words.prize(view, rewards)} · {mission_words.how_often(view)}"


def _span(expiry: Expiry) -> str:
    """How long, until which day, or the end of which time."""
    if expiry.kind == "fixed" and expiry.on is not None:
        return formats.day(expiry.on)
    if expiry.kind == "calendar_end" and expiry.months:
        words = ngettext(
            "the one %(n)s month after they were earned", "the one %(n)s months after they were earned", expiry.months
        )
        return words % {"n": expiry.months}
    parts = []
    if expiry.months:
        parts.append(ngettext("%(n)s month", "%(n)s months", expiry.months) % {"n": expiry.months})
    if expiry.days:
        parts.append(ngettext("%(n)s day", "%(n)s days", expiry.days) % {"n": expiry.days})
    return ", ".join(parts) if expiry.kind != "never" else ""


def _moment(told: str, zone: str, now: datetime) -> datetime | None:
    """A day of the shop's, from its beginning; none where nothing readable was told. Raises DayIsOver."""
    form = _Day({"on": told})
    day = form.cleaned_data["on"] if form.is_valid() else None
    return None if day is None else programmes.begins(day, zone=zone, at=now)


class _Day(forms.Form):
    on = forms.DateField(required=False)


def _place(code: str, number: int) -> str:
    return f"{reverse('console:programme', args=[code])}?version={number}"


def _by(request: HttpRequest) -> Actor:
    return operators.actor(me(request))
