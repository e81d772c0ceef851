"""The database's clock: one for all processes and machines."""

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """This instant. Within a transaction, when it began. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (instant,) = cursor.fetchone() or (None,)
    assert isinstance(instant, datetime)
    return instant
