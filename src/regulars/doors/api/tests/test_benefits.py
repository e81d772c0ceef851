"""Benefits through the API: which there are, what somebody has, used and given back, given and ended."""

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
tiers:
  - {id: status, period: {kind: rolling, months: 12}, levels: [{id: member}, {id: gold, any: [{what: spend, at_least: 300}]}]}
benefits:
  - {id: ship, kind: free_shipping, name: {en: Free shipping, zh: 包邮}, per: month, at_least: 20, for: [{tiers: status, from: member, most: 1}]}
  - {id: order, kind: free_order, name: {en: A free order, zh: 免单一次}, per: anniversary, worth: 30}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""  # noqa: E501


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


def test_a_benefit_is_found_used_once_used_up_and_given_back(till):
    order = till.record()
    li = order["customer"]
    ship, free = told(till.get("benefits"))["items"]
    assert (ship["benefit"], ship["title"], ship["gives"]) == ("club.ship", "Free shipping", "on orders from 20.00 GBP")
    assert (free["kind"], free["levels"], free["per"]) == ("free_order", [], "anniversary")
    [mine] = told(till.get(f"customers/{li}/benefits"))["items"]
    assert (mine["given_by"], mine["because"], mine["left"], mine["most"]) == ("tier", "status.member", 1, 1)
    body = {"benefit": "club.ship", "order": order["id"], "saved": "4.95", "saved_currency": "GBP"}
    used = told(till.post(f"customers/{li}/benefits/uses", body, key="k1"))
    assert told(till.post(f"customers/{li}/benefits/uses", body, key="k1")) == used
    assert (used["order"], used["saved"], used["source"]) == (order["id"], "4.95", "tier")
    other = body | {"saved": "5.00"}
    assert problem(till.post(f"customers/{li}/benefits/uses", other, key="k1"))[1] == "points.key_used_otherwise"
    assert problem(till.post(f"customers/{li}/benefits/uses", body, key="k2"))[:2] == (409, "benefits.used_up")
    now = told(till.get(f"customers/{li}/benefits"))
    assert (now["items"][0]["left"], now["saved"]) == (
        0,
        [{"benefit": "club.ship", "uses": 1, "saved": "4.95", "currency": "GBP"}],
    )
    back = told(till.post(f"benefit-uses/{used['id']}/give-back", {"why": "not_done"}))
    assert back["why_back"] == "not_done"
    assert [one["id"] for one in told(till.get(f"customers/{li}/benefits/uses"))["items"]] == [used["id"]]
    assert told(till.get(f"customers/{li}/benefits"))["items"][0]["left"] == 1
    assert problem(till.post(f"customers/{li}/benefits/uses", {"benefit": "club.none"}, key="k3"))[:2] == (
        404,
        "benefits.unknown",
    )


def test_a_benefit_is_given_beside_what_they_have_and_ended(till):
    li = till.record()["customer"]
    use = {"benefit": "club.order", "about": "cart-7", "saved": "29.90", "saved_currency": "GBP"}
    assert problem(till.post(f"customers/{li}/benefits/uses", use, key="k"))[:2] == (409, "benefits.not_entitled")
    body = {"benefit": "club.order", "reason": "partner", "partner": "bank", "most": 2}
    gift = told(till.post(f"customers/{li}/benefits/gifts", body, key="g"))
    assert (gift["given_by"], gift["partner"], gift["most"]) == ("partner", "bank", 2)
    used = told(till.post(f"customers/{li}/benefits/uses", use, key="k"))
    assert (used["because"], used["about"]) == ("bank", "cart-7")
    found = told(till.get("benefits/savings?since=2026-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"))["items"]
    assert [(one["benefit"], one["saved"]) for one in found] == [("club.order", "29.90")]
    assert told(till.post(f"benefit-gifts/{gift['id']}/withdraw", {}))["withdrawn_at"]
    assert [one["benefit"] for one in told(till.get(f"customers/{li}/benefits"))["items"]] == ["club.ship"]
    assert problem(till.post("benefit-gifts/bgf_00000000000000000000000000/withdraw", {}))[0] == 404


def test_what_a_member_pays_and_what_they_may_see_before_others(till):
    at = clock.now() - timedelta(minutes=30)
    more = """
  - {id: tea, kind: member_price, percent: 10, where: {field: category, is: tea}, for: [{tiers: status, from: member}]}
  - {id: early, kind: early_access, hours: 24, for: [{tiers: status, from: member}]}
rules:"""
    made = programmes.draft(text=PROGRAMME.replace("\nrules:", more), at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    li = till.record()["customer"]
    cart = {
        "currency": "GBP",
        "lines": [
            {"product_ref": "oolong", "category": "tea", "quantity": "2", "amount": "19.99"},
            {"product_ref": "cup", "quantity": "1", "amount": "9.00"},
        ],
    }
    priced = told(till.post(f"customers/{li}/benefits/price", cart))
    assert [(one["amount"], one["member_amount"], one["benefit"]) for one in priced["lines"]] == [
        ("19.99", "17.99", "club.tea"),
        ("9.00", "9.00", None),
    ]
    assert (priced["saved"], priced["benefits"]) == ("2.00", ["club.tea"])
    soon, late = (clock.now() + timedelta(hours=hours) for hours in (23, 25))
    seen = told(till.get(f"customers/{li}/early-access?opens_at={soon:%Y-%m-%dT%H:%M:%SZ}"))
    assert (seen["may_see"], seen["benefit"], seen["hours"]) == (True, "club.early", 24)
    assert not told(till.get(f"customers/{li}/early-access?opens_at={late:%Y-%m-%dT%H:%M:%SZ}"))["may_see"]
    assert problem(till.get(f"customers/{li}/early-access?opens_at=soon"))[0] in (400, 422)


def test_a_till_that_uses_benefits_does_nothing_else(till):
    order = till.record()
    serves = Program("benefits.use", name="serves")
    body = {"benefit": "club.ship", "order": order["id"]}
    used = told(serves.post(f"customers/{order['customer']}/benefits/uses", body, key="k"))
    assert told(serves.post(f"benefit-uses/{used['id']}/give-back", {"why": "not_done"}))["why_back"] == "not_done"
    spends = Program("points.spend", name="spends")
    assert problem(spends.post(f"benefit-uses/{used['id']}/give-back", {"why": "not_done"}))[0] == 403
    gift = {"benefit": "club.ship", "reason": "goodwill"}
    assert problem(serves.post(f"customers/{order['customer']}/benefits/gifts", gift, key="g"))[0] == 403
