"""What a room gives to the warehouse: the shape of a table, and the query that fills it.

Each room that has something to give declares `PUBLISHED: tuple[Published, ...]` in its `published.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ColumnType = Literal["int64", "text", "date", "timestamp", "bool", "decimal"]


@dataclass(frozen=True)
class PublishedTable:
    """Rows given to the warehouse: ids, facts and money, never personal data.

    `sql` is one SELECT without a semicolon whose output holds every name in `columns` and, besides them,
    `changed_column`: the xid8 of the transaction that last wrote the row (`pg_current_xact_id()`, set again by whatever
    updates it).
    The column must come from an indexed column untouched, so that the warehouse's filter on it reaches the index; a
    table of no more rows than customers may do without, where an index would cost its updates more.
    `key` names the int64 column that tells one row from another. Timestamps are published in UTC, decimals with six
    places, money as integer minor units. What the query joins in must not change while the row itself stays as it was.
    One that `is_small` carries no stamp: all of it is read each time, and `changed_column` is not asked for.
    `whole` gives the same rows without the stamp, where that is cheaper: for who reads or counts all of them.
    `noted` is the table whose rows these are, one each, where removals of it are noted (`NotesRemovals`): only after
    one are rows counted.
    """

    name: str
    key: str
    sql: str
    columns: Mapping[str, ColumnType]
    changed_column: str = "changed_xid"
    is_small: bool = False
    whole: str = ""
    noted: str = ""

    def __post_init__(self) -> None:
        if self.columns.get(self.key) != "int64":
            raise ValueError(f"{self.name}: the key {self.key} must be one of its int64 columns")
        if self.changed_column in self.columns:
            raise ValueError(f"{self.name}: {self.changed_column} serves the warehouse's window, it is not published")

    @property
    def all_of_it(self) -> str:
        return self.whole or self.sql


@dataclass(frozen=True)
class StreamPart:
    """What the rows of a stream consist of: a table of its own, which goes with them. `sql` as the stream's."""

    name: str
    sql: str
    columns: Mapping[str, ColumnType]


@dataclass(frozen=True)
class PublishedStream:
    """Rows that are added and removed and never changed, many of them: files by the month in which they happened.

    `table` has the rows, with a bigint `number` and an instant `at`, the key of both indexed. `sql` gives what is
    published of those for which `{rows}` holds, a condition on `number` and `at` that the warehouse fills in; besides
    `columns` nothing. `key` is the column with the row's number, here and in the `parts`.
    `settled` says up to which number every row is either visible to a snapshot taken after the call or will never be;
    None where that cannot be said just now.
    """

    name: str
    key: str
    table: str
    number: str
    at: str
    sql: str
    columns: Mapping[str, ColumnType]
    settled: Callable[[], int | None]
    parts: Sequence[StreamPart] = ()

    def __post_init__(self) -> None:
        for columns in (self.columns, *(part.columns for part in self.parts)):
            if columns.get(self.key) != "int64":
                raise ValueError(f"{self.name}: the key {self.key} must be an int64 column of it and of its parts")


@dataclass(frozen=True)
class PublishedAnswers:
    """What a room answers of each person where no SQL can say it: whoever something changed of is asked anew.

    `touched` is a SELECT of `person`, `changed_xid`, and `has_ground`, whether the answer follows from anything at all:
    who has none answers as `nobody`, the number of the row for all who have no row. `ask` answers for people at an
    instant: each one's values in the order of `columns`, and when to ask again though nothing changed (None: never);
    and those of `nobody`. `basis` says what all answers rest on: another text, and everybody is asked.
    Rows have `key`, the `columns`, and `again_at`.
    """

    name: str
    key: str
    columns: Mapping[str, ColumnType]
    nobody: int
    touched: str
    basis: Callable[[], str]
    ask: Callable[[Sequence[int], datetime], Sequence[tuple[int, tuple[object, ...], datetime | None]]]


Published = PublishedTable | PublishedStream | PublishedAnswers

#: This module carries the name by which rooms are asked for theirs; this room gives nothing.
PUBLISHED: tuple[Published, ...] = ()
