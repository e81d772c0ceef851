"""Status through the API: sets, where somebody stands, how they came there, and status that is frozen."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.customers import customers, sign_in_links
from regulars.kit.actors import SHELL, SYSTEM
from regulars.levers.loyalty import programmes, tiers
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: tried
money: GBP
tiers:
  - id: status
    name: {en: Status, zh: 会员等级}
    period: {kind: rolling, months: 12}
    levels:
      - {id: silver, name: {en: Silver, zh: 银卡}, all: [{what: spend, at_least: "0.50"}]}
      - {id: gold, name: {en: Gold, zh: 金卡}, any: [{what: spend, at_least: 900000}, {what: orders, at_least: 2}]}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


def told(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


@pytest.fixture
def till() -> Program:
    at = clock.now() - timedelta(hours=1)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="tried", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="tried", version=made.number, at=at, by=SYSTEM)
    return Program()


def test_where_somebody_stands_how_far_they_are_and_how_they_came_there(till):
    li = str(till.record()["customer"])
    tiers.requalify(customer=customers.by_public_id(li).id, at=clock.now(), by=SYSTEM)
    [status] = told(till.get(f"customers/{li}/tiers"))["items"]
    assert (status["level"], status["level_title"], status["frozen"]) == ("silver", "Silver", False)
    silver, gold = status["progress"]
    assert (silver["is_met"], silver["share"], silver["missing"]) == (True, 100, [])
    assert (gold["is_met"], gold["share"], gold["missing"]) == (False, 50, ["1 more order"])
    assert [(one["what"], one["has"], one["left"]) for one in gold["parts"]][1] == ("orders", "1", "1")
    [chinese] = told(
        Client().get(f"/api/v1/customers/{li}/tiers", headers=till.headers | {"Accept-Language": "zh-CN"})
    )["items"]
    assert chinese["level_title"] == "银卡"
    [move] = told(till.get(f"customers/{li}/tiers/history"))["items"]
    assert (move["before"], move["after"], move["why"], move["counted"]["orders"]) == (None, "silver", "reached", 1)
    [found] = told(till.get("tiers"))["items"]
    assert [(one["level"], one["people"]) for one in found["levels"]] == [("silver", 1), ("gold", 0)]
    # Nothing was in force then; in two years, if nothing else happens, she is on no level.
    for days, levels in ((-800, []), (800, [None])):
        moment = (clock.now() + timedelta(days=days)).isoformat().replace("+", "%2B")
        assert [one["level"] for one in told(till.get(f"customers/{li}/tiers?as_of={moment}"))["items"]] == levels


def test_status_is_frozen_once_and_thawed(till):
    li = str(till.record()["customer"])
    path = f"customers/{li}/tiers/tried/status"
    [status] = told(till.post(f"{path}/freeze", {"why": "life_event"}, key="f1"))["items"]
    assert status["frozen"]
    assert till.post(f"{path}/freeze", {"why": "life_event"}, key="f1").status_code == 200
    assert problem(till.post(f"{path}/freeze", {}, key="f2"))[:2] == (409, "tiers.already_frozen")
    [status] = told(till.post(f"{path}/thaw", key="t1"))["items"]
    assert not status["frozen"]
    assert problem(till.post(f"{path}/thaw", key="t2"))[:2] == (409, "tiers.not_frozen")
    other = till.post(f"customers/{li}/tiers/tried/other/freeze", {}, key="f3")
    assert problem(other)[:2] == (404, "tiers.unknown")


def test_a_link_opens_what_its_key_may_and_plans_for_who_is_signed_in(till):
    li = str(till.record()["customer"])
    edits = Program("members.edit", name="account-page")

    def opens(body: Any) -> tuple[bool, bool, bool]:
        path = told(edits.post(f"customers/{li}/card-links", body))["path"]
        found = sign_in_links.open_link(token=path.removeprefix("/card/"), at=clock.now())
        return found.may_join, found.with_money, found.only_looks

    assert opens(None) == opens({}) == opens({"signed_in": False}) == (False, False, False)
    assert opens({"signed_in": True}) == (True, False, False)
    assert edits.post(f"customers/{li}/card-links", {"signed_in": "maybe"}).status_code == 422
