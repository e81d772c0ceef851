"""What conditions may speak of: the fields of a customer, and the collections of rows that happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from regulars.kit.conditions.nodes import Type

Kind = Literal["fact", "reading", "prediction"]


@dataclass(frozen=True)
class Asked:
    """A field of the customer, or a column of rows. `label` is in the reader's language; `choices`: code to words."""

    name: str
    type: Type
    label: str
    kind: Kind = "fact"
    choices: Mapping[str, str] = field(default_factory=dict)
    is_personal: bool = False


@dataclass(frozen=True)
class Collection:
    """Rows with an instant each, such as orders or events, and what they consist of, such as lines.

    `did` is how a sentence says that one happened: "ordered", "下过单".
    """

    name: str
    label: str
    did: str
    columns: Mapping[str, Asked]
    parts: Mapping[str, Mapping[str, Asked]] = field(default_factory=dict)
    part_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Vocabulary:
    """All of it, with the currency in which amounts are written and the audiences that there are (id to name)."""

    fields: Mapping[str, Asked]
    collections: Mapping[str, Collection]
    currency: str
    audiences: Mapping[str, str] = field(default_factory=dict)
