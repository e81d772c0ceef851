"""The machine room on Today: what failed is seen by those who mend it, and tried again with one click."""

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from regulars.doors.console.tests.builders import signed_in

pytestmark = pytest.mark.django_db


def a_failed_job() -> int:
    job = app.configure_task("tests.unknown").defer(customer=7)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job])
    return job


def state_of(job: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [job])
        (state,) = cursor.fetchone()
    return state


def test_a_failed_job_is_shown_and_tried_again():
    job, lin = a_failed_job(), signed_in("manager")
    assert "tests.unknown" in lin.get("/console/").content.decode()

    page = lin.post(f"/console/jobs/{job}/retry", follow=True).content.decode()

    assert "It is being tried again." in page
    assert state_of(job) == "todo"
    again = lin.post(f"/console/jobs/{job}/retry", follow=True).content.decode()
    assert "has not failed" in again


def test_who_may_not_mend_neither_sees_nor_retries():
    job, ines = a_failed_job(), signed_in("analyst")
    assert "tests.unknown" not in ines.get("/console/").content.decode()
    assert ines.post(f"/console/jobs/{job}/retry").status_code == 403
    assert state_of(job) == "failed"
