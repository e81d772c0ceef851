"""Finds what rooms offer (`reactions`, `published`, `commands`, `jobs` …) through the one tuple of rooms."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from django.conf import settings


def modules(name: str) -> Iterator[ModuleType]:
    """Every room's public module called `name`, in the order of the house; rooms without one are passed over."""
    for room in settings.REGULARS_ROOMS:
        path = f"{room}.{name}"
        if find_spec(path) is not None:
            yield import_module(path)
