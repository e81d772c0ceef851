"""Batches of which nothing was ever here are written without a question; what is stored and said is the same."""

from datetime import date
from typing import Any

import msgspec
import pytest
from django.db import connection, connections, transaction

from regulars.facts.events import intake
from regulars.facts.events.messages import Message, Rejected, Sender
from regulars.facts.events.tests.builders import NOW, SHANGHAI, bad, good, viewed
from regulars.facts.sources import quarantine, sources
from regulars.kit.actors import SYSTEM
from regulars.runtime.secrets import vault
from regulars.runtime.secrets.vault import Sealed

COLUMNS = (
    "kind, name, visitor, device, user_ref, device_ref, message_id, occurred_at, original_at, sent_at, received_at,"
    " why_then, origin, data::text"
)


class Ways:
    """How many batches were taken with questions before them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        record = intake._record

        def counted(*args: Any) -> Any:
            self.asked += 1
            return record(*args)

        monkeypatch.setattr(intake, "_record", counted)
        monkeypatch.setattr(intake, "_LOOKING", intake._Looking())
        for known in ("_MONTHS", "_KEYS"):
            monkeypatch.setattr(intake, known, set())


@pytest.fixture
def ways(monkeypatch) -> Ways:
    return Ways(monkeypatch)


@pytest.fixture
def web(fresh_database) -> Sender:
    made = sources.make(name="web", kind="web", namespace="shop", zone="Asia/Shanghai", at=NOW, by=SYSTEM)
    return Sender(id=made.id, namespace="shop", zone=SHANGHAI, keyed=b"k" * 32)


def take(*told: Message | Rejected) -> list[str]:
    return [verdict.said for verdict in intake.take_many(told=told, received_at=NOW)]


def asked_for(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def a_visit(sender: Sender, way: str) -> list[Message | Rejected]:
    return [
        good(viewed(messageId=f"{way}-1", properties={"price": 19.90}), sender=sender),
        good(
            viewed(messageId=f"{way}-2", userId=None, anonymousId="a-1", timestamp="2026-11-20T08:59:59Z"),
            sender=sender,
        ),
        good(
            viewed(messageId=f"{way}-3", userId="li@example.com", properties={"email": "li@mail.example"}),
            sender=sender,
        ),
        good({"type": "page", "userId": "li-1", "anonymousId": "a-1", "messageId": f"{way}-4"}, sender=sender),
    ]


def test_both_ways_store_and_say_the_same(web, ways):
    assert take(*a_visit(web, "a")) == ["accepted"] * 4
    assert ways.asked == 1, "the month and its key were made"
    assert take(*a_visit(web, "b")) == ["accepted"] * 4
    assert ways.asked == 1

    rows = asked_for(f"SELECT {COLUMNS} FROM events_event ORDER BY id")
    assert [row[6] for row in rows] == [f"{way}-{n}" for way in "ab" for n in range(1, 5)]
    assert [(*row[:6], *row[7:]) for row in rows[:4]] == [(*row[:6], *row[7:]) for row in rows[4:]]
    first, second = asked_for("SELECT events, first_at, last_at, counts FROM events_batch ORDER BY id")
    assert first == second
    assert first[0] == 4
    hidden = asked_for("SELECT event, sealed_for, sealed FROM events_hidden ORDER BY event")
    opened = vault.open_many(
        [Sealed(month, "events_hidden", "sealed", event, bytes(sealed)) for event, month, sealed in hidden]
    )
    assert opened[0] == opened[1]
    assert "li@mail.example" in opened[0]
    seen = asked_for("SELECT event, content FROM events_seen ORDER BY event")
    assert [event for event, _ in seen] == [event for (event,) in asked_for("SELECT id FROM events_event ORDER BY id")]


def test_what_was_taken_at_once_is_known_for_ever(web, ways):
    take(good(viewed(messageId="m-0"), sender=web))
    one, other = (good(viewed(messageId="m-1", event=event), sender=web) for event in ("Product Viewed", "Viewed"))
    assert take(one) == ["accepted"]
    assert ways.asked == 1

    assert take(good(viewed(messageId="m-2"), sender=web), one, other) == ["accepted", "duplicate", "conflict"]

    assert [kept.code for kept in quarantine.search()] == ["same_id_other_content"]
    assert asked_for("SELECT message_id FROM events_event ORDER BY id") == [("m-0",), ("m-1",), ("m-2",)]
    assert asked_for("SELECT sum(events) FROM events_batch") == [(3,)]


def test_what_is_bad_or_told_twice_is_asked_about_before(web, ways):
    take(good(viewed(messageId="m-0"), sender=web))
    one = good(viewed(messageId="m-1"), sender=web)

    assert take(one, one) == ["accepted", "duplicate"]
    assert take(good(viewed(messageId="m-2"), sender=web), bad(b"no", sender=web)) == ["accepted", "rejected"]
    assert ways.asked == 3


def test_one_that_the_database_refuses_takes_no_other_with_it(web, ways):
    take(good(viewed(messageId="m-0"), sender=web))
    messages = [good(viewed(messageId=f"n-{n}"), sender=web) for n in range(5)]
    messages[3] = msgspec.structs.replace(messages[3], data=b'{"properties":{"a":"\\u0000"}}')

    assert take(*messages) == ["accepted"] * 3 + ["rejected"] + ["accepted"]


def test_a_month_or_its_key_that_went_meanwhile_is_made_again(web, ways):
    take(good(viewed(messageId="m-0", properties={"email": "li@mail.example"}), sender=web))
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE events_event")
        cursor.execute("SELECT events_drop_month(%s)", [date(2026, 11, 1)])
        assert cursor.fetchone() == (True,)
    vault.forget(vault.nobody_yet(NOW))

    assert take(good(viewed(messageId="m-1"), sender=web)) == ["accepted"]
    take(good(viewed(messageId="m-2", properties={"email": "li@mail.example"}), sender=web))
    vault.forget(vault.nobody_yet(NOW))
    intake._LOOKING.left = 0
    assert take(good(viewed(messageId="m-3", properties={"email": "wang@mail.example"}), sender=web)) == ["accepted"]

    *_, (event, month, sealed) = asked_for("SELECT event, sealed_for, sealed FROM events_hidden ORDER BY event")
    (opened,) = vault.open_many([Sealed(month, "events_hidden", "sealed", event, bytes(sealed))])
    assert "wang@mail.example" in (opened or "")
    vault.forget(month)
    intake._LOOKING.left = 0
    with transaction.atomic():
        mine = good(viewed(messageId="m-4", properties={"email": "ines@mail.example"}), sender=web)
        assert take(mine) == ["accepted"], "in the transaction of whoever asks too"
