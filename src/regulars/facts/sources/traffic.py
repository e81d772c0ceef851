"""How many messages of each source ended how, by the hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max, Sum

from regulars.facts.sources.models import Traffic as Row
from regulars.facts.sources.models import UnknownKeys

#: Hours in which keys nobody made were used; sources' own hours stay.
KEPT_FOR = timedelta(days=400)


@dataclass(frozen=True)
class Hour:
    """Messages of a source with one verdict in the hour (UTC) that begins at `hour`."""

    source: int
    hour: datetime
    verdict: str
    count: int
    last_at: datetime


def count_many(*, counts: Mapping[tuple[int, str], int], at: datetime) -> None:
    """Add messages by (source, verdict) to the hour of `at`, in the caller's transaction. One statement."""
    if not counts:
        return
    told = sorted(counts.items())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sources_traffic (source_id, hour, verdict, count, last_at)"
            " SELECT source, date_trunc('hour', %s::timestamptz, 'UTC'), verdict, count, %s"
            " FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS told(source, verdict, count)"
            " ON CONFLICT (source_id, hour, verdict) DO UPDATE"
            " SET count = sources_traffic.count + excluded.count,"
            " last_at = greatest(sources_traffic.last_at, excluded.last_at)",
            [
                at,
                at,
                [source for (source, _), _ in told],
                [verdict for (_, verdict), _ in told],
                [count for _, count in told],
            ],
        )


@dataclass(frozen=True)
class Strangers:
    """Messages with a write key nobody made, and when the last of them came."""

    count: int
    last_at: datetime


def count_unknown_keys(*, count: int, at: datetime) -> None:
    """Add messages with a write key nobody made to the hour of `at`. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sources_unknown_keys (hour, count, last_at)"
            " VALUES (date_trunc('hour', %s::timestamptz, 'UTC'), %s, %s)"
            " ON CONFLICT (hour) DO UPDATE SET count = sources_unknown_keys.count + excluded.count,"
            " last_at = greatest(sources_unknown_keys.last_at, excluded.last_at)",
            [at, count, at],
        )


def unknown_keys(since: datetime) -> Strangers | None:
    """Messages with a write key nobody made in the hours from `since` on; None where none came. One query."""
    told = UnknownKeys.objects.filter(hour__gte=since).aggregate(count=Sum("count"), last_at=Max("last_at"))
    return None if told["count"] is None else Strangers(told["count"], told["last_at"])


def clear(*, at: datetime) -> int:
    """Remove hours of unknown keys that began more than `KEPT_FOR` ago. How many."""
    removed, _ = UnknownKeys.objects.filter(hour__lt=at - KEPT_FOR).delete()
    return removed


def since(since: datetime, *, source: int | None = None) -> Sequence[Hour]:
    """The hours from `since` on, oldest first. One query."""
    rows = Row.objects.filter(hour__gte=since).order_by("hour", "verdict")
    if source is not None:
        rows = rows.filter(source_id=source)
    return [Hour(row.source_id, row.hour, row.verdict, row.count, row.last_at) for row in rows]


def latest() -> Mapping[int, datetime]:
    """When each source was last heard, whatever became of its message; who never was is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source.id, last.last_at FROM sources_source AS source CROSS JOIN LATERAL (SELECT max(last_at) AS"
            " last_at FROM sources_traffic WHERE source_id = source.id AND hour = (SELECT max(hour) FROM"
            " sources_traffic WHERE source_id = source.id)) AS last WHERE last.last_at IS NOT NULL"
        )
        return {int(source): last_at for source, last_at in cursor.fetchall()}
