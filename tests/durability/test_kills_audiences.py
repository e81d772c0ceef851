"""SIGKILL to who follows events, to who lets people in and out of audiences, to who hands notices over, and to the
database, under load: everybody ends where a look at everybody from nothing puts them."""

import os
import random
import time
from functools import partial

import pytest

from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.tests.builders import a_home
from tests.durability import audiences, shop
from tests.durability.promises import Recorder, Working, compare

ROUNDS = int(os.environ.get("REGULARS_STORM_ROUNDS", "2"))
TARGETS = (*audiences.Beside.names, "database")
#: Seconds in which a killed system has to work again: for a hang to be told from a busy machine.
PATIENCE = 180


@pytest.mark.crash
@pytest.mark.long
def test_whatever_is_killed_everybody_is_in_the_audiences_they_are_to_be_in(tmp_path, capsys):
    chosen = random.Random(7264)
    with a_home() as home, embedded.running(home) as database:
        key = audiences.furnish(home)
        recorder = Recorder(tmp_path / "acknowledged")
        with shop.serving(home) as server, audiences.beside(home) as beside:
            promise = audiences.Audiences(port=server.port, key=key, database=database.reader, home=home)
            working = Working(promise, recorder=recorder, workers=4)
            for target in [one for _ in range(ROUNDS) for one in chosen.sample(TARGETS, len(TARGETS))]:
                enough = partial(working.got, len(recorder.acknowledged) + 150)
                until = time.monotonic() + PATIENCE
                while not enough():
                    assert time.monotonic() < until, server.said()[-4000:]
                    embedded.ensure(home)
                    beside.tend()
                    if server.has_ended:
                        server.start()
                    time.sleep(0.05)
                time.sleep(chosen.uniform(0, 0.3))
                if target == "database":
                    shop.kill_database(home)
                else:
                    beside.kill(target)
            working.stop()
            embedded.ensure(home)
        recorder.close()
        faults = promise.faults()
        kept = compare(recorder.acknowledged, promise.present())
    with capsys.disabled():
        print(f"\n{ROUNDS * len(TARGETS)} kills: {kept}{promise.remark()}")
    assert faults == []
    assert kept.whole, kept
    assert promise.steps > 100
