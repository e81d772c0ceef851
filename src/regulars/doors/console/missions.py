"""Loyalty → Missions: what is asked for which prize, and how many are at which step; a member's own, and joining."""

from dataclasses import dataclass
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.customers import customers
from regulars.facts.customers.customers import Customer
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import mission_words, missions, rewards, tier_words
from regulars.levers.loyalty.missions import BadgeView, MissionView, Progress, StepCount
from regulars.oversight.reporting import formats
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires


@dataclass(frozen=True)
class StepShown:
    """A step, and how many of those who began are before it. `share` of all who began, in percent."""

    words: str
    people: int
    share: int


@dataclass(frozen=True)
class MissionShown:
    """A mission in the list."""

    view: MissionView
    title: str
    about: str
    often: str
    prize: str
    surprise: str
    days: str
    steps: tuple[StepShown, ...]
    count: StepCount
    done_share: int


@dataclass(frozen=True)
class BadgeShown:
    """A badge: in its colour where somebody has it."""

    title: str
    about: str
    view: BadgeView


@require_safe
@requires("points.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every mission in force, and who is at which step of its present round."""
    now = timezone.now()
    counted, called = missions.at_steps(at=now), _called()
    return page(
        request,
        "console/missions.html",
        title=_("Missions"),
        missions=[_shown(view, counted.by_mission[view.key], called) for view in missions.every(at=now)],
        badges=[badge(one) for one in missions.all_badges(at=now)],
        counted_at=counted.as_of if counted.as_of != now else None,
        zone=shop_of(request).zone,
    )


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The card on a member's page: how far they are, and their badges."""
    who, now = _found(public_id), timezone.now()
    called = _called()
    return fragment(
        request,
        "console/member_missions_card.html",
        who=who,
        missions=[_far(one, called) for one in missions.of(customer=who.id, at=now, untold=True)],
        badges=[badge(one) for one in missions.badges(customer=who.id, at=now) if one.since],
        key=uuid4().hex,
        may_manage=may(request, "points.manage"),
    )


@require_POST
@requires("points.manage")
def join(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """They take part, or no more."""
    who, by = _found(public_id), operators.actor(me(request))
    told = {"programme": request.POST.get("programme", "")[:40], "mission": request.POST.get("mission", "")[:40]}
    act = "leave" if request.POST.get("act") == "leave" else "join"
    key = f"console:{request.POST.get('key', '')[:60] or uuid4().hex}:{act}:{told['mission']}"
    try:
        if act == "leave":
            missions.leave(customer=who.id, key=key, at=clock.now(), by=by, **told)
            messages.success(request, _("What they do from now on does not count for it."))
        else:
            missions.join(customer=who.id, key=key, at=clock.now(), by=by, **told)
            messages.success(request, _("What they do from now on counts for it."))
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(reverse("console:member", args=[who.public_id]) + "#missions")


def badge(one: BadgeView) -> BadgeShown:
    """A badge in words."""
    return BadgeShown(tier_words.in_words(one.badge.titles), tier_words.in_words(one.badge.about), one)


def _called() -> dict[str, str]:
    return {one.code: tier_words.in_words(dict(one.terms.titles)) for one in rewards.every()}


def _shown(view: MissionView, count: StepCount, called: dict[str, str]) -> MissionShown:
    began = max(sum(count.at) + count.done, 1)
    words = [mission_words.asked(goal, view, formats.money) for goal in view.mission.goals]
    return MissionShown(
        view=view,
        title=mission_words.title(view),
        about=mission_words.about(view),
        often=mission_words.how_often(view),
        prize=mission_words.prize(view, called),
        surprise=mission_words.surprise(view),
        days=_days(view),
        steps=tuple(
            StepShown(said, people, round(100 * people / began)) for said, people in zip(words, count.at, strict=True)
        ),
        count=count,
        done_share=round(100 * count.done / began),
    )


def _days(view: MissionView) -> str:
    first, last = view.mission.starts_on, view.mission.ends_on
    if first and last:
        return _("from %(first)s, before %(last)s") % {"first": formats.day(first), "last": formats.day(last)}
    if first:
        return _("from %(first)s") % {"first": formats.day(first)}
    return _("before %(last)s") % {"last": formats.day(last)} if last else ""


def _far(one: Progress, called: dict[str, str]) -> dict[str, object]:
    view = one.view
    return {
        "one": one,
        "title": mission_words.title(view),
        "prize": mission_words.prize(view, called),
        "surprise": mission_words.surprise(view),
        "next": mission_words.next_step(one, formats.money),
        "left": mission_words.days_left(one),
        "steps": [
            (mission_words.so_far(goal, seen, view, formats.money), seen.met_us is not None) for goal, seen in one.steps
        ],
    }


def _found(public_id: str) -> Customer:
    try:
        return customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
