"""Refreshes as they were: what the shop came to in each, and how two of them differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from typing import Any

from regulars.insight.measures.estimates import Estimate
from regulars.insight.measures.exploring import EVERYBODY, Explored
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.models import Run as Row

#: Counted up whenever the same facts shall give another number.
EDITION = 2
#: Older ones go.
KEPT = 1_000


@dataclass(frozen=True)
class Run:
    """One refresh. `engine` is what computed it; `figures` are of everybody over the 365 days up to `as_of`;
    `totals` are the shop's since its first record. `changed`: how many customers' readings it wrote.
    """

    number: int
    computed_at: datetime
    as_of: date
    currency: str
    engine: str
    customers: int
    changed: int
    figures: Mapping[str, Estimate]
    totals: Mapping[str, Any]
    basis: str


@dataclass(frozen=True)
class Difference:
    """One figure in two runs. `is_clear`: the intervals do not touch, or both are exact and differ."""

    name: str
    earlier: Estimate | None
    later: Estimate | None
    is_clear: bool

    @property
    def is_same(self) -> bool:
        return self.earlier == self.later


def latest(limit: int = 50) -> list[Run]:
    """Newest first."""
    return [_run(row) for row in Row.objects.order_by("-pk")[:limit]]


def of(number: int) -> Run | None:
    row = Row.objects.filter(pk=number).first()
    return None if row is None else _run(row)


def compared(earlier: Run, later: Run) -> list[Difference]:
    """Every figure that either has, in the order of the catalogue; those nobody computes any more last."""
    known = [one.name for one in FIGURES]
    others = sorted({*earlier.figures, *later.figures} - set(known))
    return [
        Difference(name, one, other, _is_clear(one, other))
        for name in (*known, *others)
        if (one := earlier.figures.get(name)) is not None or name in later.figures
        for other in (later.figures.get(name),)
    ]


def keep(
    explored: Explored,
    *,
    currency: str,
    customers: int,
    changed: int,
    totals: Mapping[str, Any],
    basis: str,
    at: datetime,
) -> int:
    """The number of the run, in the caller's transaction. `basis`: a hash of all that it rests on."""
    row = Row.objects.create(
        computed_at=at,
        as_of=explored.as_of,
        currency=currency,
        engine=engine(),
        customers=customers,
        changed=changed,
        figures={name: one.as_json() for name, one in explored.year.groups[EVERYBODY].items()},
        totals=dict(totals),
        basis=basis,
    )
    Row.objects.filter(pk__lte=row.pk - KEPT).delete()
    return row.pk


def keep_again(run: Run, *, at: datetime) -> int:
    """Another one that came to the same, and wrote nothing."""
    row = Row.objects.get(pk=run.number)
    row.pk, row.computed_at, row.changed = None, at, 0
    row.save(force_insert=True)
    Row.objects.filter(pk__lte=row.pk - KEPT).delete()
    return row.pk


def engine() -> str:
    """What computes: two runs of different engines may differ where no fact does."""
    return f"measures {EDITION}, duckdb {version('duckdb')}, ibis {version('ibis-framework')}"


def _is_clear(one: Estimate | None, other: Estimate | None) -> bool:
    if one is None or other is None or one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low


def _run(row: Row) -> Run:
    figures = {name: Estimate.from_json(told) for name, told in row.figures.items()}
    return Run(
        row.pk,
        row.computed_at,
        row.as_of,
        row.currency,
        row.engine,
        row.customers,
        row.changed,
        figures,
        row.totals,
        row.basis,
    )
