"""Work done aside: what has failed, and trying it again. Rooms declare their work with `tasks`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.jobs import housekeeping
from regulars.runtime.jobs.models import Trouble
from regulars.runtime.trail import trail

#: Imported here so that the schedule of this room is found like every other room's.
SCHEDULED = (housekeeping.drop_old_notices, housekeeping.drop_finished_jobs)


class NotFailed(Refusal):
    code = "jobs.not_failed"

    def __init__(self) -> None:
        super().__init__(_("This job has not failed, or is being tried again already."))


@dataclass(frozen=True)
class Failed:
    """A job that has used up its tries. `error` says what happened last, by kind and place."""

    id: int
    task: str
    queue: str
    arguments: dict[str, Any]
    attempts: int
    error: str
    failed_at: datetime | None


def failed(*, before: int | None = None, limit: int = 50) -> list[Failed]:
    """Failed jobs, newest first; the page before job `before`. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT j.id, j.task_name, j.queue_name, j.args::text::json, j.attempts, coalesce(t.error, ''),"
            " t.happened_at FROM procrastinate_jobs j LEFT JOIN jobs_trouble t ON t.job = j.id"
            " WHERE j.status = 'failed' AND j.id < coalesce(%s, 9223372036854775807) ORDER BY j.id DESC LIMIT %s",
            [before, limit],
        )
        return [Failed(*row) for row in cursor.fetchall()]


def counts() -> dict[str, int]:
    """How many jobs are in which state: todo, doing, succeeded, failed, cancelled, aborted. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1")
        return dict(cursor.fetchall())


def retry(*, job: int, at: datetime, by: Actor, why: str = "") -> None:
    """Try a failed job again at once, with all its tries. Refuses with NotFailed."""
    _move(job, "todo", verb="jobs.retry", at=at, by=by, why=why)


def set_aside(*, job: int, at: datetime, by: Actor, why: str) -> None:
    """A failed job that nobody wants any more leaves the list. Refuses with NotFailed."""
    _move(job, "cancelled", verb="jobs.set_aside", at=at, by=by, why=why)


def _move(job: int, state: str, *, verb: str, at: datetime, by: Actor, why: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status, attempts = 0, scheduled_at = NULL,"
            " abort_requested = false, worker_id = NULL, queueing_lock = NULL WHERE id = %s AND status = 'failed'"
            " RETURNING attempts",
            [state, job],
        )
        if cursor.fetchone() is None:
            raise NotFailed
        Trouble.objects.filter(job=job).delete()
        trail.record(
            by=by,
            verb=verb,
            subject=f"job:{job}",
            at=at,
            before={"state": "failed"},
            after={"state": state},
            why=why,
        )
