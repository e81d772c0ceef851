"""What a room offers to conditions, templates and lists: fields of a customer, each with its words, type and reader.

Each room that has something to offer declares `FIELDS: tuple[Field, ...]` in its `fields.py`; what operators define
themselves comes from a function `defined() -> tuple[Field, ...]` beside it. Whoever wants them asks `rooms.fields()`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from django.utils.functional import Promise

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
    once and leaves out those without a value; it writes nothing. `published` is `<table>.<column>` of the warehouse
    where the same value stands there, one row a customer. A personal one is opened from its seal: templates may greet
    with it, conditions and lists that anybody may read may not ask it.
    """

    name: str
    type: FieldType
    kind: FieldKind
    label: str | Promise
    meaning: str | Promise
    read: Callable[[Sequence[int]], Mapping[int, Value]]
    published: str | None = None
    choices: Callable[[], Sequence[tuple[str, str | Promise]]] | None = None
    is_personal: bool = False

    def __post_init__(self) -> None:
        room, dot, what = self.name.partition(".")
        if not (room and dot and what) or len(self.name) > 120:
            raise ValueError(f"{self.name!r} is no field's name; call it <room>.<what>")
