import os
import time
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from regulars.facts.sources import import_runs
from regulars.facts.sources.import_runs import AlreadyRunning, NotRunning, Run
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.serving.tests import nursery
from regulars.runtime.trail import trail

LI = Actor("operator", "3")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MARCH = sha256(b"orders of march").hexdigest()
APRIL = sha256(b"orders of april").hexdigest()


def begin(digest: str = MARCH) -> Run:
    return import_runs.start(
        source="till", kind="orders", file_name="march.csv", digest=digest, mapping="till", at=NOON, by=LI
    )


def state_of(run: int) -> str:
    found = import_runs.of(run)
    assert found is not None
    return found.state


@pytest.mark.django_db
def test_a_run_goes_from_start_to_finish() -> None:
    run = begin()
    import_runs.progress(run=run.id, rows_read=50, rows_good=49, rejects=1)
    assert [(seen.state, seen.rows_read) for seen in import_runs.recent()] == [("running", 50)]
    done = import_runs.finish(
        run=run.id,
        rows_read=100,
        rows_good=98,
        rejects=2,
        rejects_file="rejects/1.csv",
        totals={"orders": 98, "goods": "1234.50"},
        at=NOON,
        by=LI,
    )
    assert (done.state, done.totals, done.by) == ("done", {"orders": 98, "goods": "1234.50"}, LI)
    assert import_runs.recent() == [done] == [import_runs.of(run.id)]
    assert [line.verb for line in trail.of(f"import_run:{run.id}")] == [
        "sources.import_runs.finish",
        "sources.import_runs.start",
    ]


@pytest.mark.django_db
def test_a_run_ends_once() -> None:
    run = begin()
    import_runs.fail(run=run.id, problem="march.csv line 7: no column 'order'; name it in the mapping", at=NOON, by=LI)
    assert import_runs.recent()[0].state == "failed"
    import_runs.progress(run=run.id, rows_read=1, rows_good=1, rejects=0)
    assert import_runs.recent()[0].rows_read == 0
    with pytest.raises(NotRunning, match="start a new one"):
        import_runs.finish(run=run.id, rows_read=1, rows_good=1, rejects=0, totals={}, at=NOON, by=LI)


@pytest.mark.django_db
@pytest.mark.parametrize("digest", ["", "abc", MARCH.upper(), MARCH + "0"])
def test_a_digest_is_a_digest(digest: str) -> None:
    with pytest.raises(Refusal, match="64 hexadecimal digits"):
        begin(digest)


@pytest.mark.crash
def test_the_same_file_is_not_imported_twice_at_once_and_a_dead_run_is_seen_to_be_dead(
    fresh_database: dict[str, str],
) -> None:
    program = (
        "import django; django.setup(); import sys;"
        "from datetime import datetime, UTC; from regulars.facts.sources import import_runs;"
        "from regulars.kit.actors import Actor;"
        "run = import_runs.start(source='till', kind='orders', file_name='march.csv',"
        f" digest='{MARCH}', at=datetime.now(UTC), by=Actor('operator', '3'));"
        "print(run.id, flush=True); sys.stdin.read()"
    )
    other = nursery.start(
        program,
        environment=os.environ | fresh_database | {"DJANGO_SETTINGS_MODULE": "regulars.main.settings"},
        stdin=nursery.PIPE,
        stdout=nursery.PIPE,
    )
    try:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        assert import_runs.recent()[0].state == "running"
        with pytest.raises(AlreadyRunning, match=f"run {theirs}; wait"):
            begin(MARCH)
        assert begin(APRIL).state == "running"
    finally:
        other.kill()
        other.wait()
    deadline = time.monotonic() + 60
    while state_of(theirs) == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state_of(theirs) == "interrupted"
    again = begin(MARCH)
    assert (state_of(again.id), state_of(theirs)) == ("running", "interrupted")
    assert trail.of(f"import_run:{theirs}")[0].verb == "sources.import_runs.interrupt"
