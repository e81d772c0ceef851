"""Why a person freezes somebody's points: words for a code."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from regulars.levers.loyalty.models import FROZEN_FOR

_WORDS: dict[str, str | Promise] = {
    "blocked": gettext_lazy("the member is blocked"),
    "under_age": gettext_lazy("the member is under age"),
    "estate": gettext_lazy("the member has died"),
    "dispute": gettext_lazy("something is in dispute"),
}


def said(why: str) -> str:
    """In the reader's language."""
    return str(_WORDS[why])


def choices() -> list[tuple[str, str]]:
    """Every code with its words."""
    return [(why, said(why)) for why in FROZEN_FOR]
