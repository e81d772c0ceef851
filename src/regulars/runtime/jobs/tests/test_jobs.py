"""Jobs exist with the transaction that defers them, are taken back from the dead, and fail where people see it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from procrastinate import jobs as procrastinate_jobs
from procrastinate.contrib.django import app

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.jobs import housekeeping, jobs, rescue
from regulars.runtime.jobs.models import Done, Trouble
from regulars.runtime.jobs.tasks import MOST_ATTEMPTS, NoLongerOurs, Patiently, task
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
MAREK = Actor("operator", "7")
HEARD = []


@task("tests.hear")
def hear(word):
    if word == "no":
        raise ValueError("li.na@example.com is not a word")
    HEARD.append(word)


@task("tests.hear_once", once=True)
def hear_once(word):
    HEARD.append(word)
    if word == "no":
        raise ValueError("no")


@pytest.fixture(autouse=True)
def _quiet():
    HEARD.clear()


def ask(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def a_worker(last_seen="now()"):
    return ask(f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({last_seen}) RETURNING id")[0][0]


def taken(job, worker, attempts=0):
    """The job as a worker has it in hand."""
    ask(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, attempts = %s WHERE id = %s",
        worker,
        attempts,
        job,
    )
    return SimpleNamespace(job=SimpleNamespace(id=job, attempts=attempts, worker_id=worker))


def state(job):
    return ask("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = %s", job)[0]


def test_a_job_exists_if_its_transaction_commits():
    with transaction.atomic():
        hear.defer(word="yes")
        transaction.set_rollback(True)
    assert jobs.counts() == {}
    hear.defer(word="yes")
    assert jobs.counts() == {"todo": 1}


def test_dead_workers_lose_their_jobs_and_living_ones_keep_them():
    dead, alive = a_worker("now() - interval '31 seconds'"), a_worker("now() - interval '29 seconds'")
    stranded, running = hear.defer(word="a"), hear.defer(word="b")
    taken(stranded, dead)
    taken(running, alive)

    assert rescue.sweep() == rescue.Rescued(given_back=1, given_up=0)
    assert rescue.sweep() == rescue.Rescued(given_back=0, given_up=0)

    assert state(stranded) == ("todo", 1)
    assert state(running) == ("doing", 0)
    assert ask("SELECT id FROM procrastinate_workers") == [(alive,)]


def test_a_job_that_keeps_killing_its_workers_ends_failed_and_visible():
    job = hear.defer(word="a")
    for attempts in range(MOST_ATTEMPTS):
        taken(job, a_worker("now() - interval '1 hour'"), attempts)
        rescue.sweep()
    assert state(job) == ("failed", MOST_ATTEMPTS)
    [seen] = jobs.failed()
    assert (seen.id, seen.task, seen.arguments, seen.error) == (job, "tests.hear", {"word": "a"}, "its worker died")


def test_a_job_that_ended_meanwhile_keeps_its_end():
    worker = a_worker("now() - interval '1 hour'")
    job = hear.defer(word="a")
    taken(job, worker)
    ask("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", job)
    assert rescue.sweep().given_back == 0
    assert state(job)[0] == "succeeded"


def test_a_job_of_which_another_waits_can_be_given_back_retried_and_tried_again_on_request():
    """Only one of a queueing lock may wait: once begun, a job has no place in the queue to go back to."""
    dead, alone = a_worker("now() - interval '1 hour'"), hear.configure(queueing_lock="tests.hear")
    stranded = alone.defer(word="a")
    taken(stranded, dead)
    waiting = alone.defer(word="b")
    assert rescue.sweep() == rescue.Rescued(given_back=1, given_up=0)
    assert (state(stranded), state(waiting)) == (("todo", 1), ("todo", 0))

    ask("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", waiting)
    later = alone.defer(word="c")
    jobs.retry(job=waiting, at=MONDAY, by=MAREK)
    assert state(waiting) == ("todo", 0)

    context = taken(later, a_worker())
    alone.defer(word="d")
    with pytest.raises(ValueError, match="not a word"):
        hear.func(context, word="no")
    # What a worker then does.
    ask("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", later)
    assert state(later) == ("todo", 1)


def test_the_command_sweeps_once():
    taken(hear.defer(word="a"), a_worker("now() - interval '1 hour'"))
    call_command("rescue_jobs", "--once")
    assert jobs.counts() == {"todo": 1}


def test_an_error_is_kept_by_kind_and_place():
    context = taken(hear.defer(word="no"), a_worker())
    with pytest.raises(ValueError, match="not a word"):
        hear.func(context, word="no")
    kept = Trouble.objects.get(job=context.job.id)
    assert kept.error.startswith("ValueError at")
    assert "example.com" not in kept.error


def test_once_means_once():
    context = taken(hear_once.defer(word="yes"), a_worker())
    hear_once.func(context, word="yes")
    hear_once.func(context, word="yes")
    assert HEARD == ["yes"]


def test_a_once_job_that_fails_may_be_tried_again():
    context = taken(hear_once.defer(word="no"), a_worker())
    with pytest.raises(ValueError, match="no"):
        hear_once.func(context, word="no")
    assert not Done.objects.exists()


def test_a_worker_that_stood_still_and_lost_its_job_takes_its_effect_back():
    first = taken(hear_once.defer(word="yes"), a_worker())
    taken(first.job.id, a_worker(), attempts=1)
    with pytest.raises(NoLongerOurs):
        hear_once.func(first, word="yes")
    assert not Done.objects.exists()


def test_waits_between_tries_and_no_second_question_after_a_refusal():
    def decide(attempts, problem):
        job = procrastinate_jobs.Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="t", attempts=attempts)
        decision = Patiently().get_retry_decision(exception=problem, job=job)
        return decision and round((decision.retry_at - datetime.now(UTC)).total_seconds())

    assert [decide(n, ValueError()) for n in range(MOST_ATTEMPTS)] == [10, 40, 160, 640, None]
    assert decide(0, Refusal("no")) is None


def test_a_failed_job_is_tried_again_on_request():
    job = hear.defer(word="a")
    ask("UPDATE procrastinate_jobs SET status = 'failed', attempts = 5 WHERE id = %s", job)
    jobs.retry(job=job, at=MONDAY, by=MAREK, why="mended")
    assert state(job) == ("todo", 0)
    assert jobs.failed() == []
    with pytest.raises(jobs.NotFailed):
        jobs.retry(job=job, at=MONDAY, by=MAREK)
    [line] = trail.of(f"job:{job}")
    assert (line.verb, line.before, line.after) == ("jobs.retry", {"state": "failed"}, {"state": "todo"})


def test_a_failed_job_can_be_set_aside():
    job = hear.defer(word="a")
    ask("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", job)
    jobs.set_aside(job=job, at=MONDAY, by=MAREK, why="obsolete")
    assert jobs.counts() == {"cancelled": 1}


def test_failed_jobs_come_in_pages(django_assert_num_queries):
    numbers = [hear.defer(word=str(n)) for n in range(3)]
    ask("UPDATE procrastinate_jobs SET status = 'failed'")
    with django_assert_num_queries(1):
        first = jobs.failed(limit=2)
    assert [one.id for one in first + jobs.failed(before=first[-1].id)] == numbers[::-1]


def test_finished_jobs_go_after_two_weeks_and_failed_ones_stay():
    old, failed, young = hear.defer(word="a"), hear.defer(word="b"), hear.defer(word="c")
    ask("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id <> %s", failed)
    ask("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", failed)
    ask("UPDATE procrastinate_events SET at = now() - interval '15 days' WHERE job_id <> %s", young)
    for job in (old, failed):
        Done.objects.create(job=job, done_at=datetime.now(UTC) - timedelta(days=15))
        Trouble.objects.create(job=job, error="x", happened_at=MONDAY)
    housekeeping.drop_finished_jobs.func(taken_nothing(), timestamp=0)
    assert {row[0] for row in ask("SELECT id FROM procrastinate_jobs")} == {failed, young}
    assert set(Done.objects.values_list("job", flat=True)) == {failed}
    assert set(Trouble.objects.values_list("job", flat=True)) == {failed}


def taken_nothing():
    return SimpleNamespace(job=SimpleNamespace(id=0, attempts=0, worker_id=None))


def test_the_nights_work_is_on_the_schedule():
    assert {name for name, _ in app.periodic_registry.periodic_tasks} >= {
        "jobs.drop_old_notices",
        "jobs.drop_finished",
    }
