"""`regulars events` as somebody at the shell uses it."""

import json

import pytest
from click.testing import CliRunner

from regulars.facts.events import stream
from regulars.facts.events.commands import events, in_quarantine
from regulars.facts.events.following import READERS, follow_everything
from regulars.facts.events.models import Visitor
from regulars.facts.events.tests.shoppers import MONDAY, a_source, identify, sent, viewed
from regulars.facts.sources import quarantine, sources
from regulars.kit.actors import SYSTEM
from regulars.runtime.serving.figures import figures
from regulars.runtime.trail import trail

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
    said("keep-as-others", "track", "Order Completed")
    assert "Order Completed" not in said("kept")


def test_what_is_parked_is_shown_and_taken_again():
    stream.register(READERS)
    (verdict,) = sent(a_source(), viewed("li"))
    stream.park(reader="profile", event=verdict.event or 0, problem="ValueError")
    assert json.loads(said("parked", "--json"))[0]["event"] == verdict.event
    said("retry", "profile", str(verdict.event))
    assert Visitor.objects.get().events == 1
    assert "Nothing is parked" in said("parked")
    stream.park(reader="profile", event=verdict.event or 0, problem="ValueError")
    assert "1 taken" in said("retry-all")
    stream.park(reader="orders", event=7, problem="ValueError")
    said("set-aside", "orders", "7", "--why", "cannot_be_done")
    assert "is not parked" in said("set-aside", "orders", "7", "--why", "cannot_be_done", code=1)
    assert "Nothing is parked" in said("parked")


def test_a_note_names_what_was_left_out_and_visitors_are_read_again():
    sent(a_source(), identify("li", {"email": "nothing"}), viewed("li"))
    follow_everything()
    assert "left out: email" in said("parked", "--notes")
    said("rebuild")
    assert not Visitor.objects.exists()
    follow_everything()
    assert Visitor.objects.get().events == 2


def test_orders_of_the_past_are_counted_and_put_on_record():
    source = a_source()
    told = {"type": "track", "userId": "li", "messageId": "a-1", "event": "Order Completed"}
    sent(source, {**told, "properties": {"order_id": "5001", "currency": "GBP"}})
    follow_everything()
    assert json.loads(said("past-orders", "web", "--json"))["events"] == 1
    assert "not the order feed" in said("past-orders", "web", "--apply", code=1)
    sources.change(source=source.id, is_order_feed=True, at=MONDAY, by=SYSTEM)
    assert "1 events of orders, 2026" in said("past-orders", "web", "--apply")
    assert json.loads(said("orders", "--json"))[0]["code"] == "no_products"
    assert "0 events of orders." in said("past-orders", "web")


def test_an_order_that_could_not_be_put_on_record_is_shown_and_tried_again():
    told = {"type": "track", "userId": "li", "messageId": "a-1", "event": "Order Completed"}
    (verdict,) = sent(a_source(is_order_feed=True), {**told, "properties": {"order_id": "5001", "currency": "GBP"}})
    follow_everything()
    (open_,) = json.loads(said("orders", "--json"))
    assert (open_["event"], open_["order"], open_["state"], open_["code"]) == (
        verdict.event,
        "5001",
        "failed",
        "no_products",
    )
    assert "products: order '5001' names none" in said("orders")
    assert "names none" in said("retry-order", str(verdict.event), code=1)
    assert "tells of no order" in said("retry-order", "1", code=1)
    assert 'regulars_events_orders_open{state="failed"} 1' in figures()
    assert "0 on record now, 0 wait for their order, 1 failed again" in said("retry-orders", "web")
    said("set-orders-aside", "web", "--code", "no_products", "--why", "cannot_be_done")
    assert "Every event of an order is on record" in said("orders")
    said("retry-order", str(verdict.event), code=1)
    said("set-order-aside", str(verdict.event), "--why", "no_longer_needed")
    assert json.loads(said("orders", "--json")) == []
    assert "there is no 'nobody'" in said("retry-orders", "nobody", code=1)


def test_a_message_is_read_and_mended_at_the_shell(tmp_path):
    sent(a_source(), {"type": "track", "userId": "li", "messageId": "m-1"})
    (held,) = quarantine.search()
    opened = CliRunner().invoke(in_quarantine, ["open", str(held.id)])
    assert json.loads(opened.output)["messageId"] == "m-1"
    assert trail.of(f"quarantined:{held.id}")[0].by == "system:shell"
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps({**json.loads(opened.output), "event": "Tried On"}))
    again = CliRunner().invoke(in_quarantine, ["send", str(held.id)])
    assert (again.exit_code, "say what happened" in again.output) == (1, True)
    assert "1 taken" in CliRunner().invoke(in_quarantine, ["send", str(held.id), "--mended", str(mended)]).output
    assert "settled" not in CliRunner().invoke(in_quarantine, ["open", "0"]).output
