"""Dispatchers killed with SIGKILL in a loop while producers announce: everything handled, nothing twice, in order.

`REGULARS_STORM_KILLS` makes it long (`make crashstorm`).
"""

import os
import random
import signal
import time
from contextlib import suppress

import psutil
import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from regulars.runtime.notices import subscriptions
from regulars.runtime.notices.dispatch import Dispatcher
from regulars.runtime.notices.models import Parked
from regulars.runtime.notices.tests import storm
from regulars.runtime.serving.tests import nursery

KILLS = int(os.environ.get("REGULARS_STORM_KILLS", "6"))
#: How long (seconds) anything may take that is waited for: for a hang to be told from a busy machine.
PATIENCE = 120


class Nursery:
    def __init__(self, environment):
        self.process = nursery.start(
            "import django; django.setup();from regulars.runtime.notices.tests import storm; storm.nursery()",
            environment=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "regulars.main.settings"},
            stdin=nursery.PIPE,
            stdout=nursery.PIPE,
        )

    def start(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


def ask(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def until(is_so, what):
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def told():
    [(count,)] = ask("SELECT count(*) FROM notices_notice")
    return count


def handled():
    [(count,)] = ask("SELECT count(*) FROM storm_effect")
    return count


@pytest.mark.crash
def test_killed_dispatchers_lose_nothing_and_double_nothing(fresh_database):
    with psycopg.connect(fresh_database["REGULARS_DATABASE_OWNER_URL"]) as owner:
        # No unique key: a doubled effect shall be seen, not prevented.
        owner.execute(
            "CREATE TABLE storm_effect (id bigserial PRIMARY KEY, listener text, person bigint, number bigint)"
        )
    with subscriptions.nobody_else():
        storm.listen()
        here = Dispatcher()
        here.drain()
        house = Nursery(fresh_database)
        producers, alive = [], set()
        try:
            producers = [house.start("produce") for _ in range(2)]
            alive = {house.start("dispatch") for _ in range(3)}
            for _ in range(KILLS):
                said, done = told(), handled()
                until(lambda: told() > said, "nothing is told any more")  # noqa: B023 - called at once
                until(lambda: handled() > done, "nothing is handled any more")  # noqa: B023
                time.sleep(random.uniform(0.0, 0.3))
                victim = alive.pop()
                os.kill(victim, signal.SIGKILL)
                alive.add(house.start("dispatch"))
            for producer in producers:
                os.kill(producer, signal.SIGTERM)
            until(lambda: not any(psutil.pid_exists(producer) for producer in producers), "a producer does not end")
        finally:
            for process in [*producers, *alive]:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            house.close()

        deadline = time.monotonic() + PATIENCE + KILLS
        while not here.drain() or Parked.objects.exists():
            assert time.monotonic() < deadline, "notices are still waiting"
            Parked.objects.update(next_try_at=timezone.now())
            here = Dispatcher()

    count = told()
    print(f"\n{KILLS} dispatchers killed, {count} notices told")
    assert count >= KILLS
    assert ask("SELECT listener, count(*) FROM storm_effect GROUP BY 1 ORDER BY 1") == [
        ("storm.batched", count),
        ("storm.flaky", count),
        ("storm.plain", count),
    ]
    assert ask("SELECT listener, number FROM storm_effect GROUP BY 1, 2 HAVING count(*) > 1") == []
    out_of_order = ask(
        "SELECT count(*) FROM (SELECT n.id < lag(n.id) OVER (PARTITION BY e.listener, e.person ORDER BY e.id) AS back"
        " FROM storm_effect e JOIN notices_notice n ON (n.body->>'number')::bigint = e.number) x WHERE back"
    )
    assert out_of_order == [(0,)]
