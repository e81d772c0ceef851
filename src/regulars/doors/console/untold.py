"""Events of orders that put nothing on record: why, in the reader's language, trying them again, setting them aside."""

from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import order_details, setting_aside
from regulars.doors.console.site import may, me, page
from regulars.facts.events import orders, past_orders, words
from regulars.facts.events.orders import Done, State
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 10
SIZE = 50
#: Somebody waits for the page meanwhile.
COUNTING_SECONDS = 5
#: What the list may be narrowed to.
STATES: Final[dict[str, Any]] = {
    "open": gettext_lazy("not on record"),
    "set_aside": gettext_lazy("set aside"),
    "applied": gettext_lazy("on record, although odd"),
}
WHY: dict[str, Any] = {
    "bad_quantity": gettext_lazy("A quantity is not above zero"),
    "names_no_products": gettext_lazy("It does not say which products come back"),
    "negative_amount": gettext_lazy("An amount is below zero"),
    "negative_total": gettext_lazy("The total is below zero"),
    "newer_on_record": gettext_lazy("Something newer or different is on record"),
    "no_order_id": gettext_lazy("It names no order"),
    "no_price": gettext_lazy("A product has no price"),
    "no_product": gettext_lazy("A line names no product"),
    "no_products": gettext_lazy("It names no products"),
    "not_on_order": gettext_lazy("What comes back is not on the order"),
    "order_unknown": gettext_lazy("Its order has not come yet"),
    "other_currency": gettext_lazy("The order is in another currency"),
    "over_refund": gettext_lazy("More comes back than was sold"),
    "unreadable": gettext_lazy("Something in it cannot be read"),
}


@dataclass(frozen=True)
class Shown:
    """One of them. `title`, `why` and what exactly it lacks in the reader's language."""

    told: Done
    title: str
    why: Any

    @property
    def details(self) -> str:
        return order_details.in_words(self.told.why)


def shown(source: Source) -> list[Shown]:
    """The newest of a source's events of orders that failed or wait."""
    return [_shown(one) for one in orders.problems(source=source.id, limit=SHOWN)]


@require_safe
@requires("quarantine.read")
def listed(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """All of a source's, newest first: those that are open, were set aside, or are on record although odd."""
    found = _found(public_id)
    state = request.GET.get("state", "")
    state = state if state in STATES else "open"
    rows = orders.problems(
        source=found.id,
        state=None if state == "open" else cast(State, state),
        before=_before(request.GET.get("after", "")),
        limit=SIZE + 1,
    )
    cut = paging.cut(rows, SIZE, of="order_events", key=lambda one: (one.event,))
    return page(
        request,
        "console/untold.html",
        title=_("Events of orders from %(name)s") % {"name": found.name},
        source=found,
        rows=[_shown(one) for one in cut.items],
        state=state,
        states=STATES,
        reasons=setting_aside.REASONS.items(),
        may_mend=may(request, "quarantine.mend"),
        next=f"?{urlencode({'state': state, 'after': cut.next})}" if cut.next else "",
        first=f"?{urlencode({'state': state})}" if request.GET.get("after") else "",
    )


@require_POST
@requires("quarantine.mend")
def retry(request: HttpRequest, public_id: str, event: int) -> HttpResponseBase:
    """An event of an order is tried again, as after the shop's settings were mended."""
    _found(public_id)
    try:
        done = orders.retry(event=event, at=timezone.now(), by=operators.actor(me(request)))
    except Refusal:
        raise Http404 from None
    if done.state == "applied":
        messages.success(request, _("It is on record."))
    else:
        messages.error(request, _("It still cannot be put on record."))
    return _back(request, public_id)


@require_POST
@requires("quarantine.mend")
def retry_all(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """All that is open of the source is tried again, a thousand at most."""
    done = orders.retry_all(source=_found(public_id).id, at=timezone.now(), by=operators.actor(me(request)))
    messages.info(
        request,
        _("%(done)s on record now, %(waiting)s wait for their order, %(failed)s failed again, %(left)s not tried yet.")
        % {
            "done": formats.number(done.applied),
            "waiting": formats.number(done.waiting),
            "failed": formats.number(done.failed),
            "left": formats.number(done.left),
        },
    )
    return _back(request, public_id)


@require_POST
@requires("quarantine.mend")
def set_aside(request: HttpRequest, public_id: str, event: int) -> HttpResponseBase:
    """Nobody waits for it any more."""
    _found(public_id)
    why = setting_aside.chosen(request.POST.get("why", ""))
    if why is None:
        messages.error(request, _("Say why first."))
        return _back(request, public_id)
    try:
        orders.set_aside(event=event, why=why, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(request, _("It is set aside."))
    except orders.OnRecord:
        messages.info(request, _("It is on record already."))
    except Refusal:
        raise Http404 from None
    return _back(request, public_id)


@require_POST
@requires("quarantine.mend")
def set_aside_all(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What failed of the source is set aside, a thousand at most; what waits for its order goes on waiting."""
    found, why = _found(public_id), setting_aside.chosen(request.POST.get("why", ""))
    if why is None:
        messages.error(request, _("Say why first."))
    else:
        count = orders.set_aside_all(source=found.id, why=why, at=timezone.now(), by=operators.actor(me(request)))
        messages.success(
            request,
            ngettext("%(n)s event is set aside.", "%(n)s events are set aside.", count) % {"n": formats.number(count)},
        )
    return _back(request, public_id)


@require_safe
@requires("sources.manage")
def past(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """How many orders the source told of before it was the order feed."""
    found = _found(public_id)
    try:
        counted = past_orders.count(source=found.id, patience_seconds=COUNTING_SECONDS)
    except past_orders.TakesLong:
        counted = None
    return page(
        request,
        "console/past_orders.html",
        title=_("Past orders of %(name)s") % {"name": found.name},
        source=found,
        counted=counted,
    )


@require_POST
@requires("sources.manage")
def apply_past(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A job puts them on record."""
    found = _found(public_id)
    try:
        past_orders.begin(source=found.id, at=timezone.now(), by=operators.actor(me(request)))
    except past_orders.NotTheFeed:
        messages.error(request, _("Let its orders count first."))
    else:
        messages.success(request, _("They are being put on record; what cannot be is listed here."))
    return redirect("console:source-orders", public_id=public_id)


def _shown(one: Done) -> Shown:
    if one.state == "applied":
        return Shown(one, words.of(one.name), _("On record"))
    return Shown(one, words.of(one.name), WHY.get(one.code) or _("It cannot be put on record as it is"))


def _found(public_id: str) -> Source:
    try:
        return sources.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _before(cursor: str) -> int | None:
    try:
        (number,) = paging.decode(cursor, "order_events", int) if cursor else (None,)
    except paging.BadCursor:
        return None
    return number if isinstance(number, int) else None


def _back(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """To the page the button stood on."""
    if request.POST.get("on") == "list":
        return redirect("console:source-orders", public_id=public_id)
    return redirect(f"{reverse('console:source', args=[public_id])}#orders")
