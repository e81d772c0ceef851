"""The walk of the last refresh, kept in a file: only those are walked again to whom something happened since.

Somebody is walked again

- whose order, line or return is new or was changed, whether it is theirs now or was as it is kept;
- whose order or return counts from now on, because all is seen from a later day.

Of whom a day fell out of one of the windows that slide, what is summed up over windows is summed up anew, and over the
year they are walked. Of all others the rows are those that a walk of everybody gives. Where that cannot be said,
everybody is walked: in another month, from an earlier day, where rows were removed, where goods changed their kind,
where the code is another, and where it would be many.

Beside the walk the file keeps what it reads: purchases, and which goods their lines are of. In how many baskets each of
the goods lies is a number: less those that held it, of baskets that something happened to, and those that hold it now.

It is mended in one transaction: after a kill the file is as it was. That has two steps: days, and what is summed up
over them, are there first, because customers' readings are computed from them alone; what was done in spans of days,
and what goes together, follow while the database writes those.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Self
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from regulars.insight.measures import catalogue, computing, figure, figures, runs, spanning, walking
from regulars.insight.measures import measure as measures
from regulars.insight.measures import scope as scopes
from regulars.insight.measures.exploring import ByMonth
from regulars.insight.measures.figure import Figure, Span
from regulars.insight.measures.library import lately
from regulars.insight.measures.scope import DAYS, OWN_GAPS, SEEN, SUMMED, Scope, all_purchases
from regulars.insight.measures.spanning import BY_MONTH, WHO, YEAR, AllCounted, Counted
from regulars.insight.measures.together import IN_BASKETS
from regulars.insight.warehouse.session import Session

FILE = "walked.duckdb"
#: Shops of fewer orders are walked as a whole: to keep the walk would take longer.
FROM_ORDERS = 500_000
#: Where a larger share of the customers is touched, everybody is walked.
MOST = 0.25
#: Purchases of all days; the goods of lines; whose a return was.
_SOLD, _LINES, _OWNERS = "_purchases", "_goods_of_lines", "_owners_of_returns"
#: The figures of which sums of customers are added and taken away: not those of guests, who are nobody, nor, where
#: anybody was seen on the site, those of that, for it may become known late.
_OF_CUSTOMERS_ALONE = tuple(one for one in figures.FIGURES if one.source != "sales")
_OF_ORDERS_ALONE = tuple(one for one in _OF_CUSTOMERS_ALONE if "events" not in one.tables)
_SUMS, _GROUPS, _GROUPED = "_sums_of_months", "_groups_of_sums", "_grouped"
_NOTHING = pa.table({"told": pa.array([], pa.string())})
_KINDS, _BASIS, _WHO, _ORDERS = "_kinds", "_basis", "_touched", "_touched_orders"
#: Of whom the sums, or what was done in the year, are others because a day fell out of a window; those who are touched
#: are among them.
_SLID, _SLID_A_YEAR = "_slid", "_slid_a_year"
_SLID_DAYS, _DAYS_BEFORE, _A_YEAR = "_days_of_slid", "_days_before", 365
#: Baskets that may hold something else now, by what holds one together; and the purchases in them, before and now.
_BASKETS: Mapping[str, str] = {"order_id": "_touched_baskets", "customer_id": "_touched_hands"}
_IN_THEM_BEFORE, _IN_THEM_NOW, _HELD = "_in_touched_before", "_in_touched_now", "_held_in_touched"


@dataclass(frozen=True)
class _Basis:
    """What the kept walk rests on: how it was made, from which day it sees, and which publish it read."""

    how: str
    as_of: str
    mark: Mapping[str, Any]

    @classmethod
    def of(cls, session: Session) -> Self | None:
        if not session.has(_BASIS):
            return None
        rows = session.rows(session.table(_BASIS))
        return cls(**json.loads(rows[0]["told"])) if rows else None


@dataclass(frozen=True)
class Kept:
    """`scope` is that of what is kept, which has the days and `SUMMED` by now; `rest` keeps all else, once, and gives
    what counts the figures of the months from what was kept of them, where they are kept: to be asked once customers
    are grouped."""

    scope: Scope
    rest: Callable[[], ByMonth | None]


@contextmanager
def facts(session: Session, scope: Scope, zone: ZoneInfo, home: Path) -> Iterator[Kept]:
    """What `spanning.facts` keeps, and `SUMMED` besides. Somebody who leaves before `rest` leaves the file as it was,
    or, where everybody is walked, as one to begin anew."""
    if session.size("orders") < FROM_ORDERS:
        spanning.facts(session, scope, zone)
        computing.sum_days(session, scope)
        yield Kept(scope, lambda: None)
        return
    spans = spanning.spans_of(session, scope)
    session.attach(home / FILE)
    how, before = _how(scope, spans), _Basis.of(session)
    if before is not None and (before.how != how or before.as_of > scope.as_of.isoformat()):
        before = None
    kept = replace(scope, sold=_SOLD, table=lambda name: session.table(_LINES if name == "lines" else name))
    who = None if before is None else _touched(session, kept, before)
    if who is None:
        session.drop_lasting()
    with ExitStack() as at_once:
        at_once.enter_context(session.lasting_at_once())
        # Who never comes to the second step leaves nothing to rest on.
        session.fill(_BASIS, _NOTHING, is_lasting=True)
        if before is None or who is None:
            rest = _everybody(session, scope, kept, zone, spans)
            # There is nothing to lose. The engine knows nothing of how large a table is that was written in the same
            # transaction, and keeps whatever is replaced in it.
            at_once.close()
        else:
            rest = _some(session, kept, zone, spans, who, date.fromisoformat(before.as_of))

        def second() -> ByMonth:
            if who is None:
                at_once.enter_context(session.lasting_at_once())
            closed = rest()
            session.last(_KINDS, scope.table("products").select("product_id", "category"))
            basis = json.dumps(asdict(_Basis(how, scope.as_of.isoformat(), session.mark())))
            session.fill(_BASIS, pa.table({"told": [basis]}), is_lasting=True)
            at_once.close()
            return lambda figures, months: _counted(session, closed, figures, months)

        yield Kept(kept, second)


def fresh(name: str) -> str:
    """What stands beside a kept table."""
    return f"{name}_fresh"


def _everybody(
    session: Session, scope: Scope, kept: Scope, zone: ZoneInfo, spans: Mapping[str, Sequence[Span]]
) -> "Callable[[], _Closed | None]":
    session.last(_SOLD, all_purchases(scope.table("orders"), scope.currency))
    walked = walking.Walk(session, kept, is_lasting=True)
    walked.days()
    computing.sum_days(session, kept, into=fresh(SUMMED))
    session.last(SUMMED, session.table(fresh(SUMMED)))

    def rest() -> None:
        session.last(_LINES, _of_goods(scope.table("lines")))
        session.last(_OWNERS, scope.table("returns").select("return_id", "customer_id"))
        spanning.prepare(session, kept, zone, spans)
        walked.doings(spans, with_goods=True)

    return rest


def _of_goods(lines: ir.Table) -> ir.Table:
    return lines.filter(lines.product_id.notnull()).select("line_id", "order_id", "product_id")


def _some(
    session: Session, scope: Scope, zone: ZoneInfo, spans: Mapping[str, Sequence[Span]], who: ir.Table, then: date
) -> "Callable[[], _Closed | None]":
    orders, lines, returns = (session.table(f"changed-{name}") for name in ("orders", "lines", "returns"))
    _note_baskets(session, scope, then)
    session.keep(_IN_THEM_BEFORE, _in_baskets(session, replace(scope, as_of=then)))
    session.keep(_DAYS_BEFORE, session.table(DAYS).semi_join(who, "customer_id"))

    def mend(name: str, key: str, of: str, changed: ir.Table) -> None:
        session.keep(fresh(name), changed)
        session.replace(name, by=key, of=of, fresh=fresh(name))

    mend(_SOLD, "order_id", "changed-orders", all_purchases(orders, scope.currency))
    mend(_OWNERS, "return_id", "changed-returns", returns.select("return_id", "customer_id"))
    session.keep(_IN_THEM_NOW, _in_baskets(session, scope))
    walked = walking.Walk(session, scope, among=session.table(_SLID_A_YEAR), named=fresh)
    walked.days()
    for name in (DAYS, OWN_GAPS):
        mend(name, "customer_id", _WHO, session.table(fresh(name)).semi_join(who, "customer_id"))
    session.keep(_SLID_DAYS, session.table(DAYS).semi_join(session.table(_SLID), "customer_id"))
    computing.sum_days(session, scope, of=_SLID_DAYS, into=fresh(SUMMED))
    session.replace(SUMMED, by="customer_id", of=_SLID, fresh=fresh(SUMMED))

    def rest() -> "_Closed | None":
        closed = _Closed.before(session, scope, zone, spans, who)
        held = session.keep(_HELD, _held(scope, session.table(_IN_THEM_BEFORE)))
        mend(_LINES, "line_id", "changed-lines", _of_goods(lines))
        every = ibis.union(
            session.table(IN_BASKETS),
            held.mutate(many=-held.many),
            _held(scope, session.table(_IN_THEM_NOW)),
        )
        every = every.group_by("basket", "product_id").agg(many=every.many.sum())
        session.last(IN_BASKETS, session.keep(fresh(IN_BASKETS), every.filter(every.many != 0)))
        walking.pair(session, scope)
        walked.doings(spans)
        mend(BY_MONTH, "customer_id", _WHO, session.table(fresh(BY_MONTH)).semi_join(who, "customer_id"))
        session.replace(YEAR, by="customer_id", of=_SLID_A_YEAR, fresh=fresh(YEAR))
        return closed

    return rest


def _note_baskets(session: Session, scope: Scope, then: date) -> None:
    """Which orders, and whose hands, hold something else now: those of changed orders and lines, whosever they are or
    were, and those that count from now on."""
    was, changed = session.table(_SOLD), session.table(_ORDERS)
    counts = was.filter(_between(was.placed_on, then, scope.as_of))
    now = all_purchases(session.table("changed-orders"), scope.currency)
    owners = [rows.select("customer_id") for rows in (was.semi_join(changed, "order_id"), counts, now)]
    hands = ibis.union(owners[0], *owners[1:], distinct=True)
    session.keep(_BASKETS["order_id"], ibis.union(changed, counts.select("order_id"), distinct=True))
    session.keep(_BASKETS["customer_id"], hands.filter(hands.customer_id.notnull()))


def _in_baskets(session: Session, scope: Scope) -> ir.Table:
    """The purchases in the baskets noted: `basket` is what holds together, `held_in` which one it is."""
    found = [
        scope.purchases()
        .semi_join(session.table(noted), basket)
        .select("order_id", basket=ibis.literal(basket), held_in=basket)
        for basket, noted in _BASKETS.items()
    ]
    return ibis.union(found[0], *found[1:])


def _held(scope: Scope, sold: ir.Table) -> ir.Table:
    """As `IN_BASKETS`, of those purchases."""
    held = scope.table("lines").join(sold, "order_id").select("basket", "held_in", "product_id").distinct()
    each = held.group_by("basket", "product_id").agg(many=held.count())
    baskets = held.select("basket", "held_in").distinct()
    whole = baskets.group_by("basket").agg(many=baskets.count()).mutate(product_id=ibis.null("int64"))
    return ibis.union(*(one.select("basket", "product_id", "many") for one in (each, whole)))


def _touched(session: Session, scope: Scope, before: _Basis) -> ir.Table | None:
    """A table of `customer_id`; None where everybody has to be walked."""
    changed = {name: session.changed(name, before.mark) for name in ("orders", "lines", "returns")}
    orders, lines, returns = changed["orders"], changed["lines"], changed["returns"]
    if orders is None or lines is None or returns is None or _are_of_other_kinds(session, scope):
        return None
    session.keep(_ORDERS, ibis.union(orders.select("order_id"), lines.select("order_id"), distinct=True))
    sold, then, days = session.table(_SOLD), date.fromisoformat(before.as_of), session.table(DAYS)
    parts = [
        orders,
        returns,
        sold.semi_join(session.table(_ORDERS), "order_id"),
        session.table(_OWNERS).semi_join(returns, "return_id"),
    ]
    if then < scope.as_of:
        back = scope.returns()
        parts += [
            sold.filter(_between(sold.placed_on, then, scope.as_of)),
            back.filter(_between(back.returned_on, then, scope.as_of)),
        ]
    told = [part.select("customer_id") for part in parts]
    who = ibis.union(told[0], *told[1:], distinct=True)
    who = session.keep(_WHO, who.filter(who.customer_id.notnull()))
    out_of = {window: _between(days.day, then, scope.as_of, by=window) for window in lately.WINDOWS}
    for name, slid in ((_SLID_A_YEAR, out_of[_A_YEAR]), (_SLID, ibis.or_(*out_of.values()))):
        session.keep(name, ibis.union(who, days.filter(slid).select("customer_id"), distinct=True))
    people = session.table(SUMMED)
    [row] = session.rows(who.aggregate(touched=who.count()).cross_join(people.aggregate(all_of_them=people.count())))
    return who if row["touched"] <= MOST * row["all_of_them"] else None


@dataclass(frozen=True)
class _Closed:
    """Of the months that are over: the sums of their figures, and what those who are walked again gave to them."""

    sums: AllCounted
    gave: AllCounted

    @classmethod
    def before(
        cls, session: Session, scope: Scope, zone: ZoneInfo, spans: Mapping[str, Sequence[Span]], who: ir.Table
    ) -> Self | None:
        """While what was done in months is as it was; None where no sums are kept. Keeps what `prepare` does, too."""
        spanning.prepare(session, scope, zone, spans)
        months = spans[BY_MONTH]
        if not session.has(_SUMS) or not (rows := session.rows(session.table(_SUMS))):
            return None
        session.fill(_SUMS, _NOTHING, is_lasting=True)
        told, added = json.loads(rows[0]["told"]), _added(session)
        if set(told["figures"]) != {one.name for one in added}:
            return None
        session.keep(WHO, session.table(_GROUPS).semi_join(who, "customer_id"))
        gave = spanning.count(session, added, BY_MONTH, months, only=months[:-1], days=_DAYS_BEFORE)
        return cls(_from_json(told["sums"]), gave)


def _added(session: Session) -> tuple[Figure, ...]:
    return _OF_ORDERS_ALONE if session.rows(session.table(SEEN).limit(1)) else _OF_CUSTOMERS_ALONE


def _counted(session: Session, closed: _Closed | None, wanted: Sequence[Figure], months: Sequence[Span]) -> AllCounted:
    """The figures of all months, of everybody in the groups of `WHO`; those of the months that are over are kept."""
    who = session.keep(_GROUPED, session.table(WHO))
    last, over = months[-1:], months[:-1]
    together = _added(session)
    added = [one for one in wanted if one in together]
    if closed is None:
        found = spanning.count(session, added, BY_MONTH, months)
    else:
        found = spanning.count(session, added, BY_MONTH, months, only=last)
        was, again = session.table(_GROUPS), session.table(_WHO)
        moved = who.join(was, "customer_id")
        moved = moved.filter(moved.grp != moved.grp_right).anti_join(again, "customer_id")
        gone, come = (
            moved.select("customer_id", grp="-" + moved.grp_right),
            moved.select("customer_id", grp="+" + moved.grp),
        )
        anew = who.semi_join(again, "customer_id")
        session.keep(WHO, ibis.union(gone, come, anew.select("customer_id", grp="+" + anew.grp)))
        for month, groups in spanning.count(session, added, BY_MONTH, months, only=over).items():
            kept = found[month] = closed.sums.get(month, {})
            for group, one in closed.gave.get(month, {}).items():
                _add(kept, group, one, -1)
            for group, one in groups.items():
                _add(kept, group[1:], one, 1 if group[0] == "+" else -1)
            # Of a group that nobody is in any more nothing is told, as if it were counted.
            found[month] = {group: one for group, one in kept.items() if any(one.sums.values()) or one.gaps}
    sums = _as_json({one.number: found[one.number] for one in over})
    told = json.dumps({"figures": [one.name for one in added], "sums": sums})
    with session.lasting_at_once():
        session.fill(_SUMS, pa.table({"told": [told]}), is_lasting=True)
        session.last(_GROUPS, who)
    session.keep(WHO, who)
    others = [one for one in wanted if one not in added]
    for month, groups in spanning.count(session, others, BY_MONTH, months).items():
        for group, one in groups.items():
            _add(found[month], group, one, 1)
    return found


def _add(groups: dict[str, Counted], group: str, one: Counted, sign: int) -> None:
    into = groups.setdefault(group, Counted())
    for name, value in one.sums.items():
        into.sums[name] = into.sums.get(name, 0) + sign * value
    for gap, visits in one.gaps.items():
        into.gaps[gap] = into.gaps.get(gap, 0) + sign * visits
        if not into.gaps[gap]:
            del into.gaps[gap]


def _as_json(counted: AllCounted) -> dict[int, Any]:
    return {month: {group: [one.sums, one.gaps] for group, one in groups.items()} for month, groups in counted.items()}


def _from_json(told: Mapping[str, Any]) -> AllCounted:
    return {
        int(month): {
            group: Counted(sums, {int(gap): visits for gap, visits in gaps.items()})
            for group, (sums, gaps) in groups.items()
        }
        for month, groups in told.items()
    }


def _between(day: ir.Value, then: date, now: date, *, by: int = 0) -> ir.BooleanValue:
    """After `then` and up to `now`, both so many days earlier."""
    ends = [ibis.literal(one - timedelta(days=by)) for one in (then, now)]
    return (day > ends[0]) & (day <= ends[1])


def _are_of_other_kinds(session: Session, scope: Scope) -> bool:
    """Whether any of the goods that were known is of another category now, or gone."""
    now = scope.table("products").select("product_id", now="category")
    was = session.table(_KINDS)
    beside = was.left_join(now, "product_id")
    differs = beside.filter(beside.product_id_right.isnull() | ~beside.category.identical_to(beside.now))
    return bool(session.rows(differs.limit(1)))


def _how(scope: Scope, spans: Mapping[str, Sequence[Span]]) -> str:
    """All that the rows depend on but the facts and the day: the code, the currency, and when months begin."""
    begins = [one.start_on.isoformat() for one in spans[BY_MONTH]]
    return hashlib.sha256(repr((runs.engine(), _code(), scope.currency, begins)).encode()).hexdigest()


@cache
def _code() -> str:
    """Of whatever has a say in the rows that are kept."""
    modules: tuple[ModuleType, ...] = (scopes, walking, spanning, computing, measures, catalogue, figure)
    folders = (Path(str(one.__file__)).parent for one in (lately, figures))
    files = [Path(__file__), *(Path(str(one.__file__)) for one in modules)]
    files += [file for folder in folders for file in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
