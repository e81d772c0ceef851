"""Catalogue: what is sold, found by what people call it, with its price and stock now; the tree of categories."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import fragment, may, me, page, shop_of
from regulars.facts.commerce import bundles, catalogue, categories, prices, stock, variants
from regulars.facts.commerce.catalogue import Ware
from regulars.facts.commerce.categories import Category
from regulars.facts.commerce.price_windows import Asked
from regulars.facts.commerce.variants import Variant
from regulars.kit import languages
from regulars.kit.paging import BadCursor
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import formats
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

SIZE = 50
FILTERS = ("q", "category", "brand", "status")
STATUSES: dict[str, Any] = {
    "active": gettext_lazy("on sale"),
    "draft": gettext_lazy("not yet on sale"),
    "discontinued": gettext_lazy("no longer on sale"),
}
TONES = {"active": "", "draft": "care", "discontinued": "care"}
#: More branches than this are not put into a list to choose from.
MOST_CHOSEN = 500


@dataclass(frozen=True)
class Row:
    """One line: the product, its price now in words, and how much of it can be had; None where nobody told."""

    ware: Ware
    title: str
    price: str
    was: str
    available: Decimal | None
    is_bundle: bool
    status: Any
    tone: str


@dataclass(frozen=True)
class Branch:
    """A category as the tree shows it: how deep it is, and how many products are in it and below."""

    path: str
    title: str
    depth: int
    here: int
    below: int
    #: As its source calls it, and what it is called here: language, that language's name, and the title or "".
    name: str
    titles: Sequence[tuple[str, str, str]]


@require_safe
@requires("catalogue.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """A pinned number of queries, however many products there are."""
    said = {name: value for name in FILTERS if (value := request.GET.get(name, "").replace("\x00", "").strip()[:200])}
    if said.get("status", "") not in ("", *STATUSES):
        del said["status"]
    cursor = request.GET.get("after") or None
    wanted = {"search": said.get("q", ""), **{name: said.get(name, "") for name in FILTERS[1:]}}
    try:
        found = catalogue.page(**wanted, cursor=cursor, limit=SIZE)
    except BadCursor:
        cursor = None
        found = catalogue.page(**wanted, limit=SIZE)
    context: dict[str, Any] = {
        "rows": rows(request, found.items),
        "chips": _chips(said),
        "is_narrowed": bool(said),
        "next": _address({**said, "after": found.next}) if found.next else "",
        "first": _address(said) if cursor else "",
    }
    if request.headers.get("HX-Target") == "list":
        return fragment(request, "console/catalogue_list.html", **context)
    branches = categories.branches()
    return page(
        request,
        "console/catalogue.html",
        title=_("Catalogue"),
        said=said,
        brands=catalogue.brands(),
        branches=spoken(branches)[:MOST_CHOSEN],
        is_branch=said.get("category", "") in {one.path for one in branches[:MOST_CHOSEN]},
        statuses=STATUSES.items(),
        **context,
    )


@require_safe
@requires("catalogue.read")
def tree(request: HttpRequest) -> HttpResponseBase:
    """All categories with how many products are in each. One query beside the chrome's."""
    return _tree(request)


@require_POST
@requires("catalogue.write")
def name(request: HttpRequest) -> HttpResponseBase:
    """What a category is called, by language; where nothing is said, as its source calls it."""
    path = request.POST.get("path", "").replace("\x00", "")[: categories.LONGEST_PATH]
    titles = {code: text for code in languages.CODES if (text := request.POST.get(f"title-{code}", "").strip())}
    try:
        categories.name(path=path, titles=titles, at=timezone.now(), by=operators.actor(me(request)))
    except Refusal as refusal:
        return _tree(request, status=422, named_path=path, problem=refusal.message, written=titles)
    messages.success(request, _("The category is named."))
    return redirect("console:categories")


def _tree(
    request: HttpRequest,
    *,
    status: int = 200,
    named_path: str = "",
    problem: str = "",
    written: Mapping[str, str] | None = None,
) -> HttpResponseBase:
    branches = categories.tree()
    below: dict[str, int] = {}
    for one in branches:
        parts = one.path.split(categories.BETWEEN)
        for depth in range(1, len(parts) + 1):
            above = categories.BETWEEN.join(parts[:depth])
            below[above] = below.get(above, 0) + one.products
    shown = [
        Branch(
            one.path,
            in_language(one.titles, one.name),
            one.path.count(categories.BETWEEN),
            one.products,
            below[one.path],
            one.name,
            [
                (code, tongue, ((written if one.path == named_path else None) or one.titles).get(code, ""))
                for code, tongue in languages.NAMES.items()
            ],
        )
        for one in branches
    ]
    is_known = any(one.path == named_path for one in branches)
    return page(
        request,
        "console/categories.html",
        title=_("Categories"),
        status=status,
        branches=shown,
        named_path=named_path,
        problem=problem,
        is_known=is_known,
        may_change=may(request, "catalogue.write"),
    )


def rows(request: HttpRequest, wares: Sequence[Ware]) -> list[Row]:
    """Products with their price and what can be had in all stores together. Five queries.

    The price is in the shop's money; where there is none now, in another it has one in.
    """
    now, currency = timezone.now(), shop_of(request).currency
    forms = variants.of_products([ware.id for ware in wares])
    numbers = [form.id for some in forms.values() for form in some]
    levels, inside = stock.levels_of(numbers, at=now), bundles.parts_of_many(numbers)
    costs = _costs(wares, forms, currency, now)
    found = []
    for ware in wares:
        told = [level for form in forms[ware.id] for level in levels[form.id]]
        price, was = costs[ware.id]
        found.append(
            Row(
                ware,
                title_of(ware),
                price,
                was,
                sum((level.available for level in told), Decimal(0)) if told else None,
                any(form.id in inside for form in forms[ware.id]),
                STATUSES[ware.status],
                TONES[ware.status],
            )
        )
    return found


def title_of(ware: Ware) -> str:
    """What it is called in the reader's language, else in its source's, else its reference."""
    return in_language(ware.titles, ware.title or ware.ref)


def in_language(titles: Mapping[str, str], otherwise: str) -> str:
    """The title in the reader's language, or `otherwise`."""
    return titles.get(get_language() or "", "") or otherwise


def spoken(branches: Sequence[Category]) -> list[tuple[str, str]]:
    """Each path, and it as the reader's language calls its parts."""
    titles = {one.path: in_language(one.titles, one.name) for one in branches}
    found = []
    for one in branches:
        parts = one.path.split(categories.BETWEEN)
        above = [categories.BETWEEN.join(parts[: n + 1]) for n in range(len(parts))]
        found.append((one.path, categories.BETWEEN.join(titles.get(path, path) for path in above)))
    return found


def _costs(
    wares: Sequence[Ware], forms: Mapping[int, Sequence[Variant]], currency: str, now: datetime
) -> dict[int, tuple[str, str]]:
    """Product to what it costs now, from the least to the most of its forms, and what it cost before a reduction."""
    sold: dict[int, list[int | None]] = {
        ware.id: [one.id for one in forms[ware.id] if one.status == "active"] or [None] for ware in wares
    }
    had = prices.currencies_of_many(list(sold)) if sold else {}
    asked = [
        Asked(number, one, form)
        for number, some in sold.items()
        for one in preferred(had[number], currency)
        for form in some
    ]
    found: dict[int, dict[str, list[tuple[int, int]]]] = {ware.id: {} for ware in wares}
    for one, row in zip(asked, prices.at_many(asked, at=now), strict=True):
        if row is not None:
            found[one.product].setdefault(row.currency, []).append((row.minor, row.list_minor))
    firsts = {number: next(iter(some.items()), (currency, [])) for number, some in found.items()}
    return {number: _spoken(some, told_in) for number, (told_in, some) in firsts.items()}


def preferred(currencies: Collection[str], first: str) -> list[str]:
    """`first`, then the others by code: a price is shown in the first of them it has one in."""
    return [first, *sorted(set(currencies) - {first})]


def _spoken(some: Sequence[tuple[int, int]], currency: str) -> tuple[str, str]:
    if not some:
        return "", ""
    least, most = min(some), max(some)
    if least[0] != most[0]:
        return f"{formats.money(least[0], currency)} – {formats.money(most[0], currency)}", ""
    return formats.money(least[0], currency), formats.money(least[1], currency) if least[1] > least[0] else ""


@dataclass(frozen=True)
class Chip:
    """One filter that is set: in words, and the address of the list without it."""

    words: str
    without: str


def _chips(said: Mapping[str, str]) -> list[Chip]:
    names: dict[str, Any] = {
        "q": _("Find a product"),
        "category": _("Category"),
        "brand": _("Brand"),
        "status": _("State"),
    }
    return [
        Chip(
            _("%(filter)s: %(value)s")
            % {"filter": names[name], "value": STATUSES[value] if name == "status" else value},
            _address({other: text for other, text in said.items() if other != name}),
        )
        for name, value in said.items()
    ]


def _address(state: Mapping[str, Any]) -> str:
    return "?" + urlencode({name: value for name, value in state.items() if value})
