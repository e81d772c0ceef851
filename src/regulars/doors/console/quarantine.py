"""Setup → Quarantine: messages that were not taken, found, looked at, mended and sent again, thrown away."""

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import held
from regulars.doors.console.site import may, me, page
from regulars.facts.events import replay
from regulars.facts.sources import quarantine, sources
from regulars.facts.sources.quarantine import Quarantined, State
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SIZE = 50
#: Characters; sent back as a form they are up to three times as many, and larger forms are turned away at the door.
LARGEST_MENDED = 500_000
SHOWN_OF_LARGE = 20_000
ANY = "any"


class Filters(forms.Form):
    """What the list may be narrowed by; what cannot be read is left out."""

    source = forms.CharField(required=False, max_length=40)
    code = forms.ChoiceField(required=False, choices=[(code, code) for code in held.REASONS])
    text = forms.CharField(required=False, max_length=200)
    state = forms.ChoiceField(required=False, choices=[(state, state) for state in (*held.STATES, ANY)])
    after = forms.CharField(required=False, max_length=200)


@require_safe
@requires("quarantine.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Newest first; without what the messages said."""
    said = _said(request)
    every = sources.every()
    chosen = next((one for one in every if one.public_id == said["source"]), None)
    rows = quarantine.search(
        source=chosen.id if chosen else None,
        state=None if said["state"] == ANY else cast(State, said["state"]),
        code=said["code"],
        text=said["text"],
        before=_before(said["after"]),
        limit=SIZE + 1,
    )
    cut = paging.cut(rows, SIZE, of="quarantine", key=lambda one: (one.id,))
    kept = {name: value for name, value in said.items() if value and name != "after"}
    names = {one.id: one.name for one in every}
    return page(
        request,
        "console/quarantine.html",
        title=_("Quarantine"),
        rows=[(held.shown(one), names[one.source]) for one in cut.items],
        every=every,
        reasons=held.REASONS,
        states=held.STATES,
        said=said,
        may_mend=may(request, "quarantine.mend"),
        is_narrowed=bool(chosen or said["code"] or said["text"] or said["state"] != "waiting"),
        next=f"?{urlencode({**kept, 'after': cut.next})}" if cut.next else "",
        first=f"?{urlencode(kept)}" if said["after"] else "",
    )


@require_safe
@requires("quarantine.read")
def message(request: HttpRequest, number: int) -> HttpResponseBase:
    """One message; what it said stays sealed until somebody opens it."""
    return _page(request, _found(number))


@require_POST
@requires("quarantine.mend")
def open_(request: HttpRequest, number: int) -> HttpResponseBase:
    """What it said, on this answer; leaves a line in the trail."""
    found = _found(number)
    text = quarantine.opened(number=number, at=timezone.now(), by=operators.actor(me(request)))
    return _page(request, found, text=text)


@require_POST
@requires("quarantine.mend")
def send(request: HttpRequest, number: int) -> HttpResponseBase:
    """It is tried again, mended where somebody wrote it anew."""
    _found(number)
    text = request.POST.get("text")
    try:
        verdict = replay.replay(
            quarantined=number,
            mended=text,
            despite_plan=_despite_plan(request),
            at=timezone.now(),
            by=operators.actor(me(request)),
        )
    except quarantine.AlreadySettled:
        messages.error(request, _("Somebody was faster: it was sent again or thrown away before."))
        return redirect("console:quarantined", number=number)
    if verdict.said == "accepted":
        messages.success(request, _("It is taken."))
    elif verdict.said == "batch":
        messages.success(
            request,
            _("A batch: %(taken)s taken, %(known)s known already, %(bad)s rejected and kept here one by one.")
            % {
                "taken": formats.number(verdict.accepted),
                "known": formats.number(verdict.duplicates),
                "bad": formats.number(verdict.rejected),
            },
        )
    elif verdict.said == "duplicate":
        messages.success(request, _("It was taken before: nothing counts twice."))
    elif text is not None:
        why = f"{held.reason(verdict.code).title} ({verdict.why})"
        messages.error(request, _("As it stands now it still cannot be taken: %(why)s") % {"why": why})
        return _page(request, quarantine.get(number), text=text)
    else:
        messages.error(request, _("It still cannot be taken; the reason is below."))
    return redirect("console:quarantined", number=number)


@require_POST
@requires("quarantine.mend")
def send_many(request: HttpRequest) -> HttpResponseBase:
    """Those of the list that wait are tried again as they came, a thousand at most."""
    chosen = next((one for one in sources.every() if one.public_id == request.POST.get("source")), None)
    code = request.POST.get("code", "")
    done = replay.replay_many(
        source=chosen.id if chosen else None,
        code=code if code in held.REASONS else "",
        despite_plan=_despite_plan(request),
        at=timezone.now(),
        by=operators.actor(me(request)),
    )
    messages.info(
        request,
        _("%(taken)s taken, %(known)s known already, %(bad)s still bad, %(left)s not tried yet.")
        % {
            "taken": formats.number(done.accepted),
            "known": formats.number(done.duplicates),
            "bad": formats.number(done.still_bad),
            "left": formats.number(done.left),
        },
    )
    kept = {"source": chosen.public_id if chosen else "", "code": code}
    return redirect(f"{reverse('console:quarantine')}?{urlencode({name: one for name, one in kept.items() if one})}")


@require_POST
@requires("quarantine.mend")
def discard(request: HttpRequest, number: int) -> HttpResponseBase:
    """Nobody wants it; it can be taken back while it is kept."""
    return _settled(request, number, lambda **told: quarantine.settle(as_="discarded", **told), _("It is thrown away."))


@require_POST
@requires("quarantine.mend")
def restore(request: HttpRequest, number: int) -> HttpResponseBase:
    """What was thrown away waits again."""
    return _settled(request, number, quarantine.restore, _("It waits again."))


def _despite_plan(request: HttpRequest) -> bool:
    return request.POST.get("despite") == "plan"


def _settled(request: HttpRequest, number: int, verb: Any, words: str) -> HttpResponseBase:
    _found(number)
    try:
        verb(number=number, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, words)
    except quarantine.AlreadySettled:
        messages.error(request, _("Somebody was faster: it was sent again or thrown away before."))
    return redirect("console:quarantined", number=number)


def _found(number: int) -> Quarantined:
    try:
        return quarantine.get(number)
    except Refusal:
        raise Http404 from None


def _said(request: HttpRequest) -> dict[str, str]:
    form = Filters(request.GET)
    form.is_valid()
    said = {name: str(form.cleaned_data.get(name) or "") for name in Filters.base_fields}
    return {**said, "state": said["state"] or "waiting"}


def _before(cursor: str) -> int | None:
    try:
        (number,) = paging.decode(cursor, "quarantine", int) if cursor else (None,)
    except paging.BadCursor:
        return None
    return number if isinstance(number, int) else None


def _page(request: HttpRequest, found: Quarantined, *, text: str | None = None) -> HttpResponseBase:
    return page(
        request,
        "console/quarantined.html",
        title=_("Message %(number)s") % {"number": formats.number(found.id)},
        held=held.shown(found),
        source=sources.get(found.source),
        goes_at=found.arrived_at + quarantine.KEPT_FOR,
        text=text if text is None or len(text) <= LARGEST_MENDED else text[:SHOWN_OF_LARGE],
        too_large=text is not None and len(text) > LARGEST_MENDED,
        may_mend=may(request, "quarantine.mend"),
    )
