"""Insight: does the shop turn new customers into regulars? Every rate with its n and its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console.site import page
from regulars.doors.console.words import measure_words, segment_words
from regulars.insight.measures import readings
from regulars.insight.measures.estimates import Estimate
from regulars.insight.measures.library import rfm_by_visits
from regulars.oversight.reporting import charts, drawings, estimates, formats
from regulars.runtime.staff.policy import requires

#: A share of fewer people than this says little: it is shown, but not coloured.
FEW = 30
#: Three years of cohorts fit a table that can be scrolled; whoever wants ten years asks for them.
MOST_COHORTS = 36
#: A year or two and the month that runs: where names are left out for want of room, every second, third or fourth is
#: kept from the first, and so the last one is, with its mark.
MONTHS_SHOWN, MONTHS_SHOWN_NARROW = 25, 13

Value = Mapping[str, Any]


@dataclass(frozen=True)
class Share:
    """A rate as every page shows it: the share, of how many, and how sure."""

    percent: str
    interval: str
    count: int
    of: int
    is_few: bool


def share(told: Estimate) -> Share | None:
    """None of nobody."""
    if told.value is None or told.low is None or told.high is None:
        return None
    return Share(
        formats.percent(told.value), formats.interval(told.low, told.high), told.count, told.n, is_few=told.n < FEW
    )


@require_safe
@requires("insight.read")
def insight(request: HttpRequest) -> HttpResponseBase:
    """Everything comes from stored readings and drawings: nine indexed rows, however large the shop is."""
    overview = readings.shop("overview")
    if overview is None or not overview.value["customers"]:
        return page(request, "console/insight_empty.html", title=_("Insight"))
    totals = overview.value
    visits, bins = _visits(request)
    stored = {name: _value(name) for name in ("repeat_rate", "regulars_at_stake", "months", "retention", "rfm_grid")}
    repeat, regulars = stored["repeat_rate"], stored["regulars_at_stake"]
    return page(
        request,
        "console/insight.html",
        title=_("Insight"),
        as_of=overview.as_of,
        computed_at=overview.computed_at,
        totals=totals,
        money_in=totals["currency"],
        repeat=share(repeat["came_back"]),
        repeat_words=measure_words("repeat_rate"),
        newcomers=repeat,
        curve=[{"days": at["days"], "share": share(at["back"]), "watched": at["back"].n} for at in repeat["curve"]],
        curve_chart=drawings.drawn("console.curve", _curve_chart, repeat["curve"]),
        regulars=share(regulars["regulars"]),
        regulars_words=measure_words("is_regular"),
        lapsing=share(regulars["lapsing"]),
        lapsing_words=measure_words("is_lapsing"),
        at_stake_minor=regulars["at_stake_minor"],
        shop_gap=estimates.written(regulars["shop_gap"], ""),
        months_chart=drawings.drawn("console.months", _months_chart, stored["months"], totals["currency"]),
        months_words=measure_words("months"),
        last_month_is_incomplete=stored["months"]["last_month_is_incomplete"],
        retention_words=measure_words("retention"),
        retention=_retention(stored["retention"], most=None if request.GET.get("cohorts") == "all" else MOST_COHORTS),
        last_month=date.fromisoformat(stored["retention"]["last_month"]),
        few=FEW,
        grid=_grid_rows(stored["rfm_grid"], cells=bins[visits]["cells"] if visits else None),
        visits=visits,
        bins=[(name, _bin_words(name), bins[name]["customers"]) for name in rfm_by_visits.BINS if name in bins],
        grouped_from=stored["rfm_grid"]["needed"],
        grid_words=measure_words("rfm_grid"),
        segments=_segment_rows(stored["rfm_grid"]),
    )


def draw() -> None:
    """Draw what the page will show in every language, and keep it: who looks first after a refresh need not wait."""
    overview = readings.shop("overview")
    if overview is None or not overview.value["customers"]:
        return
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            drawings.drawn("console.curve", _curve_chart, _value("repeat_rate")["curve"])
            drawings.drawn("console.months", _months_chart, _value("months"), overview.value["currency"])


def _value(name: str) -> Value:
    found = readings.shop(name)
    assert found is not None, name  # all measures of the shop are stored in one transaction
    return found.value


def _curve_chart(curve: Sequence[Value]) -> str:
    points = [
        charts.Point(
            ngettext("%(days)s day", "%(days)s days", at["days"]) % {"days": at["days"]},
            at["back"].value,
            at["back"].low or 0.0,
            at["back"].high or 0.0,
            at["back"].n,
        )
        for at in curve
    ]
    return charts.line(
        points,
        alt_text=_("Share of customers who have come back, by days since their first purchase, with 95% intervals"),
        axis=_("came back"),
        width=charts.NARROW,
    )


def _months_chart(months: Value, currency: str) -> str:
    def drawn(shown: Sequence[Value], width: int) -> str:
        labels = [_month_label(date.fromisoformat(at["month"])) for at in shown]
        if shown and months["last_month_is_incomplete"]:
            labels[-1] += " *"
        tallest = max((at["new_minor"] + at["returning_minor"] + at["guest_minor"] for at in shown), default=0)
        size, suffix = formats.axis_unit(tallest, currency)

        def series(name: str, tone: charts.Tone, column: str) -> charts.Series:
            return charts.Series(name, tone, [round(at[column] / size, 3) for at in shown])

        stack = [
            series(_("Customers who came back"), "accent", "returning_minor"),
            series(_("First purchases"), "soft", "new_minor"),
        ]
        if any(at["guest_minor"] for at in shown):
            stack.append(series(_("Guests"), "sand", "guest_minor"))
        return charts.bars(
            labels,
            stack,
            alt_text=_("Revenue of each month: from customers who came back, first purchases and guests"),
            axis=currency,
            suffix=suffix,
            width=width,
        )

    told = months["months"][-MONTHS_SHOWN:]
    if len(told) > MONTHS_SHOWN_NARROW and len(told) % 2 == 0:
        told = told[1:]
    return charts.figure(drawn(told, charts.WIDE), drawn(told[-MONTHS_SHOWN_NARROW:], charts.NARROW))


def _month_label(month: date) -> str:
    """The month, with the year under it where a year begins or the chart does."""
    return formats.month(month).replace(" ", "\n") if get_language() == "en" else f"{month.year}\n{month.month}月"


def _retention(retention: Value, *, most: int | None) -> dict[str, Any]:
    """The newest `most` cohorts, newest first, with as many months later, and how many older ones are not shown.

    `depth` is a cell's colour, 0 to 100 of the largest share among cohorts large enough to say something.
    """
    cohorts: list[Value] = retention["cohorts"]
    shown = cohorts if most is None else cohorts[-most:]
    longest = max((len(cohort["cells"]) - 1 for cohort in shown), default=0)
    counted = [
        cell["active"].value
        for cohort in shown
        if cohort["customers"] >= FEW
        for cell in cohort["cells"][1 : longest + 1]
    ]
    largest = max(counted, default=0) or 1
    return {
        "offsets": list(range(1, longest + 1)),
        "not_shown": len(cohorts) - len(shown),
        "has_incomplete": longest > 0 and retention["last_month_is_incomplete"],
        "rows": [
            {
                "month": date.fromisoformat(cohort["month"]),
                "customers": cohort["customers"],
                "is_few": cohort["customers"] < FEW,
                "came_back": share(cohort["came_back"]),
                "cells": [
                    _cohort_cell(cell, largest, is_few=cohort["customers"] < FEW)
                    for cell in cohort["cells"][1 : longest + 1]
                ],
            }
            for cohort in reversed(shown)
        ],
    }


def _cohort_cell(cell: Value, largest: float, *, is_few: bool) -> dict[str, Any]:
    """One cell of the two tables, as it is written: there are hundreds, and a template takes longer over each part."""
    told, depth = share(cell["active"]), min(100, round(100 * cell["active"].value / largest))
    assert told is not None, "a cohort has somebody"
    look = ["cell", "few" if is_few else "deep" if depth > 66 else "", "part" if cell["is_incomplete"] else ""]
    return {
        "look": " ".join(filter(None, look)),
        "depth": depth,
        "title": f"{told.percent} ({told.interval}), {told.count} / {told.of}",
        "short": formats.percent(cell["active"].value, 0),
        "percent": told.percent + (" *" if cell["is_incomplete"] else ""),
        "interval": told.interval,
    }


def _visits(request: HttpRequest) -> tuple[str, Mapping[str, Value]]:
    """How often those shown come to a store, "" for everybody; and what is known of each answer, none of a shop whose
    customers were never in a store."""
    found = readings.shop("rfm_by_visits")
    bins: Mapping[str, Value] = {} if found is None else found.value["bins"]
    if not any(bins[name]["customers"] for name in rfm_by_visits.BINS[1:] if name in bins):
        return "", {}
    asked = request.GET.get("visits", "")
    return asked if asked in bins else "", bins


def _bin_words(name: str) -> str:
    if name == "never":
        return _("never in a store")
    if name == "sometimes":
        return _("in a store on one or two days")
    return _("in a store on %(days)s days or more") % {"days": rfm_by_visits.OFTEN}


def _grid_rows(grid: Value, cells: Sequence[Value] | None = None) -> list[dict[str, Any]]:
    """Recency 5 on top, frequency 1 on the left. `depth` is the colour, 0 to 100 of the fullest cell. None: too few."""
    if grid["is_too_small"]:
        return []
    shown = grid["cells"] if cells is None else cells
    fullest = max((cell["customers"] for cell in shown), default=0) or 1
    cells_of = {(cell["r"], cell["f"]): cell for cell in shown}
    return [
        {
            "r": r,
            "cells": [
                {
                    "f": f,
                    "words": segment_words(cells_of[r, f]["segment"]),
                    "customers": cells_of[r, f]["customers"],
                    "depth": round(100 * cells_of[r, f]["customers"] / fullest),
                }
                for f in range(1, 6)
            ],
        }
        for r in range(5, 0, -1)
    ]


def _segment_rows(grid: Value) -> list[dict[str, Any]]:
    return [
        {
            **part,
            "words": segment_words(part["segment"]),
            "part": share(part["share"]),
            "spent": share(part["spend_share"]),
        }
        for part in grid["segments"]
    ]
