"""Missions through the API: what there is, how far somebody is, joining, and badges."""

from datetime import timedelta

import pytest
from django.test import Client

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.customers import customers
from regulars.kit.actors import SHELL, SYSTEM
from regulars.levers.loyalty import missions, programmes
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: tried
money: GBP
badges: [{id: early, name: {en: Early bird, zh: 早起的鸟}}, {id: hidden}]
missions:
  - {id: first, name: {en: Hello, zh: 你好}, steps: [{what: orders, at_least: 1}], prize: {points: 5, badge: early}}
  - id: dare
    name: {en: Dare, zh: 挑战}
    join: true
    steps: [{what: spend, at_least: 900000}, {what: orders, at_least: 3, in_a_row: week, rests: 1}]
    prize: {reward: mug}
  - {id: secret, surprise: true, one_in: 9, steps: [{what: orders, at_least: 4}], prize: {points: 7, badge: hidden}}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


@pytest.fixture
def till() -> Program:
    at = clock.now() - timedelta(days=400)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="tried", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="tried", version=made.number, at=at, by=SYSTEM)
    return Program()


def test_what_there_is_how_far_somebody_is_and_joining(till):
    li = str(till.record()["customer"])
    missions.settle(customer=customers.by_public_id(li).id, at=clock.now(), by=SYSTEM)
    first, dare, secret = till.get("missions").json()["items"]
    assert (first["people_done"], first["prize"]["points"], first["prize"]["badge"]) == (1, "5", "early")
    assert (dare["asks_to_join"], dare["people_joined"], len(dare["steps"])) == (True, 0, 2)
    assert dare["steps"][1] == "an order in each of 3 weeks in a row, 1 may be left out"
    assert (secret["is_surprise"], secret["one_in"], dare["is_surprise"], dare["one_in"]) == (True, 9, False, 1)
    mine = {one["mission"]: one for one in till.get(f"customers/{li}/missions").json()["items"]}
    assert (mine["first"]["is_done"], mine["first"]["share"], mine["first"]["joined"]) == (True, 100, None)
    assert "secret" not in mine, "it is told once it is theirs"
    assert (mine["dare"]["joined"], mine["dare"]["share"], mine["dare"]["steps"][0]["at_least"]) == (
        False,
        0,
        "900000.00",
    )
    [badge] = till.get(f"customers/{li}/badges").json()["items"]
    assert (badge["badge"], badge["times"], badge["since"] is not None) == ("early", 1, True)
    path = f"customers/{li}/missions/tried"
    for _ in range(2):
        joined = till.post(f"{path}/dare/join", key="j1").json()["items"]
    assert [one["joined"] for one in joined if one["mission"] == "dare"] == [True]
    assert [till.post(f"{path}/dare/leave", key="l1").status_code for _ in range(2)] == [200, 200]
    late = till.post(f"{path}/dare/join", key="j1").json()["items"]
    assert [one["joined"] for one in late if one["mission"] == "dare"] == [False], "a retry brings nobody back"
    assert problem(till.post(f"{path}/dare/join", key="l1"))[:2] == (409, "points.key_used_otherwise")
    assert problem(till.post(f"{path}/first/join", key="j3"))[:2] == (409, "missions.nothing_to_join")
    assert problem(till.post(f"{path}/secret/join", key="j5"))[:2] == (404, "missions.unknown")
    assert problem(till.post(f"{path}/moon/join", key="j4"))[:2] == (404, "missions.unknown")
    chinese = Client().get(f"/api/v1/customers/{li}/missions", headers=till.headers | {"Accept-Language": "zh-CN"})
    assert "你好" in chinese.content.decode()
