"""Points in the reader's words: numbers, kinds of entries, and the books between which they move."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from regulars.doors.console import actors
from regulars.facts.commerce import orders
from regulars.kit.points import Points
from regulars.levers.loyalty import explaining
from regulars.levers.loyalty.points import Line
from regulars.oversight.reporting import formats

KINDS: Final[dict[str, Any]] = {
    "award": pgettext_lazy("points", "Given"),
    "activate": pgettext_lazy("points", "Can be spent"),
    "hold": pgettext_lazy("points", "Kept for a purchase"),
    "capture": pgettext_lazy("points", "Spent of what was kept"),
    "release": pgettext_lazy("points", "Kept no longer"),
    "redeem": pgettext_lazy("points", "Spent"),
    "reverse": pgettext_lazy("points", "Undone"),
    "expire": pgettext_lazy("points", "Expired"),
    "extend": pgettext_lazy("points", "Valid for longer"),
    "reinstate": pgettext_lazy("points", "Valid again"),
    "adjust": pgettext_lazy("points", "By hand"),
    "merge_out": pgettext_lazy("points", "Gone to another record"),
    "merge_in": pgettext_lazy("points", "Come from another record"),
    "settle": pgettext_lazy("points", "Debt paid"),
    "write_off": pgettext_lazy("points", "Debt forgiven"),
}
#: Name and meaning of each book.
BOOKS: Final[dict[str, tuple[Any, Any]]] = {
    "available": (pgettext_lazy("book", "Available"), gettext_lazy("with members, can be spent")),
    "pending": (pgettext_lazy("book", "Pending"), gettext_lazy("with members, cannot be spent yet")),
    "held": (pgettext_lazy("book", "Kept"), gettext_lazy("with members, for purchases under way")),
    "debt": (pgettext_lazy("book", "Owed"), gettext_lazy("spent before it was taken back")),
    "issuance": (pgettext_lazy("book", "Issued"), gettext_lazy("given by the programme")),
    "goodwill": (pgettext_lazy("book", "Goodwill"), gettext_lazy("given by hand")),
    "partner": (pgettext_lazy("book", "Partners"), gettext_lazy("given and paid by partners")),
    "migration": (pgettext_lazy("book", "Brought along"), gettext_lazy("from the system used before")),
    "redeemed": (pgettext_lazy("book", "Spent"), gettext_lazy("on rewards and purchases")),
    "donation": (pgettext_lazy("book", "Donated"), gettext_lazy("to good causes")),
    "withdrawn": (pgettext_lazy("book", "Taken away"), gettext_lazy("by hand")),
    "breakage": (pgettext_lazy("book", "Lapsed"), gettext_lazy("not spent before they expired")),
    "transit": (
        pgettext_lazy("book", "Under way"),
        gettext_lazy("between records that are being joined, and to heirs; always zero"),
    ),
}


@dataclass(frozen=True)
class Changed:
    """By how much a place changed: "+100", and which place; `tone` is empty where it is not what can be spent."""

    amount: str
    place: str
    tone: str


@dataclass(frozen=True)
class Told:
    """An entry as people read it."""

    line: Line
    kind: str
    because: str
    by: str
    changes: tuple[Changed, ...]
    stands: str
    #: Of one that moved a last day: which it was and which it is. None: without an end.
    was: date | None = None
    until: date | None = None
    #: Of one by which an order gave points or took them back: its public id, and what it is called.
    order: tuple[str, str] | None = None

    @property
    def moves_end(self) -> bool:
        """Whether it says of an award that it has another last day."""
        return "until" in self.line.reason.arguments


def shown(parts: int, scale: int) -> str:
    """1,250 or 12.5, in the reader's digits."""
    return formats.number(Points(parts, scale).decimal, scale)


def signed(parts: int, scale: int) -> str:
    """+1,250 or −12.5."""
    return ("+" if parts > 0 else "\N{MINUS SIGN}" if parts < 0 else "") + shown(abs(parts), scale)


def kind(code: str) -> str:
    """What a kind of entry is called."""
    return str(KINDS.get(code, code))


def book(code: str) -> str:
    """What a book is called."""
    return str(BOOKS[code][0]) if code in BOOKS else code


def told(lines: Sequence[Line], scale: int) -> list[Told]:
    """Entries with who did it, what changed, and of which order, in order. Four queries."""
    names = actors.told({line.by for line in lines})
    order_of = explaining.orders_of([line.id for line in lines])
    called = orders.called(order_of.values())
    return [
        Told(
            line,
            kind(line.kind),
            _not_said_twice(line.because, kind(line.kind)),
            names[line.by],
            tuple(_changes(line, scale)),
            shown(line.available, scale),
            was=_day(line.reason.arguments.get("was")),
            until=_day(line.reason.arguments.get("until")),
            order=called.get(order_of.get(line.id, 0)),
        )
        for line in lines
    ]


def together(entries: Iterable[Told]) -> list[list[Told]]:
    """Entries that stand one after the other and moved but days, by one act, as one: a freeze that ends writes one for
    each award."""
    return [
        list(some)
        for _which, some in groupby(
            entries,
            key=lambda one: (one.line.effective_at, one.because) if one.line.kind == "extend" else one.line.id,
        )
    ]


def _day(told: object) -> date | None:
    return date.fromisoformat(told) if isinstance(told, str) and told else None


def _not_said_twice(because: str, said: str) -> str:
    """The reason without what its kind says already: Spent on a mug, not Spent spent on a mug."""
    start = because[: len(said)]
    rest = because[len(said) :]
    # A word that only begins like it is another word.
    return rest.strip() if start.casefold() == said.casefold() and not rest[:1].isalpha() else because


def _changes(line: Line, scale: int) -> list[Changed]:
    change = line.change
    found = []
    for parts, place in (
        (change.available, _("available")),
        (change.pending, _("pending")),
        (change.held, _("kept")),
        (change.debt, _("owed")),
    ):
        if parts:
            tone = "good" if parts == change.available and parts > 0 else ""
            found.append(Changed(signed(parts, scale), place, tone))
    return found


def exact(amount: Decimal, scale: int) -> int:
    """The smallest parts of an amount a form has checked already."""
    return Points.of(amount, scale).parts
