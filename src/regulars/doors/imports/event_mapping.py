"""Mappings for files of events: which column is what, and which are properties of what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext

from regulars.doors.imports import mapping
from regulars.doors.imports.mapping import BadMapping, FileMapping

SHIPPED = mapping.SHIPPED / "events"
#: What a column may mean, in the order in which a guess claims columns. All others are properties.
FIELDS = ("message", "event", "type", "time", "user", "anonymous", "message_id", "properties")
_KEYS = mapping.KEYS | {"properties", "texts"}
_PARTS = ("properties", "traits", "context")


@dataclass(frozen=True)
class EventMapping(FileMapping):
    """How to read one kind of file of events.

    `properties` has columns by the names of properties; None: every column that is nothing else is one, by its own
    name. Points in a name nest. `texts` are columns that are never numbers.
    """

    properties: Mapping[str, str] | None = None
    texts: frozenset[str] = frozenset()


def load(name_or_file: str) -> EventMapping:
    """A shipped mapping for events by its name, or one of your own by its path."""
    file = mapping.find(name_or_file, SHIPPED)
    told = mapping.content(file, FIELDS, _KEYS)
    wanted, texts = told.get("properties"), told.get("texts") or []
    if wanted is not None and not isinstance(wanted, dict):
        raise mapping.bad(file, "properties", wanted, gettext("write {price: Price, product.name: Article}"))
    if not isinstance(texts, list):
        raise mapping.bad(file, "texts", texts, gettext("write a list of columns"))
    return EventMapping(
        **mapping.shared(file, told),
        properties=None if wanted is None else {str(name): str(column) for name, column in wanted.items()},
        texts=frozenset(map(str, texts)),
    )


def bind(wanted: EventMapping, columns: Sequence[str]) -> EventMapping:
    """`wanted` with every field and property tied to a column that is there."""
    found = mapping.tie(wanted, FIELDS, columns)
    if "message" in found.columns:
        return replace(found, columns={"message": found.columns["message"]}, properties={})
    for needed, spoken in (("event", gettext("the event's name")), ("time", gettext("the time"))):
        if needed not in found.columns and not (needed == "event" and "type" in found.columns):
            raise mapping.missing(wanted, needed, spoken, columns)
    if not {"user", "anonymous"} & set(found.columns):
        raise mapping.missing(wanted, "user", gettext("the user's or the anonymous id"), columns)
    if found.properties is None:
        taken = {part for one in found.columns.values() for part in (*one.names, *one.join)}
        rest = [name for name in columns if name not in taken and not name.startswith("regulars_")]
        found = replace(found, properties={name: name for name in rest})
    assert found.properties is not None
    for name, column in found.properties.items():
        if column not in columns:
            raise mapping.missing(wanted, name, column, columns)
    _check_nesting(found.properties)
    return found


def path_of(name: str) -> tuple[str, ...]:
    """Where in the message a property stands: `product.name` under properties, `context.page.url` where it says."""
    parts = tuple(part for part in name.split(".") if part)
    return parts if len(parts) > 1 and parts[0] in _PARTS else ("properties", *(parts or (name,)))


def _check_nesting(properties: Mapping[str, str]) -> None:
    paths = {path_of(name): name for name in properties}
    for path, name in paths.items():
        for end in range(2, len(path)):
            if (other := paths.get(path[:end])) is not None:
                raise BadMapping(
                    gettext(
                        "map: %(column)s is a value and, for %(name)s, an object that holds one; rename one of"
                        " the two columns, or name them under `properties:`"
                    )
                    % {"column": repr(other), "name": repr(name)},
                    field="properties",
                    value=name,
                )
