"""Insight → Habits: how soon customers come again, through which channels, and what they buy together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console.site import page
from regulars.doors.console.words import measure_words
from regulars.insight.measures import readings
from regulars.insight.measures.measure import Words
from regulars.oversight.reporting import charts, drawings, estimates
from regulars.oversight.reporting.estimates import Written
from regulars.runtime.staff.policy import requires

#: Days after the purchase before that fit a drawing.
DRAWN = (14, 30, 60, 90, 120, 180, 270, 365, 540)
PAIRS_SHOWN = 10


@dataclass(frozen=True)
class Curve:
    """How soon the second or third purchase comes: `points` are days and the share back by then."""

    step: int
    customers: int
    came_back: int
    chart: str | None
    points: list[tuple[int, Written]]


@dataclass(frozen=True)
class Pair:
    """Two products that go together; told from the rarer one."""

    first: str
    second: str
    support: Written
    confidence: Written
    lift: Written


@dataclass(frozen=True)
class Pairs:
    """One list of pairs, with its words."""

    words: Words
    baskets: int
    rows: list[Pair]


@require_safe
@requires("insight.read")
def together(request: HttpRequest) -> HttpResponseBase:
    """Everything comes from stored readings and drawings: some indexed rows, however large the shop is."""
    overview, curves, mix = (readings.shop(name) for name in ("overview", "order_curves", "channel_mix"))
    if overview is None or curves is None or mix is None or not overview.value["all_orders"]:
        return page(request, "console/insight_empty.html", title=_("Habits"))
    money_in = overview.currency
    return page(
        request,
        "console/together.html",
        title=_("Habits"),
        as_of=overview.as_of,
        computed_at=overview.computed_at,
        curve_words=measure_words("order_curves"),
        curves=[_curve(curve) for curve in curves.value["curves"] if curve["customers"]],
        mix_words=measure_words("channel_mix"),
        channels=[
            (one["channel"], estimates.written(one["share"], ""), estimates.written(one["revenue"], money_in))
            for one in mix.value["channels"]
        ],
        pairs=[_pairs(name) for name in ("basket_affinity", "cross_purchase")],
    )


def _curve(told: Mapping[str, Any]) -> Curve:
    known = [point for point in told["points"] if not point["back"].lack]
    chart = drawings.drawn("console.order_curve", _drawn, told["step"], known) if known else None
    points = [(point["days"], estimates.written(point["back"], "")) for point in known]
    return Curve(told["step"], told["customers"], told["came_back"], chart, points)


def _drawn(step: int, known: Sequence[Mapping[str, Any]]) -> str:
    points = [
        charts.Point(str(point["days"]), back.value, back.low or 0, back.high or 0, back.n)
        for point in known
        for back in (point["back"],)
        if point["days"] in DRAWN
    ]
    alt_text = (
        _("Share of customers who came a second time, by days since the first, with 95% intervals")
        if step == 2
        else _("Share of customers who came a third time, by days since the second, with 95% intervals")
    )

    def drawn(width: int) -> str:
        return charts.line(points, alt_text=alt_text, axis=_("came back"), across=_("days"), width=width)

    return charts.figure(drawn(charts.HALF), drawn(charts.NARROW))


def _pairs(name: str) -> Pairs:
    found = readings.shop(name)
    told: Mapping[str, Any] = {"baskets": 0, "pairs": []} if found is None else found.value
    rows = [
        Pair(
            _title(pair["wares"][0]),
            _title(pair["wares"][1]),
            estimates.written(pair["support"], ""),
            estimates.written(pair["confidence"], ""),
            estimates.written(pair["lift"], ""),
        )
        for pair in told["pairs"][:PAIRS_SHOWN]
    ]
    return Pairs(measure_words(name), told["baskets"], rows)


def _title(ware: Mapping[str, Any]) -> str:
    return str(ware["title"] or f"#{ware['product']}")
