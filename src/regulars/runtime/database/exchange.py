"""A whole transaction in one exchange: all its statements go out at once, and the rows of each COPY when it asks.

Statement by statement, a transaction that writes three tables goes back and forth ten times, and its process waits for
its turn of the interpreter after each. This goes back and forth once, and once more for each COPY.
"""

import select
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from django.db import connection
from psycopg import errors
from psycopg.pq import ExecStatus, TransactionStatus

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

#: Bytes that are handed to the driver at once: it keeps what the socket does not take yet.
_PIECE: Final = 1 << 17
#: The first row of what each SELECT before the first COPY answered, as text; nothing where there was none.
Answers = Sequence[Sequence[bytes]]
_COPY_IN, _TUPLES, _DONE = ExecStatus.COPY_IN, ExecStatus.TUPLES_OK, (ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)


def exchange(*, statements: Sequence[str], rows: Callable[[Answers], Iterator[bytes]]) -> None:
    """Run the statements, which take no parameters, in one transaction: the caller's, or where there is none one of
    its own, committed when this returns.

    `rows` is called when the first `COPY … FROM STDIN` asks, with what the SELECTs before it answered, and gives what
    each COPY takes, in their order. Raises Django's errors of the database, and what `rows` raises, after which nothing
    of it is there, and the caller's transaction is failed as by any statement: a savepoint around it takes it back.
    Where the connection breaks at the very end, that is not known.
    """
    connection.ensure_connection()
    raw: PGconn = connection.connection.pgconn
    begins = raw.transaction_status == TransactionStatus.IDLE
    ends = begins and not connection.in_atomic_block
    text = "; ".join([*(["BEGIN"] if begins else ()), *statements, *(["COMMIT"] if ends else ())])
    is_over = False
    try:
        with connection.wrap_database_errors:
            problem = _talk(raw, text.encode(), rows)
            if problem is not None and ends:
                raw.exec_(b"ROLLBACK")
            is_over = True
            if problem is not None:
                raise problem
    finally:
        if not is_over:
            # In the middle of a COPY nobody else could use it.
            connection.close()


def _talk(raw: "PGconn", text: bytes, rows: Callable[[Answers], Iterator[bytes]]) -> Exception | None:
    """What the database refused, or why there were no rows, if anything; all it had to say has been heard."""
    waiting = select.poll()
    waiting.register(raw.socket, select.POLLIN)
    raw.send_query(text)
    _flush(raw, waiting)
    answers: list[Sequence[bytes]] = []
    blocks: Iterator[bytes] | None = None
    problem: Exception | None = None
    while True:
        while raw.is_busy():
            waiting.poll()
            raw.consume_input()
        result = raw.get_result()
        if result is None:
            return problem
        status = result.status
        if status == _COPY_IN:
            try:
                blocks = rows(answers) if blocks is None else blocks
                block = next(blocks)
            except Exception as raised:
                # Raised by `exchange`, once the database has heard that none come.
                problem = raised
                _end(raw, waiting, b"there are no rows")
                continue
            _put(raw, waiting, block)
        elif status == _TUPLES:
            columns = range(result.nfields if result.ntuples else 0)
            answers.append([result.get_value(0, column) or b"" for column in columns])
        elif status not in _DONE:
            problem = problem or errors.error_from_result(result)


def _put(raw: "PGconn", waiting: select.poll, block: bytes) -> None:
    view = memoryview(block)
    for start in range(0, len(view), _PIECE):
        while raw.put_copy_data(view[start : start + _PIECE]) == 0:
            _flush(raw, waiting)
    _end(raw, waiting)


def _end(raw: "PGconn", waiting: select.poll, why_not: bytes | None = None) -> None:
    """No more rows; with a reason, none of those that were told count."""
    while raw.put_copy_end(why_not) == 0:
        _flush(raw, waiting)
    _flush(raw, waiting)


def _flush(raw: "PGconn", waiting: select.poll) -> None:
    """Until the socket has taken all. What comes meanwhile is read, or both sides would wait for each other."""
    while raw.flush():
        waiting.modify(raw.socket, select.POLLIN | select.POLLOUT)
        for _, event in waiting.poll():
            if event & ~select.POLLOUT:
                raw.consume_input()
        waiting.modify(raw.socket, select.POLLIN)
