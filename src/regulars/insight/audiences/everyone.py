"""A condition asked of everyone at once: the set-based twin of `kit.conditions.holding`, as one Ibis expression.

The twins must agree on everybody, which a property test says of random trees over random lives. No engine is named
here, and nothing that only one has: timestamps are UTC without a zone, as published tables have them, and what a zone's
clocks say is worked out before, in Python.
"""

import operator
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.kit import civil
from regulars.kit.conditions.moments import BEGINNING, Span, last_anniversary
from regulars.kit.conditions.nodes import (
    All,
    Among,
    Check,
    Condition,
    Did,
    Has,
    Member,
    Node,
    Not,
    Sequence,
    Step,
    Which,
)
from regulars.kit.conditions.nodes import Any as AnyOf
from regulars.kit.windows import in_utc

#: Wide enough for every amount that a condition may name, and for sums of them.
_EXACT = "decimal(38, 9)"
_YES, _NO = ibis.literal(value=True), ibis.literal(value=False)


@dataclass(frozen=True)
class Happenings:
    """Rows of a collection: `person`, `row` (its number), `at`, and their columns; parts have `row` and theirs."""

    rows: ir.Table
    parts: Mapping[str, ir.Table] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """Everyone, one row each: `person` and a column for each field by its name. `members`: `person`, `audience`."""

    people: ir.Table
    happenings: Mapping[str, Happenings] = field(default_factory=dict)
    members: ir.Table | None = None


def whom(condition: Condition, world: World, *, at: datetime) -> ir.Table:
    """Whom it holds for at the instant `at`: one column, `person`."""
    asking = _Asking(condition, world, in_utc(at, "at"))
    holds = asking.node(condition.root)
    return asking.table.filter(holds).select("person")


def each(condition: Condition, world: World, *, at: datetime) -> ir.Table:
    """Everyone, one row each: `person`, and for each node a column (`of_node`) that says whether it holds for them."""
    asking = _Asking(condition, world, in_utc(at, "at"))
    asking.node(condition.root)
    return asking.table.select("person", **{of_node(node): holds for node, holds in asking.holding.items()})


def of_node(node: str) -> str:
    """The column of `each` that tells of this node."""
    return f"@{node}"


class _Asking:
    """Nodes add the columns they need to `table`, one row a person, and answer with a test of that row."""

    def __init__(self, condition: Condition, world: World, at: datetime) -> None:
        self._zone, self._world, self._at = condition.zone, world, at
        self._today = civil.day_of(at, self._zone)
        self._added = 0
        #: Of each node by its id, the test that it came to.
        self.holding: dict[str, ir.BooleanValue] = {}
        wanted = sorted(condition.fields & set(world.people.columns))
        self.table = world.people.select("person", *wanted)

    def node(self, node: Node) -> ir.BooleanValue:
        self.holding[node.id] = found = self._node(node)
        return found

    def _node(self, node: Node) -> ir.BooleanValue:
        match node:
            case All(of=of):
                return reduce(operator.and_, [self.node(one) for one in of])
            case AnyOf(of=of):
                return reduce(operator.or_, [self.node(one) for one in of])
            case Not(of=inner):
                return ~self.node(inner)
            case Has():
                return self._all(node.checks, ibis._)
            case Among():
                return self._among(node)
            case Member():
                assert self._world.members is not None
                found = self._world.members.filter(lambda m: m.audience == node.audience).select("person").distinct()
                return self._flag(found)
            case Did():
                return self._did(node)
            case Sequence():
                return self._flag(self._followed(node))

    # --- columns of people

    def _add(self, found: ir.Table, value: str) -> str:
        """`found`: person, `value`; under a new name it stands beside everyone."""
        self._added += 1
        name = f"@{self._added}"
        found = found.select(person_=found.person, **{name: found[value]})
        joined = self.table.left_join(found, self.table.person == found.person_)
        self.table = joined.select(*self.table.columns, name)
        return name

    def _flag(self, found: ir.Table) -> ir.BooleanValue:
        name = self._add(found.mutate(is_so=_YES), "is_so")
        return ibis._[name].fill_null(_NO)

    def _among(self, node: Among) -> ir.BooleanValue:
        value = self.table[node.field]
        ordered = ibis.desc(value) if node.highest else ibis.asc(value)
        ranked = self.table.filter(value.notnull()).select(
            "person",
            rank=ibis.rank().over(order_by=ordered).cast("int64"),
            many=ibis._.count().over(ibis.window()).cast("int64"),
        )
        share = ibis.literal(node.percent, _EXACT)
        return self._flag(ranked.filter(lambda r: r.rank.cast(_EXACT) * 100 < r.many.cast(_EXACT) * share))

    def _did(self, node: Did) -> ir.BooleanValue:
        found = self._rows(node.which, node.during)
        if node.each is not None:
            parts = self._world.happenings[node.which.collection].parts[node.each]
            passing = parts.filter(self._all(node.of_each, parts))
            whose = found.select("person", row_=found.row)
            found = passing.join(whose, passing.row == whose.row_)
        if node.counted == "count":
            totals = found.group_by("person").agg(seen=lambda t: t.count())
        elif node.counted == "distinct":
            totals = found.group_by("person").agg(seen=lambda t: t[node.column].nunique())
        else:
            totals = found.group_by("person").agg(seen=lambda t: t[node.column].sum())
        name = self._add(totals, "seen")
        value = ibis._[name].cast(_EXACT).fill_null(ibis.literal(0, _EXACT))
        return reduce(operator.and_, [self._is_so(check, value) for check in node.amount])

    # --- rows

    def _rows(self, which: Which, during: Span | None) -> ir.Table:
        happenings = self._world.happenings[which.collection]
        found = self._in_span(happenings.rows, during)
        found = found.filter(self._all(which.checks, found)) if which.checks else found
        for some in which.some:
            parts = happenings.parts[some.parts]
            found = found.semi_join(parts.filter(self._all(some.checks, parts)), "row")
        return found

    def _in_span(self, rows: ir.Table, during: Span | None) -> ir.Table:
        if during is not None and during.since is not None:
            return self._since(rows, during.since)
        window = None if during is None else during.instants(self._at, self._zone)
        start, end = (BEGINNING, self._at) if window is None else (window.start, window.end)
        return rows.filter(rows.at >= _naive(start), rows.at < _naive(end))

    def _since(self, rows: ir.Table, name: str) -> ir.Table:
        """Each person's own window, from the start of the day that last came round for them."""
        people = self._world.people
        starts = people.filter(people[name].notnull()).select(
            person_=people.person, begins=ibis.array(self._round_days())[_day_of_leap_year(people[name])]
        )
        joined = rows.join(starts, rows.person == starts.person_)
        return joined.filter(joined.at >= joined.begins, joined.at < _naive(self._at)).select(*rows.columns)

    def _round_days(self) -> list[datetime]:
        """For every day of a leap year, in order, when it last began."""
        days = (date(2024, 1, 1) + timedelta(days=number) for number in range(366))
        starts = (civil.start_of_day(last_anniversary(day, self._today), self._zone) for day in days)
        return [_naive(min(start, self._at)) for start in starts]

    def _followed(self, node: Sequence) -> ir.Table:
        """Who did: the moments at which the steps so far can have been done, step by step."""
        reached = self._moments(node.steps[0].which, node.during)
        for step in node.steps[1:-1] if node.last_is_missing else node.steps[1:]:
            came = self._moments(step.which, node.during)
            reached = came.semi_join(_other(reached), _follows(came, _other(reached), step))
        last = node.steps[-1]
        if node.last_is_missing:
            assert last.within is not None
            came = _other(self._moments(last.which, None))
            over = reached.filter(reached.at < _naive(self._at - last.within.length))
            ends = over.at + ibis.interval(hours=last.within.hours)
            reached = over.anti_join(came, [over.person == came.person_, came.at_ > over.at, came.at_ <= ends])
        return reached.select("person").distinct()

    def _moments(self, which: Which, during: Span | None) -> ir.Table:
        return self._rows(which, during).select("person", "at").distinct()

    # --- tests of values

    def _all(self, checks: tuple[Check, ...], table: Any) -> ir.BooleanValue:
        if not checks:
            return _YES
        return reduce(operator.and_, [self._is_so(check, table[check.asked]) for check in checks])

    def _is_so(self, check: Check, value: Any) -> ir.BooleanValue:
        than = check.than
        if check.test == "is_known":
            known = (
                value.notnull() & (value.length() > 0).fill_null(_NO) if check.type == "texts" else (value.notnull())
            )
            return known if than else ~known
        if check.test in ("is_not", "not_in"):
            other = (
                value.isin([_literal(one, check) for one in than])
                if isinstance(than, tuple)
                else value == (_literal(than, check))
            )
            return ~other.fill_null(_NO)
        return self._test(check, value).fill_null(_NO)

    def _test(self, check: Check, value: Any) -> Any:
        than = check.than
        if isinstance(than, Span):
            return self._is_during(check, value, than)
        if isinstance(than, tuple):
            wanted = [_literal(one, check) for one in than]
            if check.test == "in":
                return value.isin(wanted)
            together = operator.or_ if check.test == "has_any" else operator.and_
            return reduce(together, [value.contains(one) for one in wanted])
        match check.test:
            case "starts_with":
                return value.startswith(than)
            case "contains":
                return value.contains(than)
            case "anniversary_within_days":
                assert isinstance(than, int)
                return (value.month() * 100 + value.day()).isin(self._coming(than))
        return _COMPARES[check.test](value, _literal(than, check))

    def _coming(self, days: int) -> list[int]:
        """The month and day of whatever comes round within so many days, today being the first."""
        found = set()
        for number in range(days):
            day = self._today + timedelta(days=number)
            found.add(day.month * 100 + day.day)
            if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3:
                found.add(229)
        return sorted(found)

    def _is_during(self, check: Check, value: Any, span: Span) -> Any:
        if check.type == "timestamp":
            window = span.instants(self._at, self._zone)
            assert window is not None
            return (value >= _naive(window.start)) & (value < _naive(window.end))
        days = span.days(self._at, self._zone)
        return (value >= ibis.literal(days.start)) & (value < ibis.literal(days.end))


_COMPARES: Mapping[str, Callable[[Any, Any], Any]] = {
    "is": operator.eq,
    "at_least": operator.ge,
    "from": operator.ge,
    "at_most": operator.le,
    "more_than": operator.gt,
    "less_than": operator.lt,
    "before": operator.lt,
}


def _literal(than: object, check: Check) -> Any:
    if isinstance(than, datetime):
        return _naive(than)
    if isinstance(than, Decimal):
        return ibis.literal(than, _EXACT)
    if isinstance(than, date):
        return ibis.literal(than)
    return than


def _day_of_leap_year(day: Any) -> Any:
    """0 for 1 January, 59 for 29 February, 60 for 1 March of whatever year."""
    before = [sum(monthrange(2024, month)[1] for month in range(1, number)) for number in range(1, 13)]
    return ibis.array(before)[day.month() - 1] + day.day() - 1


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def _other(moments: ir.Table) -> ir.Table:
    return moments.select(person_=moments.person, at_=moments.at)


def _follows(came: ir.Table, before: ir.Table, step: Step) -> list[ir.BooleanValue]:
    found = [came.person == before.person_, before.at_ < came.at]
    if step.within is not None:
        found.append(came.at <= before.at_ + ibis.interval(hours=step.within.hours))
    return found
