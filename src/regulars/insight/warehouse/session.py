"""The engine that computes on the published tables: Ibis expressions on DuckDB, with threads and memory bounded.

The same expression runs over what is published under a home and over frames in memory.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import ibis
import ibis.expr.types as ir
import polars as pl
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType
from ibis.expr.operations.relations import Relation

from regulars.insight.warehouse import _files
from regulars.insight.warehouse._files import Manifest

#: Enough for a million customers and ten million orders; what does not fit spills to a folder beside it.
MEMORY = "1500MB"
#: `REGULARS_ENGINE_THREADS`, where others work on the same cores.
THREADS = int(os.environ.get("REGULARS_ENGINE_THREADS") or min(os.cpu_count() or 1, 4))
#: For who computes everything of everybody: a quarter of the machine, within bounds: what spills is dear.
LARGE_MEMORY = f"{max(1_500, min(3_500, os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 4_000_000))}MB"
NothingPublished = _files.NothingPublished
#: By what they compute: the tables that are kept, in their order, and what each is computed by.
_STATEMENTS: dict[Hashable, tuple[tuple[str, str], ...]] = {}
#: The same for single questions, by what they ask of which tables.
_QUESTIONS: dict[Hashable, str] = {}
MOST_REPEATED = 100
#: The attached file, as the engine calls it.
_LASTING = "lasting"


class Session:
    """Tables by name, and one engine over them. Close it, or use it in a `with`: it holds its tables' files."""

    def __init__(self, *, threads: int = THREADS, memory: str = MEMORY) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="regulars-insight-")
        bounds: dict[str, str | int | bool | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": self._spill.name,
            "preserve_insertion_order": False,
        }
        self._engine = duckdb.connect(":memory:", config=bounds)
        # Days are of UTC, as Ibis expects; a name that is no table is no variable; a bar would stand among what
        # a command prints.
        self._engine.execute(
            "SET timezone = 'UTC'; SET python_enable_replacements = false; SET enable_progress_bar = false"
        )
        self._held: int | None = None
        self._home, self._published = Path(), Manifest("", "", "")
        self._tables: dict[str, ir.Table] = {}
        #: Names, columns and kinds of the tables that it was opened with.
        self._opened_with: Hashable = ()
        self._noting: list[tuple[str, str]] | None = None
        #: As of when what it sees was published; of frames in memory, when it was made.
        self.published_at = datetime.now(UTC)

    @classmethod
    def from_frames(cls, frames: Mapping[str, pa.Table | pl.DataFrame], **bounds: Any) -> Self:
        """A session over tables in memory: no server, no files."""
        session = cls(**bounds)
        tables = {
            name: frame.to_arrow() if isinstance(frame, pl.DataFrame) else frame for name, frame in frames.items()
        }
        for name, table in tables.items():
            session._engine.register(name, table)
        session._opened_with = tuple(
            (name, *((column.name, str(column.type)) for column in table.schema)) for name, table in tables.items()
        )
        return session

    @classmethod
    def from_published(cls, home: Path, **bounds: Any) -> Self:
        """A session over what was last published under `home`; later publishing does not change what it sees.

        `NothingPublished` where nothing was yet.
        """
        session = cls(**bounds)
        try:
            session._held = _files.hold(home)
            manifest = _files.read_manifest(home)
            session._home, session._published = home, manifest
            session.published_at = datetime.fromisoformat(manifest.published_at)
            for name, table in manifest.tables.items():
                session._engine.execute(f"CREATE VIEW {_files.quoted(name)} AS {_files.as_select(home, table)}")
            session._opened_with = tuple((name, *table.columns.items()) for name, table in manifest.tables.items())
        except BaseException:
            session.close()
            raise
        return session

    def table(self, name: str) -> ir.Table:
        # Without an engine: the same expression over another session's tables is equal to this one's.
        if name not in self._tables:
            # As Ibis asks, which puts its question together and reads the kinds anew each time: that takes as long as
            # computing a small table.
            asked = self._engine.execute(f"DESCRIBE {_files.quoted(name)}").fetchall()
            columns = {column: _kind(kind, is_nullable == "YES") for column, kind, is_nullable, *_ in asked}
            self._tables[name] = ibis.table(columns, name=name)
        return self._tables[name]

    def size(self, name: str) -> int:
        """How many rows a table has: of a published one as it was published, without a look."""
        if name in self._published.tables:
            return self._published.tables[name].rows
        [row] = self.rows(self.table(name).aggregate(rows=lambda t: t.count()))
        return int(row["rows"])

    def put(self, name: str, table: pa.Table) -> ir.Table:
        """A small table from memory, under a name of this session."""
        self._engine.register(name, table)
        self._tables.pop(name, None)
        return self.table(name)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute `expression` now and keep it as a table of this session."""
        said = _compiled(expression.op())
        self._keep(name, said)
        if self._noting is not None:
            self._noting.append((name, said))
        return self.table(name)

    def _keep(self, name: str, query: str) -> None:
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE {_files.quoted(name)} AS {query}")
        self._tables.pop(name, None)

    def view(self, name: str, expression: ir.Table) -> ir.Table:
        """`expression` under a name of this session, computed when it is asked."""
        self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {_files.quoted(name)} AS {_compiled(expression.op())}")
        self._tables.pop(name, None)
        return self.table(name)

    def fill(self, name: str, table: pa.Table, *, more: bool = False, is_lasting: bool = False) -> None:
        """Keep what was worked out in memory as a table of this session, or put it to what is kept so (`more`)."""
        self._engine.register("filling", table)
        into, kind = _files.quoted(name), "TABLE" if is_lasting else "TEMP TABLE"
        if is_lasting:
            into = f"{_LASTING}.{into}"
        said = f"INSERT INTO {into} BY NAME" if more else f"CREATE OR REPLACE {kind} {into} AS"
        self._engine.execute(f"{said} SELECT * FROM filling")  # noqa: S608 - a quoted name
        self._engine.unregister("filling")
        if is_lasting:
            self._see_lasting(name)
        self._tables.pop(name, None)

    def attach(self, path: Path) -> None:
        """A file whose tables outlast this session: those that are lasting, seen by their names.
        One that cannot be read is begun anew. Nobody else may have it open."""
        place = path.as_posix().replace("'", "''")
        try:
            self._engine.execute(f"ATTACH '{place}' AS {_LASTING}")
        except duckdb.Error:
            # Torn by a kill, or another release's: what it keeps is only ever computed, and is computed again.
            for file in (path, path.with_name(f"{path.name}.wal")):
                file.unlink(missing_ok=True)
            self._engine.execute(f"ATTACH '{place}' AS {_LASTING}")
        for name in self._lasting():
            self._see_lasting(name)

    def last(self, name: str, expression: ir.Table) -> ir.Table:
        """As `keep`, but in the attached file."""
        self._engine.execute(
            f"CREATE OR REPLACE TABLE {_LASTING}.{_files.quoted(name)} AS {_compiled(expression.op())}"
        )
        self._see_lasting(name)
        return self.table(name)

    @contextmanager
    def lasting_at_once(self) -> Iterator[None]:
        """What is done to the attached file within is done as a whole or not at all, and written once."""
        self._engine.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._engine.execute("ROLLBACK")
            self._tables.clear()
            raise
        self._engine.execute("COMMIT")

    def has(self, name: str) -> bool:
        """Whether the attached file has a table of that name."""
        return name in self._lasting()

    def replace(self, name: str, *, by: str, of: str, fresh: str) -> None:
        """In the attached file's table, those rows whose `by` stands in the table `of` give way to all of `fresh`."""
        into, key = f"{_LASTING}.{_files.quoted(name)}", _files.quoted(by)
        self._engine.execute(f"DELETE FROM {into} WHERE {key} IN (SELECT {key} FROM {_files.quoted(of)})")  # noqa: S608 - quoted names
        self._engine.execute(f"INSERT INTO {into} BY NAME SELECT * FROM {_files.quoted(fresh)}")  # noqa: S608 - as above

    def drop_lasting(self) -> None:
        """All of it, with the room it took."""
        for name in self._lasting():
            self._engine.execute(f"DROP VIEW IF EXISTS temp.{_files.quoted(name)}")
            self._engine.execute(f"DROP TABLE {_LASTING}.{_files.quoted(name)}")
            self._tables.pop(name, None)
        self._engine.execute(f"CHECKPOINT {_LASTING}")

    def _lasting(self) -> list[str]:
        asked = "SELECT table_name FROM duckdb_tables() WHERE database_name = ?"
        return [name for (name,) in self._engine.execute(asked, [_LASTING]).fetchall()]

    def _see_lasting(self, name: str) -> None:
        quoted = _files.quoted(name)
        self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {quoted} AS SELECT * FROM {_LASTING}.{quoted}")  # noqa: S608 - as above
        self._tables.pop(name, None)

    def mark(self) -> dict[str, Any]:
        """Which publish this is, to be told one day what changed since."""
        return {
            "database": self._published.database,
            "tables": {
                name: {
                    "fingerprint": table.fingerprint,
                    "base": [file.path for file in table.base],
                    "deltas": [file.path for file in table.deltas],
                }
                for name, table in self._published.tables.items()
            },
        }

    def changed(self, name: str, mark: Mapping[str, Any]) -> ir.Table | None:
        """The rows of a published table that were added or changed since the publish of that mark, and maybe some that
        were before; None where that cannot be said, because rows were removed or the table was read anew."""
        now, then = self._published.tables[name], mark["tables"].get(name)
        if (
            mark["database"] != self._published.database
            or then is None
            or then["fingerprint"] != now.fingerprint
            or then["base"] != [file.path for file in now.base]
        ):
            return None
        # Deltas that became one are one nobody knew.
        since = tuple(file for file in now.deltas if file.path not in then["deltas"])
        view = f"changed-{name}"
        changed = _files.as_select(self._home, replace(now, base=(), deltas=since))
        self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {_files.quoted(view)} AS {changed}")
        self._tables.pop(view, None)
        return self.table(view)

    def repeat(self, what: Hashable, build: Callable[[], object]) -> None:
        """What `build` keeps is kept, and where `what` was built before, in any session, by the statements of then.

        `what` names all that the statements depend on but the rows of the tables, their columns, too. To put measures
        into expressions takes longer than to compute those of a small shop, and all are asked for again and again.
        """
        if (known := _STATEMENTS.get(what)) is not None:
            for name, said in known:
                self._keep(name, said)
            return
        self._noting = []
        try:
            build()
            if len(_STATEMENTS) >= MOST_REPEATED:
                _STATEMENTS.clear()
            _STATEMENTS[what] = tuple(self._noting)
        finally:
            self._noting = None

    def select(self, query: str) -> ir.Table:
        """What a room says in plain SQL over the published tables, as a table for expressions; computed when asked."""
        name = f"selected-{hashlib.sha256(query.encode()).hexdigest()[:16]}"
        if name not in self._tables:
            self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {_files.quoted(name)} AS {query}")
        return self.table(name)

    def arrow(self, expression: ir.Table) -> pa.Table:
        return self.sql(_compiled(expression.op()))

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """For small results: one dictionary a row."""
        rows: list[dict[str, Any]] = self.arrow(expression).to_pylist()
        return rows

    def rows_of(self, what: Hashable, build: Callable[[], ir.Table]) -> list[dict[str, Any]]:
        """The rows of what `build` gives. It is built where `what` was not asked for of such tables before, in any
        session; from then on its statement is used.

        `what` names all that the statement depends on but the tables that a session was opened with.
        """
        asked = (what, self._opened_with)
        if asked not in _QUESTIONS:
            if len(_QUESTIONS) >= MOST_REPEATED:
                _QUESTIONS.clear()
            _QUESTIONS[asked] = _compiled(build().op())
        rows: list[dict[str, Any]] = self.sql(_QUESTIONS[asked]).to_pylist()
        return rows

    def batches(self, expression: ir.Table, *, size: int = 50_000) -> Iterator[pa.RecordBatch]:
        """For large results, `size` rows at a time."""
        yield from self._engine.sql(_compiled(expression.op())).to_arrow_reader(size)

    def sql(self, query: str) -> pa.Table:
        """Hand-written SQL over the same tables: for benchmarks and checks; measures are expressions."""
        return self._engine.sql(query).to_arrow_table()

    def close(self) -> None:
        self._engine.close()
        if self._held is not None:
            fcntl.flock(self._held, fcntl.LOCK_UN)
            os.close(self._held)
            self._held = None
        self._spill.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@lru_cache(maxsize=256)
def _kind(name: str, is_nullable: bool) -> ibis.DataType:
    """What DuckDB calls the kind of a column, as Ibis knows it."""
    kind: ibis.DataType = DuckDBType.from_string(name, nullable=is_nullable)
    return kind


@lru_cache(maxsize=256)
def _compiled(expression: Relation) -> str:
    """The same measures are asked of every refresh and every report, and compiling them takes longer than computing
    those of a small shop."""
    # DuckDB sums integers into 128 bits and truncates days into timestamps, of which Ibis knows nothing: what it
    # calls int64 or date shall be that.
    columns = ", ".join(
        quoted + (f"::BIGINT AS {quoted}" if kind.is_int64() else f"::DATE AS {quoted}" if kind.is_date() else "")
        for quoted, kind in ((_files.quoted(name), kind) for name, kind in expression.schema.items())
    )
    return f"SELECT {columns} FROM ({ibis.to_sql(expression.to_expr(), dialect='duckdb')})"  # noqa: S608 - compiled, and names quoted
