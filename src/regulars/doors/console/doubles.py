"""Sales told twice: pairs of orders side by side, with what each has earned, and what somebody says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import actors, people, places
from regulars.doors.console.points_words import shown
from regulars.doors.console.site import may, me, page
from regulars.facts.commerce import doubles
from regulars.facts.commerce.doubles import MINUTES, DoubleView, Side, State
from regulars.kit.actors import Actor
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import explaining
from regulars.runtime.database import clock
from regulars.runtime.preferences.preferences import read, write
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SIZE: Final = 20
STATES: Final[Mapping[State, Any]] = {
    "open": gettext_lazy("to look at"),
    "same": gettext_lazy("one sale"),
    "two": gettext_lazy("two sales"),
}
ALIKE: Final[Mapping[str, Any]] = {
    "number": gettext_lazy("The same number, told by two sources"),
    "sources": gettext_lazy("Told by two sources"),
    "source": gettext_lazy("Told twice by one source within a minute"),
}
WHYS: Final[Mapping[str, Any]] = {
    "receipts": gettext_lazy("the receipts say so"),
    "customer": gettext_lazy("the member was asked"),
    "store": gettext_lazy("the store was asked"),
    "mistake": gettext_lazy("it was decided by mistake"),
}


class Minutes(forms.Form):
    minutes = forms.IntegerField(min_value=0, max_value=120)


@dataclass(frozen=True)
class Order:
    """One side: the order, where it was, and what it has earned by now."""

    side: Side
    place: str
    points: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Pair:
    """Two orders beside each other."""

    one: DoubleView
    alike: str
    who: people.Shown | None
    orders: Sequence[Order]
    seconds_apart: int
    decided_by: str
    why: str


@require_safe
@requires("orders.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Those that wait, or all that were decided so, the latest found first; a pinned number of queries."""
    state: State = next((one for one in STATES if one == request.GET.get("state")), "open")
    after = request.GET.get("after") or None
    try:
        found = doubles.listed(state=state, cursor=after, limit=SIZE)
    except BadCursor:
        after = None
        found = doubles.listed(state=state, limit=SIZE)
    return page(
        request,
        "console/doubles.html",
        title=_("Sales told twice"),
        pairs=_pairs(
            found.items, may_see_members=may(request, "members.read"), may_see_points=may(request, "points.read")
        ),
        next=found.next,
        is_later=after is not None,
        state=state,
        states=STATES.items(),
        whys=[(code, words) for code, words in WHYS.items() if code != "mistake"],
        look=doubles.last_look(),
        minutes=read(MINUTES),
        may_decide=may(request, "orders.write"),
        may_change=may(request, "preferences.change"),
    )


@require_POST
@requires("orders.write")
def act(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """One sale, two sales, or what was decided taken back."""
    by, at = operators.actor(me(request)), clock.now()
    told = request.POST.get("act", "")
    try:
        double = doubles.by_public_id(public_id).id
        why = request.POST.get("why", "")
        match told:
            case "confirm":
                doubles.confirm(double=double, at=at, by=by, why=why)
                messages.success(
                    request, _("It is one sale: the order that was told later counts no more, and its points go.")
                )
            case "dismiss":
                doubles.dismiss(double=double, at=at, by=by, why=why)
                messages.success(request, _("They are two sales, and are not asked about again."))
            case "reopen":
                doubles.reopen(double=double, at=at, by=by)
                messages.success(
                    request,
                    _("It is taken back. An order that counted no more counts again, and its points come back."),
                )
            case _:
                raise Http404
    except Refusal as refused:
        messages.error(request, refused.message)
    state = request.POST.get("state", "open")
    return redirect(f"{reverse('console:doubles')}?state={state if state in STATES else 'open'}")


@require_POST
@requires("orders.write")
def look(request: HttpRequest) -> HttpResponseBase:
    """Look through all orders, history too, aside."""
    doubles.look_through(at=clock.now())
    messages.success(request, _("All orders are being looked through. What is found comes here."))
    return redirect("console:doubles")


@require_POST
@requires("preferences.change")
def minutes(request: HttpRequest) -> HttpResponseBase:
    """How far apart two orders may be placed."""
    form = Minutes(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give a number of minutes, up to 120."))
    else:
        by: Actor = operators.actor(me(request))
        write(MINUTES, form.cleaned_data["minutes"], at=clock.now(), by=by)
        messages.success(request, _("It is saved, and counts for what comes in from now on."))
    return redirect("console:doubles")


def _pairs(found: Sequence[DoubleView], *, may_see_members: bool, may_see_points: bool) -> list[Pair]:
    sides = [side for one in found for side in (one.order, one.twin)]
    words = places.told((side.channel, side.store) if side.store else (side.channel,) for side in sides)
    earned = explaining.earned_by([side.id for side in sides]) if may_see_points else {}
    buyers = [one.order.customer_id for one in found if one.order.customer_id is not None] if may_see_members else []
    named = {one.id: one for one in people.shown(buyers)} if buyers else {}
    names = actors.told({one.decided_by for one in found if one.decided_by})

    def order(side: Side) -> Order:
        return Order(
            side,
            words[(side.channel, side.store) if side.store else (side.channel,)],
            [(title, shown(parts, scale)) for title, parts, scale in earned.get(side.id, ())],
        )

    return [
        Pair(
            one,
            str(ALIKE[one.alike]),
            named.get(one.order.customer_id or 0),
            [order(one.order), order(one.twin)],
            int(abs((one.order.placed_at - one.twin.placed_at).total_seconds())),
            names.get(one.decided_by, ""),
            str(WHYS.get(one.why, "")),
        )
        for one in found
    ]
