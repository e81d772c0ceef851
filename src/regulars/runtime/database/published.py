"""What a room gives to the warehouse: the shape of a table, and the query that fills it.

Each room that has something to give declares `PUBLISHED: tuple[PublishedTable, ...]` in its `published.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["int64", "text", "date", "timestamp", "bool", "decimal"]


@dataclass(frozen=True)
class PublishedTable:
    """Rows given to the warehouse: ids, facts and money, never personal data.

    `sql` is one SELECT without a semicolon whose output holds every name in `columns` and, besides them,
    `changed_column`: the xid8 of the transaction that last wrote the row (`pg_current_xact_id()`, set again by whatever
    updates it).
    The column must come from an indexed column untouched, so that the warehouse's filter on it reaches the index.
    `key` names the int64 column that tells one row from another. Timestamps are published in UTC, decimals with six
    places, money as integer minor units.
    """

    name: str
    key: str
    sql: str
    columns: Mapping[str, ColumnType]
    changed_column: str = "changed_xid"

    def __post_init__(self) -> None:
        if self.columns.get(self.key) != "int64":
            raise ValueError(f"{self.name}: the key {self.key} must be one of its int64 columns")
        if self.changed_column in self.columns:
            raise ValueError(f"{self.name}: {self.changed_column} serves the warehouse's window, it is not published")


#: This module carries the name by which rooms are asked for theirs; this room gives nothing.
PUBLISHED: tuple[PublishedTable, ...] = ()
