"""Everybody's level worked out by processes side by side."""

import os
import signal

import pytest

from regulars.kit.actors import SHELL
from regulars.levers.loyalty import requalifying
from regulars.levers.loyalty._tiers import settling
from regulars.levers.loyalty.models import Move, Standing
from regulars.levers.loyalty.tests.builders import FRIDAY, MONDAY
from regulars.levers.loyalty.tests.test_earning import LATER, an_order
from regulars.levers.loyalty.tests.test_tiers import a_ladder


def levels() -> dict[str, int]:
    known = Standing.objects.values_list("level", flat=True)
    return {level: list(known).count(level) for level in set(known)}


def test_processes_side_by_side_look_at_everybody_once_and_one_that_is_killed_is_said(fresh_database, monkeypatch):
    monkeypatch.setattr(requalifying, "PAGE", 2)
    monkeypatch.setattr(requalifying, "STRETCH", 3)
    for n in range(11):
        price = ("30.00", "120.00", "310.00")[n % 3]
        an_order(f"o{n}", customer=f"c{n}", at=MONDAY, origin="history", lines=(("coat", "1", price),))
    a_ladder(at=FRIDAY)
    settle = settling.settle

    def is_killed(ladder, people, **told):
        if 1 not in people:
            os.kill(os.getpid(), signal.SIGKILL)
        return settle(ladder, people, **told)

    with monkeypatch.context() as broken:
        broken.setattr(settling, "settle", is_killed)
        with pytest.raises(requalifying.BrokenOff, match="begun again"):
            requalifying.everyone(at=LATER, by=SHELL, processes=2)
    before, told = Move.objects.count(), []
    done = requalifying.everyone(at=LATER, by=SHELL, processes=2, progress=told.append)
    assert (done.people, told[-1], before + done.moves) == (11, 11, 7)
    assert levels() == {"silver": 4, "gold": 3}
    assert requalifying.everyone(at=LATER, by=SHELL, processes=3).moves == 0
