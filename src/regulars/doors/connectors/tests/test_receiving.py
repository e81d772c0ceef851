"""The door: who is believed, what is answered, and that nothing acknowledged is ever lost."""

import json
import os
import signal
import textwrap
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import RequestFactory
from django.utils import timezone

from regulars.doors.connectors import checkups, jobs, receiving, taking
from regulars.doors.connectors.shopify.tests.builders import MAREK, connected, send
from regulars.doors.connectors.shopify.tests.shopfront import Shopfront
from regulars.facts.commerce import orders
from regulars.facts.customers import customers
from regulars.facts.sources import connections, inbox, privacy_requests
from regulars.kit.actors import SYSTEM
from regulars.runtime.serving.tests import nursery


@pytest.fixture
def teas(db):
    return connected()


@pytest.fixture
def front() -> Shopfront:
    shop = Shopfront(seed=5)
    shop.add_product()
    shop.add_customer()
    shop.sent.clear()
    return shop


def jobs_waiting() -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE task_name = 'connectors.take' ORDER BY id")
        return [json.loads(args) if isinstance(args, str) else args for (args,) in cursor.fetchall()]


def test_a_message_is_kept_sealed_and_taken_by_a_job(teas, front):
    number = front.add_customer()
    [message] = front.sent
    assert send(teas, message) == 200

    [kept] = inbox.search(connection=teas.id)
    assert (kept.state, kept.topic) == ("waiting", "customers/create")
    assert kept.headers["x-shopify-webhook-id"] == message.headers["X-Shopify-Webhook-Id"]
    assert kept.headers["x-shopify-event-id"] == message.headers["X-Shopify-Event-Id"]
    assert jobs_waiting() == [{"delivery": kept.id}]
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM sources_delivery WHERE id = %s", [kept.id])
        assert f"person{number}".encode() not in bytes(cursor.fetchone()[0])
    assert inbox.opened(number=kept.id, at=front.now, by=MAREK) == message.body

    assert taking.take(kept.id) is True
    assert inbox.get(kept.id).state == "done"
    assert connections.get(teas.id).heard_at is not None


def test_the_very_same_again_is_counted_and_the_same_id_with_another_body_is_another(teas, front):
    front.add_customer()
    [message] = front.sent
    for _ in range(3):
        assert send(teas, message) == 200
    other = front.message("customers/update", b'{"id": 1}')
    other.headers["X-Shopify-Webhook-Id"] = message.headers["X-Shopify-Webhook-Id"]
    assert send(teas, other) == 200
    latest, first = inbox.search(connection=teas.id)
    assert (first.repeats, latest.repeats) == (2, 0)
    assert len(jobs_waiting()) == 2


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"X-Shopify-Hmac-Sha256": ""}, "unsigned"),
        ({"X-Shopify-Hmac-Sha256": "bm90IGl0"}, "bad_signature"),
        ({"X-Shopify-Shop-Domain": "other.myshopify.com"}, "other_shop"),
    ],
)
def test_what_is_not_believed_is_answered_401_and_nothing_of_it_kept(teas, front, headers, why):
    for topic in ("orders/create", "customers/redact"):
        assert send(teas, front.message(topic, b"{}"), **headers) == 401
    assert inbox.search(connection=teas.id) == []
    assert connections.get(teas.id).refused_why == why
    assert jobs_waiting() == []


def test_the_doctor_says_whose_messages_are_not_believed_from_the_first_one_on(teas, front):
    def said() -> str:
        return " ".join(one.said for one in checkups._connections())

    good = front.message("app/unknown", b"{}")
    assert send(teas, front.message("orders/create", b"{}"), **{"X-Shopify-Hmac-Sha256": "bm90IGl0"}) == 401
    assert "teas: messages are not believed: bad_signature" in said()
    assert send(teas, good) == 200
    assert "not believed" not in said()


def test_while_a_secret_changes_both_are_believed_and_then_only_the_new_one(teas, front):
    now = timezone.now()
    old = front.message("app/unknown", b"{}")
    connections.rotate_secret(connection=teas.id, credentials={"client_secret": "fresh"}, at=now, by=MAREK)
    front.secret = "fresh"
    new = front.message("app/unknown", b"{}")
    assert [send(teas, old), send(teas, new)] == [200, 200]

    long_ago = now - timedelta(days=3)
    connections.rotate_secret(connection=teas.id, credentials={"client_secret": "fresher"}, at=long_ago, by=MAREK)
    front.secret = "fresher"
    assert [send(teas, new), send(teas, front.message("app/unknown", b"{}"))] == [401, 200]


def test_nobody_is_told_which_connections_there_are(teas, front):
    message = front.message("orders/create", b"{}")
    for kind, public_id in (
        ("shopify", "con_00000000000000000000000000"),
        ("shopify", "nonsense"),
        ("woocommerce", teas.public_id),
        ("nonsense", teas.public_id),
    ):
        posted = RequestFactory().post("/hooks/…", data=message.body, content_type="application/json")
        assert receiving.receive(posted, kind, public_id).status_code == 404
    assert receiving.receive(RequestFactory().get("/hooks/…"), "shopify", teas.public_id).status_code == 405
    connections.disconnect(connection=teas.id, at=front.now, by=MAREK)
    assert send(teas, message) == 404


def test_a_message_that_is_too_large_is_refused_unread(teas, front):
    assert send(teas, front.message("orders/create", b" " * (receiving.LARGEST + 1))) == 413
    assert inbox.search(connection=teas.id) == []


def test_what_cannot_be_kept_is_not_acknowledged(teas, front, monkeypatch):
    def broken(**told):
        raise DatabaseError

    monkeypatch.setattr(inbox, "keep", broken)
    assert send(teas, front.message("orders/create", b"{}")) == 503


@pytest.mark.parametrize(
    ("topic", "body", "code"),
    [
        ("orders/teleported", b"{}", "unknown_topic"),
        ("orders/create", b"nonsense", "not_json"),
        ("orders/create", b'{"id": 1.5, "updated_at": "2026-03-02T10:00:00Z"}', "no_currency"),
        ("orders/create", b'{"id": 1, "updated_at": "2024-09-16T03:50:1500:00", "currency": "USD"}', "bad_time"),
        ("customers/update", b'{"updated_at": "2026-03-02T10:00:00Z"}', "no_ref"),
    ],
)
def test_what_nobody_understands_is_answered_200_and_shown_with_the_reason(teas, front, topic, body, code):
    assert send(teas, front.message(topic, body)) == 200
    taking.take_waiting(connection=teas.id)
    [kept] = inbox.search(connection=teas.id, state="not_understood")
    assert kept.code == code
    assert kept.why


def test_after_a_mend_it_is_taken_as_if_it_had_just_come(teas, front, monkeypatch):
    number = front.add_order()
    send(teas, front.sent[-1])
    with monkeypatch.context() as wrong:
        wrong.setattr(taking, "_read", lambda *told: {}["a translator that is wrong"])
        taking.take_waiting(connection=teas.id)
    [kept] = inbox.search(connection=teas.id, state="not_understood")
    assert kept.code == "our_fault"
    assert orders.by_ref(namespace="teas", ref=str(number)) is None

    inbox.replay(number=kept.id, at=front.now, by=MAREK)
    assert taking.take(kept.id) is True
    assert inbox.get(kept.id).state == "done"
    assert orders.by_ref(namespace="teas", ref=str(number)) is not None


def test_a_reason_quotes_nothing_that_somebody_wrote(teas, front):
    body = json.dumps(
        {"id": 1, "updated_at": "2026-03-02T10:00:00Z", "email": "priya@mail.example", "first_name": "x" * 100}
        | {"default_address": {"country_code": "Wonderland"}, "email_marketing_consent": {"state": 7}}
    ).encode()
    send(teas, front.message("customers/update", body))
    send(teas, front.message("customers/update", b'{"id": "priya@mail.example\\u0000", "updated_at": "now"}'))
    taking.take_waiting(connection=teas.id)
    assert "priya" not in str([(one.code, one.why, one.came) for one in inbox.search(connection=teas.id)])


def test_while_paused_all_is_kept_and_taken_when_it_goes_on(teas, front):
    connections.pause(connection=teas.id, at=front.now, by=MAREK)
    number = front.add_order()
    assert send(teas, front.sent[-1]) == 200
    assert taking.take_waiting(connection=teas.id) == 0
    connections.resume(connection=teas.id, at=front.now, by=MAREK)
    assert taking.take_waiting(connection=teas.id) == 1
    assert orders.by_ref(namespace="teas", ref=str(number)) is not None


def test_an_app_that_was_taken_out_pauses_its_connection(teas, front):
    send(teas, front.message("app/uninstalled", b'{"id": 7}'))
    taking.take_waiting()
    assert (connections.get(teas.id).state, connections.get(teas.id).state_why) == ("paused", "uninstalled")


def test_what_people_ask_for_is_on_record_once_and_stays_until_it_is_done(teas, front):
    for topic, body in (
        ("customers/data_request", {"customer": {"id": 7, "email": "li@mail.example"}, "data_request": {"id": 9}}),
        ("customers/redact", {"customer": {"id": 7, "email": "li@mail.example"}, "orders_to_redact": [1]}),
        ("shop/redact", {"shop_id": 1}),
    ):
        message = front.message(topic, json.dumps(body).encode())
        assert [send(teas, message), send(teas, message)] == [200, 200]
    taking.take_waiting()
    found = privacy_requests.still_open()
    assert [(one.kind, one.ref) for one in found] == [("data_request", "7"), ("redact", "7"), ("shop_redact", "")]
    assert found[0].due_at == found[0].asked_at + timedelta(days=30)
    privacy_requests.settle(request=found[0].id, how="sent by post", at=front.now, by=SYSTEM)
    assert len(privacy_requests.still_open()) == 2


def test_what_was_left_behind_is_swept_up(teas, front):
    front.add_order()
    send(teas, front.sent[-1])
    # As if the job had gone with its worker.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("UPDATE sources_delivery SET arrived_at = now() - interval '2 minutes'")
    taking.take_waiting(before=timezone.now() - jobs.LEFT_BEHIND)
    assert [one.state for one in inbox.search(connection=teas.id)] == ["done"]


_RECEIVE_AND_DIE = """
    import os, signal, django
    django.setup()
    from regulars.doors.connectors.shopify.tests.builders import connected, send
    from regulars.doors.connectors.shopify.tests.shopfront import Shopfront
    teas, front = connected(), Shopfront(seed=5)
    front.add_product()
    number = front.add_customer()
    print(number, [send(teas, message) for message in front.sent], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.crash
def test_killed_between_keeping_and_taking_nothing_is_lost(fresh_database, monkeypatch):
    monkeypatch.setenv("REGULARS_MASTER_KEY", "a-master-key-that-both-processes-know")
    monkeypatch.setenv("REGULARS_LOOKUP_KEY", "a-lookup-key-that-both-processes-know")
    done = nursery.start(
        textwrap.dedent(_RECEIVE_AND_DIE),
        environment=os.environ | fresh_database | {"DJANGO_SETTINGS_MODULE": "regulars.main.settings"},
        stdout=nursery.PIPE,
    )
    said, _ = done.communicate()
    assert done.returncode == -signal.SIGKILL
    assert said is not None
    number, answers = said.split(maxsplit=1)
    assert json.loads(answers) == [200, 200]
    # What was acknowledged is there with its jobs, and whoever comes next takes it.
    assert len(jobs_waiting()) == 2
    for told in jobs_waiting():
        taking.take(told["delivery"])
    assert {one.state for one in inbox.search()} == {"done"}
    assert customers.find_many(namespace="teas", refs=[number]) != {}
