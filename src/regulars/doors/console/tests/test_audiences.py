"""Audiences in the console: listed, made with the builder, explained, archived and taken away."""

import html
import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import translation

from regulars.doors.console import builder_draft
from regulars.doors.console.tests.builders import signed_in
from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.insight.audiences import audiences, filling, vocabulary
from regulars.kit.actors import SYSTEM, Actor
from regulars.kit.conditions.reading import BadCondition
from regulars.runtime.database import clock

BUYERS = {"version": 1, "zone": "Europe/London", "if": {"did": "commerce.orders"}}


@pytest.fixture
def shop(db: None) -> None:
    settled()


def settled() -> None:
    company.settle(
        name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )


def bought(who: str, ref: str, pounds: str = "80.00") -> str:
    """An order two days ago; the public id of who placed it."""
    line = LineReport(1, "coat", Decimal(1), Decimal(pounds))
    placed = clock.now() - timedelta(days=2)
    report = OrderReport(namespace="till", ref=ref, customer_ref=who, placed_at=placed, currency="GBP", lines=[line])
    orders.record(report=report, at=clock.now(), by=Actor("operator", "7"))
    [number] = customers.find_by_ref(ref=who)
    return customers.get(number).public_id


class Form:
    """The builder as somebody at a keyboard sees it: presses buttons and types into what the page shows."""

    def __init__(self, client: Client, where: str = "/console/audiences/new") -> None:
        self.client = client
        self._read(client.get(where))

    def _read(self, answer: HttpResponse) -> None:
        self.answer, self.page = answer, answer.content.decode()
        if answer.status_code in (200, 422):
            found = re.search(r'<form id="builder".*?</form>', self.page, re.DOTALL)
            assert found is not None
            self.where = re.findall(r'action="([^"]+)"', found[0])[0]
            self.values: dict[str, Any] = {
                html.unescape(name): html.unescape(value)
                for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0])
            }

    @property
    def draft(self) -> dict[str, Any]:
        """What the form carries."""
        return dict(json.loads(self.values["draft"]))

    def press(self, act: str, **typed: Any) -> "Form":
        self._read(self.client.post(self.where, {**self.values, **typed, "act": act}))
        return self


@pytest.mark.usefixtures("shop")
def test_an_audience_is_built_by_pressing_and_typing():
    other = audiences.define(name="X", condition=BUYERS, key="x", at=clock.now(), by=SYSTEM)
    form = Form(signed_in("analyst"))
    assert "In words" not in form.page
    form.press("add:g1:did")
    [did] = form.draft["of"]
    form.press("redraw", **{f"{did['id']}.collection": "commerce.orders", f"{did['id']}.measure": "count"})
    form.press("redraw", **{f"{did['id']}.value": "two", f"{did['id']}.span": "last:days"})
    assert "Write a whole number" in form.page
    form.press("add:g1:audience", **{f"{did['id']}.value": "2", f"{did['id']}.span_count": "90"})
    assert "in the last 90 days" in form.page
    refused = form.press("save", name="Twice, not X")
    assert refused.answer.status_code == 422
    assert "Choose an audience" in form.page
    place = form.draft["of"][1]["id"]
    form.press("save", name="Twice, not X", **{f"{place}.audience": other.id, f"{place}.which": "out"})
    assert form.answer.status_code == 302, form.page
    [made] = [one for one in audiences.every() if one.name == "Twice, not X"]
    asked = {"did": "commerce.orders", "count": {"at_least": 2}, "during": {"last": {"days": 90}}}
    first, second = made.condition["if"]["all"]
    assert {key: value for key, value in first.items() if key != "id"} == asked
    assert second["not"]["audience"] == other.id

    again = Form(signed_in("owner"), f"/console/audiences/{made.id}/edit")
    assert "Twice, not X" in again.page
    again.press("save", name="Twice", meaning="for letters")
    assert audiences.get(made.number).definition == 2
    names = {one.name for one in audiences.every()}
    assert names == {"X", "Twice"}


@pytest.mark.usefixtures("shop")
def test_what_is_saved_is_shown_again_as_it_was():
    words = vocabulary.current()
    nodes: list[dict[str, Any]] = [
        {"did": "commerce.orders", "sum": "total", "amount": {"at_least": "99.50"}, "during": {"last": {"months": 3}}},
        {"did": "commerce.orders", "count": {"at_most": 0}, "during": {"calendar": "month", "ago": 1}},
        {"did": "commerce.orders", "some": [{"of": "lines", "where": [{"column": "quantity", "more_than": "2"}]}]},
        {"did": "commerce.orders", "each": "lines", "of_each": [{"column": "quantity", "is": "1"}], "count": {"is": 2}},
        {"sequence": [{"did": "commerce.orders"}, {"did": "commerce.orders", "within": {"days": 7}, "missing": True}]},
        {"did": "commerce.orders", "count": {"at_least": 2, "less_than": 9}},
    ]
    for one in nodes:
        told = {"version": 1, "zone": "Europe/London", "if": {"all": [one]}}
        audiences.read(told, words)
        made = builder_draft.condition(builder_draft.from_condition(told), words, "Europe/London")
        assert audiences.read(made, words).root.of[0].__class__ == audiences.read(told, words).root.of[0].__class__
        [node] = made["if"]["all"]
        assert {key: value for key, value in node.items() if key != "id"} == one


@pytest.mark.usefixtures("shop")
def test_json_is_read_and_what_cannot_be_asked_is_said(settings: Any, tmp_path: Any):
    # Nothing is published there, whatever others of this process have published in theirs.
    settings.REGULARS_HOME = tmp_path
    form = Form(signed_in("manager"))
    form.press("json", json="{")
    assert "This is not JSON" in form.page
    form.press("json", json=json.dumps({**BUYERS, "if": {"did": "nothing"}}))
    assert "cannot be asked" in form.page
    form.press("json", json=json.dumps({**BUYERS, "if": {"any": [{"did": "commerce.orders"}]}}))
    assert form.draft["how"] == "any"
    odd = form.client.post(form.where, {"draft": '{"kind": "group", "id": 1, "of": [{}]}', "act": "add:g1:did"})
    assert odd.status_code in (200, 422)
    form.press("count", name="Buyers")
    assert "Nothing can be counted yet" in form.page


@pytest.mark.usefixtures("shop")
def test_the_list_offers_what_most_shops_want_and_one_press_makes_it():
    ana = signed_in("manager")
    page = ana.get("/console/audiences/").content.decode()
    assert "There is no audience yet" in page
    assert ana.post("/console/audiences/adopt", {"code": "lifecycle.sleeping"}).status_code == 302
    page = ana.get("/console/audiences/").content.decode()
    assert "Sleeping customers" in page
    assert "being filled" in page
    [one] = audiences.every()
    where = f"/console/audiences/{one.id}/"
    assert ana.post(f"{where}act", {"act": "archive"}).status_code == 302
    assert "archived" in ana.get(where).content.decode()
    assert "Sleeping customers" in ana.get("/console/audiences/?archived=with").content.decode()
    assert ana.post(f"{where}act", {"act": "restore"}).status_code == 302
    assert audiences.get(one.number).archived_at is None
    assert "最近" in signed_in("owner", language="zh-hans").get(where).content.decode()


@pytest.mark.usefixtures("shop")
def test_who_may_only_read_sees_no_button_and_opens_no_builder():
    one = audiences.define(name="Buyers", condition=BUYERS, key="x", at=clock.now(), by=SYSTEM)
    reader = signed_in("read_only")
    page = reader.get(f"/console/audiences/{one.id}/").content.decode()
    assert "Archive" not in page
    assert "members.csv" not in page
    assert reader.get("/console/audiences/new").status_code == 403
    assert reader.get(f"/console/audiences/{one.id}/members.csv").status_code == 403
    assert signed_in("agent").get("/console/audiences/").status_code == 403


def test_members_are_counted_shown_explained_and_taken_away(
    fresh_database: dict[str, str], settings: Any, tmp_path: Any
):
    settings.REGULARS_HOME = tmp_path
    settled()
    priya, tomas = bought("priya", "1"), bought("tomas", "2", "20.00")
    node = {"all": [{"did": "commerce.orders", "sum": "total", "amount": {"at_least": "50"}}]}
    big = audiences.define(name="Big", condition={**BUYERS, "if": node}, key="b", at=clock.now(), by=SYSTEM)
    filling.fill(big.number)
    ana = signed_in("owner")
    page = ana.get(f"/console/audiences/{big.id}/").content.decode()
    assert priya in page
    assert tomas not in page
    card = ana.get(f"/console/members/{priya}/audiences").content.decode()
    assert "Big" in card
    why = ana.get(f"/console/members/{tomas}/why?audience={big.id}").content.decode()
    assert "does not belong in" in why
    assert "£20.00" in why
    text = b"".join(ana.get(f"/console/audiences/{big.id}/members.csv").streaming_content).decode()
    assert priya in text
    form = Form(ana, f"/console/audiences/{big.id}/edit")
    part = form.draft["of"][0]["id"]
    form.press("count", **{f"{part}.value": "10"})
    assert "When it is saved, 1 come in and 0 leave." in form.page
    assert "<b>2</b> of 2 customers" in form.page


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_asked_is_said_in_the_readers_language():
    asked = {**BUYERS, "if": {"did": "commerce.orders", "count": {"starts_with": 1}}}
    with translation.override("zh-hans"), pytest.raises(BadCondition) as bad:
        audiences.read(asked)
    assert bad.value.message.startswith("n1：无法以 starts_with  提问；请使用 at_least")
