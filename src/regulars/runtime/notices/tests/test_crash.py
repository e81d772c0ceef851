"""Dispatchers killed with SIGKILL in a loop while producers announce: everything handled, nothing twice, in order.

`REGULARS_STORM_SECONDS` makes it long (`make crashstorm`).
"""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from regulars.runtime.notices import subscriptions
from regulars.runtime.notices.dispatch import Dispatcher
from regulars.runtime.notices.models import Parked
from regulars.runtime.notices.tests import storm

SECONDS = float(os.environ.get("REGULARS_STORM_SECONDS", "6"))


class Nursery:
    def __init__(self, environment):
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import django; django.setup();from regulars.runtime.notices.tests import storm; storm.nursery()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "regulars.main.settings"},
        )

    def start(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def ask(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


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
        nursery = Nursery(fresh_database)
        alive, kills = set(), 0
        try:
            producers = [nursery.start("produce") for _ in range(2)]
            alive = {nursery.start("dispatch") for _ in range(3)}
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                time.sleep(random.uniform(0.1, 0.5))
                victim = alive.pop()
                os.kill(victim, signal.SIGKILL)
                kills += 1
                alive.add(nursery.start("dispatch"))
            for producer in producers:
                os.kill(producer, signal.SIGTERM)
            time.sleep(0.5)
        finally:
            for process in alive:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            nursery.close()

        deadline = time.monotonic() + 60 + SECONDS
        while not here.drain() or Parked.objects.exists():
            assert time.monotonic() < deadline, "notices are still waiting"
            Parked.objects.update(next_try_at=timezone.now())
            here = Dispatcher()

    [(told,)] = ask("SELECT count(*) FROM notices_notice")
    print(f"\n{kills} dispatchers killed, {told} notices told")
    assert kills > SECONDS
    assert told > 10 * SECONDS
    assert ask("SELECT listener, count(*) FROM storm_effect GROUP BY 1 ORDER BY 1") == [
        ("storm.batched", told),
        ("storm.flaky", told),
        ("storm.plain", told),
    ]
    assert ask("SELECT listener, number FROM storm_effect GROUP BY 1, 2 HAVING count(*) > 1") == []
    out_of_order = ask(
        "SELECT count(*) FROM (SELECT n.id < lag(n.id) OVER (PARTITION BY e.listener, e.person ORDER BY e.id) AS back"
        " FROM storm_effect e JOIN notices_notice n ON (n.body->>'number')::bigint = e.number) x WHERE back"
    )
    assert out_of_order == [(0,)]
