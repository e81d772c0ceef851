"""How far behind the listeners are, and what holds the stream back."""

from dataclasses import dataclass

from django.db import connection

from regulars.runtime.notices import subscriptions
from regulars.runtime.notices._horizon import LOCK_CLASS

#: Counting stops here: beyond it only "at least" is known, and the question stays cheap.
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class Lag:
    """`behind` notices not yet read (at most MOST_COUNTED are counted), the oldest of them `seconds` old."""

    listener: str
    behind: int
    seconds: float
    handled: int
    waiting: int
    dead: int


@dataclass(frozen=True)
class Holder:
    """A transaction that announced something `seconds` ago at most and has not ended; nobody reads past it."""

    pid: int
    state: str
    seconds: float


def of_listeners() -> list[Lag]:
    """One Lag for each listener of this release. One query a listener, and one for what is parked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT subscriber, state, count(*) FROM notices_parked GROUP BY 1, 2")
        parked = {(name, state): count for name, state, count in cursor.fetchall()}
        found = []
        for listener in subscriptions.registered():
            cursor.execute(
                "SELECT coalesce(max(s.handled), 0), count(n.id),"
                " coalesce(extract(epoch FROM now() - min(n.recorded_at)), 0)::float"
                " FROM notices_subscriber s LEFT JOIN LATERAL ("
                "   SELECT id, recorded_at FROM notices_notice WHERE id > s.position AND kind = ANY(%s)"
                "   AND (%s OR origin = 'live') ORDER BY id LIMIT %s) n ON true"
                " WHERE s.name = %s",
                [list(listener.kinds), listener.history, MOST_COUNTED, listener.name],
            )
            handled, behind, seconds = cursor.fetchone()
            found.append(
                Lag(
                    listener=listener.name,
                    behind=behind,
                    seconds=max(0.0, seconds),
                    handled=handled,
                    waiting=parked.get((listener.name, "waiting"), 0),
                    dead=parked.get((listener.name, "dead"), 0),
                )
            )
    return found


def holders(*, longer_than: float) -> list[Holder]:
    """Transactions open for more than `longer_than` seconds that hold the stream back, the longest first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT a.pid, coalesce(a.state, ''), extract(epoch FROM now() - a.xact_start)::float AS seconds"
            " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objsubid = 2 AND l.granted"
            " AND a.datname = current_database() AND a.xact_start < now() - make_interval(secs => %s)"
            " ORDER BY seconds DESC",
            [LOCK_CLASS, longer_than],
        )
        return [Holder(*row) for row in cursor.fetchall()]
