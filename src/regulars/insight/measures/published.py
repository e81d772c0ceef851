"""What the warehouse gets of readings: what the last refresh concluded of each customer."""

from typing import Final

from regulars.runtime.database.published import ColumnType, PublishedTable

#: A reading's columns in SQL, with the day it is seen from beside it.
COLUMNS: Final = {
    "segment": "reading.segment",
    "r": "reading.r",
    "f": "reading.f",
    "m": "reading.m",
    "is_regular": "reading.is_regular",
    "is_lapsing": "reading.is_lapsing",
    "spend": "reading.spend_minor",
    "average_order": "reading.average_order_minor",
    "at_stake": "reading.at_stake_minor",
    "recency_days": "overview.as_of - reading.last_on",
    "typical_gap_days": "round(reading.typical_gap_days::numeric, 2)",
}
FROM: Final = "FROM measures_reading AS reading JOIN measures_shop_reading AS overview ON overview.name = 'overview'"
_OTHERS: Final[dict[str, ColumnType]] = {
    "segment": "text",
    "is_regular": "bool",
    "is_lapsing": "bool",
    "typical_gap_days": "decimal",
}


def _type(column: str) -> ColumnType:
    return _OTHERS.get(column, "int64")


PUBLISHED: tuple[PublishedTable, ...] = (
    PublishedTable(
        name="readings",
        key="customer_id",
        # Another day to look from changes nearly all of them.
        sql=f"SELECT reading.customer_id, {', '.join(f'{sql} AS {name}' for name, sql in COLUMNS.items())} {FROM}",
        columns={name: _type(name) for name in ("customer_id", *COLUMNS)},
        is_small=True,
    ),
)
