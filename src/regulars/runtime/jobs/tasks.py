"""How a room declares its work: `@task` in its `jobs.py`, and `every` for a schedule.

@task("insight.refresh", once=True)
def refresh() -> None:
    readings.refresh(...)

every("17 3 * * *", refresh)

refresh.defer()             # in a transaction: the job exists if and only if it commits
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from procrastinate import BaseRetryStrategy, RetryDecision, jobs
from procrastinate.contrib.django import app
from procrastinate.job_context import JobContext
from procrastinate.tasks import Task

from regulars.kit.problems import named
from regulars.kit.refusals import Refusal
from regulars.runtime.jobs.models import Done, Trouble

#: Tries in all, whether they ended in an error or with their worker's death.
MOST_ATTEMPTS = 5


class Patiently(BaseRetryStrategy):
    """Five tries, 10 s, 40 s, 160 s and 640 s apart. A refusal is an answer and is not asked again."""

    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> RetryDecision | None:
        if isinstance(exception, Refusal) or job.attempts + 1 >= MOST_ATTEMPTS:
            return None
        return RetryDecision(retry_at=timezone.now() + timedelta(seconds=10 * 4**job.attempts))


class NoLongerOurs(Exception):
    """The job was given to another worker while this one stood still. What it did is taken back."""


def task(
    name: str, *, once: bool = False, queue: str = "default", lock: str | None = None
) -> Callable[[Callable[..., None]], Task[..., Any, Any]]:
    """A job called `name` ("<room>.<verb>"). Its arguments are ids and plain values, never personal data.

    Plainly, the body may run again after a crash and has to be harmless then. With `once`, the body runs in one
    transaction together with the mark that it is done, so its effect in this database happens exactly once; keep such a
    body short. Jobs with one `lock` never run side by side.
    """

    def declare(body: Callable[..., None]) -> Task[..., Any, Any]:
        def run(context: JobContext, /, **arguments: Any) -> None:
            try:
                if once:
                    _run_once(context, body, arguments)
                else:
                    body(**arguments)
            except Exception as problem:
                if connection.connection is not None and connection.connection.closed:
                    # The database went away; only who lets go of the dead connection gets another.
                    connection.close()
                _leave_the_queue(context)
                Trouble.objects.update_or_create(
                    job=_number(context), defaults={"error": named(problem), "happened_at": timezone.now()}
                )
                raise

        declared: Task[..., Any, Any] = app.task(
            name=name, queue=queue, lock=lock, retry=Patiently(), pass_context=True
        )(run)
        return declared

    return declare


def every(cron: str, work: Task[..., Any, Any]) -> None:
    """Run `work` by the clock of UTC: minute, hour, day of month, month, day of week. Missed times are not made up for.

    A task run by the clock takes `timestamp`, the instant it was due, as seconds since 1970.
    """
    app.periodic(cron=cron)(work)


_ALONGSIDE: list[Callable[[threading.Event], None]] = []


def alongside(work: Callable[[threading.Event], None]) -> Callable[[threading.Event], None]:
    """`work` runs in a thread of every worker, with a database connection of its own, until the event is set.

    For what waits a lot and computes little: it takes none of the worker's places, but shares its one interpreter. It
    must bear running several times side by side, and being killed; after an error it is begun again.
    """
    _ALONGSIDE.append(work)
    return work


def all_alongside() -> tuple[Callable[[threading.Event], None], ...]:
    """What the rooms whose jobs are known want to run beside them."""
    return tuple(_ALONGSIDE)


def _number(context: JobContext) -> int:
    assert context.job.id is not None, "a job that is running has a number"
    return context.job.id


def _leave_the_queue(context: JobContext) -> None:
    """Of jobs with one queueing lock only one may wait: where the next waits already, this one could not be given back
    for another try, and would be held by its worker for ever, and with it all that share its lock."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET queueing_lock = NULL WHERE id = %s", [_number(context)])


def _run_once(context: JobContext, body: Callable[..., None], arguments: dict[str, Any]) -> None:
    with transaction.atomic():
        # Whoever comes second waits here for the first one's transaction, and then finds the mark.
        _, is_first = Done.objects.get_or_create(job=_number(context))
        if not is_first:
            return
        body(**arguments)
        if not _is_ours(context):
            raise NoLongerOurs


def _is_ours(context: JobContext) -> bool:
    """Whether the job is still this worker's. The row stays locked until the transaction ends, so no sweep takes it."""
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM procrastinate_jobs WHERE id = %s AND status = 'doing' AND attempts = %s"
            " AND worker_id = %s FOR UPDATE",
            [context.job.id, context.job.attempts, context.job.worker_id],
        )
        return cursor.fetchone() is not None
