"""Connections in the console: a shop is connected, read, mended and let go, and every screen says how it does."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from regulars.doors.console import connections as screen
from regulars.doors.console import shop_words
from regulars.doors.console.tests.builders import signed_in
from regulars.facts.sources import connections, cursors, inbox, privacy_requests
from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import writing

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
TEAS = {
    "name": "teas",
    "zone": "Asia/Shanghai",
    "set_shop": "leafy-teas.myshopify.com",
    "key_client_secret": "shpss_secret",
    "without_trial": "1",
}


def connected(client):
    answer = client.post("/console/connections/new/shopify/connect", TEAS)
    assert answer.status_code == 302, answer.content.decode()
    return connections.by_name("teas")


def page(client, one, **query):
    return client.get(f"/console/connections/{one.public_id}/", query).content.decode()


def act(client, one, what, where="act"):
    return client.post(f"/console/connections/{one.public_id}/{where}", {"act": what})


def delivered(one, topic="orders/create"):
    kept = inbox.keep(connection=one.id, key=topic, topic=topic, body=b"{}", at=NOW)
    inbox.settle(number=kept.id, as_="not_understood", code="no_ref", why="id: has no id", at=NOW)
    return kept.id


def test_a_shop_is_connected_and_its_secrets_are_never_shown():
    ana = signed_in("manager")
    assert "No shop is connected yet" in ana.get("/console/connections/").content.decode()
    form = ana.get("/console/connections/new/shopify").content.decode()
    assert "The app&#x27;s client secret" in form
    teas = connected(ana)
    assert (teas.kind, teas.zone, teas.settings["shop"]) == ("shopify", "Asia/Shanghai", "leafy-teas.myshopify.com")
    shown = page(ana, teas)
    assert "shpss_secret" not in shown
    assert f"/hooks/shopify/{teas.public_id}" in shown
    assert "Its history was not brought in yet" in shown
    assert "history not brought in yet" in ana.get("/console/connections/").content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"set_shop": "https://leafy"}, "write the shop&#x27;s own domain"),
        ({"name": "My shop"}, "small letters"),
        ({"zone": "Moon/Base"}, "Asia/Shanghai or Europe/London"),
        ({"key_client_secret": ""}, "required"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(changes, words):
    answer = signed_in("manager").post("/console/connections/new/shopify/connect", TEAS | changes)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "shpss_secret" not in answer.content.decode()
    assert connections.every() == []


def test_a_shop_that_is_not_there_says_so_and_may_be_connected_all_the_same():
    # An address of this machine is never called, so no network is needed to see what is said.
    told = {"name": "own", "zone": "UTC", "set_address": "http://127.0.0.1:9", "key_api_key": "k", "key_secret": "s"}
    answer = signed_in("manager").post("/console/connections/new/medusa/connect", told)
    assert answer.status_code == 422
    assert "The shop could not be asked" in answer.content.decode()
    assert "Connect it all the same" in answer.content.decode()


def test_it_is_read_paused_resumed_rotated_and_disconnected():
    ana = signed_in("manager")
    teas = connected(ana)
    assert act(ana, teas, "backfill").status_code == 302
    assert {one.walk for one in cursors.of(teas.id)} == {"backfill"}
    assert "0 read" in page(ana, teas)
    for what, state in (("poll", "on"), ("pause", "paused"), ("resume", "on")):
        act(ana, teas, what)
        assert connections.get(teas.id).state == state
    ana.post(f"/console/connections/{teas.public_id}/rotate", {"key_client_secret": "shpss_new"})
    assert connections.get(teas.id).before_until is not None
    assert "The old secret counts until" in page(ana, teas)
    act(ana, teas, "disconnect")
    assert connections.get(teas.id).state == "retired"
    assert act(ana, teas, "resume").status_code == 404
    assert "disconnected" in page(ana, teas)


def test_gaps_lag_and_the_last_error_stand_beside_each_stream():
    ana = signed_in("manager")
    teas = connected(ana)
    cursors.begin(connection=teas.id, stream="orders", walk="backfill", since=None, until=NOW, at=NOW)
    held = cursors.claim(connection=teas.id, stream="orders", at=NOW, lasts=timedelta(minutes=1))
    cursors.fail(claimed=held, code="not_allowed", why="the shop answered 403", rest_until=NOW, at=NOW)
    shown = page(ana, teas)
    assert "the shop does not let us; look at the credentials" in shown
    assert "cannot be asked" in ana.get("/console/connections/").content.decode()


def test_what_can_only_be_read_whole_is_not_called_behind_between_two_readings():
    ana = signed_in("manager")
    told = {"name": "woo", "zone": "UTC", "set_address": "https://woo.example.com", "without_trial": "1"}
    told |= {"key_secret": "s", "key_consumer_key": "k", "key_consumer_secret": "c"}
    assert ana.post("/console/connections/new/woocommerce/connect", told).status_code == 302
    woo = connections.by_name("woo")
    # Not the file's: a quarter of an hour may lie between, where many tests come before this one.
    now = datetime.now(UTC)
    # Its customers are read every six hours, its orders every five minutes.
    for name, ago, is_behind in (
        ("customers", timedelta(hours=6, minutes=20), False),
        ("customers", timedelta(hours=7), True),
        ("orders", timedelta(minutes=40), True),
    ):
        until = now - ago
        cursors.begin(connection=woo.id, stream=name, walk="backfill", since=None, until=until, at=now)
        held = cursors.claim(connection=woo.id, stream=name, at=now, lasts=timedelta(minutes=1))
        cursors.finish(claimed=held, at=now)
        with database.cursor() as cursor:
            cursor.execute("UPDATE sources_cursor SET seen_until = %s WHERE stream = %s", [until, name])
        [shown] = screen.health(woo.id)
        assert shown.is_behind == is_behind
        with database.cursor() as cursor:
            cursor.execute("DELETE FROM sources_cursor WHERE connection_id = %s", [woo.id])


def test_what_goes_wrong_with_a_shop_is_said_in_the_readers_language():
    with translation.override("zh-hans"):
        assert shop_words.refused("too_early") == "签名方的时钟比我们的快：请核对双方时钟"
        assert shop_words.trouble("status_503") == "对方返回错误（503）"
        assert shop_words.trouble("taken", "Code must be unique") == "店铺拒绝（taken）: Code must be unique"
        assert shop_words.trouble("no_time") == "缺少时间"


def test_many_that_were_not_understood_go_on_over_pages_and_are_taken_again_at_once():
    ana = signed_in("manager")
    teas = connected(ana)
    numbers = [delivered(teas, f"orders/{n}") for n in range(screen.SHOWN + 2)]
    first = page(ana, teas, state="not_understood")
    assert f"before={numbers[2]}#came" in first
    rest = page(ana, teas, state="not_understood", before=str(numbers[2]))
    assert ("orders/1<" in rest, "orders/2<" in rest, "Older ones" in rest) == (True, False, False)
    assert page(ana, teas, before="9" * 40)
    where = f"/console/connections/{teas.public_id}/deliveries"
    assert signed_in("read_only").post(where).status_code == 403
    ana.post(where)
    assert {inbox.get(number).state for number in numbers} == {"waiting"}


def test_what_was_not_understood_is_found_taken_again_and_set_aside():
    ana = signed_in("manager")
    teas = connected(ana)
    first, second = delivered(teas), delivered(teas, "refunds/create")
    shown = page(ana, teas, state="not_understood")
    assert 'its id is missing</span> <span class="mono">id</span>' in shown
    assert "2 not understood" in page(ana, teas)
    act(ana, teas, "replay", f"deliveries/{first}")
    act(ana, teas, "aside", f"deliveries/{second}")
    assert (inbox.get(first).state, inbox.get(second).state) == ("waiting", "set_aside")
    assert act(ana, teas, "replay", "deliveries/4711").status_code == 302


def test_what_is_gone_from_the_shop_says_what_the_buttons_do():
    ana = signed_in("manager")
    teas = connected(ana)
    kept = inbox.keep(connection=teas.id, key="gone:orders", topic="gone:orders", body=b'{"ref": "17"}', at=NOW)
    inbox.settle(number=kept.id, as_="not_understood", code="gone", why="the shop has it no more", at=NOW)
    shown = page(ana, teas)
    assert "gone from the shop" in shown
    assert "set it aside, and it stays as it is" in shown


def test_a_persons_request_is_shown_and_settled_with_what_was_done():
    ana = signed_in("manager")
    teas = connected(ana)
    asked = {"kind": "redact", "ref": "77", "key": "k", "asked_at": NOW, "at": NOW, "by": SYSTEM}
    privacy_requests.ask(connection=teas.id, **asked)
    [request] = privacy_requests.still_open()
    assert "wants to be forgotten" in page(ana, teas)
    where = f"/console/connections/{teas.public_id}/requests/{request.id}"
    ana.post(where, {"how": ""})
    assert privacy_requests.still_open() != []
    ana.post(where, {"how": "erased by hand"})
    assert privacy_requests.still_open() == []


def test_what_may_be_written_is_allowed_and_what_the_shop_refused_is_tried_again():
    ana = signed_in("manager")
    teas = connected(ana)
    ana.post(f"/console/connections/{teas.public_id}/allow", {"codes": "1"})
    told = writing.of(teas.id)
    assert (told.codes, told.attributes) == (True, False)
    assert 'name="codes" value="1" checked' in page(ana, teas)


def test_who_may_only_read_sees_no_buttons_and_others_see_nothing():
    teas = connected(signed_in("manager"))
    delivered(teas)
    reader = signed_in("read_only")
    shown = page(reader, teas)
    assert "Bring its history in" not in shown
    assert "Take it again" not in shown
    assert act(reader, teas, "pause").status_code == 403
    assert reader.get("/console/connections/new/shopify").status_code == 403
    assert signed_in("agent").get(f"/console/connections/{teas.public_id}/").status_code == 403


def test_the_list_asks_as_much_for_many_as_for_one():
    ana = signed_in("manager")
    connected(ana)
    ana.get("/console/connections/")

    def queries():
        with CaptureQueriesContext(
            database,
        ) as asked:
            screen.health()
        return len(asked)

    one = queries()
    for number in range(5):
        ana.post("/console/connections/new/shopify/connect", TEAS | {"name": f"teas-{number}"})
    assert queries() == one <= 4


def test_a_folder_is_watched_only_within_the_place_for_folders(settings, tmp_path):
    settings.REGULARS_HOME = tmp_path
    ana = signed_in("manager")

    def told(folder):
        return ana.post(
            "/console/connections/new/folder/connect", {"name": "till", "zone": "UTC", "set_folder": folder}
        )

    away = told("/etc/regulars")
    assert away.status_code == 422
    assert f"write one within {tmp_path}/in" in away.content.decode()
    assert "cannot be watched" in told(f"{tmp_path}/in/till").content.decode()
    (tmp_path / "in" / "till").mkdir(parents=True)
    assert told(f"{tmp_path}/in/till").status_code == 302
    till = connections.by_name("till")
    shown = page(ana, till)
    assert "No file has come yet" in shown
    assert "Bring its history in" not in shown
    assert "New secret" not in shown
    assert (tmp_path / "in" / "till" / "orders").is_dir()
