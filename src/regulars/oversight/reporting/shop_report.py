"""What the page for a shop's owner is made of: the values, and nothing of their form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from regulars.kit.languages import Language

#: Lines of the list of regulars who are slipping away.
LAPSING_SHOWN = 25

#: What neither the file nor whoever asked has said, so that it was taken for granted.
Assumed = Literal["currency", "zone", "language"]


@dataclass(frozen=True)
class LapsingRegular:
    """One line of the list: `ref` is what the shop itself calls the customer."""

    ref: str
    last_on: date
    typical_gap_days: float
    recency_days: int
    at_stake_minor: int


@dataclass(frozen=True)
class FileNotes:
    """What reading the file came to. `reasons` are the rejected rows by reason, most first, in the reader's words."""

    name: str
    rows: int
    rejected: int = 0
    reasons: Sequence[tuple[str, int]] = ()
    conflicts: int = 0


@dataclass(frozen=True)
class ShopReport:
    """Everything the page shows. `shop` holds the shop measures' values by name, as `insight.measures` has them."""

    file: FileNotes
    language: Language
    zone: str
    shop: Mapping[str, Mapping[str, Any]]
    lapsing: Sequence[LapsingRegular]
    made_on: date
    is_as_of_asked: bool = False
    assumed: Sequence[Assumed] = ()
