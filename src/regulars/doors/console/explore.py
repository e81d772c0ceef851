"""Insight → Figures: any figure, of everybody or of a group, over the last year and month by month."""

from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console.site import page
from regulars.doors.console.words import segment_words
from regulars.insight.measures import segments, series
from regulars.insight.measures.estimates import Estimate, Unit
from regulars.insight.measures.exploring import EVERYBODY
from regulars.insight.measures.figure import Figure, Span
from regulars.insight.measures.figures import FIGURES, figure
from regulars.insight.measures.measure import Words
from regulars.insight.measures.series import Series
from regulars.kit.money import exponent
from regulars.oversight.reporting import charts, drawings, estimates, formats, sheets
from regulars.oversight.reporting.estimates import Written
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
class Month:
    """One month of the figure shown."""

    span: Span
    written: Written | None


@require_safe
@requires("insight.read")
def explore(request: HttpRequest) -> HttpResponseBase:
    """The figure chosen, and all others of the same group beside it. Two indexed reads, however large the shop is."""
    group = _group(request)
    found = {one.name: one for one in series.all_of(group)}
    chosen = _chosen(request)
    if not found:
        return page(request, "console/insight_empty.html", title=_("Figures"))
    shown = found[chosen.name]
    months = [Month(at.span, _written(at.estimate, shown.currency)) for at in shown.months]
    return page(
        request,
        "console/explore.html",
        title=_("Figures"),
        as_of=shown.as_of,
        computed_at=shown.computed_at,
        chosen=chosen.name,
        words=words(chosen),
        year=Month(shown.year.span, _written(shown.year.estimate, shown.currency)),
        months=list(reversed(months)),
        has_running=bool(months) and not months[-1].span.is_over,
        chart=_chart(chosen, shown, group),
        rows=[Row(one.name, words(one), _written(found[one.name].year.estimate, shown.currency)) for one in FIGURES],
        group=group,
        groups=[(name, segment_words(name).name) for name in segments.NAMES],
        kinds=get_args(sheets.Kind),
    )


@require_safe
@requires("insight.read")
def taken_away(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Every figure of the group, of the year and of each month, as a file."""
    wanted = next((one for one in sheets.CONTENT_TYPES if one == kind), None)
    if wanted is None:
        raise Http404
    group = _group(request)
    found = series.all_of(group)
    rows = [row for one in found for row in _lines(one, group)]
    file = sheets.sheet(wanted, _COLUMNS, rows, name=_("Figures"))
    answer = HttpResponse(file, content_type=sheets.CONTENT_TYPES[wanted])
    answer["Content-Disposition"] = f'attachment; filename="figures{"-" + group if group else ""}.{wanted}"'
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


def _group(request: HttpRequest) -> str:
    asked = request.GET.get("group", EVERYBODY)
    return asked if asked in segments.NAMES else EVERYBODY


def _chosen(request: HttpRequest) -> Figure:
    asked = request.GET.get("figure", FIRST)
    return next((one for one in FIGURES if one.name == asked), figure(FIRST))


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
