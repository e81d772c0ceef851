"""Events of orders that put nothing on record: why, in the reader's language, and trying them again."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from regulars.doors.console.site import me
from regulars.facts.events import orders, words
from regulars.facts.events.orders import Done
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SHOWN = 10
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
    """One of them. `title` and `why` in the reader's language."""

    told: Done
    title: str
    why: Any


def shown(source: Source) -> list[Shown]:
    """The newest of a source's events of orders that failed or wait."""
    return [
        Shown(one, words.of(one.name), WHY.get(one.code) or _("It cannot be put on record as it is"))
        for one in orders.problems(source=source.id, limit=SHOWN)
    ]


@require_POST
@requires("quarantine.mend")
def retry(request: HttpRequest, public_id: str, event: int) -> HttpResponseBase:
    """An event of an order is tried again, as after the shop's settings were mended."""
    try:
        sources.by_public_id(public_id)
        done = orders.retry(event=event, at=timezone.now(), by=operators.actor(me(request)))
    except Refusal:
        raise Http404 from None
    if done.state == "applied":
        messages.success(request, _("It is on record."))
    else:
        messages.error(request, _("It still cannot be put on record."))
    return redirect("console:source", public_id=public_id)
