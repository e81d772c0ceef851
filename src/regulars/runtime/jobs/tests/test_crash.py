"""A worker killed with SIGKILL in the middle of a job: the job is done all the same, and a `once` job's effect once."""

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from regulars.runtime.jobs import rescue
from regulars.runtime.jobs.tests import victims
from regulars.runtime.serving.tests import nursery


def ask(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


#: The worker keeps the house's schedule too: what falls due while the test runs is not the test's.
OURS = "task_name LIKE 'tests.%%'"


def until(is_so, seconds=120.0, between=lambda: None):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        between()
        time.sleep(0.1)


@pytest.fixture
def start_worker(fresh_database):
    with psycopg.connect(fresh_database["REGULARS_DATABASE_OWNER_URL"]) as owner:
        owner.execute("CREATE TABLE job_effect (what text)")
    process = nursery.start(
        "import django; django.setup(); from regulars.runtime.jobs.tests import victims; victims.nursery()",
        environment=os.environ | fresh_database | {"DJANGO_SETTINGS_MODULE": "regulars.main.settings"},
        stdin=nursery.PIPE,
        stdout=nursery.PIPE,
    )
    started = []

    def start():
        process.stdin.write("\n")
        process.stdin.flush()
        started.append(int(process.stdout.readline()))
        return started[-1]

    yield start
    for worker in started:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    process.stdin.close()
    process.wait(60)


@pytest.mark.crash
def test_the_job_of_a_killed_worker_is_done_by_another(start_worker):
    once = victims.slow_once.defer(what="points for Ines")
    plain = victims.slow_plain.defer(what="a report for Marek")
    first = start_worker()
    until(lambda: ask("SELECT count(*) FROM job_effect") == [(1,)])  # The plain one's; the other's is not committed.
    until(lambda: ask(f"SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND {OURS}") == [(2,)])

    os.kill(first, signal.SIGKILL)
    start_worker()
    # Long enough that the second worker, alive on a busy machine, is not taken for dead as well.
    until(
        lambda: ask(f"SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded' AND {OURS}") == [(2,)],
        between=lambda: rescue.sweep(stalled=timedelta(seconds=8)),
    )

    assert ask(f"SELECT id, attempts FROM procrastinate_jobs WHERE {OURS} ORDER BY id") == [(once, 2), (plain, 2)]
    assert sorted(what for (what,) in ask("SELECT what FROM job_effect")) == [
        "a report for Marek",
        "a report for Marek",
        "points for Ines",
    ]


@pytest.mark.crash
def test_a_worker_told_to_stop_finishes_its_job(start_worker):
    job = victims.slow_once.defer(what="points for Ines")
    worker = start_worker()
    until(lambda: ask(f"SELECT 1 FROM procrastinate_jobs WHERE status = 'doing' AND {OURS}") == [(1,)])
    os.kill(worker, signal.SIGTERM)
    until(lambda: ask("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = %s", job) == [("succeeded", 1)])
    assert ask("SELECT what FROM job_effect") == [("points for Ines",)]
