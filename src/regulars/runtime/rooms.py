"""Finds what rooms offer (`reactions`, `published`, `commands`, `jobs` …) through the one tuple of rooms."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from django.conf import settings

from regulars.runtime.database.offered import Collection, Field


def modules(name: str) -> Iterator[ModuleType]:
    """Every room's public module called `name`, in the order of the house; rooms without one are passed over."""
    for path in _paths(tuple(settings.REGULARS_ROOMS), name):
        yield import_module(path)


# A look into every room's folder, which many a request would take.
@cache
def _paths(rooms: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(path for room in rooms if find_spec(path := f"{room}.{name}") is not None)


def fields() -> dict[str, Field]:
    """What the rooms offer of a customer, by name, in the order of the house. One query where operators define some."""
    found: dict[str, Field] = {}
    for module in modules("fields"):
        defined = getattr(module, "defined", tuple)
        for field in (*getattr(module, "FIELDS", ()), *defined()):
            if field.name in found:
                raise ValueError(f"two fields are called {field.name!r}")
            found[field.name] = field
    return found


def collections() -> dict[str, Collection]:
    """What happens to customers, by name, in the order of the house."""
    return {one.name: one for module in modules("fields") for one in getattr(module, "COLLECTIONS", ())}
