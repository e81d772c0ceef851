"""A programme tried aside: asked for once, run again after it was killed, kept for a while."""

from datetime import timedelta

import pytest

from regulars.levers.loyalty import programmes, trials, trying
from regulars.levers.loyalty.tests.builders import FRIDAY, MAREK
from regulars.levers.loyalty.tests.test_earning import SPEND, an_order

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)
FILE = f"programme: tried\nmoney: GBP\nzone: Europe/London\npending: {{until: placed, days: 0}}\nrules:\n  - {SPEND}\n"


def asks(text=FILE):
    return trials.ask(text=text, since=FRIDAY - YEAR, until=FRIDAY, at=FRIDAY, by=MAREK)


def test_it_comes_to_what_a_trial_at_once_comes_to():
    an_order()
    asked = asks()
    assert (asked.state, asked.orders_expected, asked.trial, asked.is_going_on) == ("waiting", 1, None, True)
    trials.run(asked.id)
    done = trials.get(asked.id)
    assert (done.state, done.orders_read, done.is_going_on) == ("done", 1, False)
    assert done.trial == trying.simulate(programmes.validate(FILE), since=FRIDAY - YEAR, until=FRIDAY)
    assert done.trial.parts > 0
    assert trials.of(FILE) == done
    assert trials.of(FILE + "\n") is None


def test_of_one_file_one_goes_on_at_a_time_and_then_another_may():
    first = asks()
    assert asks().id == first.id
    trials.run(first.id)
    second = asks()
    assert second.id != first.id
    assert trials.of(FILE).id == second.id


def test_what_stopped_says_why_and_begins_anew(monkeypatch):
    an_order()
    asked = asks()

    def breaks(*_told, **_more):
        raise OSError("Priya Patel")

    with monkeypatch.context() as broken:
        broken.setattr(trying, "simulate", breaks)
        with pytest.raises(OSError, match="Priya"):
            trials.run(asked.id)
    stopped = trials.get(asked.id)
    assert (stopped.state, stopped.is_going_on) == ("stopped", False)
    assert "OSError" in stopped.problem
    assert "Priya" not in stopped.problem
    trials.run(asked.id)
    assert trials.get(asked.id).state == "done"


def test_what_is_no_programme_is_refused_and_nothing_is_asked():
    with pytest.raises(programmes.BadProgramme):
        asks("programme: x")
    with pytest.raises(trials.UnknownTrial):
        trials.get(1)


def test_trials_of_long_ago_are_forgotten():
    one = asks()
    trials.run(one.id)
    ended = trials.get(one.id).ended_at
    assert trials.drop_old(at=ended + trials.KEPT) == 0
    assert trials.drop_old(at=ended + trials.KEPT + timedelta(seconds=1)) == 1
