"""What one event looks like: which properties it has, and of which kinds their values are. Pure.

A path names a property: `price`, within an object `cart.value`, within the objects of a list `products[].price`; the
event itself is the path "". What is null, an empty text or an empty list says nothing and counts as absent.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal

Kind = Literal[
    "boolean", "integer", "number", "numeric_text", "date_text", "text", "list", "object", "personal", "nothing"
]
KINDS: Final[tuple[Kind, ...]] = (
    *("boolean", "integer", "number", "numeric_text", "date_text", "text", "list", "object", "personal"),
)
#: Properties of one event that are looked at; what it has beyond is counted.
MOST_PROPERTIES = 100
#: Objects of one list that are looked at, and how deep objects are opened.
MOST_MEMBERS = 50
DEEPEST = 4
LONGEST_PATH = 200
#: Of shapes that are kept.
_LONGEST_OF_FLAT = 60
#: In the place of what must not stand in a path.
_UNFIT = re.compile(r"[\x00-\x1f\x7f]")
_NUMERIC = re.compile(r"[+-]?(\d{1,30}|\d{1,3}(,\d{3}){1,9})([.]\d{1,30})?")
_DATE = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-4]):[0-5]\d(:[0-6]\d([.,]\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)
_PLACE = re.compile(r"\.\d+(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Seen:
    """The kinds of a property's values in one event. `is_whole`: every object that could have it has it."""

    kinds: frozenset[Kind]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What one event looks like. `properties` has the path "" always; `too_many` are those that were not looked at."""

    properties: Mapping[str, Seen]
    too_many: int = 0


def kind_of(value: object) -> Kind:
    """Which kind a JSON value is; `nothing` for null, an empty text or an empty list."""
    if value is None or value == "" or value == []:
        return "nothing"
    if isinstance(value, str):
        return _kind_of_text(value.strip())
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, Decimal | float):
        return "number"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "list"
    return _kind_of_text(str(value).strip())


def _kind_of_text(text: str) -> Kind:
    # Nearly all texts begin with a letter.
    if len(text) > 40 or text[:1].isalpha():
        return "text"
    if _NUMERIC.fullmatch(text):
        return "numeric_text"
    return "date_text" if _DATE.fullmatch(text) else "text"


def of(told: Mapping[str, Any], hidden: Iterable[str] = ()) -> Shape:
    """The shape of an event with these properties.

    `hidden` are the paths of what was taken out because it is personal, as `facts/events/personal` tells them without
    the part of the message: present, and of a kind nobody asks for.
    """
    kinds: dict[str, set[Kind]] = {"": {"object"}}
    if not hidden and (flat := _flat(told)) is not None:
        return flat
    # In how many objects a property stands, of how many there are at its place.
    having: dict[str, int] = {"": 1}
    objects: dict[str, int] = {}
    _walk(told, "", kinds, having, objects, DEEPEST)
    for path in hidden:
        named = _PLACE.sub("[]", path)
        kinds.setdefault(named, set()).add("personal")
        having[named] = objects.get(parent(named), 1)
    # Which of too many are looked at does not depend on their order.
    paths = sorted(kinds)
    return Shape(
        {
            path: _seen(frozenset(kinds[path]), having[path] >= objects.get(parent(path), 1))
            for path in paths[: MOST_PROPERTIES + 1]
        },
        max(0, len(paths) - MOST_PROPERTIES - 1),
    )


def _flat(told: Mapping[str, Any]) -> Shape | None:
    """The shape of properties with nothing inside them, which most events are: one value for all that look alike."""
    if len(told) > MOST_PROPERTIES:
        return None
    found = []
    for name, value in told.items():
        if isinstance(value, dict | list) or len(name) > _LONGEST_OF_FLAT:
            return None
        found.append((name, kind_of(value)))
    return _of_flat(tuple(found))


@lru_cache(maxsize=1_000)
def _of_flat(told: tuple[tuple[str, Kind], ...]) -> Shape:
    kinds: dict[str, set[Kind]] = {"": {"object"}}
    for name, kind in told:
        if kind != "nothing":
            kinds.setdefault(_path("", name), set()).add(kind)
    return Shape({path: _seen(frozenset(kinds[path]), True) for path in sorted(kinds)})


#: Most events look alike, and what looks alike is one value.
@lru_cache(maxsize=1_000)
def _seen(kinds: frozenset[Kind], is_whole: bool) -> Seen:
    return Seen(kinds, is_whole)


@lru_cache(maxsize=10_000)
def _path(at: str, name: str) -> str:
    """Where the property `name` of the object at `at` stands. Names of any length come: long ones are not cached."""
    # A dot inside a name is no step into an object.
    tidy = name.replace(".", "·")
    return _UNFIT.sub("·", f"{at}.{tidy}" if at else tidy)[:LONGEST_PATH]


@lru_cache(maxsize=10_000)
def parent(path: str) -> str:
    """Where the object stands that has this property: `products[]` for `products[].price`, "" for `price`."""
    if path.endswith("[]"):
        return path[:-2]
    return path.rpartition(".")[0]


def _walk(
    told: Mapping[str, Any],
    at: str,
    kinds: dict[str, set[Kind]],
    having: dict[str, int],
    objects: dict[str, int],
    depth: int,
) -> None:
    objects[at] = objects.get(at, 0) + 1
    for name, value in told.items():
        kind = kind_of(value)
        if kind == "nothing":
            continue
        path = _path(at, name) if len(name) <= LONGEST_PATH else _path.__wrapped__(at, name)
        kinds.setdefault(path, set()).add(kind)
        having[path] = having.get(path, 0) + 1
        if depth == 0:
            continue
        if kind == "object":
            _walk(value, path, kinds, having, objects, depth - 1)
        elif kind == "list":
            members = value[:MOST_MEMBERS]
            inside = f"{path}[]"
            for member in members:
                of_member = kind_of(member)
                if of_member != "nothing":
                    kinds.setdefault(inside, set()).add(of_member)
                    having[inside] = having.get(inside, 0) + 1
                if of_member == "object":
                    _walk(member, inside, kinds, having, objects, depth - 1)
