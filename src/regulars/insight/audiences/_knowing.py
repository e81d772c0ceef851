"""What conditions have to know of some customers, read from the database in a few queries for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from regulars.kit.conditions.holding import Row, Values
from regulars.kit.conditions.moments import BEGINNING
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
    customers: Sequence[int],
    conditions: Iterable[Condition],
    *,
    fields: Mapping[str, Field],
    collections: Mapping[str, Collection],
    at: datetime,
) -> Facts:
    """All that the conditions ask of these customers. One or two queries for each field and collection asked."""
    asked = list(conditions)
    values: dict[int, dict[str, Value]] = {number: {} for number in customers}
    for name in sorted(frozenset[str]().union(*(one.fields for one in asked))):
        for number, value in fields[name].read(customers).items():
            if number in values:
                values[number][name] = value
    rows: dict[int, dict[str, Sequence[Row]]] = {number: {} for number in customers}
    for name in sorted(frozenset[str]().union(*(one.collections for one in asked))):
        for number, found in collections[name].read(customers, wanted(name, asked, at)).items():
            if number in rows:
                rows[number][name] = found
    return Facts(values, rows)


def wanted(collection: str, conditions: Iterable[Condition], at: datetime) -> Wanted:
    """What the conditions together can ask of a collection."""
    since: list[datetime] = []
    only: list[Mapping[str, frozenset[str]]] = []
    for condition in conditions:
        for node in condition.nodes():
            if isinstance(node, Did):
                whiches: Sequence[Which] = (node.which,)
            elif isinstance(node, Following):
                whiches = tuple(step.which for step in node.steps)
            else:
                continue
            mine = [which for which in whiches if which.collection == collection]
            if not mine:
                continue
            window = None
            if node.during is not None and node.during.since is None:
                window = node.during.instants(at, condition.zone)
            since.append(BEGINNING if window is None else max(BEGINNING, window.start - _MARGIN))
            only.extend(_values_of(which) for which in mine)
    earliest = min(since, default=BEGINNING)
    columns = set(only[0]).intersection(*only[1:]) if only else set()
    return Wanted(
        since=None if earliest <= BEGINNING else earliest,
        only={column: frozenset[str]().union(*(one[column] for one in only)) for column in columns},
    )


def _values_of(which: Which) -> dict[str, frozenset[str]]:
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
