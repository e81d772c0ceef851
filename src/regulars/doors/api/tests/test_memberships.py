"""Paid memberships through the API: joined with consent, paid as the provider says, left with one call."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from regulars.doors.api.tests.builders import Program, problem
from regulars.kit.actors import SHELL, SYSTEM
from regulars.levers.loyalty import programmes
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: GBP
benefits: [{id: ship, kind: free_shipping, name: {en: Free shipping, zh: 包邮}, per: membership}]
plans:
  - id: plus
    name: {en: Plus, zh: 会员}
    price: 10
    every: month
    pause_days: 30
    benefits: [{benefit: ship, most: 2}]
    terms: {version: "1", en: You pay 10 a month., zh: 每月 10 英镑。}
  - {id: year, price: 90, every: year, terms: {version: "1", en: 90 a year, zh: 每年 90}}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""
AGREED = {"plan": "club.plus", "terms": "1", "language": "zh", "where": "app:join"}


def told(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


@pytest.fixture
def till() -> Program:
    at = clock.now() - timedelta(hours=1)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    return Program()


def test_somebody_joins_pays_rests_changes_their_mind_and_leaves(till):
    li = till.record()["customer"]
    plus, _year = told(till.get("plans"))["items"]
    assert (plus["price"], plus["terms_version"], plus["terms"]["zh"]) == ("10.00", "1", "每月 10 英镑。")
    nowhere = problem(till.post(f"customers/{li}/memberships", AGREED | {"where": "somewhere"}, key="j"))
    assert nowhere[:2] == (422, "memberships.bad_consent")
    one = told(till.post(f"customers/{li}/memberships", AGREED, key="j"))
    assert told(till.post(f"customers/{li}/memberships", AGREED, key="j")) == one
    assert problem(till.post(f"customers/{li}/memberships", AGREED, key="j2"))[:2] == (
        409,
        "memberships.already_member",
    )
    assert (one["state"], one["due"], one["consent"]["language"], len(one["consent"]["digest"])) == (
        "waiting",
        "10.00",
        "zh",
        64,
    )
    here = f"memberships/{one['id']}"
    payment = {"payment": "pi_1", "state": "paid", "amount": "10.00", "currency": "GBP"}
    for amount in ("9.00", "999999999999.00"):
        refused = problem(till.post(f"{here}/payments", payment | {"amount": amount}))
        assert refused[:2] == (409, "memberships.bad_payment")
    paid = told(till.post(f"{here}/payments", payment))
    assert told(till.post(f"{here}/payments", payment)) == paid
    assert (paid["state"], paid["paid"], paid["refund_now"]) == ("active", "10.00", "10.00")
    [mine] = told(till.get(f"customers/{li}/benefits"))["items"]
    assert (mine["given_by"], mine["source"], mine["left"]) == ("plan", "plan:plus", 2)
    assert told(till.post(f"{here}/pause", {"days": 10}))["state"] == "paused"
    assert told(till.post(f"{here}/resume", {}))["state"] == "active"
    for _again in range(2):
        year = told(till.post(f"{here}/switch", AGREED | {"plan": "club.year"}, key="s"))
        assert (year["plan"], year["wants"], year["quote"]) == ("club.plus", "year", "80.00")
    assert problem(till.post(f"{here}/switch", AGREED, key="s"))[:2] == (409, "points.key_used_otherwise")
    left = told(till.post(f"{here}/cancel", {}, key="c"))
    assert (left["state"], left["ends"], left["wants"]) == ("active", True, None)
    assert told(till.post(f"{here}/keep", {}))["ends"] is False
    assert told(till.post(f"{here}/cancel", {}, key="c"))["ends"] is False, "told late again, they stay all the same"
    out = told(till.post(f"{here}/cancel", {"when": "now"}))
    assert (out["state"], out["why_ended"], out["gives"]) == ("ended", "cancelled", False)
    steps = told(till.get(f"{here}/steps"))["items"]
    assert [(step["kind"], step["amount"]) for step in steps[-2:]] == [("refunded", "10.00"), ("ended", None)]
    assert problem(till.post(f"{here}/cancel", {}))[:2] == (409, "memberships.not_possible")
    back = told(till.post(f"{here}/payments", payment | {"state": "refunded"}))
    assert (back["paid"], back["owed"], back["next"]) == ("0.00", "0.00", "0.00")
    assert told(till.get(here)) == told(till.get(f"customers/{li}/memberships"))["items"][0]


def test_money_takes_a_right_of_its_own(till):
    li, spends = till.record()["customer"], Program("points.spend", name="spends")
    here = f"memberships/{told(spends.post(f'customers/{li}/memberships', AGREED, key='j'))['id']}"
    payment = {"payment": "psp_1", "state": "paid", "amount": "10.00", "currency": "GBP"}
    for path, body in ((f"{here}/payments", payment), (f"{here}/cancel", {"when": "now"})):
        assert problem(spends.post(path, body))[0] == 403
    assert told(till.post(f"{here}/payments", payment))["state"] == "active"
    assert told(spends.post(f"{here}/cancel"))["ends"] is True
