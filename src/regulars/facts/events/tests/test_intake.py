"""What is read is stored, once; what cannot be stored is kept apart and takes no other with it."""

import json

import msgspec
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings

from regulars.facts.events import intake
from regulars.facts.events.messages import Message, Rejected, Sender
from regulars.facts.events.tests.builders import DAY, NOW, SHANGHAI, an_envelope, bad, good, read, viewed
from regulars.facts.events.tests.test_messages import MESSAGES, OBJECTS
from regulars.facts.sources import quarantine, sources
from regulars.kit.actors import SYSTEM
from tests.often import often

pytestmark = pytest.mark.django_db


@pytest.fixture
def web() -> Sender:
    made = sources.make(name="web", kind="web", namespace="shop", zone="Asia/Shanghai", at=NOW, by=SYSTEM)
    return Sender(id=made.id, namespace="shop", zone=SHANGHAI, keyed=b"k" * 32)


def take(*told: Message | Rejected) -> list[str]:
    return [verdict.said for verdict in intake.take_many(told=told, received_at=NOW)]


def stored() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT message_id, name FROM events_event ORDER BY id")
        return list(cursor.fetchall())


def test_an_empty_batch_is_nothing(web):
    assert take() == []


def test_a_message_is_taken_once_also_within_its_batch(web):
    one, same, other = (
        good(viewed(messageId="m-1"), sender=web),
        good(viewed(messageId="m-1"), sender=web),
        good(viewed(messageId="m-1", event="Product Clicked"), sender=web),
    )

    assert take(one, same, other) == ["accepted", "duplicate", "conflict"]
    assert take(other, same) == ["conflict", "duplicate"]
    assert stored() == [("m-1", "Product Viewed")]
    assert [kept.code for kept in quarantine.search()] == ["same_id_other_content"] * 2


def test_what_is_known_is_asked_for_only_after_a_repeat_was_found(web, monkeypatch):
    monkeypatch.setattr(intake, "_LOOKING", intake._Looking())
    first, second, third = (good(viewed(messageId=f"m-{n}"), sender=web) for n in range(3))

    def asks(*told: Message | Rejected) -> tuple[bool, list[str]]:
        with CaptureQueriesContext(connection) as asked:
            said = take(*told)
        return any("FROM events_seen" in one["sql"] for one in asked.captured_queries), said

    assert asks(first) == (False, ["accepted"])
    assert asks(second, first) == (True, ["accepted", "duplicate"])
    assert asks(third) == (True, ["accepted"])
    for number in range(intake._LOOKS_AFTER_REPEATS):
        take(good(viewed(messageId=f"n-{number}"), sender=web))
    assert asks(good(viewed(messageId="m-4"), sender=web)) == (False, ["accepted"])
    assert stored() == [
        *((f"m-{n}", "Product Viewed") for n in range(3)),
        *((f"n-{n}", "Product Viewed") for n in range(intake._LOOKS_AFTER_REPEATS)),
        ("m-4", "Product Viewed"),
    ]


def test_the_same_id_from_another_source_is_another_message(web):
    till = sources.make(name="till", kind="till", namespace="shop", zone="Asia/Shanghai", at=NOW, by=SYSTEM)

    taken = take(
        good(viewed(), sender=web), good(viewed(), sender=msgspec.structs.replace(web, id=till.id, namespace="shop"))
    )

    assert taken == ["accepted", "accepted"]


def test_one_poisonous_message_takes_no_other_with_it(web):
    """Nothing known gets past the reader and is refused by the database, so one is made by hand."""
    messages = [good(viewed(messageId=f"m-{n}"), sender=web) for n in range(9)]
    messages[4] = msgspec.structs.replace(messages[4], data=b'{"properties":{"a":"\\u0000"}}')

    verdicts = intake.take_many(told=messages, received_at=NOW)

    assert [verdict.said for verdict in verdicts] == ["accepted"] * 4 + ["rejected"] + ["accepted"] * 4
    assert [message_id for message_id, _ in stored()] == [f"m-{n}" for n in range(9) if n != 4]
    (kept,) = quarantine.search()
    assert (kept.message_id, kept.code) == ("m-4", "unstorable")
    assert json.loads(quarantine.opened(number=kept.id, at=NOW, by=SYSTEM))["messageId"] == "m-4"


def test_amounts_are_stored_with_their_digits(web):
    told = b'{"type":"page","userId":1,"messageId":"m","properties":{"a":19.90,"b":1e2,"c":820982911946154508}}'

    take(good(told, sender=web))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data->'properties'->>'a', data->'properties'->>'b', data->'properties'->>'c' FROM events_event"
        )
        assert cursor.fetchone() == ("19.90", "100", "820982911946154508")


def test_old_times_find_their_month(web):
    told = [
        good(viewed(messageId=when, timestamp=when), sender=web)
        for when in ("2000-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2026-11-20T09:00:00Z", "0001-01-01T00:00:00Z")
    ]

    assert take(*told) == ["accepted"] * 4


def test_what_names_somebody_is_sealed(web):
    take(good(viewed(userId="li@example.com", properties={"email": "li@example.com"}), sender=web))

    with connection.cursor() as cursor:
        cursor.execute("SELECT user_ref, data::text FROM events_event")
        user_ref, data = cursor.fetchone()
        cursor.execute("SELECT sealed_for, sealed FROM events_hidden")
        sealed_for, sealed = cursor.fetchone()
    assert user_ref is None
    assert "example" not in data
    assert sealed_for == -202611
    assert b"example" not in bytes(sealed)


def test_what_is_unreadable_is_kept_as_it_came(web):
    take(bad(b'{"type": "track", "event": "\xff', sender=web))

    (kept,) = quarantine.search()
    assert quarantine.opened(number=kept.id, at=NOW + DAY, by=SYSTEM) == '{"type": "track", "event": "\ufffd'


@settings(
    max_examples=often(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=MESSAGES, context=OBJECTS)
def test_what_can_be_read_can_be_stored(web, told, context):
    found = read(told, sender=web, envelope=an_envelope(context=context))

    with transaction.atomic():
        said = take(found)
        transaction.set_rollback(True)

    assert said == (["accepted"] if isinstance(found, Message) else ["rejected"])
