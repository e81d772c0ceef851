"""Versions that count for the past: a programme's batches as its page shows them, and what is done to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST

from regulars.doors.console import actors, people
from regulars.doors.console.points_words import shown
from regulars.doors.console.site import me
from regulars.facts.commerce import kept
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import programmes, regrants
from regulars.levers.loyalty.regrants import RegrantView
from regulars.runtime.database import clock
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

#: Orders that somebody waits for; of more it goes on aside.
MOST_AT_ONCE: Final = 2_000
STATES: Final[Mapping[str, Any]] = {
    "looking": pgettext_lazy("batch", "being looked at"),
    "ready": pgettext_lazy("batch", "waits for approval"),
    "running": pgettext_lazy("batch", "being given"),
    "done": pgettext_lazy("batch", "given"),
    "undoing": pgettext_lazy("batch", "being taken back"),
    "undone": pgettext_lazy("batch", "taken back"),
}


class Days(forms.Form):
    since = forms.DateField()
    until = forms.DateField()
    takes_back = forms.BooleanField(required=False)


@dataclass(frozen=True)
class Batch:
    """A batch as people read it. `members`: names, their pages, and by how many points."""

    one: RegrantView
    state: str
    given: str
    taken: str
    given_done: str
    taken_done: str
    asked_by: str
    approved_by: str
    undone_by: str
    members: Sequence[tuple[people.Shown, str]]


def of(programme: str) -> list[Batch]:
    """The batches of a programme, the latest first; of one that is ready whose points it changes most."""
    found = [regrants.get(one.id) if one.state == "ready" else one for one in regrants.of_programme(programme)]
    names = actors.told({by for one in found for by in (one.asked_by, one.approved_by, one.undone_by) if by})
    who = {one.id: one for one in people.shown([number for one in found for number, _parts in one.members])}
    return [
        Batch(
            one,
            str(STATES[one.state]),
            shown(one.given, one.scale),
            shown(one.taken, one.scale),
            shown(one.given_done, one.scale),
            shown(one.taken_done, one.scale),
            names.get(one.asked_by, ""),
            names.get(one.approved_by, ""),
            names.get(one.undone_by, ""),
            [
                (who[number], f"{'+' if parts > 0 else ''}{shown(parts, one.scale)}")
                for number, parts in one.members
                if number in who
            ],
        )
        for one in found
    ]


@require_POST
@requires("points.manage")
def act(request: HttpRequest, code: str, number: int) -> HttpResponseBase:
    """Look what a version would give for orders of the past, give it, set it aside, or take it back."""
    by = operators.actor(me(request))
    try:
        told = request.POST.get("act", "")
        if told == "look":
            _look(request, code, number, by)
        else:
            batch = request.POST.get("batch", "")
            mine = {str(one.id): one for one in regrants.of_programme(code)}
            if batch not in mine:
                raise Http404
            _decide(request, told, mine[batch], by)
    except Refusal as refused:
        messages.error(request, refused.message)
    return redirect(f"{reverse('console:programme', args=[code])}?version={number}#past")


def _look(request: HttpRequest, code: str, number: int, by: Actor) -> None:
    form = Days(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the first day, and the first one that is left out."))
        return
    said, now = form.cleaned_data, clock.now()
    asked = regrants.ask(
        programme=code,
        version=number,
        since=said["since"],
        until=said["until"],
        at=now,
        by=by,
        takes_back=said["takes_back"],
    )
    asked = _go_on(asked)
    if asked.state == "ready" and not asked.orders:
        regrants.set_aside(batch=asked.id, at=clock.now(), by=by)
        messages.info(request, _("No order of these days would be given more by this version."))


def _decide(request: HttpRequest, told: str, one: RegrantView, by: Actor) -> None:
    match told:
        case "run":
            _go_on(regrants.approve(batch=one.id, at=clock.now(), by=by))
            messages.success(request, _("It is approved. What it gives is on its members' statements."))
        case "set_aside":
            regrants.set_aside(batch=one.id, at=clock.now(), by=by)
            messages.success(request, _("It is set aside. Nothing was given."))
        case "undo":
            _go_on(regrants.undo(batch=one.id, at=clock.now(), by=by))
            messages.success(request, _("What it gave is taken back; what was spent of it is owed."))
        case _:
            raise Http404


def _go_on(one: RegrantView) -> RegrantView:
    """At once where nobody waits long for it."""
    zone = civil.zone(programmes.validate(programmes.get(one.programme, one.version).text).zone)
    since, until = civil.start_of_day(one.since, zone), civil.start_of_day(one.until, zone)
    if kept.count(since=since, until=until) > MOST_AT_ONCE:
        return one
    return regrants.go_on(batch=one.id, at=clock.now())
