"""Setup: sources and their keys, quarantine, live events."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from regulars.doors.console import quarantine as quarantine_page
from regulars.doors.console.tests.builders import signed_in
from regulars.doors.console.tests.sending import ADDRESS_CANARY, DONE, sent, sources_that_send
from regulars.facts.events import following, orders, past_orders
from regulars.facts.events.orders import Told
from regulars.facts.sources import plan, quarantine, sources, traffic, write_keys
from regulars.kit.actors import SYSTEM
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db

SOURCE = {"name": "web-shop", "kind": "web", "namespace": "shop", "zone": "Europe/London"}


def read(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_a_source_is_made_with_a_key_that_is_shown_once_and_stands_in_every_snippet():
    marek = signed_in("manager", name="marek")
    assert "Nothing sends yet" in read(marek, "/console/sources/")

    page = marek.post("/console/sources/make", SOURCE).content.decode()

    token = re.search(write_keys.PATTERN, page)[0]
    assert page.count(token) >= 6
    assert "http://testserver/v1/" in page
    web = sources.by_name("web-shop")
    assert token not in read(marek, f"/console/sources/{web.public_id}/")
    assert [line.verb for line in trail.of(f"source:{web.id}")] == ["write_keys.make", "sources.make"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "Web Shop"}, "Use small letters"),
        ({"zone": "Mars/Base"}, "no such clock"),
        ({"kind": "web "}, "valid choice"),
    ],
)
def test_what_cannot_be_a_source_is_told_at_its_field(said, words):
    answer = signed_in("manager").post("/console/sources/make", {**SOURCE, **said})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not sources.every()


def test_a_key_is_made_for_some_calls_and_revoked():
    marek = signed_in("owner")
    web = sources_that_send()
    page = marek.post(f"/console/sources/{web.public_id}/keys", {"kinds": ["track"], "per_second": 50}).content.decode()
    assert re.search(write_keys.PATTERN, page)
    key = write_keys.of_source(web.id)[0]
    assert (key.kinds, key.per_second) == (frozenset(["track"]), 50)

    marek.post(f"/console/sources/{web.public_id}/keys/{key.id}/revoke")
    assert write_keys.of_source(web.id)[0].revoked_at
    app = sources.by_name("app").public_id
    assert marek.post(f"/console/sources/{app}/keys/{key.id}/revoke").status_code == 404


def test_orders_count_or_not_and_a_retired_source_gets_no_key():
    marek = signed_in("owner")
    web = sources_that_send()
    marek.post(f"/console/sources/{web.public_id}/change", {"orders": "yes"})
    assert sources.get(web.id).is_order_feed
    marek.post(f"/console/sources/{web.public_id}/retire")
    answer = marek.post(f"/console/sources/{web.public_id}/keys", {"per_second": 50})
    assert answer.status_code == 422
    assert "retired" in answer.content.decode()


def test_health_is_told_with_n_and_interval_and_who_fell_silent_is_on_today():
    marek = signed_in("owner")
    sources_that_send()
    page = read(marek, "/console/sources/")
    for words in ("silent", "has no key", "sends", "<svg", "n="):
        assert words in page
    assert re.search(r"\d\.\d–\d\.\d%", page)
    today = read(marek, "/console/")
    assert "till.oxford" in today
    assert "3 messages wait in quarantine" in today


def test_quarantine_is_searched_and_says_why_without_what_was_said():
    analyst = signed_in("analyst")
    web = sources_that_send()
    page = read(analyst, "/console/quarantine/")
    assert "It names nobody" in page
    assert ADDRESS_CANARY not in page
    assert "no-type-1" not in read(analyst, f"/console/quarantine/?source={web.public_id}&code=no_event")
    assert "nobody-1" in read(analyst, "/console/quarantine/?text=nobody")
    assert "Nothing fits" in read(analyst, "/console/quarantine/?text=zebra&state=any&after=junk")
    for number in [one.id for one in quarantine.search()]:
        assert ADDRESS_CANARY not in read(analyst, f"/console/quarantine/{number}/")
        assert analyst.post(f"/console/quarantine/{number}/open").status_code == 403


def test_a_message_is_opened_by_who_may_thrown_away_and_taken_back():
    marek = signed_in("manager")
    sources_that_send()
    [one] = quarantine.search(code="no_identifier")
    page = marek.post(f"/console/quarantine/{one.id}/open").content.decode()
    assert ADDRESS_CANARY in page
    assert [line.verb for line in trail.of(f"quarantined:{one.id}")] == ["quarantine.open"]
    marek.post(f"/console/quarantine/{one.id}/discard")
    assert quarantine.get(one.id).state == "discarded"
    assert "Take it back" in read(marek, f"/console/quarantine/{one.id}/")
    marek.post(f"/console/quarantine/{one.id}/restore")
    assert quarantine.get(one.id).state == "waiting"
    assert marek.post("/console/quarantine/999999/discard").status_code == 404


def test_a_message_is_mended_and_sent_again_and_all_that_wait_are_tried():
    marek = signed_in("manager")
    sources_that_send()
    [one] = quarantine.search(code="no_event")
    bad = marek.post(f"/console/quarantine/{one.id}/send", {"text": "{"}).content.decode()
    assert "still cannot be taken" in bad
    assert "It is no JSON (it is not JSON" in bad
    assert quarantine.get(one.id).code == "no_event"
    mended = '{"type": "track", "event": "Cart Viewed", "userId": "c000", "messageId": "no-event-1"}'
    page = marek.post(f"/console/quarantine/{one.id}/send", {"text": mended}, follow=True).content.decode()
    assert "It is taken." in page
    assert "sent again" in page
    assert "Looked at the cart" in read(marek, "/console/live/")
    assert "Somebody was faster" in marek.post(f"/console/quarantine/{one.id}/send", follow=True).content.decode()
    many = marek.post("/console/quarantine/send", {"code": "no_type"}, follow=True).content.decode()
    assert "0 taken, 0 known already, 1 still bad, 0 not tried yet." in many


def test_a_mended_batch_says_how_many_of_its_messages_were_taken():
    marek = signed_in("manager")
    sources_that_send()
    [one] = quarantine.search(code="no_event")
    batch = '{"batch": [{"type": "page", "userId": "c000", "messageId": "b-1"}, {"type": "page", "messageId": "b-2"}]}'
    page = marek.post(f"/console/quarantine/{one.id}/send", {"text": batch}, follow=True).content.decode()
    assert "A batch: 1 taken, 0 known already, 1 rejected and kept here one by one." in page
    assert quarantine.get(one.id).state == "replayed"


def test_live_shows_the_newest_first_and_htmx_gets_what_came_since():
    marek = signed_in("owner")
    assert "Nothing has come in yet" in read(marek, "/console/live/")
    web = sources_that_send()
    page = read(marek, "/console/live/")
    assert page.index("Tea Brewed") < page.index("Put a product into the cart") < page.index("Looked at a product")
    assert ADDRESS_CANARY not in page
    asked = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    htmx = {"HX-Request": "true"}
    assert marek.get(asked, headers=htmx).status_code == 204

    sent(web, {"type": "track", "event": "Post Published", "userId": "c001"}, at=datetime.now(UTC))
    fresh = marek.get(asked, headers=htmx).content.decode()
    assert "Published a post" in fresh
    assert "Tea Brewed" not in fresh
    assert "<html" not in fresh
    assert 'hx-get="/console/live/?seen=' in fresh


def test_live_is_narrowed_by_source_and_name_and_can_be_paused():
    marek = signed_in("owner")
    web = sources_that_send()
    page = read(marek, f"/console/live/?source={web.public_id}&name=Tea+Brewed")
    assert page.count('class="events"') == 1
    till = sources.by_name("till.oxford").public_id
    assert "Nothing like that lately" in read(marek, f"/console/live/?source={till}")
    assert "no such member" in read(marek, "/console/live/?customer=cus_nobody")
    paused = read(marek, "/console/live/?paused=on")
    assert 'id="poll"' not in paused
    assert "Go on" in paused


def test_an_event_is_shown_without_what_was_personal_in_it():
    marek = signed_in("analyst")
    sources_that_send()
    numbers = re.findall(r'href="/console/live/(\d+)/"', read(marek, "/console/live/"))
    assert len(numbers) == len(DONE)
    pages = [read(marek, f"/console/live/{number}/") for number in numbers]
    assert any("&quot;club&quot;: &quot;tea&quot;" in page for page in pages)
    assert any("&quot;12.5&quot;" in page for page in pages)
    assert not any(ADDRESS_CANARY in page for page in pages)
    assert marek.get("/console/live/1/").status_code == 404


def test_an_order_event_that_failed_stands_on_today_and_is_tried_again():
    marek, ines = signed_in("manager"), signed_in("analyst", name="ines")
    sources_that_send()
    till, now = sources.by_name("till.oxford"), datetime.now(UTC)
    assert "not on record" not in read(marek, f"/console/sources/{till.public_id}/")
    told = [
        Told(1, till.id, "Order Completed", now, "live", {"order_id": "5001", "currency": "GBP"}, None),
        Told(2, till.id, "Order Refunded", now, "live", {"order_id": "<b>4000"}, None),
    ]
    orders.apply(events=told, at=now, by=SYSTEM)

    assert "2 events of orders from till.oxford are not on record" in read(marek, "/console/")
    page = read(marek, f"/console/sources/{till.public_id}/")
    for words in ("It names no products", "Its order has not come yet", "5001", "&lt;b&gt;4000", "Try again"):
        assert words in page
    path = f"/console/sources/{till.public_id}/orders"
    assert f"{path}/" not in read(ines, f"/console/sources/{till.public_id}/")
    assert ines.post(f"{path}/1/retry").status_code == 403
    assert "still cannot be put on record" in marek.post(f"{path}/1/retry", follow=True).content.decode()
    assert marek.post(f"{path}/3/retry").status_code == 404
    assert [line.verb for line in trail.of("event:1")] == ["events.orders.retry"]
    answer = marek.post(f"{path}/retry", {"on": "list"}, follow=True).content.decode()
    assert "0 on record now, 1 wait for their order, 1 failed again, 0 not tried yet." in answer


def test_order_events_that_nobody_waits_for_leave_today_with_a_reason():
    marek, ines = signed_in("manager"), signed_in("analyst", name="ines")
    sources_that_send()
    till, now = sources.by_name("till.oxford"), datetime.now(UTC)
    told = [Told(n, till.id, "Order Completed", now, "live", {"order_id": f"o-{n}"}, None) for n in (1, 2, 3)]
    orders.apply(events=told, at=now, by=SYSTEM)
    path = f"/console/sources/{till.public_id}/orders"

    assert "Say why first." in marek.post(f"{path}/1/set-aside", follow=True).content.decode()
    marek.post(f"{path}/1/set-aside", {"why": "cannot_be_done"})
    assert trail.of("event:1")[0].why == "cannot_be_done"
    assert "o-1" not in read(marek, path)
    assert "o-1" in read(marek, f"{path}?state=set_aside")
    assert "set-aside" not in read(ines, path)
    assert ines.post(f"{path}/set-aside", {"why": "cannot_be_done"}).status_code == 403
    answer = marek.post(f"{path}/set-aside", {"why": "no_longer_needed"}, follow=True).content.decode()
    assert "2 events are set aside." in answer
    assert "not on record" not in read(marek, "/console/")
    assert "Every event of an order is on record" in read(marek, path)


def test_a_source_that_becomes_the_feed_offers_its_past_orders():
    marek, web = signed_in("manager"), sources_that_send()
    told = {"type": "track", "event": "Order Completed", "userId": "c000", "properties": {"order_id": "7"}}
    sent(web, told, told, at=datetime.now(UTC))
    following.follow_everything()

    answer = marek.post(f"/console/sources/{web.public_id}/change", {"orders": "yes"}, follow=True).content.decode()
    assert "2 events of orders came before" in answer
    path = f"/console/sources/{web.public_id}/orders/past"
    assert signed_in("analyst", name="ines").post(f"{path}/apply").status_code == 403
    assert "being put on record" in marek.post(f"{path}/apply", follow=True).content.decode()
    past_orders.apply(source=web.id, at=datetime.now(UTC), by=SYSTEM)
    assert "It names no products" in read(marek, f"/console/sources/{web.public_id}/orders")
    assert "No order came before" in read(marek, path)


def test_messages_with_a_key_nobody_made_are_told_at_the_sources():
    marek, now = signed_in("manager"), datetime.now(UTC)
    traffic.count_unknown_keys(count=9, at=now - timedelta(days=2))
    assert "key nobody made in the last" not in read(marek, "/console/sources/")
    for count in (1, 2):
        traffic.count_unknown_keys(count=count, at=now)
    assert "3 messages came with a key nobody made in the last 24 hours" in read(marek, "/console/sources/")


def test_what_the_plan_blocks_is_let_in_all_the_same_or_stays():
    marek, web = signed_in("manager"), sources_that_send()
    plan.expect_event(source=web.id, event=("track", "Tea Brewed"), at=datetime.now(UTC), by=SYSTEM)
    plan.set_mode(source=web.id, mode="blocking", at=datetime.now(UTC), by=SYSTEM)
    (held,) = quarantine.search(text="no-event-1")
    path = f"/console/quarantine/{held.id}"
    odd = json.dumps({"type": "track", "event": "Sung", "userId": "c000", "messageId": "no-event-1"})
    assert "not in the tracking plan" in marek.post(f"{path}/send", {"text": odd}).content.decode()
    assert "Let it in all the same" not in read(marek, f"{path}/")
    quarantine.keep_waiting(
        number=held.id, code="blocked_by_plan", field="event", why="", at=datetime.now(UTC), by=SYSTEM
    )
    assert "Let it in all the same" in read(marek, f"{path}/")
    assert "Let all of these in all the same" in read(marek, "/console/quarantine/?code=blocked_by_plan")
    answer = marek.post(f"{path}/send", {"text": odd, "despite": "plan"}, follow=True)
    assert "It is taken." in answer.content.decode()


def test_what_is_too_large_to_be_mended_in_a_page_is_shown_by_its_beginning(monkeypatch):
    monkeypatch.setattr(quarantine_page, "LARGEST_MENDED", 20)
    monkeypatch.setattr(quarantine_page, "SHOWN_OF_LARGE", 5)
    marek, _web = signed_in("manager"), sources_that_send()
    held = quarantine.search()[0]

    page = marek.post(f"/console/quarantine/{held.id}/open").content.decode()

    assert f"regulars quarantine open {held.id}" in page
    assert ADDRESS_CANARY not in page
    assert 'name="text"' not in page
