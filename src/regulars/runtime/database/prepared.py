"""Several statements of one transaction in one exchange, each planned once for its session.

Statement by statement a verb waits for the database eight times, and eight times the database plans what it planned a
moment ago. Here they go out together, and come back together, in order; each sees what was committed before it began,
as if it had been sent alone.
"""

import select
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from django.db import connection
from psycopg import errors
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus

if TYPE_CHECKING:
    from psycopg.abc import Transformer as Reader
    from psycopg.pq.abc import PGconn, PGresult

Row = tuple[Any, ...]
#: SQL with a `%s` for each value, which says the value's type where its place does not: `%s::bigint`.
Statement = tuple[str, Sequence[Any]]

_GOOD: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
#: Of each session, the names its statements have there.
_NAMES: "WeakKeyDictionary[object, dict[str, bytes]]" = WeakKeyDictionary()
#: A session that has so many forgets none; who writes statements that differ each time uses a cursor.
MOST = 200
_NUMBER = count(1)
#: Planned once for whatever values: by itself the database plans anew where a list that it sees has but one member.
_OPENING: Final = (b"BEGIN", b"SET LOCAL plan_cache_mode = force_generic_plan")


def at_once(statements: Sequence[Statement]) -> list[list[Row]]:
    """Run the statements, in order, in the transaction that is open; the rows of each.

    Where one is refused the others after it are not run, and Django's error of the database is raised. Whoever wraps or
    counts Django's statements sees each of these by itself.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("statements that belong together run in a transaction")
    if connection.execute_wrappers or connection.queries_logged:
        return [_alone(sql, values) for sql, values in statements]
    connection.validate_no_broken_transaction()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return _talk(statements)


def _alone(sql: str, values: Sequence[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def _talk(statements: Sequence[Statement]) -> list[list[Row]]:
    outer = connection.connection
    raw: PGconn = outer.pgconn
    names = _NAMES.setdefault(outer, {})
    said = [[_text(value) for value in values] for _sql, values in statements]
    asked: list[str | None] = []
    is_over = False
    raw.enter_pipeline_mode()
    try:
        if raw.transaction_status == TransactionStatus.IDLE:
            for opening in _OPENING:
                raw.send_query_params(opening, None)
                asked.append(None)
        new: dict[str, bytes] = {}
        for (sql, _values), told in zip(statements, said, strict=True):
            name = names.get(sql) or new.get(sql)
            if name is None and len(names) + len(new) < MOST:
                name = new[sql] = b"regulars_%d" % next(_NUMBER)
                raw.send_prepare(name, _numbered(sql))
                asked.append(None)
            if name is None:
                raw.send_query_params(_numbered(sql), told)
            else:
                raw.send_query_prepared(name, told)
            asked.append(sql)
        raw.pipeline_sync()
        results, problem = _results(raw, len(asked))
        raw.exit_pipeline_mode()
        is_over = True
        if problem is not None:
            # How far it came with what was to be prepared nobody knows: it is prepared again, under other names.
            raise errors.error_from_result(problem, encoding="utf-8")
        names.update(new)
    finally:
        if not is_over:
            # In the middle of a pipeline nobody else could use it.
            connection.close()
    reader: Reader = Transformer(outer)
    found = []
    for sql_or_none, result in zip(asked, results, strict=True):
        if sql_or_none is not None:
            found.append(_rows(reader, result))
    return found


def _results(raw: "PGconn", count: int) -> "tuple[list[PGresult], PGresult | None]":
    """What each of them answered, and what the database refused, if anything."""
    waiting = select.poll()
    waiting.register(raw.socket, select.POLLIN | select.POLLOUT)
    while raw.flush():
        for _, event in waiting.poll():
            if event & select.POLLIN:
                raw.consume_input()
    waiting.modify(raw.socket, select.POLLIN)
    found: list[PGresult] = []
    problem = None
    while True:
        while raw.is_busy():
            waiting.poll()
            raw.consume_input()
        result = raw.get_result()
        if result is None:
            # The end of one statement's results; a sync comes after the last.
            continue
        status = result.status
        if status == ExecStatus.PIPELINE_SYNC:
            return found, problem
        if status not in _GOOD and status != ExecStatus.PIPELINE_ABORTED:
            problem = problem or result
        found.append(result)


def _rows(reader: "Reader", result: "PGresult") -> list[Row]:
    if result.status != ExecStatus.TUPLES_OK or not result.ntuples:
        return []
    reader.set_pgresult(result)
    return reader.load_rows(0, result.ntuples, tuple)


@lru_cache(maxsize=512)
def _numbered(sql: str) -> bytes:
    parts = sql.split("%s")
    text = "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], 1)) + parts[-1]
    return text.replace("%%", "%").encode()


def _text(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            # C would take what is before it for all of it.
            raise errors.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return value.encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    if isinstance(value, datetime | date):
        return value.isoformat().encode()
    return str(value).encode()
