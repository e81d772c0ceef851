"""The shell's way to failed jobs."""

import json

import pytest
from click.testing import CliRunner
from django.db import connection
from procrastinate.contrib.django import app

from regulars.runtime.jobs import commands, jobs

pytestmark = pytest.mark.django_db


def run(*words):
    return CliRunner().invoke(commands.jobs_group, words)


def a_failed_job():
    job = app.configure_task("tests.unknown").defer(customer=7)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job])
    return job


def test_failed_jobs_are_listed_retried_and_set_aside():
    assert run("failed").output == "No job has failed.\n"
    job = a_failed_job()
    [fact] = json.loads(run("failed", "--json").output)
    assert (fact["id"], fact["task"], fact["arguments"]) == (job, "tests.unknown", {"customer": 7})
    assert str(job) in run("failed").output
    assert run("retry", str(job)).exit_code == 0
    assert jobs.counts() == {"todo": 1}
    other = a_failed_job()
    for words in ("li.na@example.com said so", "x" * 201):
        refused = run("set-aside", str(other), "--why", words)
        assert (refused.exit_code, "The trail is never erased" in refused.output) == (2, True)
        assert "li.na" not in refused.output
    assert run("set-aside", str(other), "--why", "obsolete").exit_code == 0
    assert jobs.counts() == {"todo": 1, "cancelled": 1}
