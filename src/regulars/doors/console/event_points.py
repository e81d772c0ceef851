"""The card of a member's points that says what they did besides buying: what each rule gave for it, and why not."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from regulars.doors.console.points_words import signed
from regulars.doors.console.site import fragment, shop_of
from regulars.facts.customers import customers
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import explaining
from regulars.levers.loyalty.explaining import Did, RuledOn
from regulars.runtime.staff.policy import requires

SHOWN = 8


@dataclass(frozen=True)
class Told:
    """Something that was done, and each rule with its points; empty where it gave nothing."""

    did: Did
    rules: Sequence[tuple[RuledOn, str]]


@require_safe
@requires("points.read")
def card(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What they did, page by page."""
    try:
        who = customers.by_public_id(public_id)
    except Refusal:
        raise Http404 from None
    after = request.GET.get("after") or None
    try:
        found = explaining.events_of(who.id, cursor=after, limit=SHOWN)
    except BadCursor:
        after, found = None, explaining.events_of(who.id, limit=SHOWN)
    return fragment(
        request,
        "console/event_points.html",
        who=who,
        done=[_told(one) for one in found.items],
        next=found.next,
        is_later=after is not None,
        zone=shop_of(request).zone,
    )


def _told(did: Did) -> Told:
    return Told(did, [(one, signed(one.ruled.parts, one.scale) if one.ruled.parts else "") for one in did.rules])
