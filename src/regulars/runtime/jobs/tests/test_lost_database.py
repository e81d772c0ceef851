"""The database is started again in the middle of a job."""

from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection

from regulars.runtime.jobs.models import Trouble
from regulars.runtime.jobs.tasks import task


@task("tests.part")
def part():
    ask("SELECT pg_terminate_backend(pg_backend_pid())")


def ask(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def test_what_happened_is_kept_and_the_job_can_be_given_back_though_another_waits(fresh_database):
    job = part.configure(queueing_lock="tests.part").defer()
    ask("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job)
    waiting = part.configure(queueing_lock="tests.part").defer()

    with pytest.raises(OperationalError):
        part.func(SimpleNamespace(job=SimpleNamespace(id=job, attempts=0, worker_id=None)))

    assert Trouble.objects.get(job=job).error.startswith("OperationalError at")
    # What a worker then does.
    ask("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job)
    assert ask("SELECT id, status::text FROM procrastinate_jobs ORDER BY id") == [(job, "todo"), (waiting, "todo")]
