"""Audiences through the API."""

import io
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client
from python_calamine import CalamineWorkbook

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.company import company
from regulars.insight.audiences import audiences, filling
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock

BUYERS = {"version": 1, "zone": "Europe/London", "if": {"did": "commerce.orders"}}
BIG = {
    "version": 1,
    "zone": "Europe/London",
    "if": {
        "all": [
            {"id": "bought", "did": "commerce.orders"},
            {"id": "much", "did": "commerce.orders", "sum": "total", "amount": {"at_least": "150"}},
        ]
    },
}


def made(li: Program, name: str = "Buyers", condition: Any = BUYERS, key: str | None = None) -> dict[str, Any]:
    answer = li.post("audiences", {"name": name, "condition": condition}, key=key or f"make-{name}".replace(" ", "-"))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def settled() -> None:
    company.settle(
        name="Hats", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )


@pytest.fixture
def shop(db: None) -> None:
    settled()


@pytest.mark.usefixtures("shop")
def test_an_audience_is_made_changed_archived_and_restored():
    li = Program()
    one = made(li)
    assert (one["definition"], one["members"], one["is_filling"], one["condition"]) == (1, 0, True, BUYERS)
    assert made(li) == one, "the same key again is the same audience"
    assert problem(li.post("audiences", {"name": "Others", "condition": BUYERS}, key="make-Buyers"))[:2] == (
        409,
        "audiences.key_taken",
    )
    assert problem(li.post("audiences", {"name": "Buyers", "condition": BUYERS}, key="2")) == (
        409,
        "audiences.name_taken",
        "name",
    )
    assert problem(li.post("audiences", {"name": "Others", "condition": BUYERS}))[:2] == (422, "request.invalid")
    where = f"audiences/{one['id']}"
    assert li.get(where).json() == one
    changed = li.patch(where, {"name": "Those who bought", "condition": BIG}, key="3").json()
    assert (changed["name"], changed["definition"]) == ("Those who bought", 2)
    assert [version["number"] for version in li.get(f"{where}/versions").json()["items"]] == [2, 1]
    assert [item["id"] for item in li.get("audiences").json()["items"]] == [one["id"]]
    made(li, "Of them", {**BUYERS, "if": {"audience": one["id"]}})
    assert problem(li.post(f"{where}/archive"))[:2] == (409, "audiences.in_use")
    other = next(item for item in li.get("audiences").json()["items"] if item["name"] == "Of them")
    assert li.post(f"audiences/{other['id']}/archive").json()["archived_at"]
    assert li.post(f"{where}/archive").json()["archived_at"]
    assert li.get("audiences").json()["items"] == []
    first = li.get("audiences?archived=with&limit=1").json()
    rest = li.get(f"audiences?archived=with&limit=1&cursor={first['next']}").json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["Of them", "Those who bought"]
    assert li.post(f"{where}/restore").json()["archived_at"] is None
    assert problem(li.get("audiences/aud_nobody"))[:2] == (404, "audiences.unknown")


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_asked_is_refused_with_the_node_and_the_mend():
    li = Program()
    wrong = {**BUYERS, "if": {"all": [{"id": "first", "did": "commerce.orders", "count": {"at_least": "two"}}]}}
    for path, body in (("audiences", {"name": "A", "condition": wrong}), ("audiences/describe", {"condition": wrong})):
        answer = li.post(path, body, key="1")
        assert problem(answer) == (422, "condition.bad", "at_least")
        assert (answer.json()["node"], answer.json()["mend"]) == ("first", "write a whole number")
    half = {**BUYERS, "if": {"did": "commerce.orders", "where": [{"column": "channel", "starts_with": "\ud83d"}]}}
    assert problem(li.post("audiences", {"name": "A", "condition": half}, key="2"))[:2] == (422, "condition.bad")
    assert li.post("audiences/preview", {"condition": BUYERS}).status_code in (200, 409), "409 before the first publish"


@pytest.mark.usefixtures("shop")
def test_a_condition_is_said_in_the_language_that_was_asked_for():
    li = Program()
    for tag, language, words in (("en", "en", "ordered"), ("zh-Hans", "zh", "下过单")):
        answer = Client().post(
            "/api/v1/audiences/describe",
            {"condition": BUYERS},
            content_type="application/json",
            headers=li.headers | {"Accept-Language": tag},
        )
        told = answer.json()
        assert told["language"] == language
        assert words in told["words"]
        assert told["by_node"] == {"n1": told["words"]}


@pytest.mark.usefixtures("shop")
def test_the_vocabulary_has_what_a_builder_needs_and_nothing_personal():
    told = Program().get("audiences/vocabulary").json()
    assert told["currency"] == "GBP"
    orders = next(one for one in told["collections"] if one["name"] == "commerce.orders")
    total = next(one for one in orders["columns"] if one["name"] == "total")
    assert (total["type"], "at_least" in total["tests"]) == ("money", True)
    assert [part["name"] for part in orders["parts"]]
    assert not [one for one in told["fields"] if one["name"] in ("customers.name", "customers.email")]


def test_members_are_listed_explained_and_taken_away(fresh_database: dict[str, str], settings: Any, tmp_path: Any):
    settings.REGULARS_HOME = tmp_path
    settled()
    li = Program()
    assert problem(li.post("audiences/preview", {"condition": BUYERS}))[:2] == (409, "warehouse.nothing_published")
    placed = (clock.now() - timedelta(days=2)).isoformat()
    people = [
        li.record(ref=str(number), customer_ref=who, placed_at=placed)["customer"]
        for number, who in enumerate(("priya", "tomas", "priya"))
    ]
    priya, tomas = people[:2]
    one, big = made(li), made(li, "Big", BIG)
    for audience in (one, big):
        filling.fill(audiences.by_public_id(audience["id"]).number)
    where = f"audiences/{one['id']}"

    first = li.get(f"{where}/members?limit=1").json()
    rest = li.get(f"{where}/members?limit=1&cursor={first['next']}").json()
    assert [item["customer"] for item in first["items"] + rest["items"]] == [tomas, priya]
    assert [item["name"] for item in li.get(f"customers/{priya}/audiences").json()["items"]] == ["Big", "Buyers"]
    assert li.get(f"{where}/changes").json() == {"items": [], "next": None}

    why = li.get(f"audiences/{big['id']}/explain/{priya}").json()
    assert why["holds"]
    assert why["since_at"]
    assert [(node["node"], node["holds"], node["seen"]) for node in why["root"]["of"]] == [
        ("bought", True, 2),
        ("much", True, "199.98"),
    ]
    why_not = li.get(f"audiences/{big['id']}/explain/{tomas}").json()
    assert (why_not["holds"], why_not["since_at"]) == (False, None)
    assert [node["holds"] for node in why_not["root"]["of"]] == [True, False]

    found = li.post("audiences/preview", {"condition": BIG}).json()
    assert (found["everyone"], found["members"], found["sample"]) == (2, 1, [priya])
    assert found["by_node"] == {"n1": 1, "bought": 2, "much": 1}
    assert [(item["name"], item["members"]) for item in found["overlap"]] == [("Buyers", 1), ("Big", 1)]

    text = b"".join(li.get(f"{where}/members.csv").streaming_content).decode("utf-8-sig")
    assert [line.split(",")[0] for line in text.split()] == ["customer", tomas, priya]
    table = pq.read_table(io.BytesIO(b"".join(li.get(f"{where}/members.parquet").streaming_content)))
    assert table.column("customer").to_pylist() == [tomas, priya]
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(li.get(f"{where}/members.xlsx").streaming_content)))
    assert [row[0] for row in sheet.get_sheet_by_index(0).to_python()] == ["customer", tomas, priya]
    assert problem(li.get(f"{where}/members.pdf"))[:2] == (422, "request.invalid")
    reader = Program("insight.read", name="reader")
    assert problem(reader.get(f"{where}/members.csv"))[:2] == (403, "key.not_granted")
