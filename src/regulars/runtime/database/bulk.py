"""Before a transaction writes very many rows."""

from django.db import connection

#: From how many rows on a plan made for a small table hurts more than planning anew.
MANY = 1000


def expect_many_rows(count: int) -> None:
    """Call it first in a transaction that will write `count` rows: foreign keys are then checked through indexes.

    PostgreSQL plans the check of a foreign key once a session, by the table's size at that time. Planned while the
    referenced table was empty or tiny it walks the whole table, and goes on doing so for every row while the same
    transaction makes the table large: minutes instead of seconds.
    """
    if count < MANY:
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("DISCARD PLANS")
