"""What a source is expected to send, and how what it sends differs. Pure.

A plan is learned so that nothing it was learned from differs from it; whoever wants it narrower narrows it by hand.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final, Literal

from regulars.facts.sources import shapes
from regulars.facts.sources.shapes import Kind, Shape

Presence = Literal["required", "optional", "forbidden"]
PRESENCES: Final[tuple[Presence, ...]] = ("required", "optional", "forbidden")
#: Why an event is not as planned.
Code = Literal[
    "unexpected_event",
    "unexpected_property",
    "missing_property",
    "wrong_type",
    "forbidden_property",
    "too_many_names",
    "too_many_properties",
]
CODES: Final[tuple[Code, ...]] = (
    *("unexpected_event", "unexpected_property", "missing_property", "wrong_type", "forbidden_property"),
    *("too_many_names", "too_many_properties"),
)
#: What a plan that blocks turns away. A new property that nobody forbade loses nobody's order.
BLOCKED: Final = frozenset[Code](["unexpected_event", "missing_property", "wrong_type", "forbidden_property"])
#: Events with a property in each of them, from which on it is proposed as required.
ENOUGH = 20
#: An event is known by its call and, where the call is `track`, by its name.
Event = tuple[str, str]

_IDENTITY = re.compile(r"(^|[^a-z])(ids?|sku|code|number|no|ref|barcode|ean|gtin|zip)$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NEAR = 0.86
_SHORTEST_NEAR = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """One property, or with the path "" the event: whether it must be there, and of which kinds (empty: of any)."""

    presence: Presence
    kinds: frozenset[Kind] = frozenset()


@dataclass(frozen=True)
class Plan:
    """The events of one source and the properties of each, by path."""

    events: Mapping[Event, Mapping[str, Expected]]

    def required(self, event: Event) -> Sequence[str]:
        """The paths that must be there."""
        return _required(self, event)


@dataclass(frozen=True, slots=True, order=True)
class Deviation:
    """How an event is not as planned. `said` is the kind that came, or the planned spelling it comes near to."""

    code: Code
    path: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """How often a property came: in how many events it was whole, and in how many its values were of each kind."""

    whole: int
    kinds: Mapping[Kind, int]


def compare(plan: Plan, event: Event, shape: Shape) -> list[Deviation]:
    """How this event differs from the plan; nothing where it does not."""
    expected = plan.events.get(event)
    if expected is None or expected[""].presence == "forbidden":
        if event[0] != "track" and expected is None:
            return [Deviation("unexpected_event")]
        near = near_miss(event[1], [name for call, name in plan.events if call == event[0]])
        return [Deviation("unexpected_event", "", near if near != event[1] else "")]
    found: list[Deviation] = []
    for path, seen in shape.properties.items():
        if not path:
            continue
        wanted = expected.get(path)
        if wanted is None:
            if not path.endswith("[]") and _is_opened(expected, path):
                found.append(Deviation("unexpected_property", path, near_miss(path, [one for one in expected if one])))
        elif wanted.presence == "forbidden":
            found.append(Deviation("forbidden_property", path))
        elif wanted.kinds and "personal" not in seen.kinds:
            found += [
                Deviation("wrong_type", path, kind) for kind in sorted(seen.kinds) if not _fits(kind, wanted.kinds)
            ]
    for path in _required(plan, event):
        inside = shape.properties.get(shapes.parent(path))
        if inside is None or "object" not in inside.kinds:
            continue
        seen_here = shape.properties.get(path)
        # Which of too many properties were looked at says nothing about the rest.
        if (seen_here is None or not seen_here.is_whole) and not shape.too_many:
            found.append(Deviation("missing_property", path))
    if shape.too_many:
        found.append(Deviation("too_many_properties"))
    return found


def propose(counted: Mapping[str, Counted]) -> Mapping[str, Expected]:
    """What to expect of an event that came as `counted` says, by path; the path "" is the event itself."""
    proposed = {"": Expected("optional", frozenset(["object"]))}
    for path, here in counted.items():
        if not path or path.endswith("[]"):
            continue
        around = counted.get(shapes.parent(path))
        objects = 0 if around is None else around.kinds.get("object", 0)
        is_required = objects >= ENOUGH and here.whole == objects
        proposed[path] = Expected("required" if is_required else "optional", _widened(path, here.kinds))
    return proposed


def near_miss(name: str, known: Iterable[str]) -> str:
    """The known spelling that was meant, most likely: the same but for case, blanks and signs, or for a slip."""
    tidy = _tidy(name)
    best, closeness = "", _NEAR
    for one in sorted(known):
        if one == name:
            continue
        other = _tidy(one)
        if tidy and tidy == other:
            return one
        if min(len(tidy), len(other)) < _SHORTEST_NEAR or abs(len(tidy) - len(other)) > 3:
            continue
        matcher = SequenceMatcher(None, tidy, other, autojunk=False)
        if matcher.quick_ratio() > closeness and (ratio := matcher.ratio()) > closeness:
            best, closeness = one, ratio
    return best


def _fits(kind: Kind, wanted: frozenset[Kind]) -> bool:
    if kind in wanted:
        return True
    if kind == "integer":
        return "number" in wanted
    return kind in {"numeric_text", "date_text"} and "text" in wanted


def _widened(path: str, kinds: Mapping[Kind, int]) -> frozenset[Kind]:
    """What was seen, and what the next one may well be: 20 and then 19.90, the id 7001 and then A-7001."""
    seen: set[Kind] = {kind for kind, count in kinds.items() if count}
    if "integer" in seen:
        seen = seen - {"integer"} | {"number"}
    name = _HUMP.sub("_", path.rpartition(".")[2]).casefold()
    if "text" in seen or ("numeric_text" in seen and _IDENTITY.search(name)):
        seen = seen - {"numeric_text", "date_text"} | {"text"}
    return frozenset(seen)


def _is_opened(expected: Mapping[str, Expected], path: str) -> bool:
    """Whether somebody cares what is inside: an object that is unexpected itself is told once, not for each part."""
    above = shapes.parent(path)
    above = above.removesuffix("[]")
    return not above or above in expected


def _required(plan: Plan, event: Event) -> list[str]:
    return [path for path, one in plan.events[event].items() if path and one.presence == "required"]


@lru_cache(maxsize=4096)
def _tidy(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum())
