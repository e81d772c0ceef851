"""Nobody reads past a transaction that may still commit. Each test plays real connections against each other."""

from contextlib import ExitStack

import psycopg
import pytest

from regulars.runtime.notices import subscriptions
from regulars.runtime.notices._horizon import of_notices
from regulars.runtime.notices.dispatch import Dispatcher
from regulars.runtime.notices.tests.builders import Bought

INSERT = (
    "INSERT INTO notices_notice (kind, version, subject, body, origin, at, request_id)"
    " VALUES ('tests.bought', 1, 'customer:' || %s, jsonb_build_object('person', %s::text, 'number', %s::int),"
    " 'live', now(), '') RETURNING id"
)


@pytest.fixture
def till(fresh_database):
    """Opens connections of other processes: till() is one more cash desk."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(psycopg.connect(fresh_database["REGULARS_DATABASE_URL"]))


@pytest.fixture
def heard(till):
    """A listener that remembers (person, number), and `look` to let it read on."""
    with subscriptions.nobody_else():
        told = []

        @subscriptions.subscribe(Bought, name="tests.ear")
        def hear(notice):
            told.append((notice.person, notice.number))

        dispatcher = Dispatcher()
        dispatcher.drain()

        def look():
            dispatcher.look()
            return told

        yield look


def say(desk, person, number=0):
    return desk.execute(INSERT, [person, person, number]).fetchone()[0]


class NaiveCursor:
    """What most outboxes do: remember the largest number seen, ask for larger ones."""

    def __init__(self, desk):
        self.desk, self.seen = desk, 0

    def look(self):
        rows = self.desk.execute(
            "SELECT id, body->>'person' FROM notices_notice WHERE id > %s ORDER BY id", [self.seen]
        ).fetchall()
        self.desk.commit()
        if rows:
            self.seen = rows[-1][0]
        return [person for _, person in rows]


def test_a_late_commit_is_skipped_by_a_naive_cursor_and_not_by_ours(till, heard):
    ines, tomas, naive = till(), till(), NaiveCursor(till())
    say(ines, "ines")
    say(tomas, "tomas")
    tomas.commit()

    naively = naive.look()
    assert heard() == []  # Ines drew her number before Tomas and may still commit.

    ines.commit()
    naively += naive.look()

    assert naively == ["tomas"], "the naive cursor has passed Ines for ever"
    assert heard() == [("ines", 0), ("tomas", 0)]


class TransactionWindows:
    """A cursor over transaction ids: windows [low, high) whose bounds were the lowest open id, rows in id order inside.

    The lowest open id is taken among the test's own transactions: the server's other databases have some, too.
    """

    def __init__(self, desk, ids):
        self.desk, self.ids, self.low = desk, ids, min(ids)

    def look(self):
        high = self.desk.execute(
            "SELECT coalesce(min(i) FILTER (WHERE pg_xact_status(i::text::xid8) = 'in progress'), max(i) + 1)"
            " FROM unnest(%s::bigint[]) i",
            [self.ids],
        ).fetchone()[0]
        rows = self.desk.execute(
            "SELECT body->>'number' FROM notices_notice"
            " WHERE xmin::text::bigint >= %s AND xmin::text::bigint < %s ORDER BY id",
            [self.low, high],
        ).fetchall()
        self.desk.commit()
        self.low = high
        return [int(number) for (number,) in rows]


def test_windows_of_transaction_ids_turn_one_subjects_order_round_and_ours_does_not(till, heard):
    """Second begins first and announces after First has committed; the bystander's id lies between theirs."""
    second, bystander, first = till(), till(), till()
    ids = [
        desk.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()[0] for desk in (second, bystander, first)
    ]
    windows = TransactionWindows(till(), ids)

    say(first, "ines", 1)
    first.commit()
    say(second, "ines", 2)
    second.commit()

    by_windows = windows.look()
    ours = list(heard())
    bystander.commit()
    by_windows += windows.look()

    assert by_windows == [2, 1], "the window below the bystander's id held the later notice alone"
    assert ours == [("ines", 1), ("ines", 2)], "and a bystander that announces nothing holds nobody up"
    assert heard() == [("ines", 1), ("ines", 2)]


def test_two_acts_on_one_subject_are_numbered_as_they_commit(till):
    first, second = till(), till()
    say(first, "ines", 1)
    second.execute("SET lock_timeout = '200ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        say(second, "ines", 2)
    second.rollback()
    first.commit()
    assert say(second, "ines", 2)


def test_a_rolled_back_notice_leaves_a_gap_and_holds_nobody_up(till, heard):
    ines, tomas = till(), till()
    say(ines, "ines")
    say(tomas, "tomas")
    tomas.commit()
    ines.rollback()
    assert heard() == [("tomas", 0)]


def test_a_notice_undone_by_a_savepoint_does_not_hide_the_next(till, heard):
    ines = till()
    ines.execute("SAVEPOINT s")
    say(ines, "ines", 1)
    ines.execute("ROLLBACK TO s")
    tomas = till()
    say(tomas, "tomas")
    tomas.commit()
    assert heard() == [("tomas", 0)]
    say(ines, "ines", 2)
    ines.commit()
    assert heard() == [("tomas", 0), ("ines", 2)]


def test_the_horizon_never_goes_back(till):
    horizon, ines, tomas = of_notices(), till(), till()
    assert horizon.advance() == 0
    one = say(ines, "ines")
    assert horizon.advance() == 0
    two = say(tomas, "tomas")
    ines.commit()
    # What was asked before Tomas began is answered now; Tomas holds back only himself.
    assert horizon.advance() == one
    tomas.commit()
    assert horizon.advance() == two


def test_one_transaction_that_tells_of_thirty_thousand_people(till, heard):
    desk = till()
    desk.execute(
        "INSERT INTO notices_notice (kind, version, subject, body, origin, at, request_id)"
        " SELECT 'tests.other', 1, 'customer:' || n, '{}', 'live', now(), '' FROM generate_series(1, 30000) n"
    )
    # Its own: the view tells of the whole server, whose other databases have locks, too.
    locks = desk.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    ).fetchone()[0]
    assert locks <= 4096
    desk.commit()
    assert heard() == []
