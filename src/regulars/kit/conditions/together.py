"""Many conditions for many customers at one instant: what `changing.look` says of each, in a tenth of the time.

What conditions have in common is worked out once: their windows for the instant, and for each customer the rows that
several of them ask for. Tests are made into functions when the conditions are. What few conditions ask is left to
`changing`. `tests/conditions/test_together.py` holds the two together.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any as Whatever
from typing import NamedTuple
from zoneinfo import ZoneInfo

from regulars.kit.conditions.changing import AGAIN, TICK, Waiting, moves
from regulars.kit.conditions.holding import COMPARES, Known, Row, Values, Verdict
from regulars.kit.conditions.moments import BEGINNING, Span
from regulars.kit.conditions.nodes import (
    All,
    Among,
    Any,
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
from regulars.kit.windows import in_utc

#: By so much more than time goes on a window may move on: clocks change, once by a day, and months end on other days.
_LEAPS = {"hours": TICK, "days": timedelta(days=2), "weeks": timedelta(days=2), "months": timedelta(days=6)}


class Found(NamedTuple):
    """Whether it holds, and when that may change, None where that is not before the instant up to which was looked."""

    holds: bool
    changes: datetime | None
    node: str
    seen: Value | None = None
    of: "tuple[Found, ...]" = ()

    def verdict(self) -> Verdict:
        """As `holding` says it; of what was found whole."""
        return Verdict(self.node, self.holds, self.seen, tuple(one.verdict() for one in self.of))


class _Passing(NamedTuple):
    rows: Rows[Row]
    #: When each was, the earliest first.
    moments: Rows[datetime]


@dataclass(slots=True)
class _Window:
    """A span at the instant. Rows that were before `near` may leave it before the instant up to which is looked."""

    start: datetime
    end: datetime
    near: datetime
    is_unquiet: bool


_Test = Callable[[Whatever], bool]
_Asking = Callable[["Person"], Found]


class Together:
    """Conditions, made ready to be asked together; keep it while they stay the same."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        self.whiches: dict[Which, int] = {}
        self.spans: dict[tuple[Span | None, ZoneInfo], int] = {}
        self.asking: list[_Asking] = [self._node(one.root, one.zone) for one in conditions]
        self.selecting = [_selecting(which) for which in self.whiches]

    def at(self, at: datetime, *, until: datetime) -> "Instant":
        """For looks at this instant, which also tell what changes up to `until`."""
        return Instant(self, in_utc(at, "at"), in_utc(until, "until"))

    def _node(self, node: Node, zone: ZoneInfo) -> _Asking:
        match node:
            case All(id=id, of=of):
                return _some(id, [self._node(one, zone) for one in of], needed=True)
            case Any(id=id, of=of):
                return _some(id, [self._node(one, zone) for one in of], needed=False)
            case Not(id=id, of=inner):
                return _opposite(id, self._node(inner, zone))
            case Has() if not any(map(moves, node.checks)):
                return _has(node)
            case Did() if not _is_moving(node):
                return self._did(node, zone)
            case Sequence() if not _is_moving(node):
                return self._sequence(node, zone)
            case Among():
                return _among(node)
            case Member(id=id, audience=audience):
                return lambda one: Found(audience in one.audiences, None, id)
            case _:
                return lambda one: one.slowly(node, zone)

    def _which(self, which: Which) -> int:
        return self.whiches.setdefault(which, len(self.whiches))

    def _span(self, span: Span | None, zone: ZoneInfo) -> int:
        return self.spans.setdefault((span, zone), len(self.spans))

    def _did(self, node: Did, zone: ZoneInfo) -> _Asking:
        which, place = self._which(node.which), self._span(node.during, zone)
        is_enough = _all_of([_test(check) for check in node.amount])
        amount_of, amounts_of = _amount(node), _counting(node)
        id, span = node.id, node.during
        is_counted = node.column is None and node.each is None
        is_sliding = span is not None and span.unit is not None

        def asked(one: Person) -> Found:
            rows, moments = one.passing(which)
            if not moments:
                return Found(is_enough(0), None, id, 0)
            window = one.windows[place]
            low = 0 if moments[0] >= window.start else bisect_left(moments, window.start)
            high = len(moments) if moments[-1] < window.end else bisect_left(moments, window.end)
            amount = high - low if is_counted else amount_of(rows[low:high])
            holds = is_enough(amount)
            changes = one.when_there(moments)
            if is_sliding:
                assert span is not None
                if low < high and moments[low] < window.near:
                    near = bisect_left(moments, window.near, low, high)
                    amounts = amounts_of(rows[low:high])
                    for last in range(low, near):
                        is_last_of_moment = last + 1 == high or moments[last + 1] != moments[last]
                        if is_last_of_moment and is_enough(amounts[last + 1 - low]) != holds:
                            changes = _sooner(changes, one.leaves(span, zone, moments[last]))
                            break
                if window.is_unquiet:
                    changes = _sooner(changes, one.again)
            elif span is not None and low < bisect_left(moments, one.at):
                changes = _sooner(changes, one.leaves(span, zone, moments[low]))
            return Found(holds, changes, id, amount)

        return asked

    def _sequence(self, node: Sequence, zone: ZoneInfo) -> _Asking:
        steps = [(step, self._which(step.which)) for step in node.steps]
        place, id, span = self._span(node.during, zone), node.id, node.during
        last, last_which = steps[-1]
        followed = steps[1:-1] if node.last_is_missing else steps[1:]

        def asked(one: Person) -> Found:
            window = one.windows[place]
            changes: datetime | None = None
            for _, which in steps:
                moments = one.passing(which).moments
                if moments:
                    changes = _sooner(changes, one.of_moments(span, window, zone, moments))
                    if node.last_is_missing:
                        assert last.within is not None
                        changes = _sooner(changes, one.is_over(moments, last.within.length))
            reached = _inside(one.passing(steps[0][1]).moments, window)
            for step, which in followed:
                reached = _reached(reached, _inside(one.passing(which).moments, window), step)
            if not node.last_is_missing:
                return Found(bool(reached), changes, id)
            return Found(_is_missing(reached, one.passing(last_which).moments, last, one.at), changes, id)

        return asked


class Instant:
    """What is the same for all customers who are looked at at one instant."""

    def __init__(self, together: Together, at: datetime, until: datetime) -> None:
        self.together, self.at, self.until = together, at, until
        self.windows = [self._window(span, zone) for span, zone in together.spans]

    def _window(self, span: Span | None, zone: ZoneInfo) -> _Window:
        if span is None:
            return _Window(BEGINNING, self.at, BEGINNING, is_unquiet=False)
        window = span.instants(self.at, zone)
        assert window is not None, "spans since a day of the customer's are asked slowly"
        near = window.end if span.unit is None else window.start + (self.until - self.at) + _LEAPS[span.unit]
        is_unquiet = span.unit is not None and Waiting(zone, _NOTHING, self.at).is_unquiet(window.start)
        return _Window(window.start, window.end, near, is_unquiet)

    def person(self, fields: Values, rows: Mapping[str, Rows[Row]], audiences: set[str]) -> "Person":
        """A customer: as `holding.Known` has it. Whoever adds to `audiences` is heeded by what is asked afterwards."""
        return Person(self, fields, rows, audiences)


class Person:
    """One customer, looked at at one instant, by one condition after the other."""

    __slots__ = (
        "_by",
        "_instant",
        "_ordered",
        "_passing",
        "_slow",
        "again",
        "at",
        "audiences",
        "cuts",
        "fields",
        "is_whole",
        "rows",
        "windows",
    )

    def __init__(self, instant: Instant, fields: Values, rows: Mapping[str, Rows[Row]], audiences: set[str]) -> None:
        self._instant, self.at, self.windows = instant, instant.at, instant.windows
        self.again = instant.at + AGAIN
        self.fields, self.rows, self.audiences = fields, rows, audiences
        self.cuts: Mapping[str, Decimal] = {}
        self.is_whole = False
        self._passing: list[_Passing | None] = [None] * len(instant.together.selecting)
        self._ordered: dict[str, Rows[Row]] = {}
        self._by: dict[tuple[str, str], dict[Value | None, list[Row]]] = {}
        self._slow: dict[ZoneInfo, Waiting] = {}

    def look(self, place: int, cuts: Mapping[str, Decimal], *, is_whole: bool = False) -> Found:
        """What the condition at that place says, with where its shares begin. Where it need not be `is_whole`, parts
        that decide nothing any more are left out of what was found."""
        self.cuts, self.is_whole = cuts, is_whole
        return self._instant.together.asking[place](self)

    def passing(self, which: int) -> _Passing:
        found = self._passing[which]
        if found is None:
            rows = self._instant.together.selecting[which](self)
            found = self._passing[which] = _Passing(rows, [row.at for row in rows])
        return found

    def ordered(self, collection: str) -> Rows[Row]:
        """All their rows, the earliest first."""
        found = self._ordered.get(collection)
        if found is None:
            found = self._ordered[collection] = sorted(self.rows.get(collection, ()), key=_moment)
        return found

    def having(self, collection: str, column: str, value: Value) -> Rows[Row]:
        """Those with this value, the earliest first."""
        by = self._by.get((collection, column))
        if by is None:
            by = self._by[collection, column] = {}
            for row in self.ordered(collection):
                by.setdefault(row.values.get(column), []).append(row)
        return by.get(value, ())

    def slowly(self, node: Node, zone: ZoneInfo) -> Found:
        """As `changing` says it. Not for what asks for audiences or shares, which change between looks."""
        verdict, changes = self._waiting(zone).node(node)
        return Found(verdict.holds, changes, node.id, verdict.seen)

    def when_there(self, moments: Rows[datetime]) -> datetime | None:
        """When the next of what is not there yet is."""
        if moments[-1] < self.at:
            return None
        return moments[bisect_left(moments, self.at)] + TICK

    def leaves(self, span: Span, zone: ZoneInfo, moment: datetime) -> datetime | None:
        """When the window that has this moment in it now has it no more."""
        return self._waiting(zone).leaves(span, moment)

    def of_moments(
        self, span: Span | None, window: _Window, zone: ZoneInfo, moments: Rows[datetime]
    ) -> datetime | None:
        """When the first of these comes into the window, or leaves it."""
        changes = self.when_there(moments)
        if span is None:
            return changes
        low = bisect_left(moments, window.start)
        if low < len(moments) and moments[low] < self.at and (span.unit is None or moments[low] < window.near):
            changes = _sooner(changes, self.leaves(span, zone, moments[low]))
        return _sooner(changes, self.again) if window.is_unquiet else changes

    def is_over(self, moments: Rows[datetime], within: timedelta) -> datetime | None:
        """When waiting so long after one of these is over, for the first that is still waited for."""
        place = bisect_right(moments, self.at - within - TICK)
        return moments[place] + within + TICK if place < len(moments) else None

    def _waiting(self, zone: ZoneInfo) -> Waiting:
        found = self._slow.get(zone)
        if found is None:
            found = self._slow[zone] = Waiting(zone, Known(self.fields, self.rows), self.at)
        return found


_NOTHING = Known({})


def _moment(row: Row) -> datetime:
    return row.at


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or (other is not None and other < one):
        return other
    return one


def _all_of(tests: Rows[_Test]) -> _Test:
    """Whether a value passes all of them: mostly it is one."""
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def _is_moving(node: Did | Sequence) -> bool:
    """Whether a window begins with a day of the customer's, or rows begin or cease to count as time goes by."""
    if node.during is not None and node.during.since is not None:
        return True
    whiches = (node.which,) if isinstance(node, Did) else tuple(step.which for step in node.steps)
    checks = [check for which in whiches for check in which.checks]
    checks += [check for which in whiches for some in which.some for check in some.checks]
    checks += node.of_each if isinstance(node, Did) else ()
    return any(map(moves, checks))


# --- nodes


def _some(id: str, of: Rows[_Asking], *, needed: bool) -> _Asking:
    """All of them where `needed`, any of them where not."""

    def asked(one: Person) -> Found:
        found = []
        soonest: datetime | None = None
        latest: datetime | None = None
        is_decided = is_for_good = False
        is_whole = one.is_whole
        for part in of:
            said = part(one)
            found.append(said)
            changes = said.changes
            if said.holds is needed:
                soonest = _sooner(soonest, changes)
                continue
            is_decided = True
            if changes is None:
                # As long as this one stays, the others decide nothing.
                is_for_good = True
                if not is_whole:
                    break
            elif latest is None or changes > latest:
                latest = changes
        if is_decided:
            return Found(not needed, None if is_for_good else latest, id, None, tuple(found))
        return Found(needed, soonest, id, None, tuple(found))

    return asked


def _opposite(id: str, inner: _Asking) -> _Asking:
    def asked(one: Person) -> Found:
        said = inner(one)
        return Found(not said.holds, said.changes, id, None, (said,))

    return asked


def _has(node: Has) -> _Asking:
    id, name, is_so = node.id, node.field, _all_of([_test(check) for check in node.checks])

    def asked(one: Person) -> Found:
        value = one.fields.get(name)
        return Found(is_so(value), None, id, value)

    return asked


def _among(node: Among) -> _Asking:
    def asked(one: Person) -> Found:
        value: Whatever = one.fields.get(node.field)
        cut = one.cuts.get(node.id)
        holds = value is not None and cut is not None and (value >= cut if node.highest else value <= cut)
        return Found(holds, None, node.id, value)

    return asked


def _inside(moments: Rows[datetime], window: _Window) -> Rows[datetime]:
    return moments[bisect_left(moments, window.start) : bisect_left(moments, window.end)]


def _reached(reached: Rows[datetime], came: Rows[datetime], step: Step) -> Rows[datetime]:
    """Those that came in time after one of what was reached before: after the one right before it, if at all."""
    found = []
    within = None if step.within is None else step.within.length
    for moment in came:
        place = bisect_left(reached, moment)
        if place and (within is None or moment - reached[place - 1] <= within):
            found.append(moment)
    return found


def _is_missing(reached: Rows[datetime], came: Rows[datetime], last: Step, at: datetime) -> bool:
    """Whether after one of what was reached the last did not come in its time, which is over."""
    assert last.within is not None
    within = last.within.length
    for before in reached:
        if before + within >= at:
            return False
        place = bisect_right(came, before)
        if place == len(came) or came[place] - before > within:
            return True
    return False


# --- rows and tests


def _selecting(which: Which) -> Callable[[Person], Rows[Row]]:
    """Their rows that pass, the earliest first. Where one text is asked for, only rows with it are looked at."""
    collection = which.collection
    first = next((check for check in which.checks if check.type == "text" and check.test == "is"), None)
    tests = [(check.asked, _test(check)) for check in which.checks if check is not first and not moves(check)]
    some = [(one.parts, [(check.asked, _test(check)) for check in one.checks]) for one in which.some]

    def selected(one: Person) -> Rows[Row]:
        if first is None:
            rows = one.ordered(collection)
        else:
            assert isinstance(first.than, str)
            rows = one.having(collection, first.asked, first.than)
        if tests:
            rows = [row for row in rows if _passes(tests, row.values)]
        if some:
            rows = [row for row in rows if _has_parts(some, row)]
        return rows

    return selected


def _has_parts(some: Rows[tuple[str, Rows[tuple[str, _Test]]]], row: Row) -> bool:
    return all(any(_passes(tests, part) for part in row.parts.get(name, ())) for name, tests in some)


def _passes(tests: Iterable[tuple[str, _Test]], values: Values) -> bool:
    for asked, test in tests:  # noqa: SIM110 - twice as fast as all(), and asked of every row
        if not test(values.get(asked)):
            return False
    return True


def _amount(node: Did) -> Callable[[Rows[Row]], int | Decimal]:
    """What is counted of all the rows: the first that `_counting` says, for a part of the work."""
    column, each = node.column, node.each
    of_each = [(check.asked, _test(check)) for check in node.of_each]

    def counted(rows: Rows[Row]) -> Iterable[Values]:
        if each is None:
            return (row.values for row in rows)
        return (part for row in rows for part in row.parts.get(each, ()) if _passes(of_each, part))

    def values(rows: Rows[Row]) -> list[Whatever]:
        return [value for one in counted(rows) if (value := one.get(column or "")) is not None]

    if column is None:
        return lambda rows: sum(1 for _ in counted(rows))
    if node.counted == "distinct":
        return lambda rows: len(set(values(rows)))
    return lambda rows: sum(values(rows))


def _counting(node: Did) -> Callable[[Rows[Row]], Rows[int | Decimal]]:
    """What is counted of all the rows, of all but the first, and so on down to none of them."""
    column, each = node.column, node.each
    if column is None and each is None:
        return lambda rows: range(len(rows), -1, -1)
    of_each = [(check.asked, _test(check)) for check in node.of_each]
    is_distinct = node.counted == "distinct"

    def amounts(rows: Rows[Row]) -> Rows[int | Decimal]:
        found: list[Whatever] = [0]
        different: set[Value] = set()
        for row in reversed(rows):
            counted: Rows[Values] = (row.values,)
            if each is not None:
                counted = [part for part in row.parts.get(each, ()) if _passes(of_each, part)]
            if column is None:
                found.append(found[-1] + len(counted))
                continue
            values: list[Whatever] = [value for one in counted if (value := one.get(column)) is not None]
            if is_distinct:
                different.update(values)
                found.append(len(different))
            else:
                found.append(sum(values, found[-1]))
        found.reverse()
        return found

    return amounts


def _test(check: Check) -> _Test:
    """`holding.Look.is_so` of a check that asks nothing of the instant. A value is of the type that was asked for."""
    than: Whatever = check.than
    match check.test:
        case "is_known":
            return lambda value: (value is not None and value != ()) == than
        case "is_not":
            return lambda value: value is None or value != than
        case "not_in":
            return lambda value: value is None or value not in than
        case "is":
            return lambda value: value is not None and value == than
        case "in":
            return lambda value: value is not None and value in than
        case "starts_with":
            return lambda value: value is not None and value.startswith(than)
        case "contains":
            return lambda value: value is not None and than in value
        case "has_any":
            wanted = frozenset(than)
            return lambda value: value is not None and not wanted.isdisjoint(value)
        case "has_all":
            needed = frozenset(than)
            return lambda value: value is not None and needed.issubset(value)
    compare: Callable[[Whatever, Whatever], bool] = COMPARES[check.test]
    return lambda value: value is not None and compare(value, than)
