"""Rewards through the API: the catalogue, what is within reach, and what becomes of what was taken."""

from typing import Any

import pytest
from django.http import HttpResponse

from regulars.doors.api.tests.builders import Program, problem

pytestmark = pytest.mark.django_db
MUG: dict[str, Any] = {"kind": "goods", "handed": "sent", "titles": {"en": "A mug", "zh": "杯子"}, "price": "100"}


def told(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def a_reward(till: Program, code: str = "mug", **terms: Any) -> dict[str, Any]:
    told(till.put(f"rewards/{code}", MUG | terms))
    return told(till.post(f"rewards/{code}/state", {"state": "open"}))


def priya(till: Program, points: str = "250") -> str:
    who = str(till.record()["customer"])
    told(till.post(f"customers/{who}/points/awards", {"amount": points}, key="given"))
    return who


def takes(till: Program, who: str, reward: str = "mug", key: str = "k1") -> HttpResponse:
    return till.post(f"customers/{who}/redemptions", {"reward": reward}, key=key)


def test_a_reward_is_put_opened_found_within_reach_taken_sent_and_taken_back():
    till = Program()
    made = a_reward(till, stock=3, cancel_days=5)
    assert (made["state"], made["price"], made["left"]) == ("open", "100", 3)
    a_reward(till, "coat", price="400")
    li = priya(till)
    near = [
        (one["reward"]["code"], one["missing"], one["within_reach"])
        for one in told(till.get(f"customers/{li}/rewards"))["items"]
    ]
    assert near == [("mug", "0", True), ("coat", "150", False)]
    mug = told(takes(till, li))
    assert (mug["state"], mug["price"], mug["gift"], mug["code"]) == ("reserved", "100", False, None)
    assert told(takes(till, li)) == mug
    assert problem(takes(till, li, "coat"))[:2] == (409, "points.key_used_otherwise")
    assert problem(takes(till, li, "coat", "k2"))[:2] == (409, "points.not_enough")
    sent = told(till.post(f"redemptions/{mug['id']}/ship", {"tracking": "RM-7"}))
    assert (sent["state"], sent["tracking"]) == ("shipped", "RM-7")
    assert problem(till.post(f"redemptions/{mug['id']}/cancel", {"why": "by_member"}))[:2] == (
        409,
        "rewards.already_so",
    )
    back = told(till.post(f"redemptions/{mug['id']}/cancel", {"why": "damaged"}))
    assert back["state"] == "cancelled"
    assert told(till.get(f"customers/{li}/points"))["wallets"][0]["available"] == "250"
    assert [one["state"] for one in told(till.get(f"customers/{li}/redemptions"))["items"]] == ["cancelled"]


def test_a_code_is_shown_to_whoever_may_spend_and_settled_with_its_partner():
    till, reads = Program(), Program("points.read", name="reads")
    partner = {"kind": "partner", "handed": "code", "partner": "bean", "owed": "1.80", "owed_currency": "GBP"}
    a_reward(till, "coffee", **partner)
    codes = {"codes": ["BEAN-1", "BEAN-2", "BEAN-1"]}
    assert told(till.post("rewards/coffee/codes", codes)) == {"new": 2, "same": 1}
    li = priya(till)
    coffee = told(takes(till, li, "coffee"))
    assert (coffee["state"], coffee["code"]) == ("issued", "BEAN-1")
    assert told(till.get(f"redemptions/{coffee['id']}"))["code"] == "BEAN-1"
    assert problem(reads.get(f"redemptions/{coffee['id']}"))[0] == 403
    span = "since=2020-01-01T00:00:00Z&until=2190-01-01T00:00:00Z"
    [owed] = told(till.get(f"rewards/settlement?{span}"))["items"]
    backwards = "since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z"
    assert problem(till.get(f"rewards/settlement?{backwards}")) == (422, "request.bad_span", "until")
    assert owed == {"partner": "bean", "reward": "coffee", "count": 1, "back": 0, "owed": "1.80", "currency": "GBP"}
    assert told(till.post(f"redemptions/{coffee['id']}/use"))["state"] == "used"


def test_points_and_money_wait_for_each_other():
    till = Program()
    a_reward(till, cash="5.00", cash_currency="GBP")
    li = priya(till)
    waits = told(takes(till, li))
    assert (waits["state"], waits["cash"], waits["pay_until"] is None) == ("reserved", "5.00", False)
    paid = told(till.post(f"redemptions/{waits['id']}/pay", {"payment": "p-1"}))
    assert (paid["payment"], paid["pay_until"]) == ("p-1", None)
    assert told(till.post(f"redemptions/{waits['id']}/hand-over"))["state"] == "issued"
    back = f"redemptions/{waits['id']}/cancel"
    spends = Program("points.spend", name="spends")
    assert problem(spends.post(back, {"why": "correction"}))[0] == 403
    assert problem(spends.post(back, {"why": "by_member"}))[:2] == (409, "rewards.too_late")
    assert told(till.post(back, {"why": "correction"}))["state"] == "cancelled"


def test_a_present_needs_the_right_to_award():
    till, spends = Program(), Program("points.spend", name="spends")
    a_reward(till)
    li = priya(till, "1")
    assert problem(spends.post(f"customers/{li}/presents", {"reward": "mug"}, key="g"))[0] == 403
    assert told(till.post(f"customers/{li}/presents", {"reward": "mug"}, key="g"))["gift"] is True


def test_stock_comes_in_once_for_a_key():
    till = Program()
    a_reward(till, stock=0)
    assert problem(takes(till, priya(till)))[:2] == (409, "rewards.sold_out")
    for _again in range(2):
        assert told(till.post("rewards/mug/stock", {"more": 4}, key="s"))["left"] == 4
    assert problem(till.post("rewards/mug/stock", {"more": 5}, key="s"))[0] == 409


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"price": "1.5"}, "price"),
        ({"price": 1}, "price"),
        ({"level_prices": {"a.b.c": "1.5"}}, "level_prices"),
        ({"level_prices": {"a.b.c": "1"}}, "level_prices"),
        ({"cash": "5.00"}, "cash"),
        ({"cash": "5.001", "cash_currency": "GBP"}, "cash"),
        ({"owed": "5.00", "owed_currency": "XXX"}, "owed"),
        ({"titles": {"en": "x"}}, "titles.zh"),
        ({"titles": {"en": "a\0b", "zh": "x"}}, "titles"),
        ({"from_level": "a.b.c"}, "from_level"),
        ({"kind": "magic"}, "kind"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_the_name_they_have(terms, field):
    answer = Program().put("rewards/mug", MUG | terms)
    assert (problem(answer)[0], problem(answer)[2]) == (422, field)
    assert answer.json()["detail"].startswith(f"{field}: ")


def test_what_is_not_there_is_404():
    till = Program()
    li = priya(till)
    assert problem(takes(till, li))[0] == 404
    assert problem(till.get("redemptions/rdm_00000000000000000000000000"))[0] == 404
