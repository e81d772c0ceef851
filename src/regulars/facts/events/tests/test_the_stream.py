"""The stream in order, with nothing skipped, doubled, or stopped by one bad event."""

import os
import random
import time
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from regulars.facts.events import following, stream
from regulars.facts.events.following import Follower
from regulars.facts.events.models import Reader as Place
from regulars.facts.events.models import Visitor
from regulars.facts.events.stream import Event, Reader
from regulars.facts.events.tests.shoppers import MONDAY, a_source, followed, page, sent, viewed
from regulars.facts.sources import traffic
from regulars.kit.actors import SYSTEM
from regulars.runtime.serving.figures import figures
from regulars.runtime.serving.tests import nursery
from regulars.runtime.serving.tests.nursery import Nursery


class Notebook:
    """A reader that writes down what it was given."""

    def __init__(self, bad: str = "") -> None:
        self.read: list[str] = []
        self._bad = bad
        self.reader = Reader("notebook", take=self._take)

    def _take(self, events: list[Event]) -> None:
        if any(event.name == self._bad for event in events):
            raise ValueError("nobody can read this")
        self.read += [event.name for event in events]


def tracked(name: str) -> dict[str, object]:
    return {"type": "track", "event": name, "userId": "li"}


def test_a_late_commit_is_skipped_by_a_plain_cursor_and_not_by_ours(fresh_database):
    source, notebook = a_source(), Notebook()
    follower = Follower([notebook.reader])
    stream.register([notebook.reader])
    naive: list[str] = []
    last = 0

    def read_naively() -> None:
        nonlocal last
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, name FROM events_event WHERE id > %s ORDER BY id", [last])
            for last, name in cursor.fetchall():  # noqa: B007 - the place after the loop is what counts
                naive.append(name)

    sent(source, tracked("First"))
    with psycopg.connect(fresh_database["REGULARS_DATABASE_URL"]) as slow:
        # Another process takes a batch in and is slow to commit.
        slow.execute("SELECT pg_advisory_xact_lock_shared(7264, 0)")
        (number,) = slow.execute("SELECT nextval('events_batch_number')").fetchone() or (0,)
        slow.execute(
            "INSERT INTO events_event (id, source, kind, name, visitor, message_id, occurred_at, received_at,"
            " why_then, origin, data) SELECT %s, source, kind, 'Slow', visitor, 'slow', occurred_at, received_at,"
            " why_then, origin, data FROM events_event WHERE name = 'First'",
            [number << 14],
        )
        slow.execute(
            "INSERT INTO events_batch (id, events, first_at, last_at, counts) VALUES (%s, 1, %s, %s, '{}')",
            [number, MONDAY, MONDAY],
        )
        sent(source, tracked("Fast"))
        for _ in range(3):
            read_naively()
            follower.look()
        assert naive == ["First", "Fast"]
        # Nobody is behind who was finished when the slow one drew its number.
        assert notebook.read in ([], ["First"])
    read_naively()
    assert follower.drain(patience=10)

    assert naive == ["First", "Fast"], "the plain cursor has lost an event for good"
    assert notebook.read == ["First", "Slow", "Fast"]


def test_a_reader_goes_on_where_it_was_and_takes_no_more_than_it_can_keep(fresh_database, monkeypatch):
    monkeypatch.setattr(stream, "MOST_EVENTS", 7)
    source, notebook = a_source(), Notebook()
    for batch in range(3):
        sent(source, *[tracked(f"{batch}-{number}") for number in range(10)])
    stream.register([notebook.reader])
    follower = Follower([notebook.reader])
    sizes = []
    while follower.look():
        sizes.append(len(notebook.read) - sum(sizes))

    assert max(sizes) <= 7
    sent(source, tracked("later"))
    assert Follower([notebook.reader]).drain(patience=10)
    assert notebook.read == [f"{batch}-{number}" for batch in range(3) for number in range(10)] + ["later"]


def test_large_events_are_read_a_few_at_a_time(fresh_database, monkeypatch):
    monkeypatch.setattr(stream, "MOST_BYTES", 50_000)
    monkeypatch.setattr(stream, "_FETCH", 2)
    source, notebook = a_source(), Notebook()
    sent(source, *[{**tracked(f"{number}"), "properties": {"x": "y" * 20_000}} for number in range(10)])
    stream.register([notebook.reader])
    Follower([notebook.reader]).look()

    assert notebook.read == ["0", "1", "2"]
    assert Follower([notebook.reader]).drain(patience=10)
    assert notebook.read == [str(number) for number in range(10)]


def test_batches_that_were_tidied_away_are_read_all_the_same(fresh_database):
    source, notebook = a_source(), Notebook()
    sent(source, tracked("1"), tracked("2"))
    sent(source, tracked("3"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_batch")
    sent(source, tracked("4"))
    assert Follower([notebook.reader]).drain(patience=10)

    assert notebook.read == ["1", "2", "3", "4"]


def test_an_event_that_cannot_be_taken_is_parked_and_the_rest_go_on(fresh_database, monkeypatch):
    source, notebook = a_source(), Notebook(bad="Poison")
    sent(source, *[tracked(name) for name in ("1", "2", "Poison", "3", "4")])
    assert Follower([notebook.reader]).drain(patience=10)

    assert notebook.read == ["1", "2", "3", "4"]
    (parked,) = following.parked()
    assert parked.reader == "notebook"
    assert parked.problem.startswith("ValueError at ")
    assert 'regulars_events_parked{reader="notebook"} 1' in figures()

    notebook._bad = ""
    monkeypatch.setattr(following, "READERS", (notebook.reader,))
    assert following.retry(reader="notebook", event=parked.event, at=MONDAY, by=SYSTEM)
    assert notebook.read[-1] == "Poison"
    assert following.parked() == []
    with pytest.raises(following.NotParked):
        following.retry(reader="notebook", event=parked.event, at=MONDAY, by=SYSTEM)


def test_metrics_say_how_far_readers_are_behind(fresh_database):
    source = a_source()
    stream.register(following.READERS)
    sent(source, viewed("li"), viewed("li"), viewed("wei"))

    assert 'regulars_events_behind{reader="profile"} 3' in figures()
    followed()
    told = figures()
    assert 'regulars_events_behind{reader="profile"} 0' in told
    assert 'regulars_events_lag_seconds{reader="profile"} 0' in told
    assert "regulars_database_up 1" in told


def test_traffic_is_counted_by_verdict(fresh_database):
    source = a_source()
    first = viewed("li", messageId="m-once")
    sent(source, first, viewed("wei"), {"type": "track", "userId": "li"})
    sent(source, first)
    followed()

    counted: Counter[str] = Counter()
    for hour in traffic.since(MONDAY - timedelta(days=3650)):
        counted[hour.verdict] += hour.count
    assert counted == {"accepted": 2, "duplicate": 1, "rejected": 1}


@pytest.mark.crash
def test_killed_in_the_middle_again_and_again_nothing_counts_twice(fresh_database):
    source = a_source()
    wanted: Counter[str] = Counter()
    stream.register(following.READERS)
    # So many that two lives cannot read all of it, however fast the machine.
    for _ in range(24):
        deeds = []
        for number in range(250):
            who = f"member-{number % 7}"
            deeds += [viewed(who), page(f"device-{number % 5}", userId=who)]
            wanted[who] += 2
        sent(source, *deeds)

    def place() -> int:
        return int(Place.objects.get(name="profile").position)

    def so_far() -> int:
        """Where a reader of all there is stands."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(id) FROM events_batch")
            return stream.end_of(cursor.fetchone()[0])

    with Nursery(fresh_database, first="from regulars.facts.events import following") as house:
        end = so_far()
        chance = random.Random(7)
        killed = 0
        while killed < 4 and place() < end:
            before, one = place(), house.start("manage", "follow_events")
            until = time.monotonic() + 30
            while place() == before and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.08))
            one.kill()
            one.wait()
            killed += 1
        assert killed >= 3, "it was caught at work"

        beside = [house.start("manage", "follow_events"), house.start("manage", "follow_events")]
        # For a hang to be told from a busy machine.
        until = time.monotonic() + 120
        while place() < end and time.monotonic() < until:
            time.sleep(0.01)
        sent(source, viewed("member-0"))
        wanted["member-0"] += 1
        end = so_far()
        while place() < end and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(1)
        for one in beside:
            one.terminate()
        assert 0 in [one.wait(timeout=20) for one in beside], "SIGTERM ends it well"
    followed()

    counts = {row.ref: row.events for row in Visitor.objects.filter(kind="user")}
    assert counts == dict(wanted)
    views = sum(row.counts["Product Viewed"] for row in Visitor.objects.filter(kind="user"))
    assert views == 6_001
    taken = sum(hour.count for hour in traffic.since(MONDAY - timedelta(days=3650)) if hour.verdict == "accepted")
    assert taken == sum(wanted.values())


@pytest.mark.crash
def test_it_outlives_the_loss_of_its_connection(fresh_database):
    source = a_source()
    stream.register(following.READERS)
    one = nursery.start(
        "from regulars.main.cli import main; main(['manage', 'follow_events'])",
        environment=os.environ | fresh_database,
    )

    def seen(events: int) -> bool:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if sum(row.events for row in Visitor.objects.filter(ref="li")) == events:
                return True
            time.sleep(0.02)
        return False

    try:
        sent(source, viewed("li"))
        assert seen(1)
        for lost in range(3):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
                )
                assert cursor.fetchone()[0] >= 1
            sent(source, viewed("li"))
            assert seen(lost + 2)
    finally:
        one.terminate()
    assert one.wait(timeout=20) == 0
