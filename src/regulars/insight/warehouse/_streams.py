"""Brings streams into files by month: rows that are added and removed and never changed.

A row's number is drawn under a lock that its transaction holds until it is committed, so that below the number that has
settled nothing more can come (`PublishedStream.settled`). Late rows go to the month in which they happened. Months are
counted each time: where the files hold more than the database, rows were removed there, and the rest is written anew.

A month's one large file lies in the order of time: who asks for some days reads those. What comes after lies beside it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from django.db import connection

from regulars.insight.warehouse import _copying, _files
from regulars.insight.warehouse._files import DataFile, Found, TableFiles, TablePublished
from regulars.runtime.database.published import ColumnType, PublishedStream

#: Files of a month are made one when there are more.
MOST_FILES = 6

Months = dict[str, tuple[DataFile, ...]]


def bring_up(
    home: Path,
    stream: PublishedStream,
    known: Mapping[str, TableFiles],
    settled: int | None,
    engine: _copying.Engine,
    hear: _copying.Hear = lambda _: None,
) -> Found:
    """The files of the stream and of its parts, up to the number that has `settled`."""
    queries = {stream.name: (stream.sql, stream.columns)} | {
        part.name: (part.sql, part.columns) for part in stream.parts
    }
    fingerprint = _files.fingerprint(stream.key, stream.table, [[sql, dict(cast)] for sql, cast in queries.values()])
    last = {name: known[name] for name in queries if name in known and known[name].fingerprint == fingerprint}
    is_whole = len(last) < len(queries)
    if is_whole:
        last = {}
    after = 0 if is_whole else last[stream.name].upto
    upto = after if settled is None else max(after, settled)
    lying = {name: _by_month(last.get(name)) for name in queries}
    changed = dict.fromkeys(queries, 0)
    counted = _counted(stream, after, upto)
    for months in lying.values():
        for month in months.keys() - {month for month, *_ in counted}:
            del months[month]
    for month, new, there in counted:
        held = sum(file.rows for file in lying[stream.name].get(month, ()))
        if held + new < there:
            # Cannot be while files and database are as they were left; whatever happened, the whole month is right.
            for months in lying.values():
                months.pop(month, None)
            held, new, since = 0, there, 0
        else:
            since = after
        if new:
            for name, (sql, columns) in queries.items():
                found = _read(home, stream, name, sql, columns, month, since, upto, hear)
                if found is not None:
                    lying[name][month] = (*lying[name].get(month, ()), found)
                    changed[name] += found.rows
        is_large = since == 0 and new > _copying.GROUP
        if is_large or held + new > there or any(len(months.get(month, ())) > MOST_FILES for months in lying.values()):
            keys = _keys(home, stream, month, upto) if held + new > there else None
            for name, (_, columns) in queries.items():
                _tidy(home, name, lying[name], TableFiles(stream.key, dict(columns), ""), month, stream, keys, engine)
    told = []
    files = {}
    for name, (_, columns) in queries.items():
        base = tuple(file for _, lot in sorted(lying[name].items()) for file in lot)
        files[name] = TableFiles(
            stream.key, dict(columns), fingerprint, base=base, rows=sum(file.rows for file in base), upto=upto
        )
        told.append(TablePublished(name, changed[name], files[name].rows, is_whole))
    return Found(files, told)


def _by_month(files: TableFiles | None) -> Months:
    found: Months = {}
    for file in files.base if files else ():
        found[file.month] = (*found.get(file.month, ()), file)
    return found


def _counted(stream: PublishedStream, after: int, upto: int) -> list[tuple[str, int, int]]:
    """Each month's new rows, and all of them; months without any are those that are gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT to_char(month, 'YYYY-MM'), new, there FROM (SELECT date_trunc('month', {stream.at}) AS month,"  # noqa: S608 - a room's own names
            f" count(*) FILTER (WHERE {stream.number} > %s) AS new, count(*) AS there FROM {stream.table}"
            f" WHERE {stream.number} <= %s GROUP BY 1) AS counted ORDER BY 1",
            [after, upto],
        )
        return [(str(month), int(new), int(there)) for month, new, there in cursor.fetchall()]


def _within(stream: PublishedStream, month: str, after: int, upto: int) -> str:
    start = f"TIMESTAMPTZ '{month}-01 00:00:00+00'"
    return (
        f"{stream.number} > {after} AND {stream.number} <= {upto}"
        f" AND {stream.at} >= {start} AND {stream.at} < {start} + INTERVAL '1 month'"
    )


def _read(
    home: Path,
    stream: PublishedStream,
    name: str,
    sql: str,
    columns: Mapping[str, ColumnType],
    month: str,
    after: int,
    upto: int,
    hear: _copying.Hear,
) -> DataFile | None:
    rows = _within(stream, month, after, upto)
    return _copying.read(home, name, "base", sql=sql.replace("{rows}", rows), columns=columns, month=month, hear=hear)


def _keys(home: Path, stream: PublishedStream, month: str, upto: int) -> DataFile | None:
    """The numbers of the rows that are left of a month."""
    sql = f"SELECT {stream.number} AS {stream.key} FROM {stream.table} WHERE {_within(stream, month, 0, upto)}"  # noqa: S608 - a room's own names
    return _copying.read(home, stream.name, "keys", sql=sql, columns={stream.key: "int64"}, month=month)


def _tidy(
    home: Path,
    name: str,
    months: Months,
    table: TableFiles,
    month: str,
    stream: PublishedStream,
    keys: DataFile | None,
    engine: _copying.Engine,
) -> None:
    """One file of a month's many; with `keys`, of those rows alone."""
    lying = months.get(month, ())
    if not lying:
        return
    query = _files.as_select(home, replace(table, base=lying))
    if keys is not None:
        there = _files.as_select(home, TableFiles(table.key, {table.key: "int64"}, "", base=(keys,)))
        query = f"SELECT * FROM ({query}) SEMI JOIN ({there}) USING ({_files.quoted(table.key)})"  # noqa: S608 - our own names
    by = stream.at if stream.at in table.columns else stream.key
    months[month] = (_copying.merge(home, name, query, engine, month=month, by=by),)
