"""Stores: where they are, when they are open, what lately went on there; who may, mends it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console import orders, places
from regulars.doors.console.exports import WEEKDAYS
from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.commerce import order_list, shelves
from regulars.facts.commerce.order_list import OrderFilter
from regulars.facts.company import channels, opening, stores
from regulars.facts.company.opening import Hours, Span
from regulars.facts.company.stores import Place, Store
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SIZE = 50
CHANGED_SHOWN = ORDERS_SHOWN = 8
#: Refusals in the reader's language, by their codes; the others say themselves what to mend.
SAID: dict[str, Any] = {
    "company.bad_code": gettext_lazy("Give a code of 1 to 64 visible characters."),
    "company.bad_name": gettext_lazy("Give a name of 1 to 120 visible characters."),
    "company.bad_place": gettext_lazy(
        "Give latitude and longitude as decimal degrees, both or neither, and an address of one line."
    ),
    "company.bad_hours": gettext_lazy(
        "Write hours as 09:00-18:00, several with commas between, none of which overlap; nothing means closed."
    ),
    "company.too_many_exceptions": gettext_lazy("Too many days differ; take old ones out first."),
    "civil.unknown_zone": gettext_lazy("Write the time zone as Asia/Shanghai or Europe/London, or leave it empty."),
}
_BIG = 2**63 - 1


class About(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is called"), max_length=120, widget=forms.TextInput(attrs={"class": "input"})
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Such as Asia/Shanghai. Empty: the shop's own."),
        widget=forms.TextInput(
            attrs={"class": "input", "list": "zones", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class NewStore(About):
    code = forms.CharField(
        label=gettext_lazy("Store code"),
        max_length=64,
        help_text=gettext_lazy("What tills and files call it. It cannot be changed."),
        widget=forms.TextInput(attrs={"class": "input", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ("code", "name", "zone")


class WhereItIs(forms.Form):
    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=stores.LONGEST_ADDRESS,
        required=False,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    city = forms.CharField(
        label=gettext_lazy("City"),
        max_length=stores.LONGEST_CITY,
        required=False,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    latitude = forms.DecimalField(
        label=gettext_lazy("Latitude"),
        min_value=Decimal(-90),
        max_value=Decimal(90),
        required=False,
        help_text=gettext_lazy("Degrees, north positive, such as 31.230400."),
        widget=forms.TextInput(attrs={"class": "input", "inputmode": "text"}),
    )
    longitude = forms.DecimalField(
        label=gettext_lazy("Longitude"),
        min_value=Decimal(-180),
        max_value=Decimal(180),
        required=False,
        help_text=gettext_lazy("Degrees, east positive, such as 121.473700."),
        widget=forms.TextInput(attrs={"class": "input", "inputmode": "text"}),
    )
    offers_pickup = forms.BooleanField(label=gettext_lazy("Goods can be picked up here"), required=False)


@dataclass(frozen=True)
class Door:
    """Whether a store is open, in words. `tone` is empty where nobody has told its hours."""

    tone: str
    state: str
    then: str


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    store: Store
    door: Door
    today: str
    where: str


@dataclass(frozen=True)
class Day:
    """One weekday: its name, its hours as people read them, and as they are written into its field."""

    number: int
    name: Any
    hours: str
    written: str
    is_today: bool


@dataclass(frozen=True)
class DifferentDay:
    """A day that differs from its weekday."""

    day: date
    weekday: Any
    hours: str
    is_closed: bool


@require_safe
@requires("company.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """A pinned number of queries, however many stores there are."""
    return _list(request, NewStore())


@require_POST
@requires("company.write")
def add(request: HttpRequest) -> HttpResponseBase:
    """A new store, by a code nobody has yet."""
    form = NewStore(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        if stores.find_many([told["code"].strip()]):
            form.add_error("code", _("There is a store with this code already."))
        else:
            try:
                made = stores.describe(**told, at=timezone.now(), by=_by(request))
            except Refusal as refusal:
                _refused(form, refusal)
            else:
                messages.success(request, _("The store is there. Say where it is and when it is open."))
                return redirect("console:store", number=made.id)
    return _list(request, form, status=422)


@require_safe
@requires("company.read")
def store(request: HttpRequest, number: int) -> HttpResponseBase:
    """One store. A pinned number of queries."""
    return _page(request, _found(number))


@require_POST
@requires("company.write")
def about(request: HttpRequest, number: int) -> HttpResponseBase:
    """Its name and clock."""
    found, form = _found(number), About(request.POST)
    [channel] = [one.code for one in channels.every() if one.id == found.channel_id]

    def act() -> object:
        told = form.cleaned_data
        return stores.describe(code=found.code, channel=channel, **told, at=timezone.now(), by=_by(request))

    return _changed(request, found, form, act, about=form)


@require_POST
@requires("company.write")
def place(request: HttpRequest, number: int) -> HttpResponseBase:
    """Where it is, and whether goods can be picked up."""
    found, form = _found(number), WhereItIs(request.POST)

    def act() -> object:
        told = dict(form.cleaned_data)
        pickup = told.pop("offers_pickup")
        return stores.locate(
            store=number, place=Place(**told), offers_pickup=pickup, at=timezone.now(), by=_by(request)
        )

    return _changed(request, found, form, act, place=form)


@require_POST
@requires("company.write")
def week(request: HttpRequest, number: int) -> HttpResponseBase:
    """Its hours by weekday."""
    found = _found(number)
    written = {weekday: request.POST.get(f"day{weekday}", "")[:200] for weekday in range(1, 8)}
    try:
        told = {weekday: opening.read(text, f"day{weekday}") for weekday, text in written.items()}
        stores.set_hours(store=number, week=told, at=timezone.now(), by=_by(request))
    except Refusal as refusal:
        field = str(refusal.facts.get("field", ""))
        weekday = int(field[-1]) if field[-1:].isdigit() else None
        named = str(WEEKDAYS[weekday - 1]) if weekday else ""
        return _page(request, found, written=written, week_problem=_said(refusal), week_day=named, status=422)
    messages.success(request, _("The hours are changed."))
    return redirect("console:store", number=number)


@require_POST
@requires("company.write")
def day(request: HttpRequest, number: int) -> HttpResponseBase:
    """How one day differs: other hours, closed, or as ever."""
    found, act = _found(number), request.POST.get("act", "")
    hours = request.POST.get("hours", "")[:200]
    try:
        on = date.fromisoformat(request.POST.get("day", ""))
    except ValueError:
        return _page(request, found, day_problem=_("Say which day."), day_hours=hours, status=422)
    spans: Sequence[Span] | None
    try:
        if act == "hours" and not hours.strip():
            return _page(request, found, day_problem=_("Write its hours, or say that it is closed."), status=422)
        spans = {"closed": (), "as_ever": None}[act] if act in {"closed", "as_ever"} else opening.read(hours)
        stores.set_exceptions(store=number, days={on: spans}, at=timezone.now(), by=_by(request))
    except Refusal as refusal:
        return _page(request, found, day_problem=_said(refusal), day_hours=hours, status=422)
    messages.success(request, _("The day is changed."))
    return redirect("console:store", number=number)


def _list(request: HttpRequest, form: NewStore, status: int = 200) -> HttpResponseBase:
    every = stores.every()
    q = request.GET.get("q", "").strip()[:120]
    fitting = [one for one in every if q.casefold() in f"{one.name}\n{one.code}\n{one.place.city}".casefold()]
    after = request.GET.get("after", "")
    rest = [one for one in fitting if one.code > after]
    shown = rest[:SIZE]
    context: dict[str, Any] = {
        "rows": _rows(request, shown),
        "total": len(fitting),
        "has_any": bool(every),
        "q": q,
        "next": "?" + urlencode({"q": q, "after": shown[-1].code}) if len(rest) > SIZE else "",
        "first": "?" + urlencode({"q": q}) if after else "",
        "may_change": may(request, "company.write"),
    }
    if request.headers.get("HX-Target") == "list":
        return fragment(request, "console/stores_list.html", **context)
    zones = sorted(available_timezones()) if may(request, "company.write") else ()
    return page(request, "console/stores.html", title=_("Stores"), status=status, form=form, zones=zones, **context)


def _rows(request: HttpRequest, shown: Sequence[Store]) -> list[Row]:
    hours, now = stores.hours_of([one.id for one in shown]), timezone.now()
    rows = []
    for one in shown:
        zone = civil.zone(one.zone or shop_of(request).zone)
        own = hours[one.id]
        rows.append(
            Row(
                one,
                _door(own, now, one.zone or shop_of(request).zone),
                _hours(own.on(civil.day_of(now, zone))) if own.is_told else "",
                " · ".join(text for text in (one.place.city, one.place.address) if text),
            )
        )
    return rows


def _page(
    request: HttpRequest,
    found: Store,
    *,
    status: int = 200,
    written: Mapping[int, str] | None = None,
    **context: Any,
) -> HttpResponseBase:
    zone_name = found.zone or shop_of(request).zone
    hours, now = stores.hours_of([found.id])[found.id], timezone.now()
    today = civil.day_of(now, civil.zone(zone_name))
    where = found.place
    may_change = may(request, "company.write")
    shown = {
        "about": About(initial={"name": found.name, "zone": found.zone}),
        "place": WhereItIs(
            initial={
                "address": where.address,
                "city": where.city,
                "latitude": where.latitude,
                "longitude": where.longitude,
                "offers_pickup": found.offers_pickup,
            }
        ),
        **context,
    }
    ahead = sorted(one for one in hours.exceptions if one >= today)
    return page(
        request,
        "console/store.html",
        title=found.name,
        status=status,
        store=found,
        own_zone=zone_name,
        now=now,
        door=_door(hours, now, zone_name),
        is_told=hours.is_told,
        days=[
            Day(
                number,
                WEEKDAYS[number - 1],
                _hours(hours.week.get(number, ())),
                (written or {}).get(number, ", ".join(str(span) for span in hours.week.get(number, ()))),
                number == today.isoweekday(),
            )
            for number in range(1, 8)
        ],
        is_week_open=written is not None,
        exceptions=[
            DifferentDay(one, WEEKDAYS[one.isoweekday() - 1], _hours(hours.exceptions[one]), not hours.exceptions[one])
            for one in ahead
        ],
        past=len(hours.exceptions) - len(ahead),
        channel=places.of_channel(found.channel_id),
        stock=shelves.summary(store=found.id) if may(request, "catalogue.read") else None,
        moved=shelves.lately(store=found.id, limit=CHANGED_SHOWN) if may(request, "catalogue.read") else (),
        zones=sorted(available_timezones()) if may_change else (),
        sold=_sold(request, found) if may(request, "orders.read") else None,
        may_change=may_change,
        **shown,
    )


def _sold(request: HttpRequest, found: Store) -> list[orders.Row]:
    """Its orders lately."""
    lately = order_list.page(OrderFilter(store=found.code), size=ORDERS_SHOWN)
    return orders.rows(lately.items, may_see_members=False)


def _door(hours: Hours, now: datetime, zone_name: str) -> Door:
    """Open or closed at this moment, and what comes next."""
    if not hours.is_told:
        return Door("", _("hours not told"), "")
    zone = civil.zone(zone_name)
    if opening.is_open(hours, now, zone):
        return Door("good", _("open now"), "")
    opens = opening.next_opening(hours, now, zone)
    if opens is None:
        return Door("care", _("closed"), _("not open within a year"))
    today, then = civil.day_of(now, zone), civil.day_of(opens, zone)
    clock = formats.clock(opens, zone_name)
    if then == today:
        return Door("care", _("closed"), _("opens at %(clock)s") % {"clock": clock})
    if (then - today).days < 7:
        weekday = WEEKDAYS[then.isoweekday() - 1]
        return Door("care", _("closed"), _("opens %(weekday)s %(clock)s") % {"weekday": weekday, "clock": clock})
    return Door("care", _("closed"), _("opens %(day)s") % {"day": formats.day(then)})


def _hours(spans: Sequence[Span]) -> str:
    return formats.listed([str(span).replace("-", "–") for span in spans]) if spans else _("closed")


def _found(number: int) -> Store:
    if number > _BIG:
        raise Http404
    try:
        return stores.get(number)
    except Refusal:
        raise Http404 from None


def _by(request: HttpRequest) -> Actor:
    return operators.actor(me(request))


def _said(refusal: Refusal) -> str:
    return str(SAID.get(refusal.code, refusal.message))


def _refused(form: forms.Form, refusal: Refusal) -> None:
    field = str(refusal.facts.get("field", ""))
    form.add_error(field if field in form.fields else None, _said(refusal))


def _changed(
    request: HttpRequest, found: Store, form: forms.Form, act: Callable[[], object], **context: Any
) -> HttpResponseBase:
    if form.is_valid():
        try:
            act()
        except Refusal as refusal:
            _refused(form, refusal)
        else:
            messages.success(request, _("The store is changed."))
            return redirect("console:store", number=found.id)
    return _page(request, found, status=422, **context)
