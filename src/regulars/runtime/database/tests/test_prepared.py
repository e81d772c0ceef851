"""Statements in one exchange do as they would have done one by one."""

from datetime import UTC, date, datetime

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from regulars.runtime.database import prepared
from regulars.runtime.database.prepared import at_once

MOMENT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
VALUES = [7, -(2**62), "Zoë \\ 'x' \"y\" %", "", None, True, b"\x00\xff", MOMENT, date(2024, 2, 29)]
TYPES = ["bigint", "bigint", "text", "text", "text", "boolean", "bytea", "timestamptz", "date"]
SAID = (f"SELECT {', '.join(f'%s::{one}' for one in TYPES)}, '100 %%'", VALUES)


def test_values_come_back_as_they_went_however_often(fresh_database_of_module):
    for _ in range(8):
        with transaction.atomic():
            [one, nothing] = at_once([SAID, ("SELECT 1 WHERE %s::boolean", [False])])
        assert nothing == []
        [row] = one
        assert [bytes(value) if isinstance(value, memoryview) else value for value in row[:-1]] == VALUES
        assert row[-1] == "100 %"


def test_what_is_refused_undoes_the_transaction_and_the_session_goes_on(fresh_database_of_module):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE tried (number int PRIMARY KEY)")
    put = "INSERT INTO tried VALUES (%s::int)"
    for _ in range(2):
        with pytest.raises(IntegrityError), transaction.atomic():
            at_once([(put, [1]), (put, [1]), (put, [2])])
        with pytest.raises(DataError), transaction.atomic():
            at_once([(put, [3]), (put, ["x\0y"])])
        with transaction.atomic():
            assert at_once([("SELECT count(*) FROM tried", [])]) == [[(0,)]]


def test_each_sees_what_was_committed_before_it_began(fresh_database_of_module):
    """A lock that was waited for, and a statement after it that reads anew: the same exchange."""
    with transaction.atomic():
        [[(first,)], [(second,)]] = at_once([("SELECT clock_timestamp()", []), ("SELECT statement_timestamp()", [])])
    assert second >= first


@pytest.mark.django_db
def test_who_counts_statements_sees_each(django_assert_num_queries):
    with django_assert_num_queries(2):
        assert at_once([("SELECT 1", []), ("SELECT %s::int", [2])]) == [[(1,)], [(2,)]]


def test_a_session_plans_so_many_and_runs_the_others_all_the_same(monkeypatch, fresh_database_of_module):
    monkeypatch.setattr(prepared, "MOST", 0)
    with transaction.atomic():
        assert at_once([(f"SELECT {n} + %s::int", [n]) for n in range(3)]) == [[(0,)], [(2,)], [(4,)]]


def test_outside_a_transaction_nothing_belongs_together(fresh_database_of_module):
    with pytest.raises(RuntimeError, match="in a transaction"):
        at_once([("SELECT 1", [])])
