"""A version that counts for the past, through the API: looked at, run by another's key, undone."""

from datetime import timedelta

import pytest

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.commerce import orders
from regulars.facts.customers import customers
from regulars.facts.sources import api_keys
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import earning, points, programmes, regrants
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
FILE = """programme: tried
money: GBP
zone: Europe/London
currency: {worth: "0.01"}
pending: {until: placed, days: 0}
approval_above: 10
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""
MARCH = {"version": 2, "since": "2026-03-01", "until": "2026-03-10"}


def a_version(text, *, activate=False):
    at = clock.now() - timedelta(days=400)
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="tried", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    if activate:
        programmes.activate(programme="tried", version=made.number, at=at, by=SYSTEM)


def test_a_version_counts_for_march_when_somebody_elses_key_runs_it_and_until_it_is_undone():
    till = Program()
    a_version(FILE, activate=True)
    told = till.record()
    li = customers.by_public_id(told["customer"]).id
    earning.award_for_order(order=orders.by_public_id(told["id"]).id, at=clock.now(), by=SYSTEM)
    assert problem(till.post("programmes/tried/regrants", MARCH))[:2] == (404, "programmes.unknown")
    a_version(FILE.replace("points: 1", "points: 2"))

    asked = till.post("programmes/tried/regrants", MARCH).json()
    assert (asked["state"], asked["orders"]) == ("looking", 0)
    assert problem(till.post(f"regrants/{asked['id']}/run"))[:2] == (409, "regrants.nothing")
    regrants.go_on(batch=asked["id"], at=clock.now())
    ready = till.get(f"regrants/{asked['id']}").json()
    assert tuple(ready[name] for name in ("state", "orders", "given", "cost", "needs_another")) == (
        *("ready", 1, "100", "1.00", True),
    )
    assert ready["members"] == [{"customer": told["customer"], "points": "100"}]
    # A key that nobody answers for, or whoever asked by another key, approves nothing above the limit.
    assert problem(till.post(f"regrants/{asked['id']}/run"))[:2] == (409, "programmes.needs_another")
    assert problem(Program(name="other").post(f"regrants/{asked['id']}/run"))[:2] == (409, "programmes.needs_another")
    made = api_keys.make(
        name="bens", may=["points.manage"], made_for=Actor("operator", "9"), at=clock.now(), by=Actor("operator", "9")
    )
    ben = Program(name="unused")
    ben.headers = {"Authorization": f"Bearer {made.token}"}
    assert ben.post(f"regrants/{asked['id']}/run", {"why": "agreed"}).json()["state"] == "running"
    regrants.go_on(batch=asked["id"], at=clock.now())
    [done] = till.get("programmes/tried/regrants").json()["items"]
    assert [done[name] for name in ("state", "given_done", "orders_done", "orders_waiting")] == ["done", "100", 1, 0]
    assert points.balance(customer=li, at=clock.now()).available == 199
    assert till.post(f"regrants/{asked['id']}/undo").json()["state"] == "undoing"
    regrants.go_on(batch=asked["id"], at=clock.now())
    assert points.balance(customer=li, at=clock.now()).available == 99
    assert till.post(f"regrants/{asked['id']}/set-aside").json()["state"] == "undone"
    assert problem(till.get("regrants/999"))[:2] == (404, "regrants.unknown")
