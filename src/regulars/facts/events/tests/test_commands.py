"""`regulars events` as somebody at the shell uses it."""

import json

import pytest
from click.testing import CliRunner

from regulars.facts.events import stream
from regulars.facts.events.commands import events
from regulars.facts.events.following import READERS, follow_everything
from regulars.facts.events.models import Visitor
from regulars.facts.events.tests.shoppers import a_source, identify, sent, viewed

pytestmark = pytest.mark.django_db


def said(*arguments: str, code: int = 0) -> str:
    answer = CliRunner().invoke(events, list(arguments))
    assert answer.exit_code == code, answer.output
    return answer.output


def test_months_are_told_and_changed():
    said("keep", "track", "60", "--name", "Order Completed")
    said("keep", "page", "6")
    told = {(one["kind"], one["name"]): one["months"] for one in json.loads(said("kept", "--json"))}
    assert (told["page", ""], told["track", ""], told["track", "Order Completed"]) == (6, 25, 60)
    assert "Order Completed" in said("kept")
    said("keep", "nonsense", "6", code=2)


def test_what_is_parked_is_shown_and_taken_again():
    stream.register(READERS)
    (verdict,) = sent(a_source(), viewed("li"))
    stream.park(reader="profile", event=verdict.event or 0, problem="ValueError")
    assert json.loads(said("parked", "--json"))[0]["event"] == verdict.event
    said("retry", "profile", str(verdict.event))
    assert Visitor.objects.get().events == 1
    assert "Nothing is parked" in said("parked")


def test_a_note_names_what_was_left_out_and_visitors_are_read_again():
    sent(a_source(), identify("li", {"email": "nothing"}), viewed("li"))
    follow_everything()
    assert "left out: email" in said("parked", "--notes")
    said("rebuild")
    assert not Visitor.objects.exists()
    follow_everything()
    assert Visitor.objects.get().events == 2
