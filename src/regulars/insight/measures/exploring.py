"""The figures of the shop, or of any customers, over the last 365 days and month by month."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import spanning
from regulars.insight.measures.estimates import Estimate, added
from regulars.insight.measures.figure import Figure, Span, Sums
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.scope import Scope, Told
from regulars.insight.measures.spanning import BY_MONTH, WHO, YEAR, AllCounted, Counted
from regulars.insight.warehouse.session import Session

ByMonth = Callable[[Sequence[Figure], Sequence[Span]], AllCounted]
#: The group of everybody.
EVERYBODY = ""


@dataclass(frozen=True)
class At:
    """One span and what every figure came to in it: `groups[group][figure]`; `EVERYBODY` is always among the groups."""

    span: Span
    groups: Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class Explored:
    """The 365 days up to `as_of`, and the months up to then, oldest first."""

    as_of: date
    year: At
    months: Sequence[At]


def of_groups(session: Session, scope: Scope, *, by_month: ByMonth | None = None) -> Explored:
    """Everybody, and beside them each named group of customers, as they are grouped today.

    The session holds what `computing.people` and `spanning.facts` keep. `by_month` counts the figures of the months,
    where not all is counted anew.
    """
    people = scope.people()
    session.keep(WHO, people.select("customer_id", grp=people.segment.fill_null("-")))
    return _explored(session, scope, with_sales=True, by_month=by_month)


def of_some(session: Session, scope: Scope, zone: ZoneInfo, some: ir.Table) -> Explored:
    """`some` is a table of `customer_id`. Nothing is told of guests, who are nobody's audience."""
    who = session.keep(WHO, some.select("customer_id").distinct().mutate(grp=ibis.literal("-")))
    spanning.facts(session, scope, zone, among=who)
    return _explored(session, scope, with_sales=False)


def _explored(session: Session, scope: Scope, *, with_sales: bool, by_month: ByMonth | None = None) -> Explored:
    figures = [one for one in FIGURES if with_sales or one.source != "sales"]
    spans = spanning.spans_of(session, scope)
    year, months = spans[YEAR], spans[BY_MONTH]
    of_year = spanning.count(session, figures, YEAR, year, with_gaps=False)
    of_months = by_month(figures, months) if by_month else spanning.count(session, figures, BY_MONTH, months)
    for group, gaps in spanning.count_gaps(session, figures, year[0], months, of_months).items():
        of_year[1].setdefault(group, Counted()).gaps.update(gaps)
    monthly = [one for one in figures if not one.of_years]
    return Explored(
        scope.as_of,
        _at(year[0], of_year[1], figures, scope.told),
        [_at(span, of_months[span.number], monthly, scope.told) for span in months],
    )


def _at(span: Span, found: Mapping[str, Counted], figures: Sequence[Figure], told: Told) -> At:
    named = {group: counted for group, counted in found.items() if group not in (EVERYBODY, "-")}
    whole = Counted(added(one.sums for one in found.values()), added(one.gaps for one in found.values()))
    grouped = [one for one in figures if one.source != "sales"]
    groups = {group: _estimates(span, one, grouped, told) for group, one in named.items()}
    return At(span, {EVERYBODY: _estimates(span, whole, figures, told), **groups})


def _estimates(span: Span, counted: Counted, figures: Sequence[Figure], told: Told) -> dict[str, Estimate]:
    by_figure: dict[str, dict[str, int]] = {}
    for name, value in counted.sums.items():
        figure, _, own = name.partition(".")
        by_figure.setdefault(figure, {})[own] = value
    return {one.name: one.estimate(Sums(by_figure.get(one.name, {}), counted.gaps, span, told)) for one in figures}
