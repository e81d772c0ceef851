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

from regulars.insight.measures import visiting
from regulars.insight.measures.figure import Figure, Source, Span
from regulars.insight.measures.scope import DAYS, SALES, SEEN, Scope
from regulars.insight.warehouse.session import Session
from regulars.kit.civil import add_months, month_of

#: How far back figures are told month by month: two years, and the month that runs.
MONTHS = 24
#: Days after the last purchase for which a customer counts as one of the shop's.
ACTIVE_DAYS = 365
#: Customers with the group they are in, under this name in the session.
WHO = "_who"
_SPANS, _VISITS, _BOUGHT = "_spans", "_visits", "_bought"
#: Each day that something happened on, and the span it is in: a join by the day costs half of one by its span's ends.
_DAYS_OF = "_days_of_spans"
_BUYING = "_buying"
#: Everything before the first span.
_BEFORE = 0


@dataclass(frozen=True)
class Counted:
    """Of one span and group: the sums figures asked for, as `figure.sum`, and how often each gap came, in days."""

    sums: dict[str, int] = field(default_factory=dict)
    gaps: dict[int, int] = field(default_factory=dict)


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


def count(session: Session, figures: Sequence[Figure], spans: Sequence[Span]) -> dict[int, dict[str, Counted]]:
    """By the number of the span and the group. Sales, which have no group, are of the group "".

    The session holds `scope.DAYS`, what `facts` keeps, and `WHO`.
    """
    every = [(_BEFORE, date.min, spans[0].start_on - timedelta(days=1))]
    every += [(one.number, one.start_on, one.end_on) for one in spans]
    columns = dict(zip(("span", "start_on", "end_on"), zip(*every, strict=True), strict=True))
    session.put(_SPANS, pa.table(columns))
    session.keep(_DAYS_OF, _days_of(session))
    plan = _plan(_schemas(session), tuple(figures))
    session.keep(_BUYING, plan[_BUYING])
    found: dict[int, dict[str, Counted]] = {one.number: {} for one in spans}
    for source in ("buying", "standing", "sales"):
        for row in session.rows(plan[source]) if source in plan else ():
            into = found[row.pop("span")].setdefault(row.pop("grp"), Counted())
            into.sums.update({name: int(value) for name, value in row.items()})
    for row in session.rows(plan["gaps"]) if "gaps" in plan else ():
        found[row["span"]].setdefault(row["grp"], Counted()).gaps[row["gap"]] = row["visits"]
    return found


def facts(session: Session, scope: Scope, zone: ZoneInfo) -> None:
    """Keep what spans are counted from, once a session: what a customer did on a day of `zone`, where, and which goods
    they bought."""
    sales = scope.sales()
    session.keep(SALES, sales)
    visiting.keep(
        session, scope, zone, since=min(add_months(month_of(scope.as_of), -MONTHS), year(scope.as_of)[0].start_on)
    )
    lines = scope.table("lines").join(session.table(SALES), "order_id").filter(lambda t: t.customer_id.notnull())
    wares = scope.table("products").select("product_id", "category")
    bought = lines.left_join(wares, "product_id")
    session.keep(
        _BOUGHT, bought.select("customer_id", day=bought.placed_on, ware=bought.product_id, kind=bought.category)
    )


Schemas = tuple[tuple[str, ibis.Schema], ...]


def _schemas(session: Session) -> Schemas:
    return tuple((name, session.table(name).schema()) for name in (DAYS, WHO, _SPANS, _DAYS_OF, SALES, SEEN, _BOUGHT))


@lru_cache(maxsize=8)
def _plan(schemas: Schemas, figures: tuple[Figure, ...]) -> Mapping[str, ir.Table]:
    """The expressions, built once a process: building them takes longer than a small shop's sums."""
    table = {name: ibis.table(schema, name=name) for name, schema in schemas}
    buying = _buying(table)
    kept = ibis.table(buying.schema(), name=_BUYING)
    rows: dict[Source, ir.Table] = {
        "buying": kept.filter(kept.span > _BEFORE),
        "standing": _standing(kept, table[SEEN], table[_SPANS], table[_DAYS_OF]),
        "sales": _in_spans(table[SALES], "placed_on", table[_DAYS_OF]).filter(lambda t: t.span > _BEFORE),
    }
    plan: dict[str, ir.Table] = {_BUYING: buying}
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
        plan["gaps"] = _gaps(table[DAYS], table[WHO], table[_DAYS_OF])
    return plan


def _days_of(session: Session) -> ir.Table:
    found = [(DAYS, "day"), (SALES, "placed_on"), (SEEN, "day"), (_BOUGHT, "day")]
    days = ibis.union(*(session.table(name).select(on=day) for name, day in found), distinct=True)
    spans = session.table(_SPANS)
    return days.join(spans, [days.on >= spans.start_on, days.on <= spans.end_on])


def _in_spans(rows: ir.Table, day: str, days: ir.Table) -> ir.Table:
    return rows.join(days, rows[day] == days.on).drop("on")


def _buying(table: Mapping[str, ir.Table]) -> ir.Table:
    """What each customer did in each span in which they did something, the time before the first span as one."""
    days = _in_spans(table[DAYS], "day", table[_DAYS_OF])
    is_visit = days.orders > 0
    did = days.group_by("customer_id", "span").agg(
        start_on=days.start_on.min(),
        end_on=days.end_on.min(),
        orders=days.orders.sum(),
        home_orders=days.home_orders.sum(),
        days=is_visit.cast("int64").sum(),
        gross_minor=days.gross_minor.sum(),
        returned_minor=days.returned_minor.sum(),
        first_in=days.day.min(where=is_visit),
        last_in=days.day.max(where=is_visit),
    )
    sales = _in_spans(table[SALES], "placed_on", table[_DAYS_OF]).filter(lambda t: t.customer_id.notnull())
    where = sales.group_by("customer_id", "span").agg(
        store_days=sales.placed_on.nunique(where=sales.store.notnull()), channels=sales.channel.nunique()
    )
    goods = _in_spans(table[_BOUGHT], "day", table[_DAYS_OF])
    wares = goods.group_by("customer_id", "span").agg(wares=goods.ware.nunique(), kinds=goods.kind.nunique())
    joined = did.join(table[WHO], "customer_id")
    joined = joined.left_join(where, ["customer_id", "span"]).drop("customer_id_right", "span_right")
    joined = joined.left_join(wares, ["customer_id", "span"]).drop("customer_id_right", "span_right")
    extra = ("store_days", "channels", "wares", "kinds")
    joined = joined.mutate(**{name: joined[name].fill_null(0) for name in extra})
    so_far = ibis.cumulative_window(group_by="customer_id", order_by="span")
    in_order = ibis.window(group_by="customer_id", order_by="span")
    known = joined.mutate(
        all_days=joined.days.sum().over(so_far),
        all_orders=joined.orders.sum().over(so_far),
        all_net_minor=(joined.gross_minor - joined.returned_minor).sum().over(so_far),
        first_on=joined.first_in.min().over(so_far),
        last_on=joined.last_in.max().over(so_far),
        until=joined.span.lead().over(in_order),
    )
    # A return of something bought before all records makes nobody a customer.
    return known.mutate(last_before=known.last_on.lag().over(in_order)).filter(known.all_orders > 0)


def _standing(buying: ir.Table, seen: ir.Table, spans: ir.Table, days: ir.Table) -> ir.Table:
    """How everybody stood at the end of each span: `in_orders` in it, `last_before` it began, on how many days of it
    they came by (`in_seen_days`)."""
    ends = spans.filter(spans.span > _BEFORE).select(at="span", from_on="start_on", to_on="end_on")
    stood = buying.join(ends, [ends.at >= buying.span, (buying.until.isnull()) | (ends.at < buying.until)])
    is_in = stood.at == stood.span
    came = _in_spans(seen, "day", days).group_by(who="customer_id", seen_in="span").agg(seen_days=lambda t: t.count())
    stood = stood.left_join(came, [stood.customer_id == came.who, stood.at == came.seen_in])
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
        in_seen_days=stood.seen_days.fill_null(0),
        in_gross_minor=ibis.ifelse(is_in, stood.gross_minor, 0),
        last_before=ibis.ifelse(is_in, stood.last_before, stood.last_on),
    )


def _gaps(days: ir.Table, who: ir.Table, of_spans: ir.Table) -> ir.Table:
    visits = days.filter(days.orders > 0).select("customer_id", "day")
    before = visits.day.lag().over(ibis.window(group_by="customer_id", order_by="day"))
    gaps = visits.mutate(before=before).filter(lambda t: t.before.notnull())
    gaps = gaps.mutate(gap=gaps.day.delta(gaps.before, unit="day").cast("int64"))
    found = _in_spans(gaps, "day", of_spans).filter(lambda t: t.span > _BEFORE).join(who, "customer_id")
    return found.group_by("span", "grp", "gap").agg(visits=found.count())
