"""Setup → Events kept: for how long, and those that a reader of the stream could not take."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import setting_aside
from regulars.doors.console.site import may, me, page
from regulars.doors.console.sources import CALLS
from regulars.facts.events import following, retention, words
from regulars.facts.events.following import ParkedEvent
from regulars.facts.events.messages import LONGEST_NAME
from regulars.facts.events.retention import Rule
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.preferences import preferences
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 20
#: What each reader makes of events.
READERS: Final[dict[str, Any]] = {
    "profile": gettext_lazy("visitors and members"),
    "orders": gettext_lazy("orders"),
    "plan": gettext_lazy("tracking plans"),
    "loyalty": gettext_lazy("points"),
}

#: What waits for something that will come by itself, by the code of who refused it.
WAITS: Final[dict[str, Any]] = {
    "points.account_frozen": gettext_lazy("The member's points are frozen; it is taken by itself when they go on."),
}


class KeepFor(forms.Form):
    kind = forms.ChoiceField(
        label=gettext_lazy("Call"), choices=list(CALLS.items()), widget=forms.Select(attrs={"class": "input"})
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the event"),
        required=False,
        max_length=LONGEST_NAME,
        help_text=gettext_lazy(
            "Exactly as its source calls it, such as Order Completed. Empty: all others of the call."
        ),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    months = forms.IntegerField(
        label=gettext_lazy("Months"),
        min_value=1,
        max_value=retention.LONGEST_MONTHS,
        help_text=gettext_lazy("Whole months after the one in which it happened, 1 to 240."),
        widget=forms.NumberInput(attrs={"class": "input"}),
    )


@dataclass(frozen=True)
class Shown:
    """A rule. `title` in the reader's language."""

    rule: Rule
    title: Any


@dataclass(frozen=True)
class Stuck:
    """A parked event or a note. `reader` says what for, and `waits` what it waits for where somebody knows, in the
    reader's language."""

    parked: ParkedEvent
    reader: Any
    waits: Any


@require_safe
@requires("sources.read")
def keeping(request: HttpRequest) -> HttpResponseBase:
    """For how long events are kept; what could not be taken is shown to those who run the machine room."""
    return _page(request, KeepFor(initial={"kind": "track"}))


@require_POST
@requires("sources.manage")
def keep(request: HttpRequest) -> HttpResponseBase:
    """Events of a call, or of one name of it, are kept for so many months."""
    form = KeepFor(request.POST)
    if form.is_valid():
        try:
            rule = retention.keep(**form.cleaned_data, at=timezone.now(), by=operators.actor(me(request)))
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(
                request,
                ngettext(
                    "%(what)s: kept for %(n)s month. What is older goes tonight.",
                    "%(what)s: kept for %(n)s months. What is older goes tonight.",
                    rule.months,
                )
                % {"what": _title(rule), "n": formats.number(rule.months)},
            )
            return redirect("console:keeping")
    return _page(request, form, status=422)


@require_POST
@requires("sources.manage")
def drop(request: HttpRequest) -> HttpResponseBase:
    """Events of this name follow their call again."""
    retention.drop(
        kind=request.POST.get("kind", ""),
        name=request.POST.get("name", ""),
        at=timezone.now(),
        by=operators.actor(me(request)),
    )
    messages.success(request, _("Done."))
    return redirect("console:keeping")


@require_POST
@requires("operations.mend")
def retry(request: HttpRequest, reader: str, event: int) -> HttpResponseBase:
    """The reader takes the event now, or it stays parked with the problem it has now."""
    _check(reader)
    try:
        done = following.try_again(reader=reader, event=event, at=timezone.now(), by=operators.actor(me(request)))
    except following.NotParked:
        raise Http404 from None
    if done == "taken":
        messages.success(request, _("It is taken."))
    elif done == "over":
        messages.info(request, _("The event's time is over; it is parked no more."))
    else:
        messages.error(request, _("It still cannot be taken; the reason is below."))
    return redirect("console:keeping")


@require_POST
@requires("operations.mend")
def retry_all(request: HttpRequest) -> HttpResponseBase:
    """All that is parked is tried again, a thousand at most."""
    done = following.try_all_again(at=timezone.now(), by=operators.actor(me(request)))
    messages.info(
        request,
        _("%(taken)s taken, %(over)s whose time was over, %(still)s still parked, %(left)s not tried yet.")
        % {
            "taken": formats.number(done.taken),
            "over": formats.number(done.over),
            "still": formats.number(done.still),
            "left": formats.number(done.left),
        },
    )
    return redirect("console:keeping")


@require_POST
@requires("operations.mend")
def set_aside(request: HttpRequest, reader: str, event: int) -> HttpResponseBase:
    """Nobody waits any more for the reader to take it."""
    _check(reader)
    why = setting_aside.chosen(request.POST.get("why", ""))
    if why is None:
        messages.error(request, _("Say why first."))
        return redirect("console:keeping")
    try:
        following.set_aside(reader=reader, event=event, why=why, at=timezone.now(), by=operators.actor(me(request)))
    except following.NotParked:
        raise Http404 from None
    messages.success(request, _("It is set aside."))
    return redirect("console:keeping")


@require_POST
@requires("operations.mend")
def set_all_aside(request: HttpRequest) -> HttpResponseBase:
    """All that is parked is set aside, or all notes are seen; a thousand at most."""
    why = setting_aside.chosen(request.POST.get("why", ""))
    if why is None:
        messages.error(request, _("Say why first."))
        return redirect("console:keeping")
    count = following.set_all_aside(
        notes=request.POST.get("what") == "notes", why=why, at=timezone.now(), by=operators.actor(me(request))
    )
    messages.success(
        request,
        ngettext("%(n)s event is set aside.", "%(n)s events are set aside.", count) % {"n": formats.number(count)},
    )
    return redirect("console:keeping")


def _check(reader: str) -> None:
    """A reader there is no more may be named, but not with what no database takes."""
    if not reader.isprintable():
        raise Http404


def _title(rule: Rule) -> Any:
    return words.of(rule.name) if rule.name else CALLS[rule.kind]


def _page(request: HttpRequest, form: KeepFor, *, status: int = 200) -> HttpResponseBase:
    may_look = may(request, "operations.read")
    return page(
        request,
        "console/keeping.html",
        title=_("Events kept"),
        status=status,
        rules=[Shown(rule, _title(rule)) for rule in retention.rules()],
        strangers=preferences.read(retention.STRANGERS_MONTHS),
        form=form,
        may_manage=may(request, "sources.manage"),
        may_look=may_look,
        parked=[_stuck(one) for one in following.parked(limit=SHOWN)] if may_look else [],
        parked_count=following.parked_count() if may_look else 0,
        notes=[_stuck(one) for one in following.parked(notes=True, limit=SHOWN)] if may_look else [],
        may_mend=may(request, "operations.mend"),
        reasons=setting_aside.REASONS.items(),
    )


def _stuck(one: ParkedEvent) -> Stuck:
    waits = (words for code, words in WAITS.items() if code in one.problem.split())
    return Stuck(one, READERS.get(one.reader, one.reader), next(waits, ""))
