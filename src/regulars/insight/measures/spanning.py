"""Who did what in each of several spans of days, and how everybody stood at its end: what figures are sums over.

A customer is of one group; groups have nobody in common. The spans do not overlap. The expressions hold no day and no
group: those are tables of the session, so that one compiled statement serves every refresh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from regulars.insight.measures import visiting, walking
from regulars.insight.measures.figure import Figure, Source, Span
from regulars.insight.measures.scope import DAYS, SEEN, Scope
from regulars.insight.warehouse.session import Session
from regulars.kit.civil import add_months, month_of

#: How far back figures are told month by month: two years, and the month that runs.
MONTHS = 24
#: Days after the last purchase for which a customer counts as one of the shop's.
ACTIVE_DAYS = 365
#: Customers with the group they are in, under this name in the session.
WHO = "_who"
#: What customers did in the last year, and in each of the last months (`walking`).
YEAR, BY_MONTH = "_in_the_year", "_by_month"
#: Purchases; the spans by the one somebody last did something in; and the span of each day: a join by the day costs
#: half of one by its span's ends.
_SALES, _ENDS, _DAYS_OF = "_sales", "_ends", "_days_of_spans"
#: When each span begins: none of everything before.
_STARTS = "_starts_of_spans"
#: Everything before the first span.
_BEFORE = 0


@dataclass(frozen=True)
class Counted:
    """Of one span and group: the sums figures asked for, as `figure.sum`, and how often each gap came, in days."""

    sums: dict[str, int] = field(default_factory=dict)
    gaps: dict[int, int] = field(default_factory=dict)


#: By the number of the span and the group.
AllCounted = dict[int, dict[str, Counted]]


def months(as_of: date, *, first: date, most: int = MONTHS) -> list[Span]:
    """The month of `as_of` and those before it, from that of `first` on; numbered from 1."""
    last = month_of(as_of)
    begin = max(month_of(first), add_months(last, -most))
    found: list[Span] = []
    while begin <= last:
        after = add_months(begin, 1)
        end = min(as_of, after - timedelta(days=1))
        found.append(Span(len(found) + 1, begin, end, end == after - timedelta(days=1), "month"))
        begin = after
    return found


def year(as_of: date) -> list[Span]:
    """The 365 days up to `as_of`."""
    return [Span(1, as_of - timedelta(days=364), as_of, True, "year")]


def count(
    session: Session,
    figures: Sequence[Figure],
    table: str,
    spans: Sequence[Span],
    *,
    only: Sequence[Span] | None = None,
    with_gaps: bool = True,
    days: str = DAYS,
) -> AllCounted:
    """By the number of the span and the group, of all spans or some. Sales, which have no group, are of the group "".

    `table` is what customers did in those spans, `days` the days that gaps lie between. The session holds what `facts`
    keeps, and `WHO`.
    """
    told = spans if only is None else only
    found: AllCounted = {one.number: {} for one in told}
    if not told:
        return found
    session.put(_ENDS, _ends(spans, told))
    session.put(_DAYS_OF, _days_of(told))
    numbers = pa.array([one.number for one in told], pa.int32())
    session.put(_STARTS, pa.table({"span": numbers, "start_on": [one.start_on for one in told]}))
    plan = _plan(_schemas(session, table, days), table, days, tuple(figures))
    for source in ("buying", "standing", "sales"):
        for row in session.rows(plan[source]) if source in plan else ():
            into = found[row.pop("span")].setdefault(row.pop("grp"), Counted())
            into.sums.update({name: int(value) for name, value in row.items()})
    if with_gaps and "gaps" in plan:
        _count_gaps(session, plan["gaps"], found)
    return found


def count_gaps(
    session: Session, figures: Sequence[Figure], year: Span, months: Sequence[Span], counted: AllCounted
) -> dict[str, dict[int, int]]:
    """The gaps of the year by group: those of the months that lie in it, `counted` already, and those of its first
    days. Otherwise every visit of the year is looked at again."""
    found: dict[str, dict[int, int]] = {}
    within = [counted[one.number] for one in months if one.start_on >= year.start_on]
    begun = [one for one in months if one.start_on < year.start_on <= one.end_on]
    if begun:
        rest = Span(1, year.start_on, begun[0].end_on, True, "month")
        session.put(_DAYS_OF, _days_of([rest]))
        session.put(_STARTS, pa.table({"span": pa.array([1], pa.int32()), "start_on": [rest.start_on]}))
        plan = _plan(_schemas(session, BY_MONTH, DAYS), BY_MONTH, DAYS, tuple(figures))
        first: AllCounted = {1: {}}
        _count_gaps(session, plan["gaps"], first)
        within.append(first[1])
    for groups in within:
        for group, one in groups.items():
            into = found.setdefault(group, {})
            for gap, visits in one.gaps.items():
                into[gap] = into.get(gap, 0) + visits
    return found


def _count_gaps(session: Session, gaps: ir.Table, found: AllCounted) -> None:
    for row in session.rows(gaps):
        found[row["span"]].setdefault(row["grp"], Counted()).gaps[row["gap"]] = row["visits"]


def facts(session: Session, scope: Scope, zone: ZoneInfo, *, among: ir.Table | None = None) -> None:
    """Keep what spans are counted from, once a session: what customers did on the days of `zone`, where, and which
    goods they bought. With `among`, a table of `customer_id`, nobody else is looked at."""
    spans = spans_of(session, scope)
    prepare(session, scope, zone, spans)
    walking.walk(session, scope, spans=spans, among=among, with_gaps=among is None, with_goods=among is None)


def prepare(session: Session, scope: Scope, zone: ZoneInfo, spans: Mapping[str, Sequence[Span]]) -> None:
    """Keep what `facts` keeps but for the walk."""
    session.view(_SALES, scope.purchases())
    visiting.keep(session, scope, zone, since=min(spans[BY_MONTH][0].start_on, spans[YEAR][0].start_on))


def spans_of(session: Session, scope: Scope) -> dict[str, list[Span]]:
    """The year up to the as-of day, and the months."""
    [row] = session.rows(scope.purchases().aggregate(first=lambda o: o.placed_on.min()))
    return {YEAR: year(scope.as_of), BY_MONTH: months(scope.as_of, first=row["first"] or scope.as_of)}


Schemas = tuple[tuple[str, ibis.Schema], ...]


def _schemas(session: Session, table: str, days: str) -> Schemas:
    return tuple(
        (name, session.table(name).schema()) for name in (days, WHO, _STARTS, _ENDS, _DAYS_OF, _SALES, SEEN, table)
    )


@lru_cache(maxsize=8)
def _plan(schemas: Schemas, name: str, days: str, figures: tuple[Figure, ...]) -> Mapping[str, ir.Table]:
    """The expressions, built once a process: building them takes longer than a small shop's sums."""
    table = {name: ibis.table(schema, name=name) for name, schema in schemas}
    buying = table[name].join(table[WHO], "customer_id")
    came = _came(table[SEEN], table[_DAYS_OF]) if any("events" in one.tables for one in figures) else None
    rows: dict[Source, ir.Table] = {
        "buying": buying.join(table[_STARTS], "span"),
        "standing": _standing(buying, came, table[_ENDS]),
        "sales": _in_spans(table[_SALES], "placed_on", table[_DAYS_OF]),
    }
    plan: dict[str, ir.Table] = {}
    for source, of in rows.items():
        sums = {
            f"{figure.name}.{name}": value
            for figure in figures
            if figure.source == source
            for name, value in figure.sums(of).items()
        }
        if sums:
            grouped = of.mutate(grp=ibis.literal("")) if source == "sales" else of
            plan[source] = grouped.group_by("span", "grp").agg(**sums)
    if any(figure.needs_gaps for figure in figures):
        plan["gaps"] = _gaps(table[days], table[WHO], table[_DAYS_OF])
    return plan


def _ends(spans: Sequence[Span], told: Sequence[Span]) -> pa.Table:
    """Who last did something in `span`, and again in `until`, stood at the end of `at` as after the first of them."""
    after = len(spans) + 1
    found = [
        (last, until, one.number, one.start_on, one.end_on)
        for last in range(after)
        for until in range(last + 1, after + 1)
        for one in told
        if last <= one.number < until
    ]
    names = ("last_span", "until_span", "at", "from_on", "to_on")
    return pa.table(dict(zip(names, zip(*found, strict=True), strict=True)))


def _days_of(spans: Sequence[Span]) -> pa.Table:
    found = [
        (one.start_on + timedelta(days=after), one.number)
        for one in spans
        for after in range((one.end_on - one.start_on).days + 1)
    ]
    return pa.table(dict(zip(("on", "span"), zip(*found, strict=True), strict=True)))


def _in_spans(rows: ir.Table, day: str, days: ir.Table) -> ir.Table:
    return rows.join(days, rows[day] == days.on).drop("on")


def _came(seen: ir.Table, days: ir.Table) -> ir.Table:
    """On how many days of each span each customer came by."""
    came = _in_spans(seen, "day", days)
    return came.group_by(who="customer_id", seen_in="span").agg(seen_days=came.count())


def _standing(buying: ir.Table, came: ir.Table | None, ends: ir.Table) -> ir.Table:
    """How everybody stood at the end of each span: `in_orders` in it, `last_before` it began, and where it is told on
    how many days of it they came by (`in_seen_days`)."""
    stood = buying.join(ends, [buying.span == ends.last_span, buying.until == ends.until_span])
    is_in = stood.at == stood.span
    more = {}
    if came is not None:
        stood = stood.left_join(came, [stood.customer_id == came.who, stood.at == came.seen_in])
        more = {"in_seen_days": stood.seen_days.fill_null(0)}
    return stood.select(
        "grp",
        "all_days",
        "all_orders",
        "all_net_minor",
        "first_on",
        "last_on",
        span=stood.at,
        start_on=stood.from_on,
        end_on=stood.to_on,
        in_orders=ibis.ifelse(is_in, stood.orders, 0),
        in_home_orders=ibis.ifelse(is_in, stood.home_orders, 0),
        in_gross_minor=ibis.ifelse(is_in, stood.gross_minor, 0),
        last_before=ibis.ifelse(is_in, stood.last_before, stood.last_on),
        **more,
    )


def _gaps(days: ir.Table, who: ir.Table, of_spans: ir.Table) -> ir.Table:
    visits = days.filter(days.before_on.notnull())
    gaps = visits.select("customer_id", "day", gap=visits.day.delta(visits.before_on, unit="day").cast("int64"))
    found = _in_spans(gaps, "day", of_spans).join(who, "customer_id")
    return found.group_by("span", "grp", "gap").agg(visits=found.count())
