"""A source's tracking plan: what is expected, what came, what differs; and the alarms about sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import may, me, page
from regulars.facts.sources import alarms, expectations, plan, shapes, sources
from regulars.facts.sources.alarms import Alarm
from regulars.facts.sources.plan import Differing, Property, Tracked
from regulars.facts.sources.sources import Source
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

DIFFERS_SHOWN = 40
DAYS_SHOWN = 7

MODES: dict[str, Promise] = {
    "learning": gettext_lazy("learns"),
    "watching": gettext_lazy("watches"),
    "blocking": gettext_lazy("blocks"),
}
PRESENCES: dict[str, Promise] = {
    "required": gettext_lazy("required"),
    "optional": gettext_lazy("may be there"),
    "forbidden": gettext_lazy("forbidden"),
}
KINDS: dict[str, Promise] = {
    "boolean": gettext_lazy("yes or no"),
    "integer": gettext_lazy("whole number"),
    "number": gettext_lazy("number"),
    "numeric_text": gettext_lazy("number written as text"),
    "date_text": gettext_lazy("date"),
    "text": gettext_lazy("text"),
    "list": gettext_lazy("list"),
    "object": gettext_lazy("object"),
    "personal": gettext_lazy("personal, not looked at"),
}
CALLS: dict[str, Promise] = {
    "page": gettext_lazy("A page was seen"),
    "screen": gettext_lazy("A screen was seen"),
    "identify": gettext_lazy("Somebody was identified"),
    "group": gettext_lazy("A group was named"),
}
WHAT: dict[str, Promise] = {
    "unexpected_event": gettext_lazy("The plan does not have this event"),
    "unexpected_property": gettext_lazy("The plan does not have this property"),
    "missing_property": gettext_lazy("A required property is missing"),
    "wrong_type": gettext_lazy("The value is of another kind"),
    "forbidden_property": gettext_lazy("A forbidden property came"),
    "too_many_names": gettext_lazy("Too many names of events: numbers belong into a property"),
    "too_many_properties": gettext_lazy("Too many properties"),
}
#: Refusals in the reader's language, by their codes.
SAID: dict[str, Promise] = {
    "plan.empty": gettext_lazy("Nothing is expected yet. Let it send for some days, or add its events by hand."),
    "plan.unknown": gettext_lazy("The plan does not have it any more; look again."),
    "plan.bad_event": gettext_lazy("This is no name: use 1 to 200 characters that can be seen, without an address."),
    "plan.too_many": gettext_lazy("The plan is full; remove something first."),
}


@dataclass(frozen=True)
class PropertyShown:
    """One property in words. `share` is in how many of a hundred of its events it came."""

    known: Property
    presence: Promise | None
    kinds: str
    came: str


@dataclass(frozen=True)
class EventShown:
    """One event in words."""

    known: Tracked
    title: str
    presence: Promise | None
    properties: Sequence[PropertyShown]
    unplanned: int


@dataclass(frozen=True)
class DifferingShown:
    """One way in which events differ, with what would mend it."""

    known: Differing
    title: str
    what: Promise
    mend: str


@dataclass(frozen=True)
class AlarmShown:
    """One alarm and its source, in words."""

    known: Alarm
    source: Source
    title: str
    why: str


def going_on(every: Sequence[Source]) -> list[AlarmShown]:
    """The alarms of these sources that have not ended. One query."""
    by_id = {one.id: one for one in every}
    return [_alarm(one, by_id[one.source]) for one in alarms.going_on() if one.source in by_id]


@require_safe
@requires("sources.read")
def tracking_plan(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What is expected of one source and what came."""
    found = _found(public_id)
    now = timezone.now()
    since = civil.day_of(now - timedelta(days=DAYS_SHOWN), civil.zone(found.zone))
    events = [_event(one) for one in plan.of(found.id)]
    return page(
        request,
        "console/tracking_plan.html",
        title=found.name,
        source=found,
        mode=MODES[found.plan],
        has_plan=any(one.known.itself.expected for one in events),
        is_learning_over=found.plan == "learning" and now >= found.learns_until,
        events=events,
        unplanned=sum(one.unplanned for one in events),
        differing=[_differing(one) for one in plan.deviations(source=found.id, since=since, limit=DIFFERS_SHOWN)],
        alarms=[_alarm(one, found) for one in alarms.recent(found.id)],
        may_manage=may(request, "sources.manage") and found.retired_at is None,
        may_open=may(request, "events.read"),
        presences=PRESENCES.items(),
        kinds=KINDS.items(),
        calls=[("track", _("Something was done (track)")), *CALLS.items()],
    )


@require_POST
@requires("sources.manage")
def accept(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What came is expected from now on."""
    return _do(request, public_id, lambda source, by: plan.accept(source=source, at=timezone.now(), by=by))


@require_POST
@requires("sources.manage")
def set_mode(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """It watches, or blocks, or learns anew."""
    mode = request.POST.get("mode", "")
    if mode == "learning":
        return _do(request, public_id, lambda source, by: plan.learn_again(source=source, at=timezone.now(), by=by))
    return _do(request, public_id, lambda source, by: plan.set_mode(source=source, mode=mode, at=timezone.now(), by=by))


@require_POST
@requires("sources.manage")
def change_event(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """An event is expected, forbidden, or taken out of the plan."""
    event = _event_of(request)
    if request.POST.get("act") == "drop":
        return _do(
            request, public_id, lambda source, by: plan.drop_event(source=source, event=event, at=timezone.now(), by=by)
        )
    return _do(
        request,
        public_id,
        lambda source, by: plan.expect_event(
            source=source, event=event, forbidden=request.POST.get("act") == "forbid", at=timezone.now(), by=by
        ),
    )


@require_POST
@requires("sources.manage")
def change_property(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What is expected of a property."""
    event, path = _event_of(request), request.POST.get("path", "").strip()
    if request.POST.get("act") == "drop":
        return _do(
            request,
            public_id,
            lambda source, by: plan.drop_property(source=source, event=event, path=path, at=timezone.now(), by=by),
        )
    return _do(
        request,
        public_id,
        lambda source, by: plan.expect_property(
            source=source,
            event=event,
            path=path,
            presence=request.POST.get("presence", ""),
            kinds=request.POST.getlist("kinds"),
            at=timezone.now(),
            by=by,
        ),
    )


@require_POST
@requires("sources.manage")
def note_alarm(request: HttpRequest, public_id: str, alarm: int) -> HttpResponseBase:
    """Somebody saw it, or it was meant."""
    was_meant = request.POST.get("meant") == "yes"
    if all(one.id != alarm for one in alarms.recent(_found(public_id).id, limit=100)):
        raise Http404
    return _do(
        request,
        public_id,
        lambda _source, by: alarms.note(alarm=alarm, was_meant=was_meant, at=timezone.now(), by=by),
    )


def _do(request: HttpRequest, public_id: str, act: Callable[[int, Actor], object]) -> HttpResponseBase:
    found = _found(public_id)
    try:
        act(found.id, operators.actor(me(request)))
        messages.success(request, _("Done."))
    except Refusal as refusal:
        messages.error(request, str(SAID.get(refusal.code, refusal.message)))
    return redirect("console:source-plan", public_id=public_id)


def _event_of(request: HttpRequest) -> expectations.Event:
    return request.POST.get("call", ""), request.POST.get("name", "").strip()


def _found(public_id: str) -> Source:
    try:
        return sources.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _title(event: expectations.Event) -> str:
    return event[1] or str(CALLS.get(event[0], _("All events")))


def _event(one: Tracked) -> EventShown:
    itself = one.itself.expected
    shown = [_property(known, one.itself.came) for known in one.properties[1:]]
    if itself is None:
        unplanned = 1
    elif itself.presence == "forbidden":
        unplanned = 0
    else:
        unplanned = sum(known.known.expected is None for known in shown)
    presence = None
    if itself is not None:
        presence = PRESENCES["forbidden"] if itself.presence == "forbidden" else gettext_lazy("expected")
    return EventShown(one, _title(one.event), presence, shown, unplanned)


def _property(known: Property, events: int) -> PropertyShown:
    kinds = known.expected.kinds if known.expected else frozenset(known.kinds)
    words = _(" or ").join(str(KINDS[kind]) for kind in shapes.KINDS if kind in kinds)
    came = "" if not events or "[]" in known.path or "." in known.path else f"{min(100, 100 * known.came // events)} %"
    return PropertyShown(known, PRESENCES[known.expected.presence] if known.expected else None, words, came)


def _differing(one: Differing) -> DifferingShown:
    mend = ""
    if one.code == "wrong_type":
        mend = _("It came as: %(kind)s") % {"kind": KINDS[one.said]}
    elif one.said:
        mend = _("Did they mean “%(name)s”?") % {"name": one.said}
    return DifferingShown(one, _title(one.event), WHAT[one.code], mend)


def _alarm(one: Alarm, source: Source) -> AlarmShown:
    if one.kind == "plan":
        title = _("Sends other than planned")
        why = _("%(count)s messages were not as planned when this was raised.") % {
            "count": one.facts.get("messages", 0) + one.facts.get("blocked", 0)
        }
    else:
        title = _("Fell silent")
        why = _("Within %(hours)s h usually %(expected)s messages come; %(got)s came.") % {
            "hours": one.facts["hours"],
            "expected": round(one.facts["expected"]),
            "got": one.facts["got"],
        }
    return AlarmShown(one, source, title, why)
