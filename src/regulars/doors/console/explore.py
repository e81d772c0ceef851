"""Insight → Figures: any figure, of everybody, a group or an audience, over the last year and month by month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from regulars.doors.console.site import may, me, page
from regulars.doors.console.words import segment_words
from regulars.insight.audiences import audiences, exploring, vocabulary
from regulars.insight.audiences.audiences import Audience
from regulars.insight.audiences.exploring import Explored
from regulars.insight.measures import segments, series
from regulars.insight.measures.estimates import Estimate, Unit
from regulars.insight.measures.exploring import EVERYBODY
from regulars.insight.measures.figure import Figure, Span
from regulars.insight.measures.figures import FIGURES, figure
from regulars.insight.measures.measure import Words
from regulars.insight.measures.series import Series
from regulars.kit.money import exponent
from regulars.kit.refusals import Refusal
from regulars.oversight.reporting import charts, drawings, estimates, formats, sheets
from regulars.oversight.reporting.estimates import Written
from regulars.runtime.staff import operators
from regulars.runtime.staff.policy import requires

FIRST = "repurchase"
#: As many as fit side by side on a telephone held upright.
NARROW_MONTHS = 9


@dataclass(frozen=True)
class Row:
    """One figure of the group over the year, to choose from."""

    name: str
    words: Words
    written: Written | None


@dataclass(frozen=True)
class Whom:
    """Of whom figures are shown: a group of the shop's, or an audience. `name` is what addresses call them.

    `explored` is what was counted of the audience; None where nobody asked for it yet.
    """

    name: str
    group: str = EVERYBODY
    audience: Audience | None = None
    explored: Explored | None = None

    @property
    def figures(self) -> Sequence[Series]:
        """Two indexed reads at most, however large the shop is."""
        if self.audience is None:
            return series.all_of(self.group)
        return [] if self.explored is None else self.explored.figures


@dataclass(frozen=True)
class Month:
    """One month of the figure shown."""

    span: Span
    written: Written | None


@require_safe
@requires("insight.read")
def explore(request: HttpRequest) -> HttpResponseBase:
    """The figure chosen, and all others of the same people beside it."""
    whom = _whom(request)
    found = {one.name: one for one in whom.figures}
    choices: dict[str, Any] = {
        "title": _("Figures"),
        "whom": whom,
        "groups": [(name, segment_words(name).name) for name in segments.NAMES],
        "audiences": audiences.every(),
        "here": request.get_full_path(),
        "may_tell": may(request, "insight.refresh"),
    }
    if not found and whom.audience is None:
        return page(request, "console/insight_empty.html", title=_("Figures"))
    if not found:
        return page(request, "console/explore_uncounted.html", **choices)
    chosen = _chosen(request, found)
    shown = found[chosen.name]
    months = [Month(at.span, _written(at.estimate, shown.currency)) for at in shown.months]
    return page(
        request,
        "console/explore.html",
        **choices,
        as_of=shown.as_of,
        computed_at=shown.computed_at,
        chosen=chosen.name,
        words=words(chosen),
        year=Month(shown.year.span, _written(shown.year.estimate, shown.currency)),
        months=list(reversed(months)),
        has_running=bool(months) and not months[-1].span.is_over,
        chart=_chart(chosen, shown, whom.name),
        rows=[
            Row(one.name, words(one), _written(found[one.name].year.estimate, shown.currency))
            for one in FIGURES
            if one.name in found
        ],
        kinds=get_args(sheets.Kind),
    )


@require_POST
@requires("insight.read")
def count(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Have the figures of an audience's members counted."""
    audience = _audience(public_id)
    if audience is None:
        raise Http404
    try:
        exploring.want(audience=audience.number, at=timezone.now(), by=operators.actor(me(request)))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect(reverse("console:explore") + "?" + urlencode({"group": audience.id}))


@require_safe
@requires("insight.read")
def taken_away(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Every figure of the group or audience, of the year and of each month, as a file."""
    wanted = next((one for one in sheets.CONTENT_TYPES if one == kind), None)
    if wanted is None:
        raise Http404
    whom = _whom(request)
    rows = [row for one in whom.figures for row in _lines(one, whom.name)]
    file = sheets.sheet(wanted, _COLUMNS, rows, name=_("Figures"))
    answer = HttpResponse(file, content_type=sheets.CONTENT_TYPES[wanted])
    answer["Content-Disposition"] = f'attachment; filename="figures{"-" + whom.name if whom.name else ""}.{wanted}"'
    return answer


_COLUMNS: dict[str, sheets.ColumnKind] = {
    "figure": "text",
    "name": "text",
    "group": "text",
    "from": "date",
    "to": "date",
    "is_over": "bool",
    "value": "exact",
    "low": "exact",
    "high": "exact",
    "n": "whole",
    "n_of": "text",
    "unit": "text",
    "is_exact": "bool",
    "lacks": "text",
}


def words(one: Figure) -> Words:
    """What the figure is called, in the reader's language."""
    return one.zh if (get_language() or "").startswith("zh") else one.en


def _lines(one: Series, group: str) -> list[list[sheets.Cell]]:
    """Money as an amount of the currency, with its name as the unit."""
    lines = []
    for at in (one.year, *one.months):
        if at.estimate is None:
            continue
        told = at.estimate
        ends = [_plain(end, told.unit, one.currency) for end in (told.value, told.low, told.high)]
        unit = one.currency if told.unit == "money" else told.unit
        lines.append(
            [
                *(one.name, words(figure(one.name)).name, group or "everybody"),
                *(at.span.start_on, at.span.end_on, at.span.is_over, *ends),
                *(told.n, told.of, unit, told.is_exact, told.lack),
            ]
        )
    return lines


def _plain(value: float | None, unit: Unit, currency: str) -> Decimal | None:
    if value is None:
        return None
    if unit == "money":
        return Decimal(int(value)).scaleb(-exponent(currency))
    return Decimal(str(round(value, 6)))


def _whom(request: HttpRequest) -> Whom:
    asked = request.GET.get("group", EVERYBODY)
    if asked in segments.NAMES:
        return Whom(asked, group=asked)
    audience = _audience(asked)
    if audience is None:
        return Whom(EVERYBODY)
    return Whom(audience.id, audience=audience, explored=exploring.of(audience.number))


def _audience(public_id: str) -> Audience | None:
    if not public_id.startswith(vocabulary.PREFIX):
        return None
    try:
        return audiences.by_public_id(public_id)
    except Refusal:
        return None


def _chosen(request: HttpRequest, found: Mapping[str, Series]) -> Figure:
    asked = request.GET.get("figure", FIRST)
    return next((one for one in FIGURES if one.name == asked and one.name in found), figure(FIRST))


def _written(estimate: Estimate | None, currency: str) -> Written | None:
    return None if estimate is None else estimates.written(estimate, currency)


def _chart(chosen: Figure, shown: Series, group: str) -> str | None:
    """The months as a line with the band of their intervals; None where no month has a value."""
    known = [at for at in shown.months if at.estimate is not None and at.estimate.value is not None]
    if not known:
        return None
    told = [
        [at.span.start_on.isoformat(), at.span.is_over, None if at.estimate is None else at.estimate.as_json()]
        for at in shown.months
    ]
    return drawings.drawn("console.figure", lambda *_: _drawn(chosen, shown), chosen.name, group, shown.currency, told)


def _drawn(chosen: Figure, shown: Series) -> str:
    ends = [at.estimate.high or 0 for at in shown.months if at.estimate is not None]
    size, unit = 1, ""
    if chosen.unit == "money":
        size, unit = formats.axis_unit(int(max(ends, default=0)), shown.currency)
    elif chosen.unit == "share":
        unit = "%"

    told = _("%(figure)s, month by month, with 95%% intervals; under each month the number it rests on")
    alt_text = told % {"figure": words(chosen).name}
    axis = shown.currency if chosen.unit == "money" else words(chosen).name

    def drawn(points: list[series.Point], width: int) -> str:
        shown = [_point(at, size) for at in points]
        return charts.line(shown, alt_text=alt_text, axis=axis, unit=unit, width=width)

    months = list(shown.months)
    return charts.figure(drawn(months, charts.WIDE), drawn(months[-NARROW_MONTHS:], charts.NARROW))


def _point(at: series.Point, size: int) -> charts.Point:
    label, is_running, e = _label(at.span), not at.span.is_over, at.estimate
    if e is None or e.value is None or e.low is None or e.high is None:
        return charts.Point(label, None, 0.0, 0.0, 0, is_running)
    return charts.Point(label, e.value / size, e.low / size, e.high / size, e.n, is_running)


def _label(span: Span) -> str:
    label = formats.month(span.start_on)
    label = label.replace(" ", "\n") if get_language() == "en" else f"{span.start_on.year}\n{span.start_on.month}月"
    return label if span.is_over else label + " *"
