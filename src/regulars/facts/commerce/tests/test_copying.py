"""A few rows go in one by one and many as CSV: both say the same."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from django.db import connection

from regulars.facts.commerce import _copying

AWKWARD = ["", "a,b", 'she said "no"', "back\\slash \\N", "two\nlines\tand a tab", "回头客", "\x1f", None]


@pytest.mark.django_db
def test_few_and_many_say_the_same():
    at = datetime(2026, 3, 2, 10, 0, 0, 123, tzinfo=UTC)
    rows = [
        (n, text, None if n == 2 else at, date(2026, 3, 2), n % 2 == 0, Decimal(n) / 1000, "\\x00ff")
        for n, text in enumerate(AWKWARD)
    ]
    schema = {
        "id": pl.Int64(),
        "text": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "day": pl.Date(),
        "yes": pl.Boolean(),
        "much": pl.Decimal(18, 3),
        "bytes": pl.String(),
    }
    few = pl.DataFrame(rows, schema=schema, orient="row")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE copied (id bigint, text text, at timestamptz, day date, yes boolean,"
            " much numeric(18, 3), bytes bytea) ON COMMIT DROP"
        )
        _copying.copy("copied", few)
        cursor.execute("SELECT * FROM copied ORDER BY id")
        one_by_one = cursor.fetchall()
        cursor.execute("TRUNCATE copied")
        _copying.copy("copied", pl.concat([few] * 3))
        cursor.execute("SELECT * FROM copied ORDER BY id")
        assert cursor.fetchall()[::3] == one_by_one
    assert [row[1] for row in one_by_one] == AWKWARD
    assert one_by_one[3][2:6] == (at, date(2026, 3, 2), False, Decimal("0.003"))
