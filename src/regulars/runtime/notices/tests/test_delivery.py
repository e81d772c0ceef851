"""Effect and checkpoint are one; what fails holds up its own subject and nobody else's."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.notices import _delivery, dead_letters, dispatch, lag, retention, subscriptions
from regulars.runtime.notices._tries import MOST_TRIES, wait_after
from regulars.runtime.notices.dispatch import Dispatcher, react_to_everything
from regulars.runtime.notices.models import Parked, Recorded, Subscriber
from regulars.runtime.notices.outbox import announce
from regulars.runtime.notices.subscriptions import subscribe
from regulars.runtime.notices.tests.builders import MONDAY, Bought, Greeted, tell
from regulars.runtime.trail import trail

MAREK = Actor("operator", "7")


@pytest.fixture(autouse=True)
def _alone(fresh_database):
    with subscriptions.nobody_else():
        yield


class Ear:
    """A listener that remembers, and fails for whom it is told to."""

    def __init__(self, *kinds, name="tests.ear", **how):
        self.heard, self.fails_for = [], set()

        @subscribe(*(kinds or (Bought,)), name=name, **how)
        def hear(notice):
            if notice.person in self.fails_for:
                raise ValueError(f"{notice.person}@example.com does not exist")
            self.heard.append((notice.person, getattr(notice, "number", None)))

        dispatch.register([name])
        self.dispatcher = Dispatcher()

    def look(self):
        """Retries whose time has come are seen at once, not a second later."""
        for seen in self.dispatcher._seen.values():
            seen.retries_looked_at = 0.0
        self.dispatcher.look()
        return self.heard


def hurry():
    """The next try of everything that waits is now."""
    Parked.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_every_listener_hears_everything_it_asked_for_in_order():
    ear, other = Ear(), Ear(Bought, Greeted, name="tests.other")
    for number in range(3):
        tell("ines", number)
        tell("tomas", number)
    assert ear.look() == other.look() == [(p, n) for n in range(3) for p in ("ines", "tomas")]
    assert ear.look() == other.look()
    assert [(one.listener, one.behind, one.handled) for one in lag.of_listeners()] == [
        ("tests.ear", 0, 6),
        ("tests.other", 0, 6),
    ]


def test_history_greets_nobody_unless_asked():
    ear, historian = Ear(), Ear(name="tests.historian", history=True)
    tell("ines", 1, origin="history")
    tell("ines", 2)
    assert ear.look() == [("ines", 2)]
    assert historian.look() == [("ines", 1), ("ines", 2)]


def test_a_new_listener_begins_with_what_comes_after_it():
    tell("ines", 1)
    ear = Ear()
    tell("ines", 2)
    assert ear.look() == [("ines", 2)]


def test_batches_are_handed_over_whole():
    batches = []
    subscribe(Bought, name="tests.batches", in_batches=True)(batches.append)
    dispatch.register(["tests.batches"])
    for number in range(5):
        tell("ines", number)
    Dispatcher().look()
    assert [[notice.number for notice in batch] for batch in batches] == [[0, 1, 2, 3, 4]]


def test_a_failure_holds_up_its_own_subject_only():
    ear = Ear()
    ear.fails_for = {"priya"}
    for number in range(2):
        tell("priya", number)
        tell("ines", number)
    ear.look()
    ear.heard.clear()
    tell("priya", 2)
    tell("ines", 2)

    assert ear.look() == [("ines", 2)]
    assert [(w.notice, w.attempts) for w in dead_letters.waiting()] == [(1, 1), (3, 0), (5, 0)]

    ear.heard.clear()
    ear.fails_for = set()
    hurry()
    assert ear.look() == [("priya", 0), ("priya", 1), ("priya", 2)]
    assert not Parked.objects.exists()


def test_the_effects_of_a_failed_notice_are_taken_back():
    @subscribe(Bought, name="tests.writer")
    def write(notice):
        announce(Greeted(person=notice.person, at=MONDAY), by=SYSTEM, verb="tests.greet")
        if notice.person == "priya":
            raise ValueError

    dispatch.register(["tests.writer"])
    for person in ("ines", "priya", "tomas"):
        tell(person)
    Dispatcher().look()
    assert set(Recorded.objects.filter(kind="tests.greeted").values_list("subject", flat=True)) == {
        "customer:ines",
        "customer:tomas",
    }


def test_after_its_last_try_a_notice_is_a_dead_letter_and_the_rest_go_on():
    ear = Ear()
    ear.fails_for = {"priya"}
    tell("priya", 0)
    ear.look()
    tell("priya", 1)
    for _ in range(MOST_TRIES):
        hurry()
        ear.look()
    [letter] = dead_letters.dead()
    assert (letter.notice, letter.attempts, letter.kind) == (1, MOST_TRIES, "tests.bought")
    assert letter.error.startswith("ValueError at")
    assert "example.com" not in letter.error

    ear.fails_for = set()
    hurry()
    assert ear.look() == [("priya", 1)]

    dead_letters.replay(letter=letter.id, at=timezone.now(), by=MAREK, why="mended")
    assert ear.look() == [("priya", 1), ("priya", 0)]
    [line] = trail.by_actor(MAREK)
    assert (line.verb, line.subject, line.before["state"]) == ("dead_letters.replay", "customer:priya", "dead")


def test_what_is_discarded_is_never_heard_and_leaves_a_trail():
    ear = Ear()
    ear.fails_for = {"priya"}
    tell("priya", 0)
    tell("priya", 1)
    ear.look()
    first = dead_letters.waiting()[0]
    dead_letters.discard(letter=first.id, at=timezone.now(), by=MAREK, why="nonsense")
    with pytest.raises(dead_letters.NotThere):
        dead_letters.discard(letter=first.id, at=timezone.now(), by=MAREK, why="nonsense")
    ear.fails_for = set()
    assert ear.look() == [("priya", 1)]
    assert [line.verb for line in trail.by_actor(MAREK)] == ["dead_letters.discard"]


def test_a_strict_listener_never_gives_up():
    ear = Ear(strict=True)
    ear.fails_for = {"priya"}
    tell("priya", 0)
    for _ in range(MOST_TRIES + 3):
        ear.look()
        hurry()
    assert dead_letters.dead() == []
    assert dead_letters.waiting()[0].attempts == MOST_TRIES + 3
    ear.fails_for = set()
    assert ear.look() == [("priya", 0)]


def test_waits_grow_to_an_hour():
    waits = [wait_after(tries).total_seconds() for tries in range(1, MOST_TRIES)]
    assert waits[:4] == [1, 4, 16, 64]
    assert max(waits) == 3600
    assert sum(waits) > 3 * 3600


def test_two_dispatchers_do_not_read_one_listener_at_once():
    entered, leave, taken = threading.Event(), threading.Event(), []

    @subscribe(Bought, name="tests.slow")
    def slow(notice):
        entered.set()
        leave.wait(60)

    dispatch.register(["tests.slow"])
    tell("ines")

    def first():
        taken.append(Dispatcher().look())
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(60)
    assert Dispatcher().look() == 0
    leave.set()
    thread.join()
    assert taken == [1]


def test_after_several_deaths_notices_are_tried_one_by_one():
    """A notice that kills its process cannot take others with it for ever: its tries are counted before each try."""
    ear = Ear()
    for person in ("ines", "priya", "tomas"):
        tell(person)
    Subscriber.objects.update(unfinished_starts=_delivery.STARTS_BEFORE_CARE)
    ear.look()
    assert ear.heard == []
    assert Parked.objects.count() == 3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_delivery, "_try", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            ear.look()
    assert Parked.objects.get(subject="customer:ines").attempts == 1, "counted, though the process died"
    assert [person for person, _ in ear.look()] == ["priya", "tomas"]
    hurry()
    assert [person for person, _ in ear.look()] == ["priya", "tomas", "ines"]


def test_a_notice_nobody_can_read_waits_for_the_release_that_can():
    ear = Ear()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notices_notice (kind, version, subject, body, origin, at, request_id)"
            " VALUES ('tests.bought', 9, 'customer:ines', '{}', 'live', now(), '')"
        )
    tell("tomas")
    assert ear.look() == [("tomas", 0)]
    [waits] = dead_letters.waiting()
    assert waits.error.startswith("FromANewerRelease")


def test_quiet_listeners_cost_no_writes(django_assert_max_num_queries):
    ear = Ear(Greeted)
    ear.look()
    tell("ines")
    ear.look()
    moved = Subscriber.objects.get(name="tests.ear").moved_at
    ear.look()
    assert Subscriber.objects.get(name="tests.ear").moved_at == moved
    with django_assert_max_num_queries(1):
        ear.dispatcher.look()


def test_lag_counts_what_waits_and_names_who_holds_the_stream_back():
    ear = Ear()
    tell("ines")
    tell("ines", origin="history")
    [one] = lag.of_listeners()
    assert (one.behind, one.waiting, one.dead) == (1, 0, 0)
    assert one.seconds >= 0
    ear.fails_for = {"ines"}
    ear.look()
    [one] = lag.of_listeners()
    assert (one.behind, one.waiting, one.seconds) == (0, 1, 0)

    other = connection.copy()
    with other.cursor() as cursor:
        other.set_autocommit(False)
        cursor.execute("SELECT pg_advisory_xact_lock(7263, 1)")
        [holder] = lag.holders(longer_than=0)
        assert holder.state == "idle in transaction"
    other.close()


def told_long_ago(*people):
    with connection.cursor() as cursor:
        for person in people:
            cursor.execute(
                "INSERT INTO notices_notice (kind, version, subject, body, origin, at, request_id, recorded_at)"
                " VALUES ('tests.bought', 1, 'customer:' || %s, jsonb_build_object('person', %s::text), 'live', now(),"
                " '', now() - interval '500 days')",
                [person, person],
            )


def test_old_notices_go_where_nobody_listens():
    told_long_ago("ines")
    tell("tomas")
    assert retention.drop_delivered() == 1
    assert list(Recorded.objects.values_list("subject", flat=True)) == ["customer:tomas"]


def test_starts_where_nothing_was_ever_told_leave_no_marks():
    ear = Ear()
    for _ in range(_delivery.STARTS_BEFORE_CARE + 2):
        ear.dispatcher = Dispatcher()
        ear.look()
    assert Subscriber.objects.get(name="tests.ear").unfinished_starts == 0


def test_old_notices_go_once_everybody_has_read_them(fresh_database, settings):
    ear = Ear()
    ear.fails_for = {"priya"}
    told_long_ago("ines", "priya")
    tell("tomas")
    assert retention.drop_delivered() == 0, "nobody has read them"
    ear.look()
    Subscriber.objects.update(position=3)
    assert retention.drop_delivered() == 1, "one waits, one is young"
    assert set(Recorded.objects.values_list("subject", flat=True)) == {"customer:priya", "customer:tomas"}
    with pytest.raises(Exception, match="7 days at least"):
        retention.drop_delivered(keep=timedelta(days=1))


def test_draining_follows_what_reactions_announce():
    @subscribe(Bought, name="tests.greeter")
    def greet(notice):
        announce(Greeted(person=notice.person, at=MONDAY), by=SYSTEM, verb="tests.greet")

    ear = Ear(Greeted)
    dispatch.register(["tests.greeter"])
    tell("ines")
    assert ear.dispatcher.drain()
    assert ear.heard == [("ines", None)]


def test_reacting_to_everything_in_a_story_follows_the_chain_and_raises_what_fails():
    @subscribe(Bought, name="tests.greeter")
    def greet(notice):
        announce(Greeted(person=notice.person, at=MONDAY), by=SYSTEM, verb="tests.greet")

    ear = Ear(Greeted)
    tell("ines")
    assert react_to_everything() == 2
    assert ear.heard == [("ines", None)]
    ear.fails_for = {"priya"}
    tell("priya")
    with pytest.raises(ValueError, match="priya"):
        react_to_everything()


def test_the_database_may_go_away_and_come_back(fresh_database):
    ear = Ear()
    stop = threading.Event()

    def run():
        ear.dispatcher.run(stop)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        tell("ines")
        _until(lambda: ear.heard == [("ines", 0)])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
            )
        tell("tomas")
        _until(lambda: ear.heard[-1] == ("tomas", 0))
    finally:
        stop.set()
        thread.join()


def _until(is_so, seconds=60.0):
    done = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if is_so():
            return
        done.wait(0.02)
    raise AssertionError("it did not happen in time")
