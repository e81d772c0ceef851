"""Setup → Sources: what sends events, with which keys, and how it goes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import held, hours, setting_aside, snippets, tracking_plan, untold
from regulars.doors.console.insight import Share, share
from regulars.doors.console.site import may, me, page
from regulars.facts.company import company
from regulars.facts.events import orders
from regulars.facts.sources import quarantine, sources, traffic, write_keys
from regulars.facts.sources.sources import Source
from regulars.insight.measures import estimates
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

#: A source that has sent before and now sends nothing for so long is called silent.
SILENT_AFTER = timedelta(hours=24)
ERRORS_SHOWN = 5

KINDS: dict[str, Any] = {
    "web": gettext_lazy("Website"),
    "app": gettext_lazy("App"),
    "server": gettext_lazy("Server"),
    "till": gettext_lazy("Till"),
    "other": gettext_lazy("Other"),
}
CALLS: dict[str, Any] = {
    "track": gettext_lazy("what somebody did (track)"),
    "identify": gettext_lazy("who somebody is (identify)"),
    "page": gettext_lazy("pages seen (page)"),
    "screen": gettext_lazy("screens seen (screen)"),
    "group": gettext_lazy("which group somebody belongs to (group)"),
    "alias": gettext_lazy("that two are one (alias)"),
}

#: Refusals in the reader's language, by their codes; the others say themselves what to mend.
SAID: dict[str, Any] = {
    "sources.bad_name": gettext_lazy(
        "Use small letters, digits, dots, dashes and underscores, and begin with a letter."
    ),
    "sources.name_taken": gettext_lazy("Another source has or had this name; choose a new one."),
    "sources.retired": gettext_lazy("The source is retired and gets no key; make another source."),
    "civil.unknown_zone": gettext_lazy("There is no such clock; write it as Europe/London or Asia/Shanghai."),
}

State = Literal["retired", "no_key", "waiting", "silent", "sends"]


class NewSource(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is called"),
        max_length=sources.LONGEST_NAME,
        help_text=gettext_lazy("Small letters, digits, dots and dashes, such as web-shop or till.xuhui."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What it is"),
        choices=list(KINDS.items()),
        widget=forms.Select(attrs={"class": "input"}),
    )
    namespace = forms.CharField(
        label=gettext_lazy("Whose ids it uses"),
        max_length=64,
        initial="shop",
        help_text=gettext_lazy("The same word for all sources that give people the same ids."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    zone = forms.CharField(
        label=gettext_lazy("Its clock"),
        max_length=60,
        help_text=gettext_lazy("For times told without an offset, such as Asia/Shanghai."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    is_order_feed = forms.BooleanField(
        label=gettext_lazy("Its order events become orders"),
        required=False,
        help_text=gettext_lazy("Only where nobody else tells the same sales; elsewhere they stay behaviour."),
    )


class NewKey(forms.Form):
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("It may tell"),
        required=False,
        choices=list(CALLS.items()),
        help_text=gettext_lazy("Everything, when nothing is ticked."),
        widget=forms.CheckboxSelectMultiple,
    )
    per_second = forms.IntegerField(
        label=gettext_lazy("Messages a second"),
        min_value=1,
        max_value=1_000_000,
        initial=write_keys.PER_SECOND,
        widget=forms.NumberInput(attrs={"class": "input"}),
    )


@dataclass(frozen=True)
class Health:
    """One source and how it does. `not_taken` is of the last 24 hours; None when nothing came."""

    source: Source
    kind: Any
    state: State
    last_at: datetime | None
    drawing: hours.Drawing
    not_taken: Share | None
    waiting: int


def health(every: Iterable[Source], now: datetime) -> list[Health]:
    """How these sources do. Four queries, however many there are."""
    came = traffic.since(hours.begin(now))
    latest, waiting = traffic.latest(), quarantine.waiting_each()
    with_key = {door.source.id for door in write_keys.doors().values() if door.is_open}
    found = []
    for one in every:
        drawing = hours.drawing((hour for hour in came if hour.source == one.id), now)
        last_at = latest.get(one.id)
        found.append(
            Health(
                source=one,
                kind=KINDS[one.kind],
                state=_state(one, last_at, one.id in with_key, now),
                last_at=last_at,
                drawing=drawing,
                not_taken=share(estimates.share(drawing.not_taken, drawing.total, "messages")),
                waiting=waiting.get(one.id, 0),
            )
        )
    return found


def _state(one: Source, last_at: datetime | None, has_key: bool, now: datetime) -> State:
    if one.retired_at is not None:
        return "retired"
    if not has_key:
        return "no_key"
    if last_at is None:
        return "waiting"
    return "silent" if now - last_at > SILENT_AFTER else "sends"


@require_safe
@requires("sources.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Every source with its health."""
    return _list(request, NewSource(initial={"zone": company.shop().zone}))


@require_POST
@requires("sources.manage")
def make(request: HttpRequest) -> HttpResponseBase:
    """A new source and its first key, which is shown on this answer only."""
    form = NewSource(request.POST)
    if form.is_valid():
        now, by = timezone.now(), operators.actor(me(request))
        try:
            made = sources.make(**form.cleaned_data, at=now, by=by)
            key = write_keys.make(source=made.id, at=now, by=by)
        except Refusal as refusal:
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, _words(refusal))
        else:
            return _page(request, made, made=key)
    return _list(request, form, status=422)


@require_safe
@requires("sources.read")
def source(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One source: its keys, its last hours, what went wrong."""
    return _page(request, _found(public_id))


@require_POST
@requires("sources.manage")
def make_key(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Another key, which is shown on this answer only."""
    found, form = _found(public_id), NewKey(request.POST)
    if form.is_valid():
        try:
            made = write_keys.make(
                source=found.id, **form.cleaned_data, at=timezone.now(), by=operators.actor(me(request))
            )
        except Refusal as refusal:
            form.add_error(None, _words(refusal))
        else:
            return _page(request, found, made=made)
    return _page(request, found, form=form, status=422)


@require_POST
@requires("sources.manage")
def revoke_key(request: HttpRequest, public_id: str, key: int) -> HttpResponseBase:
    """The key opens nothing any more."""
    found = _found(public_id)
    if all(one.id != key for one in write_keys.of_source(found.id)):
        raise Http404
    write_keys.revoke(key=key, at=timezone.now(), by=operators.actor(me(request)))
    messages.success(request, _("The key opens nothing any more. What still comes with it goes to quarantine."))
    return redirect("console:source", public_id=public_id)


@require_POST
@requires("sources.manage")
def change(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Its orders count, or do not."""
    found = _found(public_id)
    changed = sources.change(
        source=found.id,
        is_order_feed=request.POST.get("orders") == "yes",
        at=timezone.now(),
        by=operators.actor(me(request)),
    )
    messages.success(request, _("Done."))
    if changed.is_order_feed:
        return redirect("console:source-orders-past", public_id=public_id)
    return redirect("console:source", public_id=public_id)


@require_POST
@requires("sources.manage")
def retire(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """It sends no more."""
    found = _found(public_id)
    sources.retire(source=found.id, at=timezone.now(), by=operators.actor(me(request)))
    messages.success(request, _("The source is retired. What it sent stays."))
    return redirect("console:source", public_id=public_id)


def _words(refusal: Refusal) -> str:
    return str(SAID.get(refusal.code, refusal.message))


def _found(public_id: str) -> Source:
    try:
        return sources.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _list(request: HttpRequest, form: NewSource, status: int = 200) -> HttpResponseBase:
    return page(
        request,
        "console/sources.html",
        title=_("Sources"),
        status=status,
        rows=health(sources.every(), timezone.now()),
        alarms=tracking_plan.going_on(sources.every()),
        strangers=traffic.unknown_keys(hours.begin(timezone.now())),
        form=form,
        may_manage=may(request, "sources.manage"),
        may_open=may(request, "quarantine.read"),
    )


def _page(
    request: HttpRequest,
    found: Source,
    *,
    form: NewKey | None = None,
    made: write_keys.Made | None = None,
    status: int = 200,
) -> HttpResponseBase:
    now = timezone.now()
    [shown] = health([found], now)
    return page(
        request,
        "console/source.html",
        title=found.name,
        status=status,
        one=shown,
        alarms=tracking_plan.going_on([found]),
        keys=write_keys.of_source(found.id),
        calls=CALLS,
        verdicts=[(name, words, shown.drawing.totals[name]) for name, words in hours.VERDICTS.items()],
        errors=[held.shown(one) for one in quarantine.search(source=found.id, state=None, limit=ERRORS_SHOWN)]
        if may(request, "quarantine.read")
        else None,
        orders_open=orders.open_each().get(found.id, 0),
        orders_shown=untold.shown(found) if may(request, "quarantine.read") else None,
        may_mend=may(request, "quarantine.mend"),
        reasons=setting_aside.REASONS.items(),
        form=form or NewKey(),
        token=made.token if made else "",
        snippets=snippets.ready_made(
            address=request.build_absolute_uri("/").rstrip("/"), token=made.token if made else ""
        ),
        may_manage=may(request, "sources.manage"),
    )
