"""Tiers in the console: who is on which level and moved where; a member's status and its reasons, frozen and thawed."""

import re
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from regulars.doors.console import tiers as pages
from regulars.doors.console.tests.builders import signed_in
from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import programmes, tiers
from regulars.levers.loyalty.tier_flow import Flow
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: GBP
tiers:
  - id: status
    name: {en: Status, zh: 会员等级}
    period: {kind: rolling, months: 12}
    levels:
      - {id: silver, name: {en: Silver, zh: 银卡}, all: [{what: spend, at_least: 50}]}
      - {id: gold, name: {en: Gold, zh: 金卡}, any: [{what: spend, at_least: 200}, {what: orders, at_least: 9}]}
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
        placed_at=at,
        currency="GBP",
        lines=[LineReport(1, "coat", Decimal(1), Decimal("80.00"))],
    )
    order = orders.record(report=report, at=at, by=Actor("connector", "shop"))
    assert order.customer_id is not None
    tiers.requalify(customer=order.customer_id, at=clock.now(), by=SYSTEM)
    return customers.get(order.customer_id).public_id


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_levels_what_they_ask_and_who_moved_where_in_a_quarter(li):
    browser, today = signed_in("manager"), clock.now().date()
    quarter = f"{today.year}-{(today.month - 1) // 3 + 1}"
    words = plain(browser.get(f"/console/tiers/?quarter={quarter}").content.decode())
    assert "£200.00 spent or 9 orders" in words
    assert "1 came up, 0 came down" in words
    assert "1 from no level to Silver" in words
    chinese = signed_in("analyst", language="zh-hans").get(f"/console/tiers/?quarter={quarter}").content.decode()
    assert "银卡" in chinese
    assert "Nobody was on any level then" in browser.get("/console/tiers/?quarter=2019-1").content.decode()
    assert browser.get("/console/tiers/?quarter=nonsense").status_code == 200


def test_a_band_is_as_wide_as_many_went_that_way_and_nobody_is_left_out():
    view = tiers.SetView(
        "club", programmes.validate(PROGRAMME).tiers[0], "GBP", "Europe/London", 0, {"en": "p", "zh": "p"}
    )
    flows = [Flow("", "silver", 30), Flow("silver", "gold", 10), Flow("gold", "", 5), Flow("silver", "silver", 55)]
    drawing = pages.drawn(view, flows)
    assert (drawing.up, drawing.down) == (40, 5)
    assert [block.people for block in drawing.before] == [5, 65, 30]
    assert [block.people for block in drawing.after] == [10, 85, 5]
    assert len(drawing.bands) == 4
    heights = [block.height / block.people for side in (drawing.before, drawing.after) for block in side]
    assert max(heights) - min(heights) < 1e-9
    last = drawing.after[-1]
    assert last.top + last.height <= pages.HIGH


def test_the_card_says_why_and_a_manager_freezes_it(li):
    manager, agent = signed_in("manager"), signed_in("agent")
    card = plain(agent.get(f"/console/members/{li}/tiers/card").content.decode())
    assert "Silver" in card
    assert "spend £120.00 more" in card
    assert "reached by what was kept" in card
    assert "Freeze it" not in card
    told = {"programme": "club", "tiers": "status", "reason": "life_event", "until": "", "key": str(uuid4())}
    assert agent.post(f"/console/members/{li}/tiers/freeze", told).status_code == 403
    assert manager.post(f"/console/members/{li}/tiers/freeze", told).status_code == 302
    assert "frozen" in plain(manager.get(f"/console/members/{li}/tiers/card").content.decode())
    manager.post(f"/console/members/{li}/tiers/freeze", {**told, "act": "thaw"})
    assert "frozen" not in plain(manager.get(f"/console/members/{li}/tiers/card").content.decode())
    past = {**told, "key": str(uuid4()), "until": date(2020, 1, 1).isoformat()}
    answer = manager.post(f"/console/members/{li}/tiers/freeze", past, follow=True)
    assert "has come already" in answer.content.decode()


def test_a_link_to_the_card_is_made_by_who_may_edit_members(li):
    assert signed_in("analyst").post(f"/console/members/{li}/link").status_code == 403
    words = signed_in("agent").post(f"/console/members/{li}/link").content.decode()
    assert "/card/" in words
    assert "li@" not in words


def test_a_manager_keeps_a_picture_that_a_level_names_and_others_do_not(li):
    manager = signed_in("manager")
    now, text = clock.now(), PROGRAMME.replace("{id: silver,", "{id: silver, image: leaf,")
    made = programmes.draft(text=text, at=now, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=now, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=now, by=SYSTEM)
    assert "the picture leaf is not kept yet" in plain(manager.get("/console/tiers/").content.decode())

    def gives(client, name, body):
        told = {"name": name, "picture": SimpleUploadedFile("x.png", body)}
        return client.post("/console/tiers/picture", told, follow=True)

    assert "give a PNG, JPEG or WebP file" in plain(gives(manager, "leaf", b"<svg/>").content.decode())
    assert "a name of small letters" in plain(gives(manager, "Leaf!", b"x").content.decode())
    page = gives(manager, "leaf", b"\x89PNG\r\n\x1a\n").content.decode()
    assert "It is kept." in plain(page)
    assert re.search(r'src="/pictures/[0-9a-f]{32}"', page)
    assert gives(signed_in("agent"), "leaf", b"x").status_code == 403
