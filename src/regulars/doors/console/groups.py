"""Insight → Groups: what became of each group, and how customers moved between them from month to month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from regulars.doors.console.site import may, page
from regulars.doors.console.words import Group, segment_words
from regulars.insight.measures import moving, readings, segments
from regulars.insight.measures.estimates import share
from regulars.oversight.reporting import estimates
from regulars.oversight.reporting.estimates import Written
from regulars.runtime.staff.policy import requires


@dataclass(frozen=True)
class After:
    """How many of a group bought since."""

    segment: str
    words: Group
    bought: Written


@dataclass(frozen=True)
class Cell:
    """Of those in one group, who stood in another a month later. `depth` is the colour, 0 to 100 of all of them."""

    customers: int
    depth: int
    written: Written


@dataclass(frozen=True)
class Move:
    """One row of the matrix: where they were, how many, and where they stood a month later."""

    name: str
    customers: int
    cells: list[Cell | None]


@dataclass(frozen=True)
class Moves:
    """The matrix, with the names of its columns."""

    heads: list[str]
    rows: list[Move]


@require_safe
@requires("insight.read")
def groups(request: HttpRequest) -> HttpResponseBase:
    """Everything comes from stored readings: three indexed rows."""
    overview, moves, after = (readings.shop(name) for name in ("overview", "moves", "afterwards"))
    if overview is None or moves is None or after is None or not overview.value["customers"]:
        return page(request, "console/insight_empty.html", title=_("Groups"))
    told = moves.value["months"]
    shown = next((month for month in told if month["month"] == request.GET.get("month")), told[-1] if told else None)
    return page(
        request,
        "console/groups.html",
        title=_("Groups"),
        as_of=overview.as_of,
        computed_at=overview.computed_at,
        after=[_after(row) for row in after.value["segments"]],
        after_days=moving.AFTER_DAYS,
        after_as_of=date.fromisoformat(after.value["as_of"]) if after.value["segments"] else None,
        months=[date.fromisoformat(month["month"]) for month in reversed(told)],
        shown=None if shown is None else date.fromisoformat(shown["month"]),
        moves=None if shown is None else table_of_moves(_found(shown["rows"])),
        may_cut=may(request, "insight.refresh"),
    )


def _after(row: Mapping[str, Any]) -> After:
    return After(row["segment"], segment_words(row["segment"]), estimates.written(row["bought"], ""))


def _found(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    return {(row["from"], row["to"]): row["customers"] for row in rows}


def table_of_moves(found: Mapping[tuple[str, str], int]) -> Moves:
    """How many went from the first to the second, with the share of those who were in the first."""
    rows = []
    for source in (*segments.NAMES, moving.NOT_YET):
        theirs = [found.get((source, target), 0) for target in segments.NAMES]
        if customers := sum(theirs):
            name = segment_words(source).name if source else _("not yet a customer")
            rows.append(Move(name, customers, [_cell(count, customers) if count else None for count in theirs]))
    return Moves([segment_words(name).name for name in segments.NAMES], rows)


def _cell(count: int, of: int) -> Cell:
    told = share(count, of, "customers")
    return Cell(count, round(100 * count / of), estimates.written(told, ""))
