"""Messages in quarantine through the API: found masked, opened with a line in the trail, thrown away."""

from datetime import UTC, datetime

import pytest

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.sources import quarantine, sources
from regulars.facts.sources.quarantine import ToKeep
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

RAW = '{"event":"Product Viewed","traits":{"email":"priya@example.com"}}'


def kept(*names: str) -> str:
    """The public id of a source with a message of each name in quarantine."""
    now = datetime.now(UTC)
    web = sources.make(name="web-shop", kind="web", namespace="shop", zone="UTC", at=now, by=MAREK)
    quarantine.keep_many(
        messages=[
            ToKeep(web.id, "no_identifier", "userId", "nobody is named", f"m-{name}", "track", name, RAW)
            for name in names
        ],
        at=now,
    )
    return web.public_id


def test_what_waits_is_found_by_source_code_and_text_and_nobody_is_named():
    source = kept("Product Viewed", "Cart Viewed", "Product Added")
    li = Program()
    found = li.get("quarantine")
    assert [one["name"] for one in found.json()["items"]] == ["Product Added", "Cart Viewed", "Product Viewed"]
    assert "priya" not in found.content.decode()
    assert len(li.get(f"quarantine?source={source}&code=no_identifier&text=Product").json()["items"]) == 2
    assert li.get("quarantine?state=discarded").json()["items"] == []
    first = li.get("quarantine?limit=2").json()
    assert len(li.get(f"quarantine?limit=2&cursor={first['next']}").json()["items"]) == 1
    assert problem(li.get("quarantine?state=lost"))[0] == 422


def test_a_message_is_opened_by_who_may_and_leaves_a_line():
    kept("Product Viewed")
    li = Program()
    number = li.get("quarantine").json()["items"][0]["number"]
    assert "message" not in li.get(f"quarantine/{number}").json()
    assert li.post(f"quarantine/{number}/open").json()["message"] == RAW
    [line] = trail.of(f"quarantined:{number}")
    assert (line.verb, line.by) == ("quarantine.open", f"api:{li.key.id}")
    reader = Program("quarantine.read", name="reader")
    assert problem(reader.post(f"quarantine/{number}/open"))[0] == 403
    assert problem(li.get("quarantine/999999"))[:2] == (404, "quarantine.unknown")


def test_a_message_is_thrown_away_once():
    kept("Product Viewed")
    li = Program()
    number = li.get("quarantine").json()["items"][0]["number"]
    settled = li.post(f"quarantine/{number}/discard").json()
    assert settled["state"] == "discarded"
    assert li.post(f"quarantine/{number}/discard").json() == settled
    assert li.get("quarantine?state=any").json()["items"] == [settled]


def test_a_message_is_sent_again_mended_and_all_of_a_source_as_they_came():
    source = kept("Product Viewed", "Cart Viewed")
    li = Program()
    numbers = [one["number"] for one in li.get("quarantine").json()["items"]]
    still = li.post(f"quarantine/{numbers[0]}/replay").json()
    assert (still["said"], still["code"], still["event"]) == ("rejected", "no_identifier", None)
    mended = {"message": '{"type":"track","event":"Cart Viewed","userId":"priya","messageId":"m-1"}'}
    taken = li.post(f"quarantine/{numbers[0]}/replay", mended).json()
    assert taken["said"] == "accepted"
    assert li.get(f"events/{taken['event']}").json()["name"] == "Cart Viewed"
    assert problem(li.post(f"quarantine/{numbers[0]}/replay", mended))[:2] == (409, "quarantine.settled")
    assert problem(li.post(f"quarantine/{numbers[0]}/restore"))[0] == 409
    many = li.post("quarantine/replay", {"source": source, "code": "no_identifier"}).json()
    assert many == {"accepted": 0, "duplicates": 0, "still_bad": 1, "left": 0}
    li.post(f"quarantine/{numbers[1]}/discard")
    assert li.post(f"quarantine/{numbers[1]}/restore").json()["state"] == "waiting"


def test_a_mended_batch_is_taken_with_counts():
    kept("Product Viewed")
    li = Program()
    number = li.get("quarantine").json()["items"][0]["number"]
    batch = '{"batch":[{"type":"page","userId":"priya","messageId":"b-1"},{"type":"page","messageId":"b-2"}]}'
    done = li.post(f"quarantine/{number}/replay", {"message": batch}).json()
    assert (done["said"], done["accepted"], done["duplicates"], done["rejected"]) == ("batch", 1, 0, 1)
    assert [one["message_id"] for one in li.get("quarantine").json()["items"]] == ["b-2"]
