"""Members: everybody the shop knows, filtered, sorted and counted. The address of the page holds its whole state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_safe

from regulars.doors.console import people
from regulars.doors.console.site import fragment, page, shop_of
from regulars.doors.console.words import Group, segment_words
from regulars.facts.customers.search import find
from regulars.insight.measures import members as listing
from regulars.insight.measures import readings, segments
from regulars.insight.measures.members import Between, Member, MemberFilter, Order
from regulars.kit.money import exponent
from regulars.kit.paging import BadCursor
from regulars.kit.windows import Window
from regulars.oversight.reporting import formats
from regulars.runtime.staff.policy import requires

SIZE = 50
MOST_FOUND = 200
#: No shop has sold before or after; a day more than the last is still a day, as the window's end needs one.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
STATES: dict[str, Any] = {
    "regular": pgettext_lazy("people", "Regulars"),
    "lapsing": gettext_lazy("Regulars slipping away"),
    "occasional": gettext_lazy("Not regulars yet"),
}
#: Set by a link of Insight, kept by hidden fields of the form.
SCORES = ("r", "f", "m")


class Filters(forms.Form):
    """What the list may be narrowed by. Every field is optional; one that cannot be read is said, and left out."""

    q = forms.CharField(required=False, max_length=120, label=gettext_lazy("Find a member"))
    country = forms.RegexField("^[A-Za-z]{2}$", required=False, label=gettext_lazy("Country"))
    language = forms.CharField(required=False, max_length=10, label=gettext_lazy("Language"))
    r = forms.IntegerField(required=False, min_value=1, max_value=5, label=gettext_lazy("Recency score"))
    f = forms.IntegerField(required=False, min_value=1, max_value=5, label=gettext_lazy("Frequency score"))
    m = forms.IntegerField(required=False, min_value=1, max_value=5, label=gettext_lazy("Money score"))
    segment = forms.ChoiceField(required=False, choices=[(n, n) for n in segments.NAMES], label=gettext_lazy("Group"))
    state = forms.ChoiceField(required=False, choices=[(n, n) for n in STATES], label=gettext_lazy("State"))
    orders_from = forms.IntegerField(required=False, min_value=0, max_value=10**9, label=gettext_lazy("Orders from"))
    orders_to = forms.IntegerField(required=False, min_value=0, max_value=10**9, label=gettext_lazy("Orders to"))
    spend_from = forms.DecimalField(required=False, max_digits=15, label=gettext_lazy("Net spend from"))
    spend_to = forms.DecimalField(required=False, max_digits=15, label=gettext_lazy("Net spend to"))
    last_from = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        label=gettext_lazy("Last purchase from"),
    )
    last_to = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        label=gettext_lazy("Last purchase to"),
    )

    def clean(self) -> None:
        start, end = self.cleaned_data.get("last_from"), self.cleaned_data.get("last_to")
        if start and end and end < start:
            self.add_error("last_to", _("This day is before the first one."))


#: The orders of the list by what they are called; `newest` alone has people without readings.
ORDERS: dict[Order, Any] = {
    "spend": gettext_lazy("Net spend"),
    "orders": gettext_lazy("Orders"),
    "last_purchase": gettext_lazy("Last purchase"),
    "at_stake": gettext_lazy("At stake"),
    "newest": gettext_lazy("Newest"),
}


@dataclass(frozen=True)
class Row:
    """One line: the member with readings, how they may be named, and their group's words."""

    member: Member
    person: people.Shown
    group: Group | None


@require_safe
@requires("members.read")
def members(request: HttpRequest) -> HttpResponseBase:
    """A pinned number of queries, however many members there are: see the tests."""
    form = Filters(request.GET)
    form.is_valid()
    said = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
    kept = {name: request.GET[name] for name in Filters.base_fields if request.GET.get(name)}
    overview = readings.overview()
    # What people spent is as of the last refresh, and in the currency of that day.
    currency = overview.currency if overview else shop_of(request).currency
    wanted = _wanted(said, exponent(currency))
    order = _order(request.GET.get("sort", ""), is_search="q" in said, is_lapsing=wanted.is_lapsing is True)
    is_ascending = request.GET.get("dir") == "up"
    kept |= {name: request.GET[name] for name in ("sort", "dir") if request.GET.get(name)}
    cursor = request.GET.get("after") or None
    try:
        found = listing.search(wanted, order=order, is_ascending=is_ascending, cursor=cursor, size=SIZE)
    except BadCursor:
        cursor = None
        found = listing.search(wanted, order=order, is_ascending=is_ascending, size=SIZE)
    count = listing.count(wanted, order=order)
    context: dict[str, Any] = {
        "problems": [(form.fields[name].label, problems[0]) for name, problems in form.errors.items()],
        "said": kept,
        "chips": _chips(form, said, kept, currency),
        "scores": [(name, said[name]) for name in SCORES if name in said],
        "rows": _rows(found.items),
        "count": count,
        "sorts": {name: _sort(name, kept, order, is_ascending=is_ascending) for name in ORDERS},
        "only_lapsing": order == "at_stake" and wanted.is_lapsing is not True,
        "next": _address({**kept, "after": found.next}) if found.next else "",
        "first": _address(kept) if cursor else "",
        "currency": currency,
    }
    if request.headers.get("HX-Target") == "list":
        return fragment(request, "console/members_list.html", **context)
    return page(
        request,
        "console/members.html",
        title=_("Members"),
        as_of=overview.as_of if overview else None,
        computed_at=overview.computed_at if overview else None,
        states=STATES.items(),
        languages=sorted(((code, formats.language(code)) for code in listing.languages()), key=lambda pair: pair[1]),
        segments=[(name, segment_words(name).name) for name in segments.NAMES],
        countries=sorted(((code, formats.country(code)) for code in listing.countries()), key=lambda pair: pair[1]),
        **context,
    )


def _wanted(said: Mapping[str, Any], digits: int) -> MemberFilter:
    def minor(name: str) -> int | None:
        amount: Decimal | None = said.get(name)
        return None if amount is None else int(amount.scaleb(digits).to_integral_value())

    state = said.get("state", "")
    last = None
    if "last_from" in said or "last_to" in said:
        last = Window(said.get("last_from", FIRST_DAY), said.get("last_to", LAST_DAY) + timedelta(days=1))
    wanted = MemberFilter(
        country=said["country"].upper() if "country" in said else None,
        language=said.get("language"),
        segment=said.get("segment"),
        orders=Between(said.get("orders_from"), said.get("orders_to")),
        spend_minor=Between(minor("spend_from"), minor("spend_to")),
        last_purchase=last,
        is_regular={"regular": True, "occasional": False}.get(state),
        is_lapsing=True if state == "lapsing" else None,
        r=said.get("r"),
        f=said.get("f"),
        m=said.get("m"),
    )
    return replace(wanted, among=find(said["q"], limit=MOST_FOUND)) if "q" in said else wanted


@dataclass(frozen=True)
class Chip:
    """One filter that is set: in words, and the address of the list without it."""

    words: str
    without: str


def _chips(form: Filters, said: Mapping[str, Any], kept: Mapping[str, str], currency: str) -> list[Chip]:
    def told(name: str, value: Any) -> str:
        if isinstance(value, date):
            return formats.day(value)
        if isinstance(value, Decimal):
            return formats.money(int(value.scaleb(exponent(currency)).to_integral_value()), currency)
        if isinstance(value, int):
            return formats.number(value)
        speak: Mapping[str, Callable[[str], Any]] = {
            "country": formats.country,
            "language": formats.language,
            "segment": lambda name: segment_words(name).name,
            "state": lambda name: STATES[name],
        }
        return str(speak.get(name, str)(value))

    return [
        Chip(
            _("%(filter)s: %(value)s") % {"filter": form.fields[name].label, "value": told(name, value)},
            _address({other: text for other, text in kept.items() if other != name}),
        )
        for name, value in said.items()
    ]


@dataclass(frozen=True)
class Sort:
    """A way to sort, as a link: here again it turns round. `aria` is what a table's head says, empty elsewhere."""

    words: str
    address: str
    is_here: bool
    aria: str


def _sort(name: Order, kept: Mapping[str, str], order: Order, *, is_ascending: bool) -> Sort:
    is_here = name == order
    turned = "up" if is_here and not is_ascending else ""
    return Sort(
        str(ORDERS[name]),
        _address({**kept, "sort": name, "dir": turned}),
        is_here,
        ("ascending" if is_ascending else "descending") if is_here else "",
    )


def _order(asked: str, *, is_search: bool, is_lapsing: bool) -> Order:
    """What is asked for; else the order in which people without readings are found too, or the most at stake."""
    if asked in ORDERS:
        return asked
    return "newest" if is_search else "at_stake" if is_lapsing else "spend"


def _rows(found: Sequence[Member]) -> list[Row]:
    named = {person.id: person for person in people.shown([member.customer_id for member in found])}
    return [
        Row(
            member,
            named[member.customer_id],
            segment_words(member.reading.segment) if member.reading and member.reading.segment else None,
        )
        for member in found
        if member.customer_id in named
    ]


def _address(state: Mapping[str, Any]) -> str:
    return "?" + urlencode({name: value for name, value in state.items() if value})
