"""Migrating without making every model anew at each step."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.db.migrations.state import ProjectState

#: App and name of a model.
Key = tuple[str, str]

_all_that_are_near = ProjectState._find_reload_model  # type: ignore[attr-defined]  # Django's own, and its types do not name it


@contextmanager
def one_model_at_a_time() -> Iterator[None]:
    """For the length of the block a step of a migration makes the classes of the model it changes, and of no other.

    Django makes those of all models that the changed one leads to, too, so that Python among the steps sees one set
    of classes: three quarters of what an empty database costs. Tables are changed by names and columns, for which a
    class of before does as well. Python gets all of them made anew: Django does so for a state that calls itself
    delayed.
    """
    with patch.object(ProjectState, "_find_reload_model", _found):
        yield


def _found(state: ProjectState, app: str, name: str, delay: bool = False) -> set[Key]:
    """What is to be made anew. A changed relation, or a column that others refer to (no `delay`), is left to Django."""
    is_new = name not in state.apps.all_models[app]
    if (delay or is_new) and not _is_base(state, f"{app}.{name}"):
        state.is_delayed = True
        return {(app, name)}
    near: set[Key] = _all_that_are_near(state, app, name, delay)
    return near


def _is_base(state: ProjectState, label: str) -> bool:
    return any(
        isinstance(base, str) and base.lower() == label for model in state.models.values() for base in model.bases
    )
