"""What this room offers of a customer to conditions, templates and lists: what the last refresh concluded of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from django.db import connection
from django.utils.functional import Promise, lazy
from django.utils.translation import get_language

from regulars.insight.measures import catalogue
from regulars.insight.measures.published import COLUMNS
from regulars.insight.measures.segments import SEGMENTS
from regulars.runtime.database.offered import Field, FieldType, Value

#: The measure that each column is.
_MEASURES: Final[Mapping[str, tuple[str, FieldType]]] = {
    "segment": ("segment", "text"),
    "r": ("r", "int64"),
    "f": ("f", "int64"),
    "m": ("m", "int64"),
    "is_regular": ("is_regular", "bool"),
    "is_lapsing": ("is_lapsing", "bool"),
    "spend": ("spend_minor", "money"),
    "average_order": ("average_order_minor", "money"),
    "at_stake": ("at_stake_minor", "money"),
    "recency_days": ("recency_days", "int64"),
    "typical_gap_days": ("typical_gap_days", "decimal"),
}


def _said(en: str, zh: str) -> str:
    return zh if (get_language() or "").startswith("zh") else en


_in_words = lazy(_said, str)


#: What is told from the day of the last refresh, in the words of both databases.
_SEEN_FROM: Final[Mapping[str, str]] = {"recency_days": "as_of - last_on"}


def _asked(column: str) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    if column in _SEEN_FROM:
        sql = _SEEN_FROM[column]
        source = "measures_reading JOIN measures_shop_reading AS overview ON overview.name = 'overview'"
    else:
        _, sql, _ = COLUMNS[column]
        source = "measures_reading AS reading"
    asked = f"SELECT customer_id, {sql} FROM {source} WHERE customer_id = ANY(%s) AND {sql} IS NOT NULL"  # noqa: S608 - of constants

    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        with connection.cursor() as cursor:
            cursor.execute(asked, [list(wanted)])
            return dict(cursor.fetchall())

    return read


def _of_everyone(column: str) -> str:
    sql, source = (_SEEN_FROM[column], "readings, refreshed") if column in _SEEN_FROM else (column, "readings")
    return f"SELECT customer_id AS person, {sql} AS value FROM {source} WHERE {sql} IS NOT NULL"  # noqa: S608 - of constants


def _segments() -> Sequence[tuple[str, str | Promise]]:
    return [(one.name, _in_words(one.en.name, one.zh.name)) for one in SEGMENTS]


def _field(column: str, measure: str, type_: FieldType) -> Field:
    [known] = [one for one in catalogue.ALL if one.name == measure]
    return Field(
        name=f"measures.{column}",
        type=type_,
        kind="reading",
        label=_in_words(known.en.name, known.zh.name),
        meaning=_in_words(known.en.meaning, known.zh.meaning),
        read=_asked(column),
        everyone=_of_everyone(column),
        choices=_segments if column == "segment" else None,
    )


FIELDS: tuple[Field, ...] = tuple(_field(column, *told) for column, told in _MEASURES.items())
