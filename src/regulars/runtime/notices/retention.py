"""Old notices that everybody has read may go; nothing else may ever remove one."""

from datetime import timedelta

from django.db import connection

from regulars.runtime.notices import subscriptions

KEEP = timedelta(days=400)


def drop_delivered(*, keep: timedelta = KEEP, most: int = 10_000) -> int:
    """Remove at most `most` notices older than `keep` that every listener has read and none waits for. How many.

    Through the database's own function: the app has no right to delete. It refuses to keep less than 7 days.
    """
    with connection.cursor() as cursor:
        names = [listener.name for listener in subscriptions.registered()]
        cursor.execute(
            "SELECT notices_drop_delivered(%s, make_interval(secs => %s), %s)", [names, keep.total_seconds(), most]
        )
        return int(cursor.fetchone()[0])
