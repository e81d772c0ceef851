"""Jobs of workers that died are given back; a job that keeps killing its workers ends failed, where people see it."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from regulars.runtime.jobs.tasks import MOST_ATTEMPTS

#: A worker writes a heartbeat every 5 s; one that has not for this long is dead or stands still.
STALLED = timedelta(seconds=30)
SWEEP_EVERY = timedelta(seconds=15)


@dataclass(frozen=True)
class Rescued:
    given_back: int
    given_up: int


def sweep(*, stalled: timedelta = STALLED) -> Rescued:
    """Take dead workers off the list, and their jobs back. Any number of sweeps may run side by side.

    Every change asks for the state it expects, so a job that ended meanwhile keeps its end.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # A deleted worker's jobs keep their state and lose their worker's number: that is what the second step takes.
        cursor.execute(
            "DELETE FROM procrastinate_workers WHERE id IN (SELECT id FROM procrastinate_workers"
            " WHERE last_heartbeat < now() - make_interval(secs => %s) FOR UPDATE SKIP LOCKED)",
            [stalled.total_seconds()],
        )
        cursor.execute(
            "WITH stranded AS (SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL"
            "                  FOR UPDATE SKIP LOCKED),"
            " moved AS (UPDATE procrastinate_jobs j SET attempts = j.attempts + 1, scheduled_at = now(),"
            # Another with its queueing lock may wait already, and only one may.
            "   abort_requested = false, queueing_lock = NULL,"
            "   status = (CASE WHEN j.attempts + 1 >= %s OR j.abort_requested THEN 'failed' ELSE 'todo' END)"
            "            ::procrastinate_job_status"
            "   FROM stranded s WHERE j.id = s.id AND j.status = 'doing' AND j.worker_id IS NULL"
            "   RETURNING j.id, j.status),"
            " told AS (INSERT INTO jobs_trouble (job, error, happened_at)"
            "   SELECT id, 'its worker died', now() FROM moved"
            "   ON CONFLICT (job) DO UPDATE SET error = EXCLUDED.error, happened_at = EXCLUDED.happened_at)"
            " SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'failed') FROM moved",
            [MOST_ATTEMPTS],
        )
        return Rescued(*cursor.fetchone())
