"""Webhooks from an order to the receiver's ears, verified by the package that receivers use."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from click.testing import CliRunner

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.kit.actors import Actor
from regulars.oversight.outbound import _queues, _schedule, addresses, commands, deliveries, endpoints
from regulars.oversight.outbound._sending import Sender
from regulars.oversight.outbound.models import Delivery, Endpoint, Lane
from regulars.oversight.outbound.tests import receivers
from regulars.oversight.outbound.tests.receivers import hostile, receiving
from regulars.runtime.notices import stream
from regulars.runtime.notices.dispatch import react_to_everything
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MAREK = Actor("operator", "7")
ORDERS = ("commerce.order_recorded", "commerce.order_changed", "commerce.order_cancelled")


@pytest.fixture(autouse=True)
def this_machine_is_ours(monkeypatch):
    monkeypatch.setenv(addresses.SETTING, "127.0.0.1")
    react_to_everything()


class Clock:
    """Time as the sender sees it; a test moves it on."""

    def __init__(self):
        self.ahead = timedelta(0)

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sender(clock):
    made = Sender(at_once=8, deadline=0.4, now=clock)
    yield made
    made._pool.shutdown(wait=False)


def an_endpoint(receiver, name="erp", kinds=ORDERS, **rest):
    made = endpoints.make(name=name, url=receiver.url, kinds=kinds, at=datetime.now(UTC), by=MAREK, **rest)
    receiver.secret = made.secret
    return made.endpoint


def buys(who, ref):
    coat = LineReport(1, "coat", Decimal(1), Decimal("80.00"))
    report = OrderReport(namespace="shop", ref=ref, customer_ref=who, placed_at=MONDAY, currency="GBP", lines=[coat])
    return orders.record(report=report, at=MONDAY, by=MAREK)


def test_an_order_reaches_the_receiver_signed_with_public_ids_only(sender):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        coat = buys("priya", "1001")
        react_to_everything()
        assert sender.drain(patience=3)
    [(message_id, message)] = receiver.heard
    assert message == {
        "type": "commerce.order_recorded",
        "timestamp": message["timestamp"],
        "data": {"order_id": coat.public_id, "customer_id": message["data"]["customer_id"], "origin": "live"},
    }
    assert message["data"]["customer_id"].startswith("cus_")
    assert datetime.fromisoformat(message["timestamp"]).tzinfo is not None
    [sent] = deliveries.of_endpoint(erp.id)
    assert (sent.state, sent.status, sent.attempts, sent.message_id) == ("delivered", 204, 1, message_id)
    assert endpoints.get(erp.id).last_success_at is not None
    assert not Lane.objects.exists()


def test_a_failing_customer_holds_up_nobody_else_and_comes_in_order_at_last(sender, clock):
    with receiving() as receiver:
        an_endpoint(receiver)
        refused = []
        receiver.answer = lambda message: 500 if refused else 204
        priya, marek = buys("priya", "p1"), buys("marek", "m1")
        bad = {priya.public_id}
        receiver.answer = lambda message: 500 if message["data"]["order_id"] in bad else 204
        buys("priya", "p2")
        orders.cancel(order=priya.id, at=MONDAY, by=MAREK)
        buys("marek", "m2")
        react_to_everything()
        assert sender.drain(patience=3)
        kinds = [(m["type"], m["data"]["order_id"]) for _, m in receiver.heard]
        assert [kind for kind in kinds if kind[1] == priya.public_id] == [(ORDERS[0], priya.public_id)]
        assert (ORDERS[0], marek.public_id) in kinds
        assert len(kinds) == 3
        bad.clear()
        receiver.heard.clear()
        clock.ahead = timedelta(seconds=10)
        assert sender.drain(patience=3)
    by_customer = defaultdict(list)
    for _, message in receiver.heard:
        by_customer[message["data"]["customer_id"]].append(message["type"])
    assert list(by_customer.values()) == [[ORDERS[0], ORDERS[0], ORDERS[2]]]
    assert Delivery.objects.filter(state="waiting").count() == 0


def test_a_hanging_receiver_holds_up_no_other_endpoint(sender):
    with hostile(receivers.hangs) as slow, receiving() as receiver:
        endpoints.make(name="slow", url=slow, kinds=ORDERS, at=datetime.now(UTC), by=MAREK)
        an_endpoint(receiver)
        for number in range(20):
            buys(f"shopper{number}", f"o{number}")
        react_to_everything()
        sender.drain(patience=1.0)
        assert len(receiver.heard) == 20
    hung = endpoints.by_name("slow")
    assert (hung.last_error, hung.last_status) == ("timeout", None)
    # At first as many as any endpoint gets; since it failed, one at a time.
    assert Delivery.objects.filter(endpoint_id=hung.id, attempts__gt=0).count() <= _queues.AT_ONCE + 3


def test_after_ten_tries_a_message_is_given_up_and_the_next_of_its_customer_goes(sender, clock):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        first = buys("priya", "1001")
        buys("priya", "1002")
        receiver.answer = lambda message: 500 if message["data"]["order_id"] == first.public_id else 204
        react_to_everything()
        for wait in (timedelta(0), *_schedule.WAITS):
            clock.ahead += wait * 1.2
            sender.drain(patience=2)
        # After ten failures in a row the endpoint was left in peace for a minute.
        clock.ahead += _schedule.REST
        sender.drain(patience=2)
        [second, given_up] = deliveries.of_endpoint(erp.id)
    assert (given_up.state, given_up.attempts, len(given_up.tries)) == ("given_up", 10, 10)
    assert len(set(receiver.ids)) == 2
    assert receiver.ids.count(given_up.message_id) == 10
    assert second.state == "delivered"


def test_gone_switches_off_at_once_and_five_days_of_failure_do_too(sender, clock):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        receiver.answer = lambda message: 410
        buys("priya", "1001")
        react_to_everything()
        sender.drain(patience=2)
        assert (endpoints.get(erp.id).state, endpoints.get(erp.id).state_why) == ("off", "gone")
        receiver.answer = lambda message: 500
        endpoints.resume(endpoint=erp.id, at=clock(), by=MAREK)
        sender.drain(patience=2)
        assert endpoints.get(erp.id).state == "on"
        clock.ahead = _schedule.OFF_AFTER + timedelta(minutes=1)
        sender.drain(patience=2)
    off = endpoints.get(erp.id)
    assert (off.state, off.state_why) == ("off", "failing")
    assert (
        len(stream.after(position=0, until=2**62, kinds=["outbound.endpoint_switched_off"], history=False, most=9)) == 2
    )
    assert [line.verb for line in trail.of(f"webhook_endpoint:{erp.id}")].count("webhooks.switch_off") == 2


def test_a_receiver_that_asks_for_patience_gets_it(sender, clock):
    with receiving() as receiver:
        an_endpoint(receiver)
        receiver.answer, receiver.headers = (lambda message: 429), {"Retry-After": "120"}
        buys("priya", "1001")
        buys("marek", "1002")
        react_to_everything()
        sender.drain(patience=2)
        heard = len(receiver.heard)
        clock.ahead = timedelta(seconds=100)
        sender.drain(patience=1)
        assert len(receiver.heard) == heard
        receiver.answer, receiver.headers = (lambda message: 204), {}
        clock.ahead = timedelta(seconds=140)
        assert sender.drain(patience=2)
    assert Delivery.objects.filter(state="delivered").count() == 2


def test_while_a_secret_changes_both_sign_and_then_only_the_new_one(sender, clock):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        old = receiver.secret
        now = datetime.now(UTC)
        rotated = endpoints.rotate(endpoint=erp.id, overlap=timedelta(hours=1), at=now, by=MAREK)
        assert rotated.secret not in {old, ""}
        buys("priya", "1001")
        react_to_everything()
        assert sender.drain(patience=2)
        assert len(receiver.heard) == 1
        receiver.secret = rotated.secret
        message_id = deliveries.of_endpoint(erp.id)[0].message_id
        deliveries.send_again(endpoint=erp.id, message_id=message_id, at=now, by=MAREK)
        assert sender.drain(patience=2)
        assert len(receiver.heard) == 2
        receiver.secret, clock.ahead = old, timedelta(hours=2)
        deliveries.send_again(endpoint=erp.id, message_id=message_id, at=now, by=MAREK)
        sender.drain(patience=2)
    assert receiver.forged == 1
    stored = bytes(Endpoint.objects.get(id=erp.id).secret)
    assert rotated.secret.encode() not in stored


def test_a_replay_sends_everything_from_a_point_again_with_the_same_ids(sender):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        for number in range(5):
            buys("priya", f"o{number}")
        react_to_everything()
        assert sender.drain(patience=3)
        first = list(receiver.heard)
        # What became of some has been forgotten meanwhile: a replay knows their ids nevertheless.
        Delivery.objects.filter(id__in=Delivery.objects.values("id")[:2]).delete()
        receiver.heard.clear()
        deliveries.replay(endpoint=erp.id, since=MONDAY - timedelta(days=9), at=datetime.now(UTC), by=MAREK)
        assert endpoints.get(erp.id).is_replaying
        assert sender.drain(patience=3)
    assert receiver.heard == first
    assert not endpoints.get(erp.id).is_replaying


def test_paused_waits_retired_forgets_and_a_trial_says_hello(sender):
    with receiving() as receiver:
        now = datetime.now(UTC)
        erp = an_endpoint(receiver)
        endpoints.pause(endpoint=erp.id, at=now, by=MAREK)
        buys("priya", "1001")
        react_to_everything()
        assert sender.drain(patience=1)
        assert receiver.heard == []
        assert endpoints.waiting()[erp.id].count == 1
        endpoints.resume(endpoint=erp.id, at=now, by=MAREK)
        trial = deliveries.send_trial(endpoint=erp.id, at=now, by=MAREK)
        assert sender.drain(patience=2)
        told = dict(receiver.heard)
        assert told[trial.message_id]["type"] == "webhooks.trial"
        assert told[trial.message_id]["data"] == {"endpoint": erp.public_id}
        assert len(told) == 2
        endpoints.pause(endpoint=erp.id, at=now, by=MAREK)
        buys("priya", "1002")
        react_to_everything()
        endpoints.retire(endpoint=erp.id, at=now, by=MAREK)
        assert endpoints.waiting() == {}
        with pytest.raises(endpoints.EndpointRetired):
            endpoints.resume(endpoint=erp.id, at=now, by=MAREK)
        assert sender.drain(patience=1)
    assert len(receiver.heard) == 2


def test_when_an_endpoint_is_back_what_waits_for_hours_need_not(sender, clock):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        receiver.answer = lambda message: 503
        for number in range(7):
            buys(f"shopper{number}", f"o{number}")
        react_to_everything()
        sender.drain(patience=3)
        Lane.objects.update(due_at=clock() + timedelta(hours=20))
        receiver.answer = lambda message: 204
        deliveries.send_trial(endpoint=erp.id, at=clock(), by=MAREK)
        sender.drain(patience=2)
        clock.ahead = _schedule.WOKEN_WITHIN + timedelta(seconds=1)
        sender.drain(patience=3)
    assert Delivery.objects.filter(state="delivered").count() == 8


def test_the_name_is_the_key_and_refusals_have_codes():
    now = datetime.now(UTC)

    def make(**changes):
        told = {"name": "erp", "url": "https://example.com/hooks", "kinds": ["commerce.order_recorded"]} | changes
        return endpoints.make(**told, at=now, by=MAREK)

    made = make()
    assert made.secret.startswith("whsec_")
    assert (make().endpoint, make().secret) == (made.endpoint, "")
    for changes, code in (
        ({"url": "https://example.com/other"}, "webhooks.name_taken"),
        ({"name": "No Name"}, "webhooks.bad_name"),
        ({"url": "https://10.0.0.1/"}, "webhooks.bad_url"),
        ({"kinds": ["commerce.nothing"]}, "webhooks.unknown_kind"),
        ({"description": "x" * 201}, "webhooks.bad_description"),
    ):
        with pytest.raises(endpoints.Refusal) as refused:
            make(**changes)
        assert refused.value.code == code
    unknown = "msg_" + "0" * 26
    with pytest.raises(deliveries.UnknownDelivery):
        deliveries.send_again(endpoint=made.endpoint.id, message_id=unknown, at=now, by=MAREK)


def test_what_ended_long_ago_is_forgotten(sender):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
        buys("priya", "1001")
        react_to_everything()
        sender.drain(patience=2)
    assert deliveries.forget_old(at=datetime.now(UTC)) == 0
    assert deliveries.forget_old(at=datetime.now(UTC) + deliveries.KEEP + timedelta(days=1)) == 1
    assert deliveries.of_endpoint(erp.id) == []


def test_a_message_that_kills_every_sender_runs_out_of_tries(clock):
    with receiving() as receiver:
        erp = an_endpoint(receiver)
    killer = deliveries.send_trial(endpoint=erp.id, at=clock(), by=MAREK)
    for _ in range(_schedule.MOST_TRIES):
        [claimed] = _queues.claim(8, at=clock())
        assert claimed.message_id == killer.message_id
        clock.ahead += _queues.LEASE

    assert _queues.claim(8, at=clock()) == []
    ended = deliveries.get(endpoint=erp.id, message_id=killer.message_id)
    assert (ended.state, ended.error) == ("given_up", "ours")
    assert not Lane.objects.exists()


def test_it_is_kept_by_command_too(sender, monkeypatch):
    with receiving() as receiver:
        added = CliRunner().invoke(commands.webhooks, ["add", "till", receiver.url, "--kind", ORDERS[0]])
        assert added.exit_code == 0, added.output
        receiver.secret = added.stdout.splitlines()[0]
        assert receiver.secret.startswith("whsec_")
        again = CliRunner().invoke(commands.webhooks, ["add", "till", receiver.url, "--kind", ORDERS[0]])
        assert (again.exit_code, again.stdout) == (0, "")
        [known] = json.loads(CliRunner().invoke(commands.webhooks, ["list", "--json"]).stdout)
        assert (known["name"], known["kinds"], known["state"], known["waiting"]) == ("till", [ORDERS[0]], "on", 0)
        assert known["public_keys"][0] in added.stderr

        # Nobody sends.
        late = CliRunner().invoke(commands.webhooks, ["send-test", "till", "--wait", "0"])
        assert (late.exit_code, "waits to be sent" in late.stderr) == (1, True)
        # The product runs beside it.
        monkeypatch.setattr(commands.time, "sleep", lambda seconds: sender.drain(patience=2))
        sent = CliRunner().invoke(commands.webhooks, ["send-test", "till"])
        assert (sent.exit_code, sent.stdout[:9]) == (0, "till took")
        assert len(receiver.heard) == 2

        replayed = CliRunner().invoke(commands.webhooks, ["replay", "till", "--since", "2026-03-01"])
        assert replayed.exit_code == 0
        assert endpoints.by_name("till").is_replaying
    assert CliRunner().invoke(commands.webhooks, ["send-test", "nobody"]).exit_code != 0
