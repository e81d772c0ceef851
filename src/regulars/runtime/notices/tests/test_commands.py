"""The shell's way to listeners and dead letters."""

import json

import pytest
from click.testing import CliRunner
from django.utils import timezone

from regulars.runtime.notices import commands, dispatch, subscriptions
from regulars.runtime.notices.models import Parked
from regulars.runtime.notices.tests.builders import Bought, tell

pytestmark = pytest.mark.django_db


def run(*words):
    answer = CliRunner().invoke(commands.notices_group, words)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_listeners_and_dead_letters_are_shown_replayed_and_discarded():
    with subscriptions.nobody_else():
        assert "Nobody listens" in run("lag")
        subscriptions.subscribe(Bought, name="tests.ear")(lambda notice: None)
        dispatch.register(["tests.ear"])
        number = tell("ines")
        assert run("lag").startswith("tests.ear: 1 behind")
        assert json.loads(run("lag", "--json"))["listeners"][0]["behind"] == 1

    assert run("dead") == "No dead letters.\n"
    dead = Parked.objects.create(
        subscriber="tests.ear", subject="customer:ines", notice_id=number, state="dead", next_try_at=timezone.now()
    )
    assert json.loads(run("dead", "--json"))[0]["id"] == dead.id
    assert "customer:ines" in run("dead")
    run("replay", str(dead.id))
    assert Parked.objects.get().state == "waiting"
    run("discard", str(dead.id), "--why", "nonsense")
    assert not Parked.objects.exists()
