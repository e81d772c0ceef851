"""What the machine room does for itself every night."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from regulars.runtime.jobs.models import Done, Trouble
from regulars.runtime.jobs.tasks import every, task
from regulars.runtime.notices import retention

#: How long jobs that went well, and marks of what they did, are kept. Failed jobs stay until somebody looks at them.
KEEP_FINISHED = timedelta(days=14)
_BATCH = 10_000


@task("jobs.drop_old_notices", lock="jobs.drop_old_notices")
def drop_old_notices(timestamp: int) -> None:
    while retention.drop_delivered(most=_BATCH) == _BATCH:
        continue


@task("jobs.drop_finished", lock="jobs.drop_finished")
def drop_finished_jobs(timestamp: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs j WHERE j.status IN ('succeeded', 'cancelled', 'aborted')"
            " AND NOT EXISTS (SELECT 1 FROM procrastinate_events e WHERE e.job_id = j.id"
            "                 AND e.at > now() - make_interval(secs => %s))",
            [KEEP_FINISHED.total_seconds()],
        )
    for kept in (Done.objects.filter(done_at__lt=timezone.now() - KEEP_FINISHED), Trouble.objects.all()):
        kept.extra(where=["NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.id = job)"]).delete()


every("23 3 * * *", drop_old_notices)
every("37 3 * * *", drop_finished_jobs)
