"""One product: its forms and what bundles are made of, prices now and before, stock by store, holds and movements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.attributes import Said, declared_here, written
from regulars.doors.console.attributes import name_of as attribute_name
from regulars.doors.console.catalogue import STATUSES, TONES, preferred, title_of
from regulars.doors.console.site import may, me, page, shop_of
from regulars.facts.commerce import (
    attributes,
    bundles,
    catalogue,
    categories,
    corrections,
    price_windows,
    prices,
    shelves,
    stock,
    variants,
)
from regulars.facts.commerce.attributes import Attribute
from regulars.facts.commerce.catalogue import Ware
from regulars.facts.commerce.price_windows import Asked
from regulars.facts.commerce.variants import Variant
from regulars.facts.company import channels, stores
from regulars.facts.company.company import Shop
from regulars.kit import civil
from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

HISTORY_DAYS = 180
HISTORY_SHOWN = 20
#: Prices read of one product, those of the last starts; of what is older nothing is shown.
PRICES_READ = 1000
FORMS_SHOWN = 6
MOVES_SHOWN = 15
SAID: dict[str, Any] = {
    "corrections.bad_field": gettext_lazy("It is empty, too long or has characters nobody can see."),
    "corrections.told_since": gettext_lazy("Its source has told something newer meanwhile. Look at it again."),
}
WHY_MOVED: dict[str, Any] = {
    "told": gettext_lazy("told by its source"),
    "captured": gettext_lazy("sold from a hold"),
}
PURPOSES: dict[str, Any] = {"basket": gettext_lazy("basket"), "pickup": gettext_lazy("pick-up order")}


class Correction(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"), max_length=300, widget=forms.TextInput(attrs={"class": "input"})
    )
    category = forms.CharField(
        label=gettext_lazy("Category"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("From the top down, such as Tea > Green."),
        widget=forms.TextInput(attrs={"class": "input", "list": "branches"}),
    )
    brand = forms.CharField(
        label=gettext_lazy("Brand"), max_length=120, required=False, widget=forms.TextInput(attrs={"class": "input"})
    )
    status = forms.ChoiceField(
        label=gettext_lazy("State"), choices=list(STATUSES.items()), widget=forms.Select(attrs={"class": "input"})
    )


@dataclass(frozen=True)
class Part:
    """So many of another product's form are in every one of a bundle."""

    name: str
    public_id: str
    quantity: Any


@dataclass(frozen=True)
class Form:
    """One form of the product: what sets it apart, its price now and the lowest before, and what can be had."""

    variant: Variant
    name: str
    options: str
    price: str
    was: str
    lowest: str
    lowest_from: str
    available: Any
    parts: Sequence[Part]
    status: Any
    tone: str


@dataclass(frozen=True)
class Level:
    """What is in one store of one form."""

    store: str
    store_id: int
    form: str
    on_hand: Any
    kept: Any
    available: Any
    may_oversell: bool
    told_at: datetime


@dataclass(frozen=True)
class Price:
    """One price, from when to when, of what and where. `is_now`: it applies."""

    scope: str
    price: str
    was: str
    since: datetime
    until: datetime | None
    is_now: bool


@require_safe
@requires("catalogue.read")
def product(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A pinned number of queries, whatever it has."""
    return _page(request, _found(public_id))


@require_POST
@requires("catalogue.write")
def change(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Its title, category, brand and state, until its source tells something newer."""
    ware, form = _found(public_id), Correction(request.POST)
    if form.is_valid():
        try:
            corrections.describe(
                product=ware.id, **form.cleaned_data, at=timezone.now(), by=operators.actor(me(request))
            )
        except Refusal as refusal:
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, str(SAID.get(refusal.code, refusal.message)))
        else:
            messages.success(request, _("The product is changed."))
            return redirect("console:product", public_id=ware.public_id)
    return _page(request, ware, form=form, status=422)


@require_POST
@requires("catalogue.write")
def say(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """What it, or the form of it that `of` names, is like."""
    ware = _found(public_id)
    of = request.POST.get("of", "")
    form = next((one for one in catalogue.variants_of(ware.id) if one.public_id == of), None)
    if of and form is None:
        raise Http404
    said = Said(declared_here(), request.POST)
    if said.is_valid():
        target = {"product": ware.id} if form is None else {"variant": form.id}
        try:
            attributes.describe(**target, values=said.values(), at=timezone.now(), by=operators.actor(me(request)))
        except Refusal as refusal:
            field = str(refusal.facts.get("field", ""))
            said.add_error(field if field in said.fields else None, refusal.message)
        else:
            messages.success(request, _("The product is changed."))
            return redirect("console:product", public_id=ware.public_id)
    return _page(request, ware, said=said, of=of, status=422)


def _found(public_id: str) -> Ware:
    try:
        return catalogue.by_public_id(public_id)
    except Refusal:
        raise Http404 from None


def _page(
    request: HttpRequest,
    ware: Ware,
    *,
    form: Correction | None = None,
    said: Said | None = None,
    of: str = "",
    status: int = 200,
) -> HttpResponseBase:
    now, currency = timezone.now(), shop_of(request).currency
    own = catalogue.variants_of(ware.id)
    numbers = [one.id for one in own]
    named = {one.id: name_of(one, ware.ref) for one in own}
    places = {one.id: one.name for one in stores.every()}
    levels = [level for some in stock.levels_of(numbers, at=now).values() for level in some]
    told = prices.told_of(ware.id, limit=PRICES_READ)
    currencies = preferred({row.currency for row in told}, currency)
    may_change = may(request, "catalogue.write")
    declared = declared_here()
    of = of or request.GET.get("of", "")
    of_form = next((one for one in own if one.public_id == of), None)
    like = ware.attributes if of_form is None else of_form.attributes
    shown_form = form or Correction(initial={name: getattr(ware, name) for name in Correction.base_fields})
    return page(
        request,
        "console/product.html",
        title=title_of(ware),
        status=status,
        ware=ware,
        state=STATUSES[ware.status],
        tone=TONES[ware.status],
        titles=[(formats.language(code), text) for code, text in ware.titles.items() if text != ware.title],
        attributes=_attributes(ware, own, named, declared),
        said=(said or Said(declared, initial=written(like))) if may_change and declared else None,
        said_of="" if of_form is None else of_form.public_id,
        said_of_name="" if of_form is None else named[of_form.id],
        is_saying=said is not None or "of" in request.GET,
        sayable=[(one.public_id, named[one.id]) for one in own] if len(own) > 1 else (),
        forms=_forms(ware, own, currencies, shop_of(request), now, levels),
        days=prices.DAYS,
        history=_history(told, ware, named, currencies, now),
        placed=_placed(told, named, places, now),
        history_days=HISTORY_DAYS,
        levels=[
            Level(
                places.get(level.store, ""),
                level.store,
                named[level.variant],
                level.on_hand,
                level.held + level.reserved,
                level.available,
                level.may_oversell,
                level.told_at,
            )
            for level in sorted(levels, key=lambda one: (places.get(one.store, ""), one.variant))
        ],
        held=[
            (one, named[one.variant], places.get(one.store, ""), PURPOSES[one.purpose])
            for one in shelves.held_of(numbers, at=now)
        ],
        moved=[
            (one, named[one.variant], places.get(one.store, ""), WHY_MOVED[one.why])
            for one in shelves.movements_of(numbers, limit=MOVES_SHOWN)
        ],
        form=shown_form,
        branches=[one.path for one in categories.branches()] if may_change else (),
        may_change=may_change,
    )


def name_of(variant: Variant, product_ref: str) -> str:
    """What sets a form apart from the others of its product; empty for the only one, called as the product is."""
    if variant.title:
        return variant.title
    if variant.options:
        return " / ".join(str(value) for value in variant.options.values())
    return "" if variant.ref == product_ref else variant.ref


def _attributes(
    ware: Ware, own: Sequence[Variant], named: Mapping[int, str], declared: Mapping[str, Attribute]
) -> list[tuple[str, str, str]]:
    """Name, value, and of which form, where it is one form's alone."""
    told = [(code, value, "") for code, value in ware.attributes.items()]
    told += [(code, value, named[one.id]) for one in own for code, value in one.attributes.items()]
    return [(attribute_name(code, declared), _value(value), of) for code, value, of in told]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return _("is so") if value else _("is not so")
    if isinstance(value, int | float):
        return formats.number(value)
    return formats.listed([str(one) for one in value]) if isinstance(value, list) else str(value)


def _forms(
    ware: Ware,
    own: Sequence[Variant],
    currencies: Sequence[str],
    shop: Shop,
    now: datetime,
    levels: Sequence[stock.Level],
) -> list[Form]:
    """Each with its price in the first of `currencies` it has one in."""
    zone = civil.zone(shop.zone)
    parts = bundles.parts_of_many([one.id for one in own])
    inside = variants.get_many([part for some in parts.values() for part in some]) if parts else {}
    wares = catalogue.get_many([one.product_id for one in inside.values()]) if parts else {}
    wanted = [Asked(ware.id, currency, one.id) for one in own for currency in currencies]
    costs: dict[int | None, price_windows.Row] = {}
    for asked, row in zip(wanted, prices.at_many(wanted, at=now), strict=True):
        if row is not None:
            costs.setdefault(asked.variant, row)
    spoken = [costs[one.id].currency if one.id in costs else shop.currency for one in own]
    same = [Asked(ware.id, currency, one.id) for one, currency in zip(own, spoken, strict=True)]
    lows = prices.lowest_many(same, day=civil.day_of(now, zone)) if same else []
    found = []
    for one, currency, low in zip(own, spoken, lows, strict=True):
        price = costs.get(one.id)
        told = [level for level in levels if level.variant == one.id]
        made_of = [
            Part(_whole_name(wares[inside[part].product_id], inside[part]), wares[inside[part].product_id].public_id, n)
            for part, n in parts.get(one.id, {}).items()
        ]
        options = formats.listed([f"{name}: {value}" for name, value in one.options.items()])
        found.append(
            Form(
                one,
                name_of(one, ware.ref),
                options,
                formats.money(price.minor, currency) if price else "",
                formats.money(price.list_minor, currency) if price and price.sale_minor is not None else "",
                formats.money(low.minor, currency) if low else "",
                "" if low is None or low.is_whole else formats.day(civil.day_of(low.known_from, zone)),
                sum(level.available for level in told) if told else None,
                made_of,
                STATUSES[one.status],
                TONES[one.status],
            )
        )
    return found


def _whole_name(ware: Ware, variant: Variant) -> str:
    name = name_of(variant, ware.ref)
    return f"{title_of(ware)} · {name}" if name else title_of(ware)


def _history(
    told: Sequence[price_windows.Row],
    ware: Ware,
    named: Mapping[int, str],
    currencies: Sequence[str],
    now: datetime,
) -> list[tuple[str, list[Price]]]:
    """Which price applied when, outside of stores and channels, of each form; latest first.

    In the first of `currencies` it has a price in now, else the first it had one in.
    """
    window, rows = Window(now - timedelta(days=HISTORY_DAYS), now), price_windows.newest(told)
    found = []
    asked: list[tuple[int | None, str]] = [*list(named.items())[:FORMS_SHOWN]] or [(None, "")]
    for form, name in asked:
        by_currency = [
            _spoken(price_windows.pieces(rows, Asked(ware.id, currency, form), window), currency, now)
            for currency in currencies
        ]
        had = sorted((some for some in by_currency if some), key=lambda some: not some[0].is_now)
        if had:
            found.append((name, had[0][:HISTORY_SHOWN]))
    return found


def _spoken(pieces: Iterable[price_windows.Piece], currency: str, now: datetime) -> list[Price]:
    return [
        Price(
            "",
            formats.money(piece.row.minor, currency),
            formats.money(piece.row.list_minor, currency) if piece.row.sale_minor is not None else "",
            piece.window.start,
            None if piece.window.end >= now else piece.window.end,
            piece.window.end >= now,
        )
        for piece in reversed(list(pieces))
    ]


def _placed(
    rows: Sequence[price_windows.Row], named: Mapping[int, str], places: Mapping[int, str], now: datetime
) -> list[Price]:
    """What was told of its prices, latest first: also those of one form, store, channel or currency.

    Of one scope holds what started last, and of one start what was told last.
    """
    ways = {one.id: one.name for one in channels.every()}
    told, begun, holding = [], set(), set()
    for row in rows:
        scope = [named.get(row.variant or 0, ""), places.get(row.store or 0, ""), ways.get(row.channel or 0, "")]
        is_last = (row.scope, row.valid_from) not in begun
        begun.add((row.scope, row.valid_from))
        is_in = row.valid_from <= now and (row.valid_until is None or now < row.valid_until)
        is_now = is_last and not row.is_withdrawn and is_in and row.scope not in holding
        if is_now:
            holding.add(row.scope)
        told.append(
            Price(
                " · ".join(text for text in scope if text),
                _("withdrawn") if row.is_withdrawn else formats.money(row.minor, row.currency),
                formats.money(row.list_minor, row.currency) if row.sale_minor is not None else "",
                row.valid_from,
                row.valid_until,
                is_now,
            )
        )
    return told[:HISTORY_SHOWN]
