"""Figures as the last refresh stored them: the last 365 days and every month, of everybody and of each group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from regulars.insight.measures._written import write
from regulars.insight.measures.estimates import Estimate
from regulars.insight.measures.exploring import EVERYBODY, At, Explored
from regulars.insight.measures.figure import Span
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.models import FigureReading


@dataclass(frozen=True)
class Point:
    """What a figure came to in a span; None where the group was not there."""

    span: Span
    estimate: Estimate | None


@dataclass(frozen=True)
class Series:
    """One figure of one group. `months` are oldest first; a figure of years alone has none."""

    name: str
    as_of: date
    currency: str
    computed_at: datetime
    year: Point
    months: Sequence[Point]


def of(name: str, *, group: str = EVERYBODY) -> Series | None:
    """The figure called `name`, of one group; None before the first refresh. One indexed row."""
    row = FigureReading.objects.filter(name=name).first()
    return None if row is None else _of_row(row, group)


def all_of(group: str = EVERYBODY) -> list[Series]:
    """Every figure of one group, in the order of the catalogue. One query of as many rows."""
    rows = {row.name: row for row in FigureReading.objects.all()}
    return [_of_row(rows[one.name], group) for one in FIGURES if one.name in rows]


def as_json(explored: Explored) -> dict[str, Any]:
    """What `explored` told, each figure by its name, to be kept; `from_json` reads it back."""
    return {
        one.name: {
            "year": _told(explored.year, one.name),
            "months": [] if one.of_years else [_told(month, one.name) for month in explored.months],
        }
        for one in FIGURES
        if one.name in explored.year.groups[EVERYBODY]
    }


def from_json(kept: Mapping[str, Any], *, as_of: date, currency: str, computed_at: datetime) -> list[Series]:
    """Every figure that was kept and is still computed, in the order of the catalogue."""
    return [_series(one.name, kept[one.name], as_of, currency, computed_at) for one in FIGURES if one.name in kept]


def store(explored: Explored, *, currency: str, at: datetime) -> None:
    """In the caller's transaction; figures that nobody computes any more go."""
    write(FigureReading, as_json(explored), as_of=explored.as_of, currency=currency, at=at)
    FigureReading.objects.exclude(name__in=[one.name for one in FIGURES]).delete()


def _told(at: At, name: str) -> dict[str, Any]:
    span = at.span
    return {
        "number": span.number,
        "start_on": span.start_on.isoformat(),
        "end_on": span.end_on.isoformat(),
        "is_over": span.is_over,
        "kind": span.kind,
        "groups": {group: found[name].as_json() for group, found in at.groups.items() if name in found},
    }


def _point(told: Mapping[str, Any], group: str) -> Point:
    start, end = (date.fromisoformat(told[name]) for name in ("start_on", "end_on"))
    found = told["groups"].get(group)
    span = Span(told["number"], start, end, told["is_over"], told["kind"])
    return Point(span, None if found is None else Estimate.from_json(found))


def _of_row(row: FigureReading, group: str) -> Series:
    return _series(row.name, row.value, row.as_of, row.currency, row.computed_at, group)


def _series(
    name: str, kept: Mapping[str, Any], as_of: date, currency: str, computed_at: datetime, group: str = EVERYBODY
) -> Series:
    months = [_point(month, group) for month in kept["months"]]
    return Series(name, as_of, currency, computed_at, _point(kept["year"], group), months)
