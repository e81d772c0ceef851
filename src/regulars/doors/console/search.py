"""Ctrl-K: a member by number, a shop's own reference, e-mail, phone or first letters, from anywhere."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from regulars.doors.console import people
from regulars.facts.customers.search import find
from regulars.runtime.staff.policy import requires

LIMIT = 8


@dataclass(frozen=True)
class Hit:
    """One line of the palette."""

    title: str
    description: str
    link: str


@require_safe
@requires("members.read")
def search(request: HttpRequest) -> HttpResponseBase:
    """Answers Unfold's palette with the members `s` names. At most fourteen indexed queries."""
    asked = request.GET.get("s", "").strip()
    if not asked:
        return HttpResponse()
    hits = [
        Hit(person.name, person.public_id, reverse("console:member", args=[person.public_id]))
        for person in people.shown(find(asked, limit=LIMIT))
    ]
    answer = render(request, "console/search.html", {"hits": hits})
    answer.headers["HX-Trigger"] = "search"  # what Unfold's palette waits for before it counts the lines
    return answer
