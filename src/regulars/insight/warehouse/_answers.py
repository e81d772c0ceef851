"""Brings what rooms answer of each person into a table: asked anew of whom something changed, or whose time has come.

Rows stand for those whose answer is another than that of `nobody`, or will be, so that a table made at once and one
that grew are the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from django.db import connection

from regulars.insight.warehouse import _copying, _files
from regulars.insight.warehouse._files import DataFile, Found, TableFiles, TablePublished
from regulars.runtime.database import clock
from regulars.runtime.database.published import ColumnType, PublishedAnswers

#: People asked about at a time.
_LOT = 5_000


def bring_up(
    home: Path, table: PublishedAnswers, last: TableFiles | None, snapshot: str, engine: _copying.Engine
) -> Found:
    """The table as of now, in the transaction of the publish."""
    fingerprint = _files.fingerprint(table.key, table.touched, dict(table.columns), table.basis())
    known = last if last and last.fingerprint == fingerprint else None
    at = clock.now()
    columns: dict[str, ColumnType] = {table.key: "int64", **table.columns, "again_at": "timestamp"}
    asked = sorted(_touched(table, known, _waiting(home, known, at, engine)))
    fresh = _copying.write(home, table.name, "delta", columns, _answered(table, columns, asked, at))
    files: tuple[DataFile, ...] = (fresh,)
    if known is not None:
        files = (_joined(home, table, known, fresh, asked, engine),) if asked else known.base
    rows = sum(file.rows for file in files)
    found = TableFiles(table.key, columns, fingerprint, base=files, rows=rows, snapshot=snapshot)
    return Found({table.name: found}, [TablePublished(table.name, len(asked), rows, is_whole=known is None)])


def _waiting(home: Path, known: TableFiles | None, at: datetime, engine: _copying.Engine) -> dict[int, bool]:
    """Who has a row, and whether its time has come."""
    if known is None:
        return {}
    naive = at.astimezone(UTC).replace(tzinfo=None)
    asking = engine.reached().execute(
        f"SELECT {_files.quoted(known.key)}, COALESCE(again_at <= ?, false) FROM ({_files.as_select(home, known)})",  # noqa: S608 - our own names
        [naive],
    )
    return {int(person): bool(is_due) for person, is_due in asking.fetchall()}


def _touched(table: PublishedAnswers, known: TableFiles | None, waiting: dict[int, bool]) -> set[int]:
    where = "" if known is None else _copying.changed_since("changed_xid", known.snapshot)
    asked = {person for person, is_due in waiting.items() if is_due}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT person, bool_or(has_ground) FROM ({table.touched}) AS touched {where} GROUP BY person"  # noqa: S608 - a room's own
        )
        while lot := cursor.fetchmany(_LOT):
            asked |= {person for person, has_ground in lot if has_ground or person in waiting}
    return asked - {table.nobody}


def _answered(
    table: PublishedAnswers, columns: dict[str, ColumnType], asked: list[int], at: datetime
) -> Iterator[pa.RecordBatch]:
    """The row of nobody, and of those whose answers are others."""
    nobody: tuple[object, ...] | None = None
    for start in range(0, max(len(asked), 1), _LOT):
        rows = []
        for person, values, again_at in table.ask(asked[start : start + _LOT], at):
            if person == table.nobody:
                if nobody is None:
                    rows.append((person, *values, None))
                nobody = values
            elif values != nobody or again_at is not None:
                naive = None if again_at is None else again_at.astimezone(UTC).replace(tzinfo=None)
                rows.append((person, *values, naive))
        yield _copying.batch(columns, rows)


def _joined(
    home: Path, table: PublishedAnswers, known: TableFiles, fresh: DataFile, asked: list[int], engine: _copying.Engine
) -> DataFile:
    """What stood there, but for those who were asked anew, and what they answered."""
    key = _files.quoted(table.key)
    new = TableFiles(table.key, known.columns, "", base=(fresh,))
    gone = pa.table({table.key: pa.array([*asked, table.nobody], pa.int64())})
    engine.reached().register("gone", gone)
    query = (
        f"SELECT * FROM ({_files.as_select(home, known)}) ANTI JOIN gone USING ({key})"  # noqa: S608 - our own names
        f" UNION ALL {_files.as_select(home, new)}"
    )
    try:
        return _copying.merge(home, table.name, query, engine)
    finally:
        engine.reached().unregister("gone")
