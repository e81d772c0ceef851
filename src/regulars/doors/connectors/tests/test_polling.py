"""Walks: in slices, killed and taken up again, with what nobody could take shown, and gaps counted."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.db import connection as database
from django.utils import timezone

from regulars.doors.connectors import checkups, commands, jobs, polling, taking
from regulars.doors.connectors.shopify import translate as reader
from regulars.doors.connectors.shopify.tests.builders import MAREK, backfill, caller, connected, patiently, poll, send
from regulars.doors.connectors.shopify.tests.shopfront import SECRET, TOKEN, Shopfront, opened
from regulars.facts.commerce import orders, shipments
from regulars.facts.sources import connections, cursors, inbox


@pytest.fixture
def front() -> Shopfront:
    shop = Shopfront(seed=11)
    shop.fill(7)
    shop.pass_time(300)
    return shop


@pytest.fixture
def address(front, monkeypatch) -> Iterator[str]:
    patiently(monkeypatch, front)
    with opened(front) as where:
        yield where


@pytest.fixture
def teas(db, address):
    return connected(address)


def stream(connection, name: str) -> cursors.Cursor:
    return next(one for one in cursors.of(connection.id) if one.stream == name)


def sql(statement: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(statement)


def there(connection, front) -> int:
    return sum(orders.by_ref(namespace=connection.namespace, ref=str(one)) is not None for one in front.orders)


def test_a_walk_goes_in_slices_each_where_the_last_one_ended(teas, front):
    polling.begin_backfill(connection=teas, at=front.now)
    came, slices = "more", 0
    for name in ("stores", "products", "stock", "customers"):
        while polling.walk(connection=teas.id, stream=name, lasts=60) == "more":
            continue
    while came == "more":
        came = polling.walk(connection=teas.id, stream="orders", lasts=0)
        slices += 1
    assert came == "ended"
    assert slices >= 3
    assert there(teas, front) == len(front.orders)
    done = stream(teas, "orders")
    assert (done.backfilled, done.walk, done.gaps_found) == (len(front.orders), "", 0)


def test_streams_wait_for_those_they_refer_to(teas, front):
    polling.begin_backfill(connection=teas, at=front.now)
    assert polling.walk(connection=teas.id, stream="orders") == "nobody"
    assert polling.walk(connection=teas.id, stream="stores") == "ended"


def test_a_page_that_is_taken_twice_counts_once_and_who_stood_still_writes_nothing(teas, front, monkeypatch):
    backfill(teas, front)
    polling.begin_backfill(connection=teas, at=front.now)
    for name in ("stores", "products", "stock", "customers"):
        polling.walk(connection=teas.id, stream=name)
    take_items = taking.take_items

    def overtaken(*told, **more):
        # Somebody else has it by now: this hand stood still for too long.
        sql("UPDATE sources_cursor SET claim = NULL, claimed_until = NULL WHERE stream = 'orders'")
        assert cursors.claim(connection=teas.id, stream="orders", at=timezone.now(), lasts=timedelta(minutes=1))
        return take_items(*told, **more)

    with monkeypatch.context() as beside:
        beside.setattr(taking, "take_items", overtaken)
        assert polling.walk(connection=teas.id, stream="orders") == "nobody"
    assert stream(teas, "orders").walk_seen == 0
    assert polling.walk(connection=teas.id, stream="orders") == "nobody", "the other hand has it"


def test_a_failing_shop_is_said_and_tried_again_later(teas, front):
    polling.begin_backfill(connection=teas, at=front.now)
    front.failures = [500] * 10
    with caller(front) as asking:
        assert polling.walk(connection=teas.id, stream="stores", caller=asking) == "failed"
    failed = stream(teas, "stores")
    assert (failed.problem, failed.failures) == ("status_500", 1)
    assert failed.rest_until is not None
    assert polling.walk(connection=teas.id, stream="stores") == "nobody", "it rests"
    front.failures.clear()
    sql("UPDATE sources_cursor SET rest_until = NULL")
    assert polling.walk(connection=teas.id, stream="stores") == "ended"
    assert stream(teas, "stores").problem == ""


def test_what_a_poll_finds_and_nobody_can_read_is_shown_and_taken_after_a_mend(teas, front, monkeypatch):
    bad = next(iter(front.orders))
    good = reader.order

    def wrong(doc, about):
        if doc["id"] == str(bad):
            raise KeyError("a translator that is wrong")
        return good(doc, about)

    with monkeypatch.context() as broken:
        broken.setitem(reader._STREAMS, "orders", wrong)
        backfill(teas, front)
    assert there(teas, front) == len(front.orders) - 1
    [shown] = inbox.search(connection=teas.id, state="not_understood")
    assert (shown.topic, shown.code) == ("found:orders", "our_fault")
    inbox.replay(number=shown.id, at=front.now, by=MAREK)
    assert taking.take(shown.id) is True
    assert there(teas, front) == len(front.orders)


def test_a_refused_order_keeps_no_other_out(teas, front):
    bad = next(iter(front.orders))
    front.orders[bad]["name"] = "#" * 65
    front.orders[bad]["lines"][0]["quantity"] = -1
    backfill(teas, front)
    assert there(teas, front) >= len(front.orders) - 1
    assert len(inbox.search(connection=teas.id, state="not_understood")) == len(front.orders) - there(teas, front)


def test_gaps_are_counted_where_no_message_told_and_only_there(teas, front):
    backfill(teas, front)
    front.pass_time(60)
    told, lost = front.add_order(), front.add_order()
    for message in front.sent:
        if json.loads(message.body)["id"] == told:
            send(teas, message)
    front.pass_time(600)
    poll(teas, front)
    found = stream(teas, "orders")
    assert (found.gaps_found, found.gaps_mended) == (1, 1)
    assert found.seen_until is not None
    view = orders.by_ref(namespace="teas", ref=str(lost))
    assert view is not None
    assert {told, lost} <= set(front.orders)
    assert any("polls found 1 orders" in one.said for one in checkups._connections())


def test_history_is_history_and_what_comes_after_is_live(teas, front):
    backfill(teas, front)
    old = orders.by_ref(namespace="teas", ref=str(next(iter(front.orders))))
    assert old is not None
    front.pass_time(60)
    new = front.add_order()
    front.pass_time(600)
    poll(teas, front)
    assert orders.by_ref(namespace="teas", ref=str(new)) is not None


def test_shipments_are_on_record_with_their_lines(teas, front):
    number = next(number for number, one in front.orders.items() if one["fulfillments"] and not one["test"])
    backfill(teas, front)
    view = orders.by_ref(namespace="teas", ref=str(number))
    assert view is not None
    [sent] = shipments.of_order(view.id)
    assert (sent.carrier, sent.state) == ("DHL", "on_its_way")
    assert set(sent.lines) == {line.number for line in view.lines}


def test_a_shop_that_can_be_asked_for_hints_only_later_is_waited_for(teas, front):
    backfill(teas, front)
    front.pass_time(5)
    item, place = next(iter(front.levels))
    front.sent.clear()
    front.count_stock(item, place)
    send(teas, front.sent[-1])
    front.failures = [500] * 10
    [number] = inbox.waiting(connection=teas.id)
    with caller(front) as asking:
        assert taking.take(number, caller=asking) is None
    assert (inbox.get(number).state, inbox.get(number).code) == ("waiting", "status_500")
    front.failures.clear()
    with caller(front) as asking:
        assert taking.take(number, caller=asking) is True
    assert inbox.get(number).state in {"done", "repeated"}


def test_one_job_a_stream_waits_to_go_on(teas, front):
    polling.begin_backfill(connection=teas, at=front.now)
    for _ in range(3):
        jobs.go_on(teas.id, "stores")
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'connectors.walk'")
        assert cursor.fetchone() == (1,)


def run(*words: str, stdin: str = "") -> str:
    done = CliRunner().invoke(commands.connection, list(words), input=stdin, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_by_the_command_line_from_the_first_day_to_the_last(db, front, address):
    secrets = json.dumps({"client_secret": SECRET, "access_token": TOKEN})
    settings = ["--set", "shop=Leafy-Teas.myshopify.com", "--set", f"address={address}"]
    made = run("add", "teas", "--kind", "shopify", *settings, "--credentials", "-", "--json", stdin=secrets)
    facts = json.loads(made[made.index("{") :])
    assert facts["settings"]["currency"] == "USD"
    assert "shpss" not in made
    run("backfill", "teas", "--wait")
    [listed] = json.loads(run("list", "--json"))
    assert {one["stream"]: one["backfilled"] for one in listed["streams"]}["orders"] == len(front.orders)
    assert all(one["problem"] == "" for one in listed["streams"])
    assert "Leafy Teas" in run("try", "teas")
    assert "ORDERS_CREATE" in str(run("subscribe", "teas", "https://regulars.example.com") and front.subscriptions)

    connection = connections.by_name("teas")
    send(connection, front.message("orders/teleported", b'{"id": 1}'))
    taking.take_waiting()
    [kept] = json.loads(run("inbox", "teas", "--state", "not_understood", "--json"))
    assert kept["code"] == "unknown_topic"
    assert "1 deliveries were not understood" in str(list(checkups._connections()))
    assert "not_understood" in run("replay", "teas", "--all")
    run("set-aside", "teas", str(kept["number"]), "--why", "not ours")
    assert json.loads(run("inbox", "teas", "--state", "not_understood", "--json")) == []

    run("rotate", "teas", "--credentials", "-", stdin=json.dumps({"client_secret": "fresh"}))
    assert send(connection, front.message("app/unknown", b"{}")) == 200, "the one before is believed for a day"
    run("pause", "teas")
    run("resume", "teas")
    run("disconnect", "teas", "--yes")
    assert connections.by_name("teas").state == "retired"
    assert connections.secrets_of(connection=connection.id, at=timezone.now()).credentials == {}


def test_what_is_told_as_of_a_day_that_has_not_come_waits_and_nothing_after_it_is_passed_over(teas, front):
    number = front.add_order()
    told = front.rest_order(number)
    for updated_at in ("2199-01-01T00:00:00Z", told["updated_at"]):
        assert orders.by_ref(namespace="teas", ref=str(number)) is None
        body = json.dumps(told | {"updated_at": updated_at}).encode()
        assert send(teas, front.message("orders/updated", body)) == 200
        taking.take_waiting()
    [early] = inbox.search(connection=teas.id, state="not_understood")
    assert (early.code, early.why) == ("not_yet", "updated_at: is more than a day ahead of our clock")
    assert orders.by_ref(namespace="teas", ref=str(number)) is not None


def test_all_that_was_not_understood_is_taken_again_but_what_is_gone_is_left_to_people(teas, front):
    numbers = {}
    for code, body in (("bad_time", front.message("customers/create", b"{}").body), ("gone", b'{"ref": "1"}')):
        kept = inbox.keep(connection=teas.id, key=code, topic="gone:orders", body=body, at=front.now)
        inbox.settle(number=kept.id, as_="not_understood", code=code, why="", at=front.now)
        numbers[code] = kept.id
    assert inbox.replay_all(connection=teas.id, at=front.now, by=MAREK) == 1
    assert inbox.replay_all(connection=teas.id, at=front.now, by=MAREK) == 0
    assert {code: inbox.get(number).state for code, number in numbers.items()} == {
        "bad_time": "waiting",
        "gone": "not_understood",
    }
    assert "0 of 0" in CliRunner().invoke(commands.connection, ["replay", "teas", "--all"]).output
