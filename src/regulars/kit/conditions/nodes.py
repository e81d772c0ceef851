"""The tree of a condition: frozen, checked, with a name for every node. `reading.read` makes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from regulars.kit.conditions.moments import Gap, Span

#: As rooms offer them: `texts` has no order, `money` is whole minor units of the shop's currency.
Type = Literal["int64", "decimal", "money", "text", "texts", "date", "timestamp", "bool"]
Value = str | int | bool | Decimal | date | datetime | tuple[str, ...]
Test = Literal[
    "is",
    "is_not",
    "in",
    "not_in",
    "starts_with",
    "contains",
    "has_any",
    "has_all",
    "at_least",
    "at_most",
    "more_than",
    "less_than",
    "before",
    "from",
    "during",
    "anniversary_within_days",
    "is_known",
]

Counted = Literal["count", "sum", "distinct"]


@dataclass(frozen=True)
class Check:
    """One test of one value. `than` is of the asked type, a tuple for `in`, `has_any` …, a `Span` for `during`."""

    asked: str
    type: Type
    test: Test
    than: Value | tuple[Value, ...] | Span


@dataclass(frozen=True)
class Has:
    """A value of the customer passes all the checks; all of them ask the same field."""

    id: str
    field: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Some:
    """Of a row's parts (an order's lines) one alone passes all the checks."""

    parts: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Which:
    """Rows of a collection: those that pass all the checks and have all the parts asked for."""

    collection: str
    checks: tuple[Check, ...]
    some: tuple[Some, ...]


@dataclass(frozen=True)
class Did:
    """How many such rows, or which sum or number of different values, in a span of time: all of `amount` hold.

    With `each`, the parts that pass `of_each` are counted instead of the rows they belong to.
    """

    id: str
    which: Which
    during: Span | None
    counted: Counted
    column: str | None
    each: str | None
    of_each: tuple[Check, ...]
    amount: tuple[Check, ...]


@dataclass(frozen=True)
class Step:
    """`within`: how long after the step before it, at most; None for the first, or without a limit."""

    which: Which
    within: Gap | None


@dataclass(frozen=True)
class Sequence:
    """One after the other, each strictly later. With `last_is_missing` the last one did not come in its time, and that
    time is over."""

    id: str
    steps: tuple[Step, ...]
    during: Span | None
    last_is_missing: bool


@dataclass(frozen=True)
class Among:
    """Among the highest (or lowest) `percent` of everyone by a number; ties are in together, those without it never."""

    id: str
    field: str
    highest: bool
    percent: Decimal


@dataclass(frozen=True)
class Member:
    """In an audience."""

    id: str
    audience: str


@dataclass(frozen=True)
class All:
    id: str
    of: tuple["Node", ...]


@dataclass(frozen=True)
class Any:
    id: str
    of: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    id: str
    of: "Node"


Node = All | Any | Not | Has | Did | Sequence | Among | Member


@dataclass(frozen=True)
class Condition:
    """A checked tree and the zone whose clocks its days and months are read from."""

    version: int
    zone: ZoneInfo
    root: Node

    def nodes(self) -> Iterator[Node]:
        """Every node, each before those under it."""
        waiting: list[Node] = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, All | Any):
                waiting.extend(reversed(node.of))
            elif isinstance(node, Not):
                waiting.append(node.of)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields of the customer it asks, those that windows begin with included."""
        found = {node.field for node in self.nodes() if isinstance(node, Has | Among)}
        for node in self.nodes():
            spans = [node.during] if isinstance(node, Did | Sequence) else []
            found |= {span.since for span in spans if span is not None and span.since is not None}
        return frozenset(found)

    @cached_property
    def collections(self) -> frozenset[str]:
        """The collections of rows it looks at."""
        found: set[str] = set()
        for node in self.nodes():
            if isinstance(node, Did):
                found.add(node.which.collection)
            elif isinstance(node, Sequence):
                found |= {step.which.collection for step in node.steps}
        return frozenset(found)

    @cached_property
    def audiences(self) -> frozenset[str]:
        """The audiences it asks."""
        return frozenset(node.audience for node in self.nodes() if isinstance(node, Member))
