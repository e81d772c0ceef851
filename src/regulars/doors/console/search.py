"""Ctrl-K, from anywhere: a member by number, a shop's own reference, e-mail, phone or first letters; an order by what
people or its source call it."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console import people
from regulars.doors.console.site import may, shop_of
from regulars.facts.commerce import order_list
from regulars.facts.commerce.order_list import OrderFilter
from regulars.facts.customers.search import find
from regulars.kit import civil
from regulars.oversight.reporting import formats
from regulars.runtime.staff.policy import requires

LIMIT = 8
MOST_ORDERS = 5


@dataclass(frozen=True)
class Hit:
    """One line of the palette."""

    title: str
    description: str
    link: str


@require_safe
@requires("members.read")
def search(request: HttpRequest) -> HttpResponseBase:
    """Answers Unfold's palette with the members and orders `s` names. At most sixteen indexed queries."""
    asked = request.GET.get("s", "").strip()
    if not asked:
        return HttpResponse()
    hits = [
        Hit(person.name, person.public_id, reverse("console:member", args=[person.public_id]))
        for person in people.shown(find(asked, limit=LIMIT))
    ]
    if may(request, "orders.read"):
        hits += _orders(request, asked)
    answer = render(request, "console/search.html", {"hits": hits})
    answer.headers["HX-Trigger"] = "search"  # what Unfold's palette waits for before it counts the lines
    return answer


def _orders(request: HttpRequest, asked: str) -> list[Hit]:
    zone = civil.zone(shop_of(request).zone)
    return [
        Hit(
            _("Order %(number)s") % {"number": one.number or one.ref},
            f"{formats.day(civil.day_of(one.placed_at, zone))} · {formats.money(one.total_minor, one.currency)}",
            reverse("console:order", args=[one.public_id]),
        )
        for one in order_list.page(OrderFilter(word=asked), size=MOST_ORDERS).items
    ]
