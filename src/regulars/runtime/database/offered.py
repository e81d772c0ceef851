"""What a room offers to conditions, templates and lists: fields of a customer, each with its words, type and reader,
and collections of what happened to them.

Each room that has something to offer declares `FIELDS: tuple[Field, ...]` in its `fields.py`; what operators define
themselves comes from a function `defined() -> tuple[Field, ...]` beside it, and what happened, such as orders, as
`COLLECTIONS: tuple[Collection, ...]`. Whoever wants them asks `rooms.fields()` and `rooms.collections()`.

Both say the same twice: `read` answers for some customers from the database, now; `everyone` is plain SQL over the
published tables, without anything that only one engine has, and answers for all of them as of the last publish. A
contract test holds them together. Instants are in UTC; `person` is the customer that records were joined into.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from django.utils.functional import Promise

from regulars.kit.conditions.holding import Row

#: `texts` is a list of codes without an order; `money` is whole minor units of the shop's currency.
FieldType = Literal["int64", "decimal", "money", "text", "texts", "date", "timestamp", "bool"]
#: A fact stands until it is corrected; a reading is computed and can be computed anew; a prediction may be wrong.
FieldKind = Literal["fact", "reading", "prediction"]
Value = str | int | bool | Decimal | date | datetime | tuple[str, ...]
PYTHON: Mapping[FieldType, type] = {
    "int64": int,
    "decimal": Decimal,
    "money": int,
    "text": str,
    "texts": tuple,
    "date": date,
    "timestamp": datetime,
    "bool": bool,
}


@dataclass(frozen=True)
class Field:
    """One thing that can be asked of a customer.

    `name` is `<room>.<what>` and stays: stored conditions and templates hold it. `read` answers for many customers at
    once and leaves out those without a value; it writes nothing. `everyone` is a SELECT of `person` and `value`: one
    row for each person who has one, of `texts` one row for each of theirs; None where nobody may ask it of everyone.
    A personal one is opened from its seal: templates may greet with it, conditions and lists that anybody may read may
    not ask it.
    """

    name: str
    type: FieldType
    kind: FieldKind
    label: str | Promise
    meaning: str | Promise
    read: Callable[[Sequence[int]], Mapping[int, Value]]
    everyone: str | None = None
    choices: Callable[[], Sequence[tuple[str, str | Promise]]] | None = None
    is_personal: bool = False

    def __post_init__(self) -> None:
        room, dot, what = self.name.partition(".")
        if not (room and dot and what) or len(self.name) > 120:
            raise ValueError(f"{self.name!r} is no field's name; call it <room>.<what>")


@dataclass(frozen=True)
class Column:
    """One column of what happened, or of its parts. `choices`: code and words."""

    name: str
    type: FieldType
    label: str | Promise
    choices: Callable[[], Sequence[tuple[str, str | Promise]]] | None = None


@dataclass(frozen=True)
class Part:
    """What each one consists of, such as an order's lines. `everyone`: a SELECT of `row` and every column."""

    name: str
    label: str | Promise
    columns: tuple[Column, ...]
    everyone: str


@dataclass(frozen=True)
class Wanted:
    """What a reader of happenings may leave out: what was before `since`, or before a customer's own in `since_of`,
    rows whose column has none of the values in `only`, and all columns and parts but these, where they are named. None
    is for ever. It may bring more; it never brings less."""

    since: datetime | None = None
    since_of: Mapping[int, datetime | None] | None = None
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    columns: frozenset[str] | None = None
    parts: frozenset[str] | None = None


@dataclass(frozen=True)
class Collection:
    """Things with an instant each that happened to customers.

    `name` is `<room>.<what>` and stays. `did` is how a sentence says that one happened. `read` brings the rows of many
    customers at once, in any order. `everyone` is a SELECT of `person`, `row` (an int64 that tells one from another),
    `at` and every column.
    """

    name: str
    label: str | Promise
    did: str | Promise
    columns: tuple[Column, ...]
    read: Callable[[Sequence[int], Wanted], Mapping[int, Sequence[Row]]]
    everyone: str
    parts: tuple[Part, ...] = ()
