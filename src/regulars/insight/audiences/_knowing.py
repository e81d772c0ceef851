"""What conditions have to know of some customers, read from the database in a few queries for all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from regulars.kit.conditions.holding import Row, Values
from regulars.kit.conditions.moments import BEGINNING, Span
from regulars.kit.conditions.nodes import Condition, Did, Which
from regulars.kit.conditions.nodes import Sequence as Following
from regulars.runtime.database.offered import Collection, Field, Value, Wanted

#: Clocks that change move windows by an hour or two.
_MARGIN = timedelta(days=2)


@dataclass(frozen=True)
class Facts:
    """Of many customers: their field values, and their rows by collection."""

    fields: Mapping[int, Values]
    rows: Mapping[int, Mapping[str, Sequence[Row]]] = field(default_factory=dict)


def facts(
    asked_of: Sequence[tuple[Sequence[int], Sequence[Condition]]],
    *,
    fields: Mapping[str, Field],
    collections: Mapping[str, Collection],
    at: datetime,
) -> Facts:
    """All that is asked of these customers: some of them, each once, and the conditions that they are asked. One or two
    queries for each field and collection asked."""
    customers = [number for some, _ in asked_of for number in some]
    asked = list({id(condition): condition for _, conditions in asked_of for condition in conditions}.values())
    values: dict[int, dict[str, Value]] = {number: {} for number in customers}
    for name in sorted(frozenset[str]().union(*(one.fields for one in asked))):
        for number, value in fields[name].read(customers).items():
            if number in values:
                values[number][name] = value
    rows: dict[int, dict[str, Sequence[Row]]] = {number: {} for number in customers}
    for name in sorted(frozenset[str]().union(*(one.collections for one in asked))):
        for number, found in collections[name].read(customers, _wanted_of(name, asked_of, asked, at)).items():
            if number in rows:
                rows[number][name] = found
    return Facts(values, rows)


def _wanted_of(
    collection: str,
    asked_of: Sequence[tuple[Sequence[int], Sequence[Condition]]],
    asked: Sequence[Condition],
    at: datetime,
) -> Wanted:
    whole = wanted(collection, asked, at)
    if len(asked_of) == 1:
        return whole
    since = {id(one): wanted(collection, [one], at).since for one in asked if collection in one.collections}
    since_of: dict[int, datetime | None] = {}
    for customers, conditions in asked_of:
        # None is for ever, and those whom nothing here asks for are asked for nothing.
        sinces = [since[id(one)] for one in conditions if id(one) in since]
        known = [one for one in sinces if one is not None]
        earliest = min(known, default=at) if len(known) == len(sinces) else None
        since_of.update(dict.fromkeys(customers, earliest))
    return replace(whole, since_of=since_of)


def wanted(collection: str, conditions: Iterable[Condition], at: datetime) -> Wanted:
    """What the conditions together can ask of a collection."""
    since: list[datetime] = []
    only: list[Mapping[str, frozenset[str]]] = []
    columns: set[str] = set()
    parts: set[str] = set()
    for condition in conditions:
        for asks in _asks(condition, collection):
            window = None if asks.during is None else asks.during.instants(at, condition.zone)
            since.append(BEGINNING if window is None else max(BEGINNING, window.start - _MARGIN))
            only.append(asks.only)
            columns |= asks.columns
            parts |= asks.parts
    earliest = min(since, default=BEGINNING)
    narrowed = set(only[0]).intersection(*only[1:]) if only else set()
    return Wanted(
        since=None if earliest <= BEGINNING else earliest,
        only={column: frozenset[str]().union(*(one[column] for one in only)) for column in narrowed},
        columns=frozenset(columns),
        parts=frozenset(parts),
    )


@dataclass(frozen=True)
class _Asks:
    """Of a collection: the window within which, None for any time; which texts columns must have; what is looked at."""

    during: Span | None
    only: Mapping[str, frozenset[str]]
    columns: frozenset[str]
    parts: frozenset[str]


@lru_cache(maxsize=4096)
def _asks_of(which: Which, during: Span | None, column: str | None, each: str | None) -> _Asks:
    columns = {check.asked for check in which.checks}
    parts = {some.parts for some in which.some}
    if each is not None:
        parts.add(each)
    elif column is not None:
        columns.add(column)
    return _Asks(
        during=None if during is None or during.since is not None else during,
        only=values_of(which),
        columns=frozenset(columns),
        parts=frozenset(parts),
    )


def _asks(condition: Condition, collection: str) -> Iterator[_Asks]:
    for node in condition.nodes():
        if isinstance(node, Did) and node.which.collection == collection:
            yield _asks_of(node.which, node.during, node.column, node.each)
        elif isinstance(node, Following):
            for step in node.steps:
                if step.which.collection == collection:
                    # What ends the waiting may come after the window.
                    yield _asks_of(step.which, node.during, None, None)


@lru_cache(maxsize=4096)
def values_of(which: Which) -> Mapping[str, frozenset[str]]:
    """For columns that must be one of some texts, which."""
    found: dict[str, frozenset[str]] = {}
    for check in which.checks:
        values: Sequence[object] = ()
        if check.type == "text" and check.test == "is":
            values = (check.than,)
        elif check.type == "text" and check.test == "in" and isinstance(check.than, tuple):
            values = check.than
        texts = frozenset(value for value in values if isinstance(value, str))
        if texts:
            found[check.asked] = found.get(check.asked, texts) & texts
    return found
