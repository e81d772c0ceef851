"""Identity review, the list: questions whether two records are one person, and the look for likely duplicates."""

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import identity_words, likeness_words, people
from regulars.doors.console.site import fragment, may, me, page
from regulars.facts.company import company
from regulars.facts.customers import looking, persons, reviews
from regulars.facts.customers.reviews import Place
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SIZE = 50
ANY = "any"


ORDERS: dict[str, Promise] = {"newest": gettext_lazy("newest first"), "likeliest": gettext_lazy("likeliest first")}


class Filters(forms.Form):
    """What the list may be narrowed by; what cannot be read is left out."""

    kind = forms.ChoiceField(required=False, choices=[(kind, kind) for kind in reviews.KINDS])
    state = forms.ChoiceField(required=False, choices=[(state, state) for state in (*reviews.STATES, ANY)])
    order = forms.ChoiceField(required=False, choices=[(order, order) for order in ORDERS])
    after = forms.CharField(required=False, max_length=200)


@dataclass(frozen=True)
class Wanted:
    """Which questions somebody goes through, in which order."""

    kind: str
    state: str
    order: str

    @property
    def narrowing(self) -> dict[str, Any]:
        """As `reviews.listed` takes it."""
        state = None if self.state == ANY else self.state
        return {"kind": self.kind, "state": state, "order": self.order}

    @property
    def said(self) -> dict[str, str]:
        """What of it has to stand in an address."""
        usual = {"kind": "", "state": "open", "order": "newest"}
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    @property
    def query(self) -> str:
        """The same as an address ends."""
        return urlencode(self.said)

    @property
    def is_narrowed(self) -> bool:
        """Whether some questions are left out that wait."""
        return bool(self.kind or self.state != "open")


@require_safe
@requires("identity.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """Newest or likeliest first, with why each is asked; people masked."""
    wanted, cursor = wanted_of(request)
    rows = reviews.listed(**wanted.narrowing, after=_after(cursor), limit=SIZE + 1)
    cut = paging.cut(rows, SIZE, of=reviews.LIST, key=lambda one: one.place.key)
    named = _named([number for one in cut.items for number in (one.one, one.other)])
    contacts = reviews.shown([one for one in cut.items if one.kind == "worn"])
    return page(
        request,
        "console/identity.html",
        title=_("Identity review"),
        rows=[
            {
                "one": one,
                "whys": identity_words.asks(one),
                "contact": contacts.get(one.id, ""),
                "likely": likeness_words.likely(one.likeness.score) if one.likeness else None,
                "signs": likeness_words.signs(one.likeness.signs) if one.likeness else [],
                "state": reviews.STATES[one.state],
                "sides": [named.get(one.one), named.get(one.other)],
            }
            for one in cut.items
        ],
        kinds=reviews.KINDS,
        states=reviews.STATES,
        orders=ORDERS,
        wanted=wanted,
        count=reviews.count_open(wanted.kind),
        counted=reviews.COUNTED,
        may_rule=may(request, "identity.rules"),
        next=f"?{urlencode({**wanted.said, 'after': cut.next})}" if cut.next else "",
        first=f"?{wanted.query}" if cursor else "",
        **last_decision(request),
        **_look(request),
    )


@require_POST
@requires("identity.decide")
def look(request: HttpRequest) -> HttpResponseBase:
    """Ask for a look for likely duplicates, in the background."""
    looking.soon(at=timezone.now(), by=operators.actor(me(request)))
    return redirect(f"{reverse('console:identity')}?{urlencode({'kind': 'likeness'})}")


@require_safe
@requires("identity.read")
def looked(request: HttpRequest) -> HttpResponseBase:
    """How far the look is: the part of the page that keeps itself up to date."""
    return fragment(request, "console/identity_look.html", **_look(request))


def wanted_of(request: HttpRequest) -> tuple[Wanted, str]:
    """Which questions are asked for, and the page's cursor."""
    form = Filters(request.GET)
    form.is_valid()
    told = {name: str(form.cleaned_data.get(name) or "") for name in Filters.base_fields}
    return Wanted(told["kind"], told["state"] or "open", told["order"] or "newest"), told["after"]


def last_decision(request: HttpRequest) -> dict[str, Any]:
    """What was decided on the page before, while it can be taken back."""
    public_id = request.GET.get("done", "")
    try:
        last = reviews.get(public_id) if public_id and may(request, "identity.decide") else None
    except Refusal:
        last = None
    if last is None or last.kind == "worn" or last.state not in ("joined", "apart"):
        return {}
    return {"last": last, "last_state": reviews.STATES[last.state], "last_key": uuid4().hex}


def _named(numbers: list[int]) -> dict[int, people.Shown]:
    found = list(dict.fromkeys(numbers))
    person_of = persons.of_many(found)
    shown = {one.id: one for one in people.shown(list(dict.fromkeys(person_of.values())))}
    return {number: shown[person] for number, person in person_of.items() if person in shown}


def _after(cursor: str) -> Place | None:
    try:
        return reviews.place_at(cursor) if cursor else None
    except paging.BadCursor:
        return None


def _look(request: HttpRequest) -> dict[str, Any]:
    last, zone = looking.last(at=timezone.now()), company.shop().zone
    return {
        "look": last,
        "came_to": identity_words.looked(last, zone) if last is not None and last.ended_at is not None else "",
        "is_looking": last is not None and last.state in ("waiting", "running"),
        "may_look": may(request, "identity.decide"),
        "zone": zone,
    }
