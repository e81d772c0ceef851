"""What holds for every route: problems, sizes, methods, the description, and no leaks."""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg.errors import DeadlockDetected

from regulars.doors.api.tests.builders import COAT_AND_HATS, Program, problem
from regulars.doors.api.v1 import problems
from regulars.doors.api.v1.api import api, written
from regulars.doors.api.v1.urls import known_query
from regulars.facts.commerce import orders
from regulars.runtime.serving.limited import Limited
from regulars.runtime.trail.requests import request_id

ROOT = Path(__file__).resolve().parents[5]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic cms6", "bearer rk_x", "Bearer rk_\udcff", "rk_x", "Bearer a b"]
)
def test_without_a_key_that_works_the_answer_is_always_the_same(header):
    answer = Client().get("/api/v1/shop", headers={"Authorization": header})
    assert problem(answer)[:2] == (401, "key.missing_or_wrong")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
def test_a_key_counts_in_its_header_only():
    till = Program()
    client = Client()
    client.cookies["Authorization"] = f"Bearer {till.token}"
    assert client.get(f"/api/v1/shop?key={till.token}&access_token={till.token}").status_code == 401


@pytest.mark.django_db
def test_strangers_do_not_learn_whether_their_order_was_well_formed_or_is_there():
    order = Program().record()["id"]
    for path in (f"orders/{order}/cancel", "orders/ord_x/cancel", "orders"):
        answer = Client().post(f"/api/v1/{path}", "{", content_type="application/json")
        assert problem(answer)[0] == 401
    short = Program("company.read", name="short")
    assert problem(short.get(f"orders/{order}"))[0] == problem(short.get("orders/ord_x"))[0] == 403


@pytest.mark.django_db
def test_a_problem_carries_the_request_id():
    token = request_id.set("shop-7")
    try:
        assert json.loads(Program().get("orders/x").content)["request_id"] == "shop-7"
    finally:
        request_id.reset(token)


@pytest.mark.django_db
def test_what_is_not_json_is_told_to_say_so():
    till = Program()
    answer = Client().post("/api/v1/orders", {"ref": "1"}, headers=till.headers)
    assert problem(answer)[:2] == (415, "request.not_json")


@pytest.mark.django_db
def test_a_name_in_the_query_that_does_nothing_is_refused_and_a_stranger_is_not_told():
    till = Program()
    assert problem(till.get("sources?limt=5")) == (422, "request.unknown_query", "query")
    assert problem(till.post("orders?dry_run=yes", COAT_AND_HATS))[:2] == (422, "request.unknown_query")
    assert problem(Client().get("/api/v1/sources?limt=5"))[0] == 401


@pytest.mark.django_db
def test_wrong_methods_and_paths_are_problems_too():
    till = Program()
    answer = Client().delete("/api/v1/orders", headers=till.headers)
    assert problem(answer)[:2] == (405, "request.wrong_method")
    assert set(answer["Allow"].split(", ")) == {"GET", "POST"}
    for path in ("", "nowhere", "orders/x/y/z", "docs"):
        assert problem(till.get(path))[:2] == (404, "request.not_found")
    assert problem(till.post("nowhere", {}))[:2] == (404, "request.not_found")


@pytest.mark.django_db
def test_what_breaks_is_a_500_without_its_reasons(monkeypatch, caplog):
    def breaks(**_: Any) -> None:
        raise RuntimeError("priya@example.com at /srv/secret.py")

    monkeypatch.setattr(orders, "record", breaks)
    with caplog.at_level(logging.ERROR, "regulars.api"):
        answer = Program().post("orders", COAT_AND_HATS)
    assert problem(answer)[:2] == (500, "server.broken")
    assert "secret" not in answer.content.decode()
    assert "RuntimeError" not in answer.content.decode()
    assert "regulars.api" in {record.name for record in caplog.records}


def test_who_makes_way_for_another_is_tried_again_where_a_key_makes_that_harmless(fresh_database, monkeypatch):
    whole, till = orders.record, Program()
    for victims, key, answered, tries in ((2, "once", 200, 3), (9, "twice", 503, 4), (2, None, 503, 1)):
        told: list[Any] = []

        def meets_another(told=told, victims=victims, **given: Any) -> Any:
            told.append(given)
            if len(told) <= victims:
                raise OperationalError("deadlock detected") from DeadlockDetected("deadlock detected")
            return whole(**given)

        monkeypatch.setattr(orders, "record", meets_another)
        answer = till.post("orders", COAT_AND_HATS, key=key)
        assert (answer.status_code, len(told)) == (answered, tries)
        if answered == 503:
            assert problem(answer)[:2] == (503, "server.busy")
            assert answer["Retry-After"] == "1"


@pytest.mark.django_db
def test_a_database_that_is_away_is_a_503_to_try_again(monkeypatch):
    def away(**_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(orders, "record", away)
    answer = Program().post("orders", COAT_AND_HATS)
    assert problem(answer)[:2] == (503, "server.database_away")
    assert answer["Retry-After"] == "3"


@pytest.mark.django_db
def test_no_answer_is_kept_by_caches():
    till = Program()
    assert till.get("shop")["Cache-Control"] == "no-store"
    assert till.get("nowhere")["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_key_stands_in_no_log(caplog):
    till = Program()
    with caplog.at_level(logging.DEBUG):
        till.record()
        till.get("orders/x")
        till.post("orders", {"ref": till.token})
    assert till.token not in caplog.text


def test_the_description_in_the_docs_is_fresh():
    assert (ROOT / "docs/api/openapi.json").read_text(encoding="utf-8") == written(), (
        "run `regulars openapi -o docs/api/openapi.json` and read what changed"
    )


def test_the_description_is_served_to_anybody_and_says_who_may():
    told = Client().get("/api/v1/openapi.json").json()
    assert told == json.loads(written())
    assert told["openapi"] == "3.1.0"
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    assert len(operations) >= 61
    for operation in operations:
        assert operation["security"] == [{"ApiKey": []}]
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
    for name, schema in told["components"]["schemas"].items():
        assert name == "Problem" or schema["additionalProperties"] is False


def test_the_names_let_into_a_query_are_those_of_the_description():
    told = {
        operation["operationId"]: {told["name"] for told in operation.get("parameters", ()) if told["in"] == "query"}
        for path in json.loads(written())["paths"].values()
        for operation in path.values()
    }
    let_in = {
        operation.operation_id: known_query(operation)
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }
    assert let_in == told


def test_a_key_of_a_write_is_read_from_its_header_and_nowhere_else():
    keyed = set()
    for path in json.loads(written())["paths"].values():
        for operation in path.values():
            for told in operation.get("parameters", []):
                if re.sub("[^a-z]", "", told["name"].lower()) == "idempotencykey":
                    assert (told["in"], told["name"]) == ("header", "Idempotency-Key"), operation["operationId"]
                    keyed.add(operation["operationId"])
    assert keyed >= {"change_preferences", "tell_profile", "tag_customer", "untag_customer", "record_order"}
    assert keyed >= {"give_consent", "withdraw_consent", "refund_order", "hold_stock", "tell_evidence"}


@pytest.mark.django_db
def test_answers_hold_what_the_description_says_and_no_more():
    schemas = json.loads(written())["components"]["schemas"]
    till = Program()
    order = till.record()
    assert set(order) == set(schemas["OrderOut"]["properties"])
    assert set(order["lines"][0]) == set(schemas["LineOut"]["properties"])
    refund = till.post(f"orders/{order['id']}/refunds", key="rma-1").json()
    assert set(refund) == set(schemas["RefundOut"]["properties"])
    assert set(till.get("shop").json()) == set(schemas["ShopOut"]["properties"])


def through(*, headers: list[tuple[bytes, bytes]], chunks: list[bytes]) -> tuple[int, bytes, int]:
    """Status, body, and how many bytes the application behind was given."""
    seen = 0

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            seen += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    waiting = [{"type": "http.request", "body": c, "more_body": n + 1 < len(chunks)} for n, c in enumerate(chunks)]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    limited = Limited(app, most=problems.LARGEST_BODY, refusal=problems.too_large)
    asyncio.run(limited({"type": "http", "path": "/api/v1/orders", "headers": headers}, receive, send))
    return sent[0]["status"], sent[1]["body"], seen


def test_a_huge_body_is_refused_before_it_is_read():
    most = problems.LARGEST_BODY
    assert through(headers=[(b"content-length", b"%d" % most)], chunks=[b"x" * most])[0] == 204
    status, body, seen = through(headers=[(b"content-length", b"%d" % (most + 1))], chunks=[])
    assert (status, json.loads(body)["code"], seen) == (413, "request.too_large", 0)
    assert through(headers=[(b"content-length", b"-1")], chunks=[])[0] == 413


def test_a_huge_body_that_does_not_tell_its_size_is_cut_off():
    kilobyte = b"x" * 1024
    status, body, seen = through(headers=[], chunks=[kilobyte] * 5000)
    assert (status, json.loads(body)["code"]) == (413, "request.too_large")
    assert seen <= problems.LARGEST_BODY


def test_no_two_shapes_have_one_name():
    """The description knows shapes by their names alone: of two, one would stand for both."""
    told = [
        found["name"]
        for file in Path(problems.__file__).parent.glob("*.py")
        for found in re.finditer(r"^class (?P<name>\w+)\(exact\.", file.read_text(), re.MULTILINE)
    ]
    assert sorted({name for name in told if told.count(name) > 1}) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body", "field", "part"),
    [
        ("patch", "preferences", {"place": "app", "quiet": "all day"}, "quiet", "22:00-08:00"),
        ("patch", "preferences", {"place": "app", "quiet": "09:00-09:00"}, "quiet", "22:00-08:00"),
        ("patch", "preferences", {"place": "app", "zone": "Asia/Shanghei"}, "zone", "Asia/Shanghai"),
        ("patch", "preferences", {"place": "app", "most_per_week": "two"}, "most_per_week", "整数"),
        ("patch", "preferences", {"place": "app", "personalised": "no"}, "personalised", "true"),
        ("patch", "preferences", {"place": "moon"}, "place", "checkout"),
        ("patch", "preferences", {}, "place", "缺少"),
        ("patch", "profile", {"country": "XX"}, "country", "ISO 3166"),
        ("patch", "profile", {"told_at": "yesterday"}, "told_at", "时差"),
        ("patch", "profile", {"shoe": 44}, "shoe", "去掉"),
        ("patch", "profile", {"note": "x" * 2001}, "note", "2000"),
        ("post", "tags", {"tag": "none"}, "tag", "none"),
        ("post", "consent/give", {}, "purpose", "缺少"),
    ],
)
def test_whatever_is_refused_is_refused_in_the_callers_language(method, path, body, field, part):
    till = Program()
    who = till.record()["customer"]
    headers = till.headers | {"Accept-Language": "zh-CN"}
    send = getattr(Client(), method)
    address = f"/api/v1/customers/{who}/{path}"
    told = send(address, json.dumps(body), content_type="application/json", headers=headers).json()
    assert told["field"] == field
    assert told["detail"].startswith(f"{field}: ")
    assert part in told["detail"]
    for words in (told["title"], told["detail"], *(one["problem"] for one in told.get("errors", ()))):
        assert re.search("[\u4e00-\u9fff]", words), told
    english = send(address, json.dumps(body), content_type="application/json", headers=till.headers).json()
    assert not re.search("[\u4e00-\u9fff]", english["title"] + english["detail"])
