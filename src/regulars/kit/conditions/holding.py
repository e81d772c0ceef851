"""Whether a condition holds for one customer, decided in memory from what is known of them, and why.

Two-valued throughout: a test of something unknown does not hold, `is_not` and `not_in` are the opposites of `is` and
`in` and so hold there. The set-based twin on the insight floor says the same of everyone.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from regulars.kit import civil
from regulars.kit.conditions.moments import BEGINNING, Span, next_anniversary
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
    Value,
    Which,
)
from regulars.kit.conditions.nodes import (
    Any as AnyOf,
)
from regulars.kit.windows import Window, in_utc

Values = Mapping[str, Value]


@dataclass(frozen=True)
class Row:
    """One thing that happened: its instant, its columns, and its parts by their name. What is unknown is left out."""

    at: datetime
    values: Values
    parts: Mapping[str, Rows[Values]] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """One customer: field values (the unknown ones left out), rows by collection in any order, the audiences they are
    in, and, for `Among`, the number at which the highest or lowest percent of everyone begins, by the node's id."""

    fields: Values
    rows: Mapping[str, Rows[Row]] = field(default_factory=dict)
    audiences: frozenset[str] = frozenset()
    cuts: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of one node: `seen` is the value, number or sum that was found, None where there was nothing."""

    node: str
    holds: bool
    seen: Value | None = None
    of: tuple["Verdict", ...] = ()


def holds(condition: Condition, known: Known, *, at: datetime) -> Verdict:
    """The verdict of the whole at the instant `at`, with that of every node under it. Rows at `at` or later are not
    there yet."""
    return Look(condition.zone, known, in_utc(at, "at")).node(condition.root)


def cut_of(values: Iterable[int | Decimal], node: Among) -> Decimal | None:
    """Where the highest (or lowest) percent of these numbers begins, so that this share is in."""
    ordered = sorted(values, reverse=node.highest)
    if not ordered:
        return None
    many = (len(ordered) * node.percent / 100).to_integral_value(ROUND_CEILING)
    return Decimal(ordered[int(many) - 1])


class Look:
    """One customer, looked at at one instant. For `holding` and `changing` alone."""

    def __init__(self, zone: ZoneInfo, known: Known, at: datetime) -> None:
        self.zone, self.known, self.at = zone, known, at
        self._passing: dict[int, list[Row]] = {}

    def node(self, node: Node) -> Verdict:
        """The verdict of one node and of those under it."""
        match node:
            case All(of=of):
                parts = tuple(map(self.node, of))
                return Verdict(node.id, all(part.holds for part in parts), of=parts)
            case AnyOf(of=of):
                parts = tuple(map(self.node, of))
                return Verdict(node.id, any(part.holds for part in parts), of=parts)
            case Not(of=inner):
                part = self.node(inner)
                return Verdict(node.id, not part.holds, of=(part,))
            case Has():
                value = self.known.fields.get(node.field)
                return Verdict(node.id, self.passes(node.checks, self.known.fields), value)
            case Did():
                return self._did(node)
            case Sequence():
                return Verdict(node.id, self._follows(node))
            case Among():
                return self._among(node)
            case Member():
                return Verdict(node.id, node.audience in self.known.audiences)

    def _among(self, node: Among) -> Verdict:
        value, cut = self.known.fields.get(node.field), self.known.cuts.get(node.id)
        if value is None or cut is None:
            return Verdict(node.id, holds=False, seen=value)
        assert isinstance(value, int | Decimal)
        return Verdict(node.id, value >= cut if node.highest else value <= cut, value)

    def _did(self, node: Did) -> Verdict:
        seen = self.amounts(node, self.rows(node.which, node.during))[0]
        return Verdict(node.id, self.is_enough(node, seen), seen)

    def is_enough(self, node: Did, seen: int | Decimal) -> bool:
        """Whether so many, or such a sum, is what the node asks for."""
        return self.passes(node.amount, {node.counted: seen})

    def amounts(self, node: Did, rows: Rows[Row]) -> list[int | Decimal]:
        """What is counted of all the rows, of all but the first, and so on down to none of them."""
        found: list[int | Decimal] = [0]
        different: set[Value] = set()
        for row in reversed(rows):
            counted: list[Values] = [row.values]
            if node.each is not None:
                counted = [part for part in row.parts.get(node.each, ()) if self.passes(node.of_each, part)]
            if node.column is None:
                found.append(found[-1] + len(counted))
                continue
            values = [value for one in counted if (value := one.get(node.column)) is not None]
            if node.counted == "distinct":
                different.update(values)
                found.append(len(different))
            else:
                found.append(found[-1] + _sum(values))
        return found[::-1]

    def rows(self, which: Which, during: Span | None) -> list[Row]:
        """Those that count, within the span."""
        window = self.window(during)
        return [] if window is None else [row for row in self.passing(which) if row.at in window]

    def passing(self, which: Which) -> list[Row]:
        """Those that count, whenever they were."""
        # By its place in memory: to tell what it asks apart by its content takes longer than to look.
        found = self._passing.get(id(which))
        if found is None:
            rows = self.known.rows.get(which.collection, ())
            found = [row for row in rows if self.passes(which.checks, row.values)]
            if which.some:
                found = [row for row in found if self._has_parts(which, row)]
            self._passing[id(which)] = found
        return found

    def _has_parts(self, which: Which, row: Row) -> bool:
        return all(any(self.passes(some.checks, part) for part in row.parts.get(some.parts, ())) for some in which.some)

    def window(self, during: Span | None) -> Window[datetime] | None:
        """The instants the span means; None where it needs a day that nobody knows."""
        if during is None:
            return Window(BEGINNING, self.at)
        return during.instants(self.at, self.zone, self.born(during))

    def born(self, during: Span) -> date | None:
        """The day that the span counts from, where it has one and it is known."""
        born = self.known.fields.get(during.since) if during.since is not None else None
        assert born is None or isinstance(born, date)
        return born

    def _follows(self, node: Sequence) -> bool:
        reached = sorted({row.at for row in self.rows(node.steps[0].which, node.during)})
        last = node.steps[-1]
        steps = node.steps[1:-1] if node.last_is_missing else node.steps[1:]
        for step in steps:
            came = sorted({row.at for row in self.rows(step.which, node.during)})
            reached = [moment for moment in came if any(is_in_time(before, moment, step) for before in reached)]
        if not node.last_is_missing:
            return bool(reached)
        assert last.within is not None
        # Whatever window the first step is looked for in: what would end the waiting may come after it.
        came = [row.at for row in self.rows(last.which, None)]
        return any(
            before + last.within.length < self.at and not any(is_in_time(before, moment, last) for moment in came)
            for before in reached
        )

    # --- tests of values

    def passes(self, checks: tuple[Check, ...], values: Values) -> bool:
        """Whether the values pass all of the checks."""
        for check in checks:  # noqa: SIM110 - twice as fast as all(), and asked of every row
            if not self.is_so(check, values.get(check.asked)):
                return False
        return True

    def is_so(self, check: Check, value: Value | None) -> bool:
        """Whether the value, None where it is unknown, passes the check."""
        than = check.than
        match check.test:
            case "is_known":
                return (value is not None and value != ()) == than
            case "is_not":
                return value is None or value != than
            case "not_in":
                assert isinstance(than, tuple)
                return value is None or value not in than
        if value is None:
            return False
        match check.test:
            case "is":
                return value == than
            case "in":
                assert isinstance(than, tuple)
                return value in than
            case "starts_with" | "contains":
                assert isinstance(value, str)
                assert isinstance(than, str)
                return value.startswith(than) if check.test == "starts_with" else than in value
            case "has_any" | "has_all":
                assert isinstance(value, tuple)
                assert isinstance(than, tuple)
                return bool(set(value) & set(than)) if check.test == "has_any" else set(than) <= set(value)
            case "during":
                assert isinstance(than, Span)
                return self._is_during(value, than)
            case "anniversary_within_days":
                assert isinstance(value, date)
                assert isinstance(than, int)
                today = civil.day_of(self.at, self.zone)
                return next_anniversary(value, today) < today + timedelta(days=than)
        return COMPARES[check.test](value, than)

    def _is_during(self, value: Value, span: Span) -> bool:
        if isinstance(value, datetime):
            window = span.instants(self.at, self.zone)
            return window is not None and in_utc(value, "value") in window
        assert isinstance(value, date)
        return value in span.days(self.at, self.zone)


#: Two numbers, two days or two instants: the check was read for the type of the value.
COMPARES: Mapping[str, Callable[[Any, Any], bool]] = {
    "at_least": operator.ge,
    "from": operator.ge,
    "at_most": operator.le,
    "more_than": operator.gt,
    "less_than": operator.lt,
    "before": operator.lt,
}


def is_in_time(before: datetime, moment: datetime, step: Step) -> bool:
    return before < moment and (step.within is None or moment - before <= step.within.length)


def _sum(values: list[Value]) -> int | Decimal:
    total: int | Decimal = 0
    for value in values:
        assert isinstance(value, int | Decimal)
        total += value
    return total
