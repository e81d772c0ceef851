"""Brings the rooms' published tables from PostgreSQL into Parquet, what changed since last time.

What changed is asked of PostgreSQL's own snapshots. Each publish reads in one snapshot and keeps its text; the next one
takes every row whose last writer was not yet visible to it. A row written by a transaction that started before that
publish and committed after it is therefore not skipped, which a cursor over ids or times would do, and no transaction
elsewhere on the server, however long, holds anything back.

Rows of a stream are never changed, so that their numbers are enough (`_streams`).

Removed rows leave no trace in the table, so the counts are compared: where the warehouse holds more keys than the
table, the table's keys are read and the others dropped. Of tables whose removals are noted that is done after one.

Of a large shop two tables are read at a time, each by a connection of its own, in the same snapshot.
"""

import fcntl
import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from regulars.insight.warehouse import _answers, _copying, _files, _streams
from regulars.insight.warehouse._files import DataFile, Found, Manifest, NothingPublished, TableFiles, TablePublished
from regulars.runtime import rooms
from regulars.runtime.database.published import Published, PublishedAnswers, PublishedStream, PublishedTable

#: Deltas are made one when there are more, and merged into the base when they hold this share of its rows.
MOST_DELTAS = 6
LARGEST_DELTA_SHARE = 0.25
#: Tables of more rows than this in all, to read or to count, are read two at a time.
ALONE_UP_TO = 500_000

Tell = Callable[[TablePublished], None]
#: The table that is read, and how much of all is, from 0 to 1, as far as one can tell.
Hear = Callable[[str, float], None]


def published_tables() -> tuple[Published, ...]:
    """What all rooms declare, in the order of the house."""
    return tuple(table for module in rooms.modules("published") for table in module.PUBLISHED)


def publish(
    home: Path,
    *,
    at: datetime,
    tables: Sequence[Published] | None = None,
    rebuilt: Collection[str] = (),
    tell: Tell = lambda _: None,
    hear: Hear = lambda *_: None,
) -> tuple[TablePublished, ...]:
    """Bring `home`'s warehouse up to the database as it is now; every table in one snapshot.

    Killed at any moment it leaves what was published before, and the next one takes up everything since; tables that
    were read whole by then are not read again, but for what changed. A table whose
    definition changed, or another database than last time, is read anew as a whole. Memory does not grow with the rows.
    Where another process is at it, this one waits. With `tables`, the others stay as they were published last.
    Those named in `rebuilt` are read anew beside and compared; where the rows differ, the new ones count, and it is
    said (`TablePublished.differs`). Not to be called within a transaction: it reads in one of its own.
    """
    wanted = published_tables() if tables is None else tables
    _files.folder(home).mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(home):
        # Before the snapshot: what has settled by now is in it.
        settled = {stream.name: stream.settled() for stream in wanted if isinstance(stream, PublishedStream)}
        with _one_snapshot() as (database, snapshot):
            before = _still_valid(home, database, snapshot)
            known = {} if before is None else before.tables
            files = {} if tables is None else dict(known)
            begun = _begun(home, database, snapshot)
            said = Manifest(database=database, snapshot=snapshot, published_at=at.isoformat(), tables=begun)
            reading = _Reading(home, wanted, known | begun, said, settled, rebuilt, tell, hear)
            if reading.is_large:
                _read_by_two(reading)
            else:
                reading.go_on()
            hear("", 1.0)
            _files.write_manifest(home, replace(said, tables=files | reading.files))
            _files.sweep(home)
    return tuple(one for table in wanted for one in reading.told[table.name])


class BrokenOff(Exception):
    """Who reads beside this one met an error."""


class _Reading:
    """One publish: the tables that are still to be read, and what was found. Two threads may go on with it."""

    def __init__(
        self,
        home: Path,
        wanted: Sequence[Published],
        known: Mapping[str, TableFiles],
        said: Manifest,
        settled: Mapping[str, int | None],
        rebuilt: Collection[str],
        tell: Tell,
        hear: Hear,
    ) -> None:
        self._home, self._known, self._said, self._settled = home, known, said, settled
        self._rebuilt, self._tell, self._hear = rebuilt, tell, hear
        # What is read as a whole counts as many rows as the planner expects, all else one each.
        self._rows = {table.name: 1 if table.name in known else _expected(table) for table in wanted}
        self._read = dict.fromkeys(self._rows, 0)
        size = {
            table.name: max(self._rows[table.name], known[table.name].rows if table.name in known else 0)
            for table in wanted
        }
        self.is_large = sum(size.values()) > ALONE_UP_TO
        # The largest first: whoever comes last shall have little left to do.
        self._waiting = sorted(wanted, key=lambda one: -size[one.name]) if self.is_large else list(wanted)
        self._lock = threading.Lock()
        self._is_broken = False
        self.files: dict[str, TableFiles] = {}
        self.told: dict[str, Sequence[TablePublished]] = {}

    def go_on(self) -> None:
        """Read tables until none is left, in the caller's transaction."""
        is_through = False
        try:
            with _copying.Engine(self._home) as engine:
                while (table := self._next()) is not None:
                    self._settle(table, self._found(table, engine))
            is_through = True
        finally:
            # Whatever ended it, an interrupt too: who reads beside it would go on for minutes for nothing.
            if not is_through:
                self._is_broken = True

    def _next(self) -> Published | None:
        with self._lock:
            if self._is_broken or not self._waiting:
                return None
            table = self._waiting.pop(0)
            self._hear(table.name, self._share())
            return table

    def _found(self, table: Published, engine: _copying.Engine) -> Found:
        def hear(rows: int) -> None:
            if self._is_broken:
                raise BrokenOff
            with self._lock:
                self._read[table.name] = min(self._read[table.name] + rows, self._rows[table.name])
                self._hear(table.name, self._share())

        settled = self._settled.get(table.name)
        found = _made(self._home, table, self._known, self._said.snapshot, settled, engine, hear)
        if table.name not in self._rebuilt:
            return found
        upto = found.files[table.name].upto
        whole = _made(self._home, table, {}, self._said.snapshot, upto, engine)
        return _compared(self._home, found, whole, engine)

    def _settle(self, table: Published, found: Found) -> None:
        with self._lock:
            self._read[table.name] = self._rows[table.name]
            self.files |= found.files
            self.told[table.name] = found.told
            if any(one.changed for one in found.told):
                self._said.tables.update(found.files)
                _files.write_begun(self._home, self._said)
            for one in found.told:
                self._tell(one)

    def _share(self) -> float:
        return sum(self._read.values()) / max(sum(self._rows.values()), 1)


def _read_by_two(reading: _Reading) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        [(exported,)] = cursor.fetchall()

    def help_out() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                _only_read(cursor)
                cursor.execute("SET TRANSACTION SNAPSHOT %s", [exported])
                reading.go_on()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as beside:
        helping = beside.submit(help_out)
        # The cause is the helper's, and its result raises it.
        with suppress(BrokenOff):
            reading.go_on()
        helping.result()


def _expected(table: Published) -> int:
    if isinstance(table, PublishedAnswers):
        return 1
    sqls = [table.all_of_it] if isinstance(table, PublishedTable) else [table.sql, *(part.sql for part in table.parts)]
    with connection.cursor() as cursor:
        found = 0
        for sql in sqls:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql.replace('{rows}', 'true')}")
            [(plan,)] = cursor.fetchall()
            told = json.loads(plan) if isinstance(plan, str) else plan
            found += int(told[0]["Plan"]["Plan Rows"])
    return found


def _begun(home: Path, database: str, snapshot: str) -> dict[str, TableFiles]:
    """What a publish that was killed had read, each table by the snapshot of then."""
    begun = _files.read_begun(home)
    if begun is None or begun.database != database or _is_from_the_future(begun, snapshot):
        return {}
    return begun.tables


def _made(
    home: Path,
    table: Published,
    known: Mapping[str, TableFiles],
    snapshot: str,
    settled: int | None,
    engine: _copying.Engine,
    hear: _copying.Hear = lambda _: None,
) -> Found:
    if isinstance(table, PublishedStream):
        return _streams.bring_up(home, table, known, settled, engine, hear)
    if isinstance(table, PublishedAnswers):
        return _answers.bring_up(home, table, known.get(table.name), snapshot, engine)
    return _bring_up(home, table, known.get(table.name), snapshot, engine, hear)


def _compared(home: Path, grown: Found, whole: Found, engine: _copying.Engine) -> Found:
    """The rows as they grew where they are those of the whole; else the whole."""
    differing = {
        name
        for name, files in grown.files.items()
        if _copying.checksum(engine, _files.as_select(home, files), files.columns)
        != _copying.checksum(engine, _files.as_select(home, whole.files[name]), files.columns)
    }
    if not differing:
        return grown
    return Found(whole.files, [replace(one, differs=one.name in differing) for one in whole.told])


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (_files.folder(home) / "publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _one_snapshot() -> Iterator[tuple[str, str]]:
    """All tables as of one moment; yields which database this is, and the snapshot's text."""
    if connection.in_atomic_block:
        # Rows this very transaction wrote would count as seen by its snapshot, and never be asked for again.
        raise RuntimeError("publish reads in a transaction of its own; call it outside")
    with transaction.atomic(), connection.cursor() as cursor:
        _only_read(cursor)
        cursor.execute(
            "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),"
            " (SELECT timeline_id FROM pg_control_checkpoint()), oid), pg_current_snapshot()::text"
            " FROM pg_database WHERE datname = current_database()"
        )
        [(database, snapshot)] = cursor.fetchall()
        yield database, snapshot


def _only_read(cursor: CursorWrapper) -> None:
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    cursor.execute("SET LOCAL TIME ZONE 'UTC'")


def _still_valid(home: Path, database: str, snapshot: str) -> Manifest | None:
    """What was published before, unless it came from another database or from a later moment of a restored one."""
    try:
        manifest = _files.read_manifest(home)
    except NothingPublished:
        return None
    return None if manifest.database != database or _is_from_the_future(manifest, snapshot) else manifest


def _is_from_the_future(manifest: Manifest, snapshot: str) -> bool:
    return int(manifest.snapshot.split(":")[1]) > int(snapshot.split(":")[1])


def _bring_up(
    home: Path,
    table: PublishedTable,
    last: TableFiles | None,
    snapshot: str,
    engine: _copying.Engine,
    hear: _copying.Hear,
) -> Found:
    fingerprint = _files.fingerprint(table.key, table.sql, table.changed_column, table.columns)
    known = last if last and last.fingerprint == fingerprint and not table.is_small else None
    if known is None:
        files, changed = _whole(home, table, fingerprint, hear)
    else:
        files, changed = _increment(home, table, known, engine, hear)
    files = replace(files, snapshot=snapshot)
    return Found({table.name: files}, [TablePublished(table.name, changed, files.rows, is_whole=known is None)])


def _whole(home: Path, table: PublishedTable, fingerprint: str, hear: _copying.Hear) -> tuple[TableFiles, int]:
    base = _copying.read(home, table.name, "base", sql=table.all_of_it, columns=table.columns, hear=hear)
    rows = base.rows if base else 0
    whole = (base,) if base else ()
    return TableFiles(table.key, dict(table.columns), fingerprint, base=whole, rows=rows), rows


def _increment(
    home: Path, table: PublishedTable, known: TableFiles, engine: _copying.Engine, hear: _copying.Hear
) -> tuple[TableFiles, int]:
    changed, since = _files.quoted(table.changed_column), known.snapshot
    where = _copying.changed_since(changed, since)
    delta = _copying.read(home, table.name, "delta", sql=table.sql, columns=table.columns, where=where)
    files = replace(known, deltas=(*known.deltas, delta)) if delta else known
    held = known.rows if delta is None else known.rows + _unheard(home, engine, known, delta)
    there = _counted(table) if _may_have_lost_some(table, since) else held
    files = replace(files, rows=held)
    if held < there:
        # Cannot be while files and database are as they were left; whatever happened, the whole is right.
        return _whole(home, table, known.fingerprint, hear)
    if held > there:
        of = {table.key: table.columns[table.key]}
        keys = _copying.read(home, table.name, "keys", sql=table.all_of_it, columns=of)
        files = _merged(home, table, files, engine, keys) if keys else replace(files, base=(), deltas=(), rows=0)
    elif _is_large(files):
        files = _merged(home, table, files, engine)
    elif len(files.deltas) > MOST_DELTAS:
        late = _files.as_select(home, replace(files, base=()))
        files = replace(files, deltas=(_copying.merge(home, table.name, late, engine, kind="delta"),))
    return files, delta.rows if delta else 0


def _may_have_lost_some(table: PublishedTable, since: str) -> bool:
    if not table.noted:
        return True
    noted = _files.quoted(f"{table.noted}_removed")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {noted} WHERE NOT pg_visible_in_snapshot(xid, %s::pg_snapshot))",  # noqa: S608 - a quoted name
            [since],
        )
        [(is_so,)] = cursor.fetchall()
    return bool(is_so)


def forget_removals(home: Path) -> None:
    """What was noted of removals that the last publish knew, but for the newest: an older warehouse would not know
    that one."""
    snapshot = _files.read_manifest(home).snapshot
    for table in published_tables():
        if isinstance(table, PublishedTable) and table.noted:
            noted = _files.quoted(f"{table.noted}_removed")
            with connection.cursor() as cursor:
                cursor.execute(
                    f"DELETE FROM {noted} WHERE pg_visible_in_snapshot(xid, %s::pg_snapshot)"  # noqa: S608 - a quoted name
                    f" AND xid < (SELECT max(xid) FROM {noted} WHERE pg_visible_in_snapshot(xid, %s::pg_snapshot))",
                    [snapshot, snapshot],
                )


def _counted(table: PublishedTable) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({table.all_of_it}) AS published")  # noqa: S608 - a room's own SQL
        [(there,)] = cursor.fetchall()
    return int(there)


def _unheard(home: Path, engine: _copying.Engine, known: TableFiles, delta: DataFile) -> int:
    """How many rows of the delta have a key that was not there."""
    keys = replace(known, columns={known.key: known.columns[known.key]})
    fresh = _files.as_select(home, replace(keys, base=(delta,), deltas=()))
    there = _files.as_select(home, keys)
    key = _files.quoted(known.key)
    return _copying.count(engine, f"SELECT count(*) FROM ({fresh}) ANTI JOIN ({there}) USING ({key})")  # noqa: S608 - our own names


def _is_large(files: TableFiles) -> bool:
    late = sum(delta.rows for delta in files.deltas)
    return late > LARGEST_DELTA_SHARE * sum(base.rows for base in files.base)


def _merged(
    home: Path,
    table: PublishedTable,
    files: TableFiles,
    engine: _copying.Engine,
    keys: DataFile | None = None,
) -> TableFiles:
    """One new base of everything; with `keys`, of those keys alone."""
    query = _files.as_select(home, files)
    if keys is not None:
        there = _files.as_select(home, TableFiles(table.key, {table.key: "int64"}, "", base=(keys,)))
        query = f"SELECT * FROM ({query}) SEMI JOIN ({there}) USING ({_files.quoted(table.key)})"  # noqa: S608 - our own names
    base = _copying.merge(home, table.name, query, engine)
    return replace(files, base=(base,), deltas=(), rows=base.rows)
