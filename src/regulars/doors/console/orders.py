"""Orders: found by number, day, place, state and buyer, newest first. The address of the page holds its whole state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from regulars.doors.console import order_words, people, places
from regulars.doors.console.members import FIRST_DAY, LAST_DAY
from regulars.doors.console.site import fragment, may, page, shop_of
from regulars.facts.commerce import order_list, orders
from regulars.facts.commerce.order_list import Listed, OrderFilter
from regulars.facts.commerce.standing import Standing
from regulars.facts.company import channels, stores
from regulars.facts.customers import customers
from regulars.kit import civil
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window
from regulars.oversight.reporting import formats
from regulars.runtime.staff.policy import requires

SIZE = 50
STATES: dict[str, Any] = {
    "unpaid": gettext_lazy("not fully paid"),
    "refunded": gettext_lazy("money went back"),
    "cancelled": gettext_lazy("cancelled"),
    "draft": gettext_lazy("draft"),
    "test": gettext_lazy("test"),
}
BUYERS: dict[str, Any] = {"member": gettext_lazy("members"), "guest": gettext_lazy("guests")}


class Filters(forms.Form):
    """What the list may be narrowed by. Every field is optional; one that cannot be read is said, and left out."""

    q = forms.CharField(required=False, max_length=200, label=gettext_lazy("Find an order"))
    first = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        label=gettext_lazy("From day"),
    )
    last = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        label=gettext_lazy("To day"),
    )
    channel = forms.CharField(required=False, max_length=64, label=gettext_lazy("Channel"))
    store = forms.CharField(required=False, max_length=64, label=gettext_lazy("Store"))
    state = forms.ChoiceField(required=False, choices=[(n, n) for n in STATES], label=gettext_lazy("State"))
    buyer = forms.ChoiceField(required=False, choices=[(n, n) for n in BUYERS], label=gettext_lazy("Bought by"))
    member = forms.CharField(required=False, max_length=64, label=gettext_lazy("Member"))
    flagged = forms.BooleanField(required=False, label=gettext_lazy("Sums that do not add up"))

    def clean(self) -> None:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", _("This day is before the first one."))


@dataclass(frozen=True)
class Row:
    """One line: the order, who bought it, where, and how it stands in words."""

    order: Listed
    called: str
    buyer: people.Shown | None
    place: str
    state: Any
    tone: str
    more: int


@dataclass(frozen=True)
class Chip:
    """One filter that is set: in words, and the address of the list without it."""

    words: str
    without: str


@require_safe
@requires("orders.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """A pinned number of queries, however many orders there are: see the tests."""
    form = Filters(request.GET)
    form.is_valid()
    said = {name: value for name, value in form.cleaned_data.items() if value not in (None, "", False)}
    kept = {name: request.GET[name] for name in Filters.base_fields if request.GET.get(name)}
    shop = shop_of(request)
    wanted, member_name = _wanted(said, shop.zone)
    cursor = request.GET.get("after") or None
    try:
        found = order_list.page(wanted, cursor=cursor, size=SIZE)
    except BadCursor:
        cursor = None
        found = order_list.page(wanted, size=SIZE)
    ways, houses = channels.every(), stores.every()
    context: dict[str, Any] = {
        "problems": [(form.fields[name].label, problems[0]) for name, problems in form.errors.items()],
        "said": kept,
        "chips": _chips(form, said, kept, member_name),
        "rows": rows(found.items, may_see_members=may(request, "members.read")),
        "looked_back_to": found.looked_back_to,
        "next": _address({**kept, "after": found.next}) if found.next else "",
        "first": _address(kept) if cursor else "",
        "member": said.get("member", ""),
    }
    if request.headers.get("HX-Target") == "list":
        return fragment(request, "console/orders_list.html", zone=shop.zone, **context)
    return page(
        request,
        "console/orders.html",
        title=_("All orders"),
        states=STATES.items(),
        buyers=BUYERS.items(),
        channels=[(one.code, places.named(one)) for one in ways],
        stores=[(one.code, one.name) for one in houses],
        **context,
    )


def rows(found: Sequence[Listed], *, may_see_members: bool) -> list[Row]:
    """The orders as the list shows them. Up to seven queries."""
    standings = orders.standings([one.id for one in found])
    buyers = [one.customer_id for one in found if one.customer_id is not None] if may_see_members else []
    named = {person.id: person for person in people.shown(buyers)} if buyers else {}
    where = {one.id: (one.channel, one.store) if one.store else (one.channel,) for one in found}
    words = places.told(where.values())
    return [
        Row(
            one,
            one.number or one.ref,
            named.get(one.customer_id or 0),
            words[where[one.id]],
            *_state(one, standings.get(one.id)),
            one.lines - 1,
        )
        for one in found
    ]


def _state(one: Listed, standing: Standing | None) -> tuple[Any, str]:
    if one.is_deleted:
        return _("deleted"), "bad"
    if one.kind in {"giveaway", "adjustment"} and one.cancelled_at is None:
        return order_words.KINDS[one.kind], ""
    if standing is None:
        return "", ""
    return order_words.STANDINGS[standing.word], order_words.TONES[standing.word]


def _wanted(said: Mapping[str, Any], zone: str) -> tuple[OrderFilter, str]:
    """The filter, and how the member it names is called. A member nobody knows has no orders."""
    placed, buyers, name = None, None, ""
    if "first" in said or "last" in said:
        days = Window(said.get("first", FIRST_DAY), said.get("last", LAST_DAY) + timedelta(days=1))
        placed = civil.days_window(days, civil.zone(zone))
    if "member" in said:
        buyers, name = _buyer(said["member"])
    return (
        OrderFilter(
            word=said.get("q", ""),
            placed=placed,
            channel=said.get("channel", ""),
            store=said.get("store", ""),
            state=said.get("state"),
            buyers=buyers,
            is_guest={"guest": True, "member": False}.get(said.get("buyer", "")),
            is_flagged=said.get("flagged", False),
        ),
        name,
    )


def _buyer(public_id: str) -> tuple[list[int], str]:
    try:
        number = customers.by_public_id(public_id).id
    except Refusal:
        return [], public_id
    [person] = people.shown([number])
    return [number], person.name


def _chips(form: Filters, said: Mapping[str, Any], kept: Mapping[str, str], member: str) -> list[Chip]:
    def told(name: str, value: Any) -> str:
        if isinstance(value, date):
            return formats.day(value)
        speak: dict[str, Mapping[str, Any]] = {"state": STATES, "buyer": BUYERS, "member": {str(value): member}}
        return str(speak[name][value] if name in speak else value)

    return [
        Chip(
            str(form.fields[name].label)
            if name == "flagged"
            else _("%(filter)s: %(value)s") % {"filter": form.fields[name].label, "value": told(name, value)},
            _address({other: text for other, text in kept.items() if other != name}),
        )
        for name, value in said.items()
    ]


def _address(state: Mapping[str, Any]) -> str:
    return "?" + urlencode({name: value for name, value in state.items() if value})
