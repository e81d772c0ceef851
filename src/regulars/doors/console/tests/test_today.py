"""The machine room on Today: what failed is seen by those who mend it, and tried again with one click."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from regulars.doors.console.tests.builders import MONDAY, signed_in
from regulars.facts.sources import connections, cursors, import_runs, inbox
from regulars.kit.actors import SYSTEM, Actor
from regulars.oversight.outbound import endpoints, exports
from regulars.oversight.outbound.cadence import Cadence
from regulars.runtime.trail import trail

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


def test_a_failed_job_is_set_aside_with_its_reason():
    job, lin = a_failed_job(), signed_in("manager")

    without = lin.post(f"/console/jobs/{job}/set-aside", {"why": "I say so"}, follow=True).content.decode()
    assert "Say why first." in without
    assert state_of(job) == "failed"

    page = lin.post(f"/console/jobs/{job}/set-aside", {"why": "no_longer_needed"}, follow=True).content.decode()

    assert "It is set aside." in page
    assert "tests.unknown" not in page
    assert state_of(job) == "cancelled"
    [line] = trail.of(f"job:{job}")
    assert (line.verb, line.why) == ("jobs.set_aside", "no_longer_needed")
    assert line.by.startswith("operator:")


def a_run(file_name: str = "orders.csv") -> int:
    return import_runs.start(
        source="till", kind="orders", file_name=file_name, digest="b" * 64, at=MONDAY, by=Actor("import", "1")
    ).id


@pytest.mark.parametrize(
    ("language", "words"), [("en", "nothing new; 541,909 rows read"), ("zh-hans", "没有新内容；读取了 541,909 行")]
)
def test_a_file_that_came_in_before_brings_nothing_new(language, words):
    import_runs.finish(
        run=a_run(),
        rows_read=541_909,
        rows_good=541_909,
        rejects=0,
        totals={},
        came={"new": 0, "changed": 0, "same": 25_900, "older": 0, "conflicts": 0},
        at=MONDAY,
        by=Actor("import", "1"),
    )
    assert words in signed_in("manager", language=language).get("/console/").content.decode()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "orders.csv: more than 20000 problems, such as line 17, placed_at."),
        ("zh-hans", "orders.csv：问题超过 20000 个，例如第 17 行的 placed_at。"),
    ],
)
def test_why_an_import_failed_is_told_in_the_readers_language(language, words):
    import_runs.fail(
        run=a_run(),
        problem="TooManyProblems imports.too_many_problems",
        code="imports.too_many_problems",
        facts={"file": "orders.csv", "line": 17, "field": "placed_at", "most": 20_000},
        at=MONDAY,
        by=Actor("import", "1"),
    )
    assert words in signed_in("manager", language=language).get("/console/").content.decode()


def test_who_may_not_mend_neither_sees_nor_retries():
    job, ines = a_failed_job(), signed_in("analyst")
    assert "tests.unknown" not in ines.get("/console/").content.decode()
    assert ines.post(f"/console/jobs/{job}/retry").status_code == 403
    assert state_of(job) == "failed"


def a_shop(name: str) -> int:
    return connections.connect(
        name=name, kind="generic", zone="Europe/London", credentials={"secret": "s" * 32}, at=MONDAY, by=SYSTEM
    ).id


def test_shops_webhooks_and_exports_that_fail_are_told_and_those_that_work_are_not():
    now = timezone.now()
    quiet, behind, lost = a_shop("quiet-shop"), a_shop("behind-shop"), a_shop("lost-shop")
    for shop, ago in ((quiet, timedelta(minutes=2)), (behind, timedelta(hours=3))):
        cursors.begin(connection=shop, stream="orders", walk="poll", since=None, until=now - ago, at=now - ago)
        claimed = cursors.claim(connection=shop, stream="orders", at=now, lasts=timedelta(minutes=1))
        assert claimed is not None
        cursors.finish(claimed=claimed, at=now)
    connections.pause(connection=a_shop("cut-off-shop"), why="uninstalled", at=now, by=SYSTEM)
    connections.pause(connection=a_shop("resting-shop"), at=now, by=SYSTEM)
    kept = inbox.keep(connection=lost, key="1", topic="t", body=b"{}", at=now)
    inbox.settle(number=kept.id, as_="not_understood", code="no_currency", why="", at=now)
    for name, state in (("gone-crm", "off"), ("good-crm", "on")):
        made = endpoints.make(name=name, url=f"https://{name}.example.com/", at=MONDAY, by=SYSTEM).endpoint
        with connection.cursor() as cursor:
            why = "gone" if state == "off" else ""
            cursor.execute(
                "UPDATE outbound_endpoint SET state = %s, state_why = %s WHERE id = %s", [state, why, made.id]
            )
    for name, state in (("nightly", "failed"), ("weekly", "done")):
        one = exports.make(name=name, kind="csv", tables=["orders"], cadence=Cadence("daily"), at=MONDAY, by=SYSTEM)
        run = exports.run_now(export=one.id, key="k", at=MONDAY, by=SYSTEM)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE outbound_export_run SET state = %s, finished_at = now() WHERE id = %s", [state, run.id]
            )
    page = signed_in("owner").get("/console/").content.decode()
    told = page[page.index("Other systems") : page.index("The machine room")]
    for words in (
        "behind-shop",
        "cut-off-shop",
        "removed in the shop",
        "lost-shop",
        "1 message was not understood",
        "gone-crm",
        "switched off",
        "nightly",
    ):
        assert words in told
    for words in ("quiet-shop", "resting-shop", "good-crm", "weekly"):
        assert words not in told


def test_where_all_is_well_outside_nothing_is_said():
    a_shop("quiet-shop")
    assert "Other systems" not in signed_in("owner").get("/console/").content.decode()
    assert "Other systems" not in signed_in("read_only").get("/console/").content.decode()
