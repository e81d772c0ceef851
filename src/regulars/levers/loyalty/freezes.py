"""Why somebody's points are frozen: words for the code of a person, and for what does not agree of their books."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from regulars.levers.loyalty.models import FROZEN_FOR

_WORDS: dict[str, str | Promise] = {
    "blocked": gettext_lazy("the member is blocked"),
    "under_age": gettext_lazy("the member is under age"),
    "estate": gettext_lazy("the member has died"),
    "dispute": gettext_lazy("something is in dispute"),
}
#: What the doctor finds at an account, by the names of `checkups`.
_FOUND: dict[str, str | Promise] = {
    "balances": gettext_lazy("the balance is not the sum of what was posted"),
    "lots": gettext_lazy("the balance is not the sum of the awards"),
    "postings": gettext_lazy("an award is not where its postings brought it"),
    "holds": gettext_lazy("what is kept for purchases is not what the purchases keep"),
    "entries": gettext_lazy("an entry is missing or says another balance"),
    "debts": gettext_lazy("points are owed though there are some to pay them"),
    "persons": gettext_lazy("an award lies with somebody whose it is not"),
    "reversals": gettext_lazy("more of an entry was undone than it moved"),
    "ends": gettext_lazy("points were spent of an award that was over"),
    "decisions": gettext_lazy("an award is there twice for one decision"),
}


def said(why: str) -> str:
    """In the reader's language."""
    return str(_WORDS[why])


def found(why: str) -> str:
    """What does not agree of the books, in the reader's language: of names as an account keeps them, `balances, lots`.
    What the database said instead stays as it is."""
    names = why.split(", ")
    return "; ".join(str(_FOUND[name]) for name in names) if all(name in _FOUND for name in names) else why


def choices() -> list[tuple[str, str]]:
    """Every code with its words."""
    return [(why, said(why)) for why in FROZEN_FOR]
