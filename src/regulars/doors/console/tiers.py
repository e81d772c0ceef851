"""Loyalty → Tiers: who is on which level, and who moved where; a member's status with its reasons, and freezing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import fragment, may, me, page
from regulars.facts.customers import customers, sign_in_links
from regulars.facts.customers.customers import Customer
from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import pictures, tier_flow, tier_words, tiers
from regulars.levers.loyalty.rules.tier_periods import Period
from regulars.levers.loyalty.tier_flow import Flow
from regulars.levers.loyalty.tiers import FREEZES, SetView, Status
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

#: Of the drawing, in its own units.
WIDE, NARROW, HIGH, BAR, GAP, TOP = 640, 320, 260, 14, 10, 8
NONE_COLOUR = "#c9cfca"
MOVES_SHOWN = 6


@dataclass(frozen=True)
class LevelShown:
    """A level in a list: what it asks in words, and how many are on it. `picture`: where it is, `image` what the file
    calls it; `brands`: what they call the level."""

    title: str
    colour: str
    picture: str
    image: str
    brands: tuple[str, ...]
    asks: str
    people: int


@dataclass(frozen=True)
class Block:
    """One side of the drawing: a level, and how many were on it."""

    title: str
    colour: str
    people: int
    top: float
    height: float
    middle: float


@dataclass(frozen=True)
class Band:
    """So many who came from one side to the other. `tone`: up, down or stay."""

    path: str
    colour: str
    tone: str
    words: str


@dataclass(frozen=True)
class Drawing:
    """Who moved where between two days. `right`: where the bars of the right side begin."""

    wide: int
    right: int
    before: tuple[Block, ...]
    after: tuple[Block, ...]
    bands: tuple[Band, ...]
    up: int
    down: int
    high: int = HIGH
    bar: int = BAR


@dataclass(frozen=True)
class SetShown:
    """A set of tiers on its page."""

    view: SetView
    title: str
    period: str
    levels: tuple[LevelShown, ...]
    drawings: tuple[Drawing, ...]


class _Pictured(forms.Form):
    name = forms.RegexField(r"^[a-z][a-z0-9_]*$", max_length=40)
    picture = forms.FileField(max_length=200)


class _Freeze(forms.Form):
    programme, tiers = forms.SlugField(max_length=40), forms.SlugField(max_length=40)
    reason = forms.ChoiceField(choices=[(code, code) for code in FREEZES])
    until = forms.DateField(required=False)
    key = forms.CharField(max_length=36)


@require_POST
@requires("points.manage")
def picture(request: HttpRequest) -> HttpResponseBase:
    """Keep a picture under the name by which a programme's file calls it."""
    told = _Pictured(request.POST, request.FILES)
    if not told.is_valid():
        messages.error(request, _("Give a name of small letters, digits and underscores, and a picture."))
        return redirect("console:tiers")
    given = told.cleaned_data["picture"]
    try:
        # One byte more than is taken tells that there are more, without reading all of them.
        body = given.read(pictures.LARGEST + 1)
        pictures.keep(name=told.cleaned_data["name"], body=body, at=clock.now(), by=operators.actor(me(request)))
        messages.success(request, _("It is kept. Levels that name it show it."))
    except Refusal as refused:
        messages.error(request, str(refused))
    return redirect("console:tiers")


@require_safe
@requires("points.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every set in force, and who moved where in a quarter: the last whole one, or another."""
    now = timezone.now()
    views = tiers.sets(at=now)
    counts = tiers.on_levels(at=now)
    today = civil.day_of(now, civil.zone(views[0].zone)) if views else now.date()
    since, until, quarter = _quarter(request.GET.get("quarter", ""), today)
    shown = []
    known = pictures.digests({level.image for view in views for level in view.tiers.levels})
    for view in views:
        flows = tier_flow.between(programme=view.programme, tiers=view.tiers.id, since=since, until=until)
        shown.append(
            SetShown(
                view,
                tier_words.in_words(view.tiers.titles),
                period_words(view.tiers.period),
                tuple(
                    LevelShown(
                        tier_words.in_words(level.titles),
                        level.colour,
                        known.get(level.image, ""),
                        level.image,
                        tuple(
                            f"{brand}: {tier_words.in_words(look.titles)}"
                            for brand, look in level.brands.items()
                            if look.titles
                        ),
                        tier_words.asked_in_all(level.asks, view, formats.money),
                        counts.get(view.key, {}).get(level.id, 0),
                    )
                    for level in reversed(view.tiers.levels)
                ),
                tuple(drawn(view, flows, wide) for wide in (WIDE, NARROW)) if flows else (),
            )
        )
    return page(
        request,
        "console/tiers.html",
        title=_("Tiers"),
        sets=shown,
        pictures=pictures.every(),
        may_manage=may(request, "points.manage"),
        quarter=quarter,
        since=since,
        last=until - timedelta(days=1),
        earlier=_name(since - timedelta(days=1)),
        later=_name(until) if until <= today else "",
    )


def period_words(period: Period) -> str:
    """What counts together, in words."""
    if period.kind == "rolling":
        return _("by what was kept in the last %(months)s months") % {"months": period.months}
    return {
        "calendar_year": _("by what was kept in a calendar year"),
        "calendar_quarter": _("by what was kept in a calendar quarter"),
        "anniversary": _("by what was kept in a year since joining"),
        "ever": _("by all that was ever kept"),
    }[period.kind]


def _quarter(told: str, today: date) -> tuple[date, date, str]:
    """Its first day, the first day after it, and its name; the last whole one where none is told."""
    year, dash, number = told.partition("-")
    if dash and year.isdigit() and len(year) == 4 and number in ("1", "2", "3", "4") and 1990 <= int(year) < 2200:
        since = date(int(year), int(number) * 3 - 2, 1)
    else:
        since = civil.add_months(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), -3)
    return since, civil.add_months(since, 3), _name(since)


def _name(day: date) -> str:
    return f"{day.year}-{(day.month - 1) // 3 + 1}"


def drawn(view: SetView, flows: Sequence[Flow], wide: int = WIDE) -> Drawing:
    """Two sides, and a band for each way between them, as wide as many went it."""
    ranks = ["", *(level.id for level in view.tiers.levels)]
    known = [flow for flow in flows if flow.before in ranks and flow.after in ranks]
    total = max(sum(flow.people for flow in known), 1)
    scale = (HIGH - 2 * TOP - GAP * (len(ranks) - 1)) / total
    left = _side(view, ranks, [(flow.before, flow.people) for flow in known], scale)
    right = _side(view, ranks, [(flow.after, flow.people) for flow in known], scale)
    at_left, at_right = {one: left[one].top for one in left}, {one: right[one].top for one in right}
    bands, up, down = [], 0, 0
    for flow in sorted(known, key=lambda one: (-ranks.index(one.before), -ranks.index(one.after))):
        height = flow.people * scale
        one, other = at_left[flow.before], at_right[flow.after]
        at_left[flow.before], at_right[flow.after] = one + height, other + height
        step = ranks.index(flow.after) - ranks.index(flow.before)
        up, down = up + flow.people * (step > 0), down + flow.people * (step < 0)
        tone = "up" if step > 0 else "down" if step < 0 else "stay"
        names = {
            "people": formats.number(flow.people),
            "before": _titled(view, flow.before),
            "after": _titled(view, flow.after),
        }
        words = _("%(people)s from %(before)s to %(after)s") % names
        bands.append(Band(_ribbon(one, other, height, wide), left[flow.before].colour, tone, words))
    return Drawing(wide, wide - BAR, tuple(left.values()), tuple(right.values()), tuple(bands), up, down)


def _side(view: SetView, ranks: Sequence[str], flows: Sequence[tuple[str, int]], scale: float) -> dict[str, Block]:
    colours = {level.id: level.colour for level in view.tiers.levels}
    top, found = float(TOP), {}
    for level in reversed(ranks):
        people = sum(many for one, many in flows if one == level)
        height = people * scale
        found[level] = Block(
            _titled(view, level), colours.get(level, NONE_COLOUR), people, top, height, top + height / 2
        )
        top += height + GAP
    return found


def _titled(view: SetView, level: str) -> str:
    return tier_words.level_title(view, level) if level else _("no level")


def _ribbon(one: float, other: float, height: float, wide: int) -> str:
    """A band from the left bar to the right one."""
    begin, end, half = BAR, wide - BAR, wide / 2
    return (
        f"M{begin} {one:.1f}C{half} {one:.1f} {half} {other:.1f} {end} {other:.1f}"
        f"V{other + height:.1f}C{half} {other + height:.1f} {half} {one + height:.1f} {begin} {one + height:.1f}Z"
    )


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card on a member's page: where they stand, why, and how far they are."""
    who, now = _found(public_id), timezone.now()
    found = [_shown(one) for one in tiers.of(customer=who.id, at=now)]
    moves = tiers.history(customer=who.id, limit=MOVES_SHOWN)
    views = {one["view"].key: one["view"] for one in found}
    return fragment(
        request,
        "console/member_tiers_card.html",
        who=who,
        statuses=found,
        moves=[
            {
                "on": one.on,
                "before": _of_any(views, f"{one.programme}.{one.tiers}", one.before),
                "after": _of_any(views, f"{one.programme}.{one.tiers}", one.after),
                "because": tier_words.because(one.because),
            }
            for one in moves
        ],
        freezes=tier_words.freezes(),
        key=uuid4(),
        may_manage=may(request, "points.manage"),
        may_link=may(request, "members.edit"),
    )


@require_POST
@requires("points.manage")
def freeze(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Status that is not to fall, or that may fall again."""
    who, form, by = _found(public_id), _Freeze(request.POST), operators.actor(me(request))
    told = {"programme": request.POST.get("programme", ""), "tiers": request.POST.get("tiers", "")}
    try:
        if request.POST.get("act") == "thaw":
            tiers.thaw(customer=who.id, key=f"console:{_key(request)}:thaw", at=clock.now(), by=by, **told)
            messages.success(request, _("Their status may fall again, after the grace."))
        elif form.is_valid():
            said = form.cleaned_data
            tiers.freeze(
                customer=who.id,
                reason=said["reason"],
                until=said["until"],
                key=f"console:{said['key']}",
                at=clock.now(),
                by=by,
                **told,
            )
            messages.success(request, _("Their status does not fall from today on."))
        else:
            messages.error(request, _("Choose why, and a day that is to come."))
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(reverse("console:member", args=[who.public_id]) + "#tiers")


@require_POST
@requires("members.edit")
def link(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A link with which the member opens their card: once, within minutes. Handed over by whoever knows them."""
    who = _found(public_id)
    # A link opens no more than its maker has.
    made = sign_in_links.issue(
        customer=who.id,
        at=clock.now(),
        by=operators.actor(me(request)),
        with_money=may(request, "memberships.money"),
        may_join=may(request, "points.spend"),
    )
    address = request.build_absolute_uri(reverse("portal-enter", args=[made.token]))
    return fragment(request, "console/member_link.html", who=who, address=address, minutes=sign_in_links.MINUTES)


@require_POST
@requires("points.read")
def see(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card as its member sees it, in which nothing can be done."""
    made = sign_in_links.issue(
        customer=_found(public_id).id,
        at=clock.now(),
        by=operators.actor(me(request)),
        may_join=True,
        only_looks=True,
    )
    # The form goes on to the link: opened at once, it asks for no second tap.
    return redirect(reverse("portal-enter", args=[made.token]), preserve_request=True)


def _key(request: HttpRequest) -> str:
    return request.POST.get("key", "")[:60] or uuid4().hex


def _shown(one: Status) -> dict[str, Any]:
    """A status in words."""
    view = one.set
    upward, keeping = one.upward, one.keeping
    shown = upward or keeping
    return {
        "status": one,
        "view": view,
        "title": tier_words.in_words(view.tiers.titles),
        "level": _titled(view, one.level),
        "colour": next((level.colour for level in view.tiers.levels if level.id == one.level), NONE_COLOUR),
        "supported": _titled(view, one.supported),
        "next": _titled(view, one.next_level or ""),
        "upward": upward and tier_words.level_title(view, upward.level),
        "share": int(upward.share * 100) if upward else 100,
        "missing": [tier_words.missing(part, view, formats.money) for part in upward.nearest] if upward else [],
        "counted": [tier_words.so_far(part, view, formats.money) for part in (shown.parts if shown else ())],
        "keep": [tier_words.missing(part, view, formats.money) for part in one.to_keep.missing] if one.to_keep else [],
        "keep_by": one.to_keep and one.to_keep.until - timedelta(days=1),
    }


def _of_any(views: Mapping[str, SetView], key: str, level: str) -> str:
    view = views.get(key)
    return (level or _("no level")) if view is None else _titled(view, level)


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
