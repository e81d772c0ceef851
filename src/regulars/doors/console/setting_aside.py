"""Why something is set aside, in the reader's language: the trail keeps the code, a free text might name somebody."""

from typing import Any, Final

from django.utils.translation import gettext_lazy

from regulars.facts.events.aside import Why

REASONS: Final[dict[Why, Any]] = {
    "mended_otherwise": gettext_lazy("it was mended otherwise"),
    "no_longer_needed": gettext_lazy("it is no longer needed"),
    "cannot_be_done": gettext_lazy("it cannot be done"),
}


def chosen(why: str) -> Why | None:
    """The reason that was chosen; None where none was."""
    return next((code for code in REASONS if code == why), None)
