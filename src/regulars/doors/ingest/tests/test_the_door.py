"""The door as a client sees it: the ASGI application, its committing thread, a real database."""

import asyncio
import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from regulars.doors.ingest import app, protocol, strangers
from regulars.doors.ingest.app import Ingest
from regulars.doors.ingest.disk import Disk
from regulars.facts.sources import plan, quarantine, sources, traffic, write_keys
from regulars.kit.actors import SYSTEM
from regulars.runtime.serving.registry import Registry

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def key(fresh_database) -> str:
    made = sources.make(name="web", kind="web", namespace="shop", zone="Asia/Shanghai", at=NOW, by=SYSTEM)
    return write_keys.make(source=made.id, at=NOW, by=SYSTEM).token


def send(path: str, body: object, **how: Any) -> tuple[int, Any]:
    status, _, told = answer(path, body, **how)
    return status, told


def answer(path: str, body: object, **how: Any) -> tuple[int, dict[bytes, bytes], Any]:
    ingest = Ingest()
    told = asyncio.run(asked(ingest, path, body, **how))
    ingest.close()
    return told


async def asked(
    ingest: Ingest,
    path: str,
    body: object,
    *,
    key: str = "",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    method: str = "POST",
) -> tuple[int, dict[bytes, bytes], Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    basic = (b"authorization", b"Basic " + base64.b64encode(key.encode() + b":"))
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def sending(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [*((basic,) if key else ()), *headers],
    }
    await ingest(scope, receive, sending)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"] or b"null")


def events() -> list[tuple[str, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, user_ref FROM events_event ORDER BY id")
        return list(cursor.fetchall())


def viewed(number: int, **more: object) -> dict[str, object]:
    return {"type": "track", "event": "Product Viewed", "userId": "li", "messageId": f"m-{number}", **more}


def test_a_batch_is_taken_once_however_often_it_is_sent(key):
    batch = {"batch": [viewed(1), viewed(2), viewed(1)], "sentAt": datetime.now(UTC).isoformat(), "writeKey": key}

    first, again = send("/v1/batch", batch), send("/v1/batch", batch, key=key)

    assert first[0] == again[0] == 200
    assert [one["verdict"] for one in first[1]["results"]] == ["accepted", "accepted", "duplicate"]
    assert [one["verdict"] for one in again[1]["results"]] == ["duplicate"] * 3
    assert events() == [("Product Viewed", "li")] * 2


def test_a_bad_message_is_kept_and_the_others_go_in(key):
    batch = {"batch": [viewed(1), {"type": "track", "messageId": "m-9", "userId": "li"}, viewed(2)]}

    status, told = send("/v1/b", gzip.compress(json.dumps(batch).encode()), key=key)

    assert status == 200
    assert [one["verdict"] for one in told["results"]] == ["accepted", "rejected", "accepted"]
    (kept,) = quarantine.search()
    assert (kept.message_id, kept.code, kept.field) == ("m-9", "no_event", "event")
    assert json.loads(quarantine.opened(number=kept.id, at=NOW, by=SYSTEM)) == batch["batch"][1]


def test_the_same_id_with_other_content_is_a_conflict(key):
    send("/v1/track", viewed(1), key=key)

    status, told = send("/v1/t", viewed(1, event="Product Clicked"), key=key)

    assert (status, told["results"][0]["verdict"]) == (200, "conflict")
    assert events() == [("Product Viewed", "li")]


def test_strict_mode_says_what_lenience_swallows(key):
    strict = ((b"x-strict-mode", b"1"),)

    assert send("/v1/track", viewed(1), key="wk" + "0" * 32)[0] == 200
    assert send("/v1/track", viewed(1), key="wk" + "0" * 32, headers=strict)[0] == 401
    assert send("/v1/track", b"{", key=key, headers=strict)[0] == 400
    assert send("/v1/batch", {"batch": [viewed(1), {"type": "track"}]}, key=key, headers=strict)[0] == 400
    assert events() == []


def test_a_browser_may_ask_first(key):
    status, _ = send("/v1/t", b"", method="OPTIONS")

    assert status == 200


def test_behind_a_proxy_that_ends_tls_a_page_is_told_to_come_that_way(key):
    behind = ((b"host", b"events.shop.example"), (b"x-forwarded-proto", b"https"))

    _, told = send(f"/v1/projects/{key}/settings", b"", headers=behind, method="GET")

    ours = told["integrations"]["Segment.io"]
    assert (ours["protocol"], ours["apiHost"]) == ("https", "events.shop.example/v1")


def test_a_browser_of_another_origin_may_read_when_to_come_again(key, monkeypatch):
    monkeypatch.setattr(Disk, "is_full", lambda _: True)

    status, head, _ = answer("/v1/t", viewed(1), key=key)

    assert (status, head[b"retry-after"], head[b"access-control-expose-headers"]) == (503, b"30", b"retry-after")


def test_a_plan_that_blocks_keeps_what_nobody_planned_and_lets_the_rest_in(key):
    (web,) = sources.every()
    plan.expect_event(source=web.id, event=("track", "Product Viewed"), at=NOW, by=SYSTEM)
    planned: dict[str, Any] = {"source": web.id, "event": ("track", "Product Viewed"), "at": NOW, "by": SYSTEM}
    plan.expect_property(path="price", presence="required", kinds=["number"], **planned)
    good = viewed(1, properties={"price": 9.99, "colour": "red"})
    batch = {"batch": [good, viewed(2, event="product viewed"), viewed(3, properties={"price": "9.99"}), viewed(4)]}
    assert sources.get(web.id).plan == "learning"

    plan.set_mode(source=web.id, mode="blocking", at=NOW, by=SYSTEM)
    status, told = send("/v1/batch", batch, key=key)

    assert status == 200
    assert [(one["verdict"], one.get("code"), one.get("field")) for one in told["results"]] == [
        ("accepted", None, None),
        ("rejected", "blocked_by_plan", "event"),
        ("rejected", "blocked_by_plan", "price"),
        ("rejected", "blocked_by_plan", "price"),
    ]
    assert "did you mean 'Product Viewed'?" in told["results"][1]["message"]
    assert events() == [("Product Viewed", "li")]
    assert [one.code for one in quarantine.search(source=web.id)] == ["blocked_by_plan"] * 3
    assert send("/v1/batch", batch, key=key, headers=((b"x-strict-mode", b"1"),))[0] == 400

    plan.set_mode(source=web.id, mode="watching", at=NOW, by=SYSTEM)
    assert [one["verdict"] for one in send("/v1/batch", batch, key=key)[1]["results"]][1:] == ["accepted"] * 3


def test_a_broken_body_is_kept_whole_and_unpacked(key):
    told = json.dumps({"batch": [viewed(n, properties={"text": "x" * 900_000}) for n in range(3)]}).encode()
    packed = gzip.compress(told[:-2])

    assert send("/v1/batch", packed, key=key)[1]["code"] == "not_json"
    assert send("/v1/batch", gzip.compress(told, 0)[:2_000_000], key=key)[1]["code"] == "not_gzip"
    assert send("/v1/batch", gzip.compress(b"x")[:12] + b"?" * 40, key=key)[1]["code"] == "not_gzip"

    broken, cut_off, whole = quarantine.search()
    texts = [quarantine.opened(number=one.id, at=NOW, by=SYSTEM) for one in (whole, cut_off, broken)]
    assert texts[0] == told[:-2].decode()
    assert len(texts[1]) > 1_900_000
    assert told.decode().startswith(texts[1])
    assert texts[2] == "(52 bytes that could not be unpacked)"


def test_a_broken_body_is_kept_when_only_the_body_names_the_key(key):
    assert send("/v1/batch", f'{{"batch": [{{"event": "Tea"}}, "writeKey": "{key}"'.encode())[1]["code"] == "not_json"
    assert send("/v1/batch", b'{"batch": [{"event": "Tea"}')[1]["code"] == "not_json"

    (broken,) = quarantine.search()
    assert "Tea" in quarantine.opened(number=broken.id, at=NOW, by=SYSTEM)


def test_what_is_too_large_to_keep_leaves_its_trace(key, monkeypatch):
    monkeypatch.setattr(protocol, "LARGEST_BODY", 1_000)

    assert send("/v1/batch", b'{"batch": [' + b" " * 2_000, key=key)[1]["code"] == "too_large"

    (trace,) = quarantine.search()
    assert (trace.code, quarantine.opened(number=trace.id, at=NOW, by=SYSTEM)) == (
        "too_large",
        "(more than 1000 bytes, of which nothing was kept)",
    )


def test_a_strict_request_with_a_conflict_leaves_nothing(key):
    send("/v1/batch", {"batch": [viewed(1)]}, key=key)
    body = {"batch": [viewed(2), viewed(1, properties={"another": 1}), viewed(3), viewed(3, properties={"more": 1})]}

    status, told = send("/v1/batch", body, key=key, headers=((b"x-strict-mode", b"1"),))

    assert (status, told["success"]) == (409, False)
    assert [one["verdict"] for one in told["results"]] == ["rejected", "conflict", "rejected", "conflict"]
    assert len(events()) == 1
    assert quarantine.search() == []


def test_broken_bodies_count_by_their_size(key, monkeypatch):
    monkeypatch.setattr(app.Rates, "wait_for", lambda rates, key, per_second, count, now: 3.0 if count > 2_000 else 0.0)

    status, head, _ = answer("/v1/batch", b'{"batch": [' + b" " * 2_000_000, key=key)

    assert (status, head[b"retry-after"]) == (429, b"3")
    assert quarantine.search() == []


def test_messages_with_a_key_nobody_made_are_counted(fresh_database, monkeypatch):
    registry = Registry()
    monkeypatch.setattr(strangers, "REGISTRY", registry)
    monkeypatch.setattr(strangers, "EVERY", 0.01)
    said = {"event": "Product Viewed", "type": "track", "userId": "priya"}

    async def twice() -> list[Any]:
        ingest, answers = Ingest(), []
        for _ in range(2):
            answers.append(await asked(ingest, "/v1/batch", {"batch": [said, said]}, key="wk_" + "0" * 40))
        await asyncio.sleep(0.2)
        ingest.close()
        return answers

    assert [(status, told["success"]) for status, _, told in asyncio.run(twice())] == [(200, True)] * 2
    assert "regulars_ingest_unknown_key_total 4" in registry.text()
    found = traffic.unknown_keys(NOW - timedelta(days=1))
    assert found is not None
    assert found.count == 4
    assert events() == []
