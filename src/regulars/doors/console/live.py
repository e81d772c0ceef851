"""Insight → Live: what happened, as it comes in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from regulars.doors.console import people
from regulars.doors.console.site import fragment, page
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.facts.events import events, words
from regulars.facts.events.events import EventView
from regulars.facts.events.times import Why
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.runtime.staff.policy import requires

SHOWN = 50
#: A name as senders write it, in every language.
EXAMPLE = "Product Viewed"
#: A list that has grown so long by what came is begun anew.
LONGEST = 300
#: What came in longer ago is shown with its day.
FRESH = timedelta(hours=12)

KINDS: dict[str, Any] = {
    "track": gettext_lazy("did something"),
    "identify": gettext_lazy("Said who it is"),
    "page": gettext_lazy("Saw a page"),
    "screen": gettext_lazy("Saw a screen"),
    "group": gettext_lazy("Joined a group"),
    "alias": gettext_lazy("Two became one"),
}
WHY_THEN: dict[int, Any] = {
    Why.TOLD: gettext_lazy("as the sender said"),
    Why.CLOCK_CORRECTED: gettext_lazy("put right: the sender's clock was wrong"),
    Why.NOTHING_TOLD: gettext_lazy("when it arrived: no time was told"),
    Why.WAS_IN_THE_FUTURE: gettext_lazy("when it arrived: the time told lies in the future"),
    Why.WAS_BEFORE_2000: gettext_lazy("when it arrived: the time told is before 2000"),
    Why.UNREADABLE: gettext_lazy("when it arrived: the time told cannot be read"),
    Why.WITHOUT_ZONE: gettext_lazy("as the sender said, in the source's zone"),
}


class Filters(forms.Form):
    """What the list may be narrowed by; what cannot be read is left out."""

    source = forms.CharField(required=False, max_length=40)
    name = forms.CharField(required=False, max_length=200)
    customer = forms.CharField(required=False, max_length=40)
    paused = forms.BooleanField(required=False)
    before = forms.CharField(required=False, max_length=200)
    seen = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1)
    length = forms.IntegerField(required=False, min_value=0, max_value=10**6)


@dataclass(frozen=True)
class Row:
    """One event: what it is called in the reader's language, its own name where that differs, and who it was."""

    event: EventView
    title: str
    own_name: str
    source: str
    who: str
    is_fresh: bool


@require_safe
@requires("events.read")
def live(request: HttpRequest) -> HttpResponseBase:
    """The last events; asked by htmx with `seen`, those that came since, or nothing (204)."""
    form = Filters(request.GET)
    form.is_valid()
    said = form.cleaned_data
    every = {one.id: one for one in sources.every()}
    chosen = next((one for one in every.values() if one.public_id == said.get("source")), None)
    name, who = said.get("name") or "", _customer(said.get("customer") or "")
    seen = said.get("seen")
    is_unknown = bool(said.get("customer")) and who is None
    before, on_before = _before(said.get("before")), None
    if is_unknown:
        found: Sequence[EventView] = []
    elif seen is None and who is None:
        looked = events.look(source=chosen.id if chosen else None, name=name or None, before=before, limit=SHOWN)
        found, on_before = looked.events, looked.on_before
    else:
        found = _asked(chosen, name, who, seen or 0)
    kept = {
        key: value
        for key, value in (
            ("source", chosen.public_id if chosen else ""),
            ("name", name),
            ("customer", said.get("customer") or ""),
        )
        if value
    }
    newest = max((event.id for event in found), default=seen or 0)
    told: dict[str, Any] = {
        "rows": [_row(event, every) for event in found],
        "seen": newest,
        "query": urlencode(kept),
    }
    if seen is None or not request.headers.get("HX-Request"):
        return page(
            request,
            "console/live.html",
            title=_("Live"),
            every=every.values(),
            said={**said, "name": name, "source": chosen.public_id if chosen else ""},
            is_narrowed=bool(kept),
            example=EXAMPLE,
            is_paused=bool(said.get("paused")) or before is not None,
            older=f"?{urlencode({**kept, 'before': paging.encode('events', (on_before,))})}" if on_before else "",
            looked_through=events.LOOKED_THROUGH if len(found) < SHOWN and kept and who is None else 0,
            is_cut=who is not None and len(found) == SHOWN,
            shown=SHOWN,
            is_unknown_customer=is_unknown,
            length=len(found),
            **told,
        )
    if not found:
        return HttpResponse(status=204)
    length = (said.get("length") or 0) + len(found)
    is_anew = not seen or length > LONGEST or len(found) >= SHOWN
    if is_anew:
        told["rows"] = [_row(event, every) for event in _asked(chosen, name, who, 0)]
        length = len(found)
    answer = fragment(request, "console/live_rows.html", **told, length=length, is_more=True, zone=company.shop().zone)
    if is_anew:
        answer.headers["HX-Reswap"] = "innerHTML"
    return answer


@require_safe
@requires("events.read")
def event(request: HttpRequest, number: int) -> HttpResponseBase:
    """One event, without what was personal in it."""
    try:
        found = events.one(number)
    except Refusal:
        raise Http404 from None
    source = sources.get(found.source)
    row = _row(found, {source.id: source})
    return page(
        request,
        "console/event.html",
        title=row.title,
        row=row,
        source=source,
        why_then=WHY_THEN[found.why_then],
        people=_people(found, source),
        data=json.dumps(found.data, indent=2, ensure_ascii=False, default=_plain),
    )


def _asked(source: Source | None, name: str, customer: int | None, after: int) -> list[EventView]:
    """The newest that came after the one numbered `after`, newest first."""
    if customer is None:
        return events.recent(source=source.id if source else None, name=name or None, after=after, limit=SHOWN)
    told = events.of_customer(customer, source=source.id if source else None, name=name or None, limit=LONGEST)
    found = [one for one in told if one.id > after]
    return sorted(found, key=lambda one: one.id, reverse=True)[:SHOWN]


def _before(cursor: str | None) -> int | None:
    try:
        (number,) = paging.decode(cursor, "events", int) if cursor else (None,)
    except paging.BadCursor:
        return None
    return number if isinstance(number, int) else None


def _customer(public_id: str) -> int | None:
    """Her number; None for nobody, and for an id that is nobody's."""
    try:
        return customers.by_public_id(public_id).id if public_id else None
    except Refusal:
        return None


def _row(event: EventView, every: Mapping[int, Source]) -> Row:
    title = words.of(event.name) if event.name else str(KINDS[event.kind])
    if event.name and event.kind in ("page", "screen"):
        title = f"{KINDS[event.kind]}: {event.name}"
    return Row(
        event=event,
        title=title,
        own_name=event.name if event.kind == "track" and title != event.name else "",
        source=every[event.source].name,
        is_fresh=timezone.now() - event.received_at < FRESH,
        who=event.user_ref or (f"…{event.device_ref[-8:]}" if event.device_ref else ""),
    )


def _people(event: EventView, source: Source) -> list[people.Shown]:
    if event.user_ref is None:
        return []
    return people.shown(customers.find_by_ref(ref=event.user_ref, namespace=source.namespace))


def _plain(value: object) -> str:
    """Amounts keep the digits they were written with."""
    assert isinstance(value, Decimal)
    return str(value)
