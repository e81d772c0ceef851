"""Insight → Runs: refreshes as they were, and how two of them differ."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console.explore import words
from regulars.doors.console.site import page
from regulars.insight.measures import runs
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.runs import Difference, Run
from regulars.oversight.reporting import estimates
from regulars.oversight.reporting.estimates import Written
from regulars.runtime.staff.policy import requires

SHOWN = 50


@dataclass(frozen=True)
class Row:
    """One figure in both runs."""

    name: str
    earlier: Written | None
    later: Written | None
    is_same: bool
    is_clear: bool


@require_safe
@requires("insight.read")
def listed(request: HttpRequest) -> HttpResponseBase:
    """The newest runs, and two of them side by side: those asked for, else the newest two."""
    found = runs.latest(SHOWN)
    if not found:
        return page(request, "console/insight_empty.html", title=_("Runs"))
    by_number = {run.number: run for run in found}
    later = by_number.get(_number(request, "later"), found[0])
    earlier = by_number.get(_number(request, "earlier"), found[min(1, len(found) - 1)])
    return page(
        request,
        "console/runs.html",
        title=_("Runs"),
        runs=found,
        earlier=earlier,
        later=later,
        rows=[_row(one, earlier, later) for one in runs.compared(earlier, later)],
        other_engines=earlier.engine != later.engine,
    )


def _number(request: HttpRequest, name: str) -> int:
    asked = request.GET.get(name, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0


def _row(one: Difference, earlier: Run, later: Run) -> Row:
    called = next((words(figure).name for figure in FIGURES if figure.name == one.name), one.name)
    told = [
        None if estimate is None else estimates.written(estimate, run.currency)
        for estimate, run in ((one.earlier, earlier), (one.later, later))
    ]
    return Row(called, told[0], told[1], one.is_same, one.is_clear)
