"""What the ledger says is neither changed nor removed: not by the app's role, which has no right to it, and not by the
owner of the tables, whom a trigger stops."""

import re
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, connections, transaction
from psycopg.errors import RestrictViolation

from regulars.levers.loyalty.tests.builders import a_member, has

README = Path(__file__).parents[1] / "README.md"


#: Of each table that anything of may be changed: whether all of it, and else which columns.
_MUTABLE = """
SELECT substr(held.relname, 9), has_table_privilege(held.oid, 'UPDATE'), array_agg(one.attname::text)
  FROM pg_class AS held JOIN pg_attribute AS one ON one.attrelid = held.oid AND one.attnum > 0 AND NOT one.attisdropped
 WHERE held.relkind = 'r' AND held.relname LIKE 'loyalty\\_%' AND has_column_privilege(held.oid, one.attnum, 'UPDATE')
 GROUP BY 1, 2 ORDER BY 1
"""


@pytest.mark.django_db
def test_the_readme_lists_what_may_change_and_nothing_else():
    told: dict[str, set[str]] = {}
    for row in re.findall(r"^\| ([a-z_, ]+) \| ([^|]+) \|", README.read_text("utf-8"), re.MULTILINE):
        for table in row[0].split(", "):
            told.setdefault(table, set()).update(row[1].split(", "))
    told.pop("table")
    with connection.cursor() as cursor:
        cursor.execute(_MUTABLE)
        mutable = cursor.fetchall()
    assert sorted(told) == [table for table, _, _ in mutable]
    for table, is_whole, columns in mutable:
        assert is_whole or told[table] == set(columns), table


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE loyalty_act SET key = 'other'",
        "DELETE FROM loyalty_act",
        "UPDATE loyalty_entry SET available_after = 1000",
        "DELETE FROM loyalty_entry",
        "UPDATE loyalty_posting SET amount = 1000",
        "DELETE FROM loyalty_posting",
        "UPDATE loyalty_lot SET original = 1000",
        "UPDATE loyalty_lot SET record_id = record_id + 1",
        "UPDATE loyalty_lot SET earned_by_id = record_id + 1",
        "UPDATE loyalty_lot SET available = 1000",
        "UPDATE loyalty_account SET available = -1",
        "DELETE FROM loyalty_lot",
        "DELETE FROM loyalty_account",
        "DELETE FROM loyalty_hold_lot",
    ],
)
def test_nobody_changes_or_removes_what_the_ledger_says(statement):
    priya = a_member(points=40)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert has(priya) == (0, 40, 0, 0)


def test_not_even_who_owns_the_tables_changes_or_removes_a_line(fresh_database):
    priya = a_member(points=40)
    other = {"loyalty_act": "key = 'other'", "loyalty_entry": "act_id = 7", "loyalty_posting": "number = 7"}
    for table, change in other.items():
        for statement in (f"UPDATE {table} SET {change}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(DatabaseError) as refused, connections["owner"].cursor() as cursor:
                cursor.execute(statement)
            assert isinstance(refused.value.__cause__, RestrictViolation), statement
    assert has(priya) == (0, 40, 0, 0)
