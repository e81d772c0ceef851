"""The walk of the last refresh, kept in a file: only those are walked again to whom something happened since.

Somebody is walked again

- whose order, line or return is new or was changed, whether it is theirs now or was as it is kept;
- whose order or return counts from now on, because all is seen from a later day;
- of whom a day fell out of one of the windows that slide.

Of all others the rows are those that a walk of everybody gives. Where that cannot be said, everybody is walked: in
another month, from an earlier day, where rows were removed, where goods changed their kind, where the code is another,
and where it would be many.

While the file is written it has no basis (`_Basis`), so that of one whose writer was killed nothing is used.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
from regulars.insight.measures.scope import DAYS, OWN_GAPS, SEEN, SUMMED, Scope
from regulars.insight.measures.spanning import BY_MONTH, WHO, YEAR, AllCounted, Counted
from regulars.insight.warehouse.session import Session

FILE = "walked.duckdb"
#: Shops of fewer orders are walked as a whole: to keep the walk would take longer.
FROM_ORDERS = 500_000
#: Where a larger share of the customers is touched, everybody is walked.
MOST = 0.25
_OF_CUSTOMERS = (DAYS, OWN_GAPS, BY_MONTH, YEAR, SUMMED)
#: Whose an order or a return was: by its key.
_OWNERS: Mapping[str, tuple[str, str]] = {
    "orders": ("order_id", "_owners_of_orders"),
    "returns": ("return_id", "_owners_of_returns"),
}
#: The figures of which sums of customers are added and taken away: not those of guests, who are nobody, nor, where
#: anybody was seen on the site, those of that, for it may become known late.
_OF_CUSTOMERS_ALONE = tuple(one for one in figures.FIGURES if one.source != "sales")
_OF_ORDERS_ALONE = tuple(one for one in _OF_CUSTOMERS_ALONE if "events" not in one.tables)
_SUMS, _GROUPS, _GROUPED = "_sums_of_months", "_groups_of_sums", "_grouped"
_NOTHING = pa.table({"told": pa.array([], pa.string())})
_KINDS, _BASIS, _WHO, _ORDERS = "_kinds", "_basis", "_touched", "_touched_orders"


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


def facts(session: Session, scope: Scope, zone: ZoneInfo, home: Path) -> ByMonth | None:
    """As `spanning.facts`, and `SUMMED` besides; and what counts the figures of the months from what was kept of them,
    once customers are grouped, where they are kept."""
    if session.size("orders") < FROM_ORDERS:
        spanning.facts(session, scope, zone)
        computing.sum_days(session, scope)
        return None
    spans = spanning.prepared(session, scope, zone)
    session.attach(home / FILE)
    how, before = _how(scope, spans), _Basis.of(session)
    is_known = before is not None and before.how == how and before.as_of <= scope.as_of.isoformat()
    who = _touched(session, scope, before) if before is not None and is_known else None
    session.fill(_BASIS, _NOTHING, is_lasting=True)
    counted = None if who is None else _Closed.before(session, spans[BY_MONTH], who)
    if who is None:
        _everybody(session, scope, spans)
    else:
        _some(session, scope, spans, who)
    products = scope.table("products")
    session.last(_KINDS, products.select("product_id", "category"))
    basis = json.dumps(asdict(_Basis(how, scope.as_of.isoformat(), session.mark())))
    session.fill(_BASIS, pa.table({"told": [basis]}), is_lasting=True)
    return lambda figures, months: _counted(session, counted, figures, months)


def fresh(name: str) -> str:
    """What stands beside a kept table."""
    return f"{name}_fresh"


def _everybody(session: Session, scope: Scope, spans: Mapping[str, Sequence[Span]]) -> None:
    session.drop_lasting()
    walking.walk(session, scope, spans=spans, with_goods=True, is_lasting=True)
    computing.sum_days(session, scope, into=fresh(SUMMED))
    session.last(SUMMED, session.table(fresh(SUMMED)))
    for table, (key, owners) in _OWNERS.items():
        session.last(owners, scope.table(table).select(key, "customer_id"))


def _some(session: Session, scope: Scope, spans: Mapping[str, Sequence[Span]], who: ir.Table) -> None:
    walking.walk(session, scope, spans=spans, among=who, named=fresh)
    computing.sum_days(session, scope, of=fresh(DAYS), into=fresh(SUMMED))
    for name in _OF_CUSTOMERS:
        session.replace(name, by="customer_id", of=_WHO, fresh=fresh(name))
    for table, (key, owners) in _OWNERS.items():
        changed = session.table(f"changed-{table}").select(key).distinct()
        session.keep(fresh(owners), scope.table(table).semi_join(changed, key).select(key, "customer_id"))
        session.replace(owners, by=key, of=f"changed-{table}", fresh=fresh(owners))
    walking.pair(session, scope)


def _touched(session: Session, scope: Scope, before: _Basis) -> ir.Table | None:
    """A table of `customer_id`; None where everybody has to be walked."""
    changed = {name: session.changed(name, before.mark) for name in ("orders", "lines", "returns")}
    orders, lines, returns = changed["orders"], changed["lines"], changed["returns"]
    if orders is None or lines is None or returns is None or _are_of_other_kinds(session, scope):
        return None
    session.keep(_ORDERS, ibis.union(orders.select("order_id"), lines.select("order_id"), distinct=True))
    was = {name: session.table(owners) for name, (_, owners) in _OWNERS.items()}
    then = date.fromisoformat(before.as_of)
    days = session.table(DAYS)
    parts = [
        orders,
        returns,
        was["orders"].semi_join(session.table(_ORDERS), "order_id"),
        was["returns"].semi_join(returns, "return_id"),
        days.filter(ibis.or_(*(_between(days.day, then, scope.as_of, by=window) for window in lately.WINDOWS))),
    ]
    if then < scope.as_of:
        purchases, back = scope.purchases(), scope.returns()
        parts += [
            purchases.filter(_between(purchases.placed_on, then, scope.as_of)),
            back.filter(_between(back.returned_on, then, scope.as_of)),
        ]
    told = [part.select("customer_id") for part in parts]
    who = ibis.union(told[0], *told[1:], distinct=True)
    who = session.keep(_WHO, who.filter(who.customer_id.notnull()))
    people = session.table(SUMMED)
    [row] = session.rows(who.aggregate(touched=who.count()).cross_join(people.aggregate(all_of_them=people.count())))
    return who if row["touched"] <= MOST * row["all_of_them"] else None


@dataclass(frozen=True)
class _Closed:
    """Of the months that are over: the sums of their figures, and what those who are walked again gave to them."""

    sums: AllCounted
    gave: AllCounted

    @classmethod
    def before(cls, session: Session, months: Sequence[Span], who: ir.Table) -> Self | None:
        """While the kept tables are as they were; None where no sums are kept."""
        if not session.has(_SUMS) or not (rows := session.rows(session.table(_SUMS))):
            return None
        session.fill(_SUMS, _NOTHING, is_lasting=True)
        told, added = json.loads(rows[0]["told"]), _added(session)
        if set(told["figures"]) != {one.name for one in added}:
            return None
        session.keep(WHO, session.table(_GROUPS).semi_join(who, "customer_id"))
        return cls(_from_json(told["sums"]), spanning.count(session, added, BY_MONTH, months, only=months[:-1]))


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
