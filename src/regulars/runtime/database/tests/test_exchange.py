"""A transaction in one exchange: all of it or nothing, and the connection goes on afterwards."""

import contextlib
from collections.abc import Iterator, Sequence

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from regulars.runtime.database.exchange import Answers, exchange

IN, BESIDE = "COPY talked FROM STDIN", "COPY beside FROM STDIN"


@pytest.fixture
def talked(fresh_database) -> None:
    # The owner's tables, as all are.
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE talked (n bigint PRIMARY KEY, said text); CREATE TABLE beside (n bigint)")
        cursor.execute("GRANT ALL ON talked, beside TO PUBLIC")


def held(table: str = "talked") -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT n FROM {table} ORDER BY n")
        return [n for (n,) in cursor.fetchall()]


def telling(*blocks: bytes):
    return lambda _: iter(blocks)


def test_everything_is_written_and_committed(talked):
    asked: list[Answers] = []

    def rows(answers: Answers) -> Iterator[bytes]:
        asked.append(answers)
        yield b"7\tseven\n"
        yield b"8\n"

    exchange(
        statements=["SELECT 7, 'a' || NULL", "SELECT 1 WHERE false", IN, BESIDE, "INSERT INTO beside VALUES (9)"],
        rows=rows,
    )
    # Another session sees it.
    connection.close()

    assert (asked, held(), held("beside")) == ([[[b"7", b""], []]], [7], [8, 9])


@pytest.mark.parametrize(
    "blocks",
    [(b"2\tb\n", b"no number\n"), (b"1\tagain\n", b"1\n"), (b"2\tb\n2\tc\n" * 300_000, b"1\n")],
    ids=["refused at the second", "known", "refused while much is on its way"],
)
def test_what_is_refused_leaves_nothing_and_the_connection_goes_on(talked, blocks: Sequence[bytes]):
    exchange(statements=[IN], rows=telling(b"1\ta\n"))
    session = connection.connection

    with pytest.raises(Exception, match="COPY") as problem:
        exchange(statements=[IN, BESIDE], rows=telling(*blocks))

    assert "psycopg" not in type(problem.value).__module__, "Django's own"
    exchange(statements=[IN], rows=telling(b"3\tc\n"))
    assert (held(), held("beside"), connection.connection) == ([1, 3], [], session)


def test_it_is_part_of_the_callers_transaction(talked):
    def one_then(*blocks: bytes) -> None:
        with transaction.atomic():
            exchange(statements=[IN], rows=telling(b"1\ta\n"))
            for block in blocks:
                with contextlib.suppress(IntegrityError), transaction.atomic():
                    exchange(statements=[IN], rows=telling(block))
            assert held() == [1]
            exchange(statements=[IN], rows=telling(blocks[-1]))

    with pytest.raises(IntegrityError):
        one_then(b"2\tb\n1\ta\n", b"1\ta\n")
    assert held() == []

    with transaction.atomic():
        exchange(statements=[IN], rows=telling(b"2\ta\n"))
    assert held() == [2]


def test_more_than_any_socket_takes_at_once_goes_over(talked):
    many = b"".join(b"%d\t%s\n" % (n, b"x" * 1_000) for n in range(20_000))

    exchange(statements=[IN], rows=telling(many))

    assert len(held()) == 20_000


def test_who_fails_to_make_the_rows_leaves_nothing_and_the_connection_goes_on(talked):
    def rows(_: Answers) -> Iterator[bytes]:
        yield b"1\ta\n"
        raise ZeroDivisionError

    connection.ensure_connection()
    session = connection.connection
    with pytest.raises(ZeroDivisionError):
        exchange(statements=[IN, BESIDE], rows=rows)
    assert held() == []

    with transaction.atomic():
        exchange(statements=[IN], rows=telling(b"2\ta\n"))
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            exchange(statements=[IN, BESIDE], rows=rows)
        exchange(statements=[IN], rows=telling(b"3\tb\n"))
    assert (held(), connection.connection) == ([2, 3], session)


def test_a_lost_connection_is_the_databases_fault(talked):
    connection.ensure_connection()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    with pytest.raises(OperationalError):
        exchange(statements=[IN], rows=telling(b"1\ta\n"))
    connection.close()

    exchange(statements=[IN], rows=telling(b"1\ta\n"))
    assert held() == [1]
