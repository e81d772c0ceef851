"""Missions in the console: who is at which step; a member's own, joined and left."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from regulars.doors.console.tests.builders import signed_in
from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import missions, programmes
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: GBP
badges: [{id: early, name: {en: Early bird, zh: 早起的鸟}, sign: ☀}]
missions:
  - id: hello
    name: {en: Hello, zh: 你好}
    in_order: true
    steps: [{what: orders, at_least: 1}, {what: spend, at_least: 100}]
    prize: {points: 5, badge: early}
  - {id: first, name: {en: First steps, zh: 第一步}, steps: [{what: orders, at_least: 1}], prize: {badge: early}}
  - id: dare
    name: {en: Dare, zh: 挑战}
    join: true
    repeat: month
    steps: [{what: orders, at_least: 2}]
    prize: {points: 9}
  - id: gift
    name: {en: A gift, zh: 一份心意}
    surprise: true
    steps: [{what: orders, at_least: 1}, {what: orders, at_least: 2}]
    prize: {points: 3}
  - {id: luck, surprise: true, one_in: 40, steps: [{what: orders, at_least: 7}], prize: {points: 4}}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


@pytest.fixture
def li() -> str:
    """Somebody who bought for 80 pounds; her public id."""
    at = clock.now() - timedelta(hours=1)
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=at, by=SYSTEM)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    report = OrderReport(
        namespace="shop",
        ref="1",
        customer_ref="li",
        placed_at=clock.now(),
        currency="GBP",
        lines=[LineReport(1, "coat", Decimal(1), Decimal("80.00"))],
    )
    order = orders.record(report=report, at=at, by=Actor("connector", "shop"))
    assert order.customer_id is not None
    missions.settle(customer=order.customer_id, at=clock.now(), by=SYSTEM)
    return customers.get(order.customer_id).public_id


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_who_is_at_which_step_and_what_there_is_to_win(li):
    words = plain(signed_in("analyst").get("/console/missions/").content.decode())
    assert "Hello once" in words
    assert "5 points + badge “Early bird”" in words
    assert "Steps, in this order" in words
    assert "£100.00 spent 1 100 % Done 0 times in all 0" in words
    assert "First steps" in words
    assert "Done 1 time in all 1" in words
    assert "0 joined" in words
    assert "4 points a surprise for one in 40" in words
    assert "Done 0 were lucky in all" in words
    assert "早起的鸟" in signed_in("manager", language="zh-hans").get("/console/missions/").content.decode()


def test_a_members_own_and_who_may_join_for_them(li):
    agent, manager = signed_in("agent"), signed_in("manager")
    card = plain(agent.get(f"/console/members/{li}/missions/card").content.decode())
    assert "Early bird" in card
    assert "✓ 1 order ○ £80.00 of £100.00 spent" in card.replace("£0.00", "£80.00")
    assert "3 points · a surprise, which they are not told of yet" in card
    assert "They join it" not in card
    told = {"programme": "club", "mission": "dare"}
    assert agent.post(f"/console/members/{li}/missions/join", told).status_code == 403
    assert manager.post(f"/console/members/{li}/missions/join", told).status_code == 302
    assert "They leave it" in plain(manager.get(f"/console/members/{li}/missions/card").content.decode())
    manager.post(f"/console/members/{li}/missions/join", {**told, "act": "leave"})
    answer = manager.post(f"/console/members/{li}/missions/join", {**told, "mission": "moon"}, follow=True)
    assert "no active programme has club.moon" in answer.content.decode()
    assert manager.get("/console/members/cus_nobody/missions/card").status_code == 404
