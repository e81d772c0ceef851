import pytest
from django.db import connection

from regulars.facts.customers.relation import COLUMNS, CUSTOMERS

TYPES = ("bigint", "uuid", "character varying(2)", "character varying(10)", "timestamp with time zone", "bigint")


@pytest.mark.django_db
def test_the_relation_has_the_columns_it_promises():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass",
            [CUSTOMERS],
        )
        there = dict(cursor.fetchall())
    assert {name: there[name] for name in COLUMNS} == dict(zip(COLUMNS, TYPES, strict=True))
