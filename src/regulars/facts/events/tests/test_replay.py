"""Messages that were not taken, taken after all."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from regulars.facts.events import intake, messages
from regulars.facts.events.messages import Envelope
from regulars.facts.events.replay import Replayed, replay, replay_many
from regulars.facts.events.tests.shoppers import MONDAY, a_source, sender, sent
from regulars.facts.sources import plan, quarantine, sources
from regulars.facts.sources.sources import Source
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

MAREK = Actor("operator", "7")
LATER = MONDAY + timedelta(days=3)
NAMELESS = {"type": "track", "userId": "li-1", "messageId": "m-nameless", "timestamp": "2026-11-16T08:00:00"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def web() -> Source:
    return a_source("web")


def kept(source: Source, *told: Any, type: str = "") -> list[int]:
    before = {one.id for one in quarantine.search(limit=1000)}
    envelope = Envelope({}, None, MONDAY, type)
    read = [messages.read(json.dumps(one).encode(), envelope=envelope, sender=sender(source)) for one in told]
    intake.take_many(told=read, received_at=MONDAY)
    return sorted(one.id for one in quarantine.search(limit=1000) if one.id not in before)


def stored() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, message_id, occurred_at, received_at FROM events_event ORDER BY id")
        return list(cursor.fetchall())


def test_a_mended_message_is_taken_as_of_when_it_arrived(web):
    (number,) = kept(web, NAMELESS)

    verdict = replay(quarantined=number, mended=json.dumps({**NAMELESS, "event": "Tried On"}), at=LATER, by=MAREK)

    assert verdict.said == "accepted"
    assert stored() == [("Tried On", "m-nameless", MONDAY - timedelta(hours=9), MONDAY)]
    assert quarantine.get(number).state == "replayed"
    with pytest.raises(quarantine.AlreadySettled):
        replay(quarantined=number, at=LATER, by=MAREK)


def test_one_that_is_mended_and_still_bad_stays_with_the_reason_of_what_is_kept(web):
    """What the mended text lacks is told to whoever mended it; the kept one does not lack it."""
    (number,) = kept(web, NAMELESS)

    verdict = replay(
        quarantined=number, mended=json.dumps({**NAMELESS, "event": "Tried On", "userId": None}), at=LATER, by=MAREK
    )

    assert (verdict.said, verdict.code) == ("rejected", "no_identifier")
    now = quarantine.get(number)
    assert (now.state, now.code, now.field) == ("waiting", "no_event", "event")
    assert json.loads(quarantine.opened(number=number, at=LATER, by=MAREK)) == NAMELESS
    assert stored() == []


def test_one_that_is_still_bad_as_it_came_has_the_reason_of_now(web):
    (number,) = kept(web, {**NAMELESS, "event": "Tried On", "userId": None})
    quarantine.keep_waiting(number=number, code="no_type", field="type", why="", at=LATER, by=MAREK)

    assert replay(quarantined=number, at=LATER, by=MAREK).rejected == 1
    assert quarantine.get(number).code == "no_identifier"


BATCH = {
    "sentAt": "2026-11-16T09:10:00Z",
    "context": {"library": {"name": "shop"}},
    "batch": [
        {"type": "track", "event": "Tried On", "userId": "li-1", "messageId": "m-1", "timestamp": "2026-11-16T09:00Z"},
        {"type": "page", "name": "Home", "userId": "wu-2", "messageId": "m-2", "timestamp": "2026-11-16T09:05Z"},
    ],
}


def cut(source: Source) -> int:
    """A batch that broke off on its way, as the door keeps it."""
    raw = json.dumps(BATCH)[:-2].encode()
    before = set(quarantine.numbers_waiting())
    rejected = messages.Rejected(source.id, "not_json", "", "the body is cut off", "", "", "", raw)
    intake.take_many(told=[rejected], received_at=MONDAY)
    (number,) = set(quarantine.numbers_waiting()) - before
    return number


def test_a_batch_that_was_cut_off_is_mended_and_all_of_it_is_taken_once(web):
    number, again = cut(web), cut(web)

    done = replay(quarantined=number, mended=json.dumps(BATCH), at=LATER, by=MAREK)
    repeat = replay(quarantined=again, mended=json.dumps(BATCH), at=LATER, by=MAREK)
    by_client = sent(web, *BATCH["batch"])

    assert (done.said, done.accepted, done.duplicates, done.rejected) == ("batch", 2, 0, 0)
    assert (repeat.said, repeat.accepted, repeat.duplicates, repeat.rejected) == ("batch", 0, 2, 0)
    assert [one.said for one in by_client] == ["duplicate", "duplicate"]
    # The batch's clock counts: it was sent when it arrived, ten minutes and five after they happened.
    assert [(name, MONDAY - occurred) for name, _, occurred, _ in stored()] == [
        ("Tried On", timedelta(minutes=10)),
        ("Home", timedelta(minutes=5)),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT data -> 'context' -> 'library' ->> 'name' FROM events_event")
        assert cursor.fetchall() == [("shop",), ("shop",)]
    assert {quarantine.get(one).state for one in (number, again)} == {"replayed"}
    assert quarantine.waiting() == 0


def test_what_is_bad_in_a_mended_batch_is_kept_on_its_own(web):
    number = cut(web)
    good, other = BATCH["batch"]
    mended = {**BATCH, "batch": [good, {**other, "userId": None}, {**good, "event": "Bought"}]}

    done = replay(quarantined=number, mended=json.dumps(mended), at=LATER, by=MAREK)

    assert (done.said, done.accepted, done.duplicates, done.rejected) == ("batch", 1, 0, 2)
    assert quarantine.get(number).state == "replayed"
    waiting = quarantine.search()
    assert {(one.code, one.message_id, one.arrived_at) for one in waiting} == {
        ("no_identifier", "m-2", MONDAY),
        ("same_id_other_content", "m-1", MONDAY),
    }
    (nameless,) = quarantine.search(code="no_identifier")
    assert replay(quarantined=nameless.id, mended=json.dumps(other), at=LATER, by=MAREK).said == "accepted"


@pytest.mark.parametrize("mended", ['{"batch": []}', json.dumps(BATCH)[:-2]])
def test_a_batch_with_nothing_in_it_or_still_broken_stays(web, mended):
    number = cut(web)

    assert replay(quarantined=number, mended=mended, at=LATER, by=MAREK).said == "rejected"
    assert quarantine.get(number).state == "waiting"


def test_a_message_with_a_list_called_batch_is_a_message(web):
    (number,) = kept(web, {**NAMELESS, "batch": [1]})

    done = replay(
        quarantined=number, mended=json.dumps({**NAMELESS, "event": "Baked", "batch": [1]}), at=LATER, by=MAREK
    )

    assert done.said == "accepted"


def test_many_with_a_batch_among_them_count_messages(web):
    bad = {**BATCH, "batch": [*BATCH["batch"], {"type": "page"}]}
    kept(web, bad)

    assert replay_many(at=LATER, by=MAREK) == Replayed(accepted=2, duplicates=0, still_bad=1, left=0)
    assert quarantine.waiting() == 1


def test_what_is_no_json_any_more_stays(web):
    (number,) = kept(web, NAMELESS)

    assert replay(quarantined=number, mended="{", at=LATER, by=MAREK).code == "not_json"
    assert replay(quarantined=number, mended="\ud800", at=LATER, by=MAREK).code == "not_json"


def test_the_source_as_it_is_now_reads_it(web):
    (number,) = kept(web, {**NAMELESS, "event": "x" * 201})
    sources.change(source=web.id, zone="UTC", at=LATER, by=MAREK)

    replay(quarantined=number, mended=json.dumps({**NAMELESS, "event": "Tried On"}), at=LATER, by=MAREK)

    assert stored()[0][2] == MONDAY - timedelta(hours=1)


def test_the_call_it_was_sent_to_is_remembered(web):
    told = {"userId": "li-1", "event": "Tried On\n", "messageId": "m"}
    (number,) = kept(web, {**told, "event": ""}, type="track")

    assert replay(quarantined=number, mended=json.dumps({**told, "event": "Tried On"}), at=LATER, by=MAREK).said == (
        "accepted"
    )


def test_a_conflict_stays_until_it_has_an_id_of_its_own(web):
    first = {**NAMELESS, "event": "Tried On"}
    other = {**first, "event": "Bought"}
    sent(web, first)
    (number,) = kept(web, other)

    assert replay(quarantined=number, at=LATER, by=MAREK).said == "conflict"
    assert replay(quarantined=number, mended=json.dumps(first), at=LATER, by=MAREK).said == "duplicate"
    assert [name for name, *_ in stored()] == ["Tried On"]


def test_many_are_replayed_by_what_they_have_in_common(web):
    till = a_source("till")
    revoked = []
    for source, n in ((web, 3), (till, 2)):
        told = [
            messages.read(
                json.dumps({**NAMELESS, "event": "Tried On", "messageId": f"m-{k}"}).encode(),
                envelope=Envelope({}, None, MONDAY),
                sender=sender(source),
            )
            for k in range(n)
        ]
        revoked += [
            messages.Rejected(source.id, "key_revoked", "writeKey", "", one.message_id, "track", one.name, one.raw)
            for one in told
        ]
    intake.take_many(told=revoked, received_at=MONDAY)
    kept(web, NAMELESS)

    one = replay_many(source=web.id, code="key_revoked", limit=1, at=LATER, by=MAREK)
    rest = replay_many(source=web.id, at=LATER, by=MAREK)

    assert one == Replayed(accepted=1, duplicates=0, still_bad=0, left=2)
    assert rest == Replayed(accepted=2, duplicates=0, still_bad=1, left=0)
    assert quarantine.waiting(till.id) == 2
    assert len(stored()) == 3


def test_whoever_replays_leaves_a_line(web):
    (number,) = kept(web, NAMELESS)

    replay(quarantined=number, at=LATER, by=MAREK)

    verbs = [line.verb for line in trail.of(f"quarantined:{number}")]
    assert set(verbs) == {"quarantine.open", "quarantine.keep_waiting"}


def a_plan_that_blocks(web: Source) -> None:
    plan.expect_event(source=web.id, event=("track", "Tried On"), at=MONDAY, by=MAREK)
    plan.set_mode(source=web.id, mode="blocking", at=MONDAY, by=MAREK)


def test_what_is_mended_has_to_be_as_planned_where_the_plan_blocks(web):
    a_plan_that_blocks(web)
    (number,) = kept(web, NAMELESS)

    no = replay(quarantined=number, mended=json.dumps({**NAMELESS, "event": "tried on"}), at=LATER, by=MAREK)

    assert (no.said, no.code) == ("rejected", "blocked_by_plan")
    assert "did you mean 'Tried On'?" in no.why
    assert (quarantine.get(number).state, quarantine.get(number).code) == ("waiting", "no_event")
    yes = replay(quarantined=number, mended=json.dumps({**NAMELESS, "event": "Tried On"}), at=LATER, by=MAREK)
    assert yes.said == "accepted"


def test_what_the_plan_blocks_comes_in_where_somebody_wants_it_all_the_same(web):
    a_plan_that_blocks(web)
    told = [{**NAMELESS, "event": name, "messageId": name} for name in ("Tried On", "Sung", "Danced")]
    (number,) = kept(web, NAMELESS)
    first = replay(quarantined=number, mended=json.dumps({"batch": told}), at=LATER, by=MAREK)
    assert (first.accepted, first.rejected) == (1, 2)
    assert replay_many(code="blocked_by_plan", at=LATER, by=MAREK) == Replayed(0, 0, 2, left=0)

    assert replay_many(code="blocked_by_plan", despite_plan=True, at=LATER, by=MAREK) == Replayed(2, 0, 0, left=0)
    assert sorted(name for name, *_ in stored()) == ["Danced", "Sung", "Tried On"]
