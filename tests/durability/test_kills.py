"""SIGKILL to the web server, the database, its keeper and all of them in a loop under load.

`REGULARS_STORM_SECONDS` makes it long (`make killstorm`).
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.tests.builders import a_home, migrate_as_the_template
from tests.clients.serving import Server
from tests.durability import shop
from tests.durability.events import Events
from tests.durability.promises import Recorder, Working, compare

SECONDS = float(os.environ.get("REGULARS_STORM_SECONDS", "4"))
WORKERS = 4
#: Seconds in which a killed system has to serve again: for a hang to be told from a busy machine.
PATIENCE = 120
#: What is killed, in turn; the order changes with each round.
TARGETS = ("database", "web", "a web worker", "keeper and database", "everything", "database")


def tend(home: Path, server: Server, is_well: Callable[[], bool]) -> None:
    """Do as `regulars up` does until all is well: start what has ended."""
    end = time.monotonic() + PATIENCE
    while not is_well():
        assert time.monotonic() < end, f"not well after {PATIENCE} s:\n{server.said()[-4000:]}"
        embedded.ensure(home)
        if server.has_ended:
            server.start()
        time.sleep(0.05)


@pytest.mark.crash
def test_what_was_acknowledged_is_there_once_whatever_is_killed(tmp_path, capsys):
    chosen = random.Random(7264)
    kills = Counter[str]()
    away: dict[str, float] = {}
    with a_home() as home, embedded.running(home) as database:
        migrate_as_the_template(database)
        key = shop.furnish(home)
        with shop.serving(home) as server:
            recorder = Recorder(tmp_path / "acknowledged")
            promise = Events(port=server.port, key=key, database=database.reader)
            working = Working(promise, recorder=recorder, workers=WORKERS)
            end = time.monotonic() + SECONDS
            round_: list[str] = []
            tend(home, server, partial(working.got, 100))
            while time.monotonic() < end:
                time.sleep(chosen.uniform(0, 0.5))
                round_ = round_ or chosen.sample(TARGETS, len(TARGETS))
                target = round_.pop()
                kills[target] += 1
                began = time.monotonic()
                if target in {"keeper and database", "everything"}:
                    shop.kill_keeper(home)
                if "web" not in target:
                    shop.kill_database(home)
                if target == "a web worker":
                    server.kill_a_worker()
                if target in {"web", "everything"}:
                    server.kill()
                # What was on its way at the kill is answered by now.
                so_far = len(recorder.acknowledged)
                tend(home, server, partial(working.got, so_far + 1))
                away[target] = max(away.get(target, 0), time.monotonic() - began)
                tend(home, server, partial(working.got, so_far + 100))
            working.stop()
            recorder.close()
            kept = compare(recorder.acknowledged, promise.present())
    with capsys.disabled():
        told = "; ".join(
            f"{target} {times} times, away {away[target]:.1f} s at most" for target, times in sorted(kills.items())
        )
        print(f"\n{sum(kills.values())} kills in {SECONDS:.0f} s ({told}): {kept}; {dict(promise.sent)}")
    assert kept.whole, kept
    assert kept.acknowledged > 50 * sum(kills.values())
