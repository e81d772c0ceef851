"""Tiers in the console: who is on which level and moved where; a member's status and its reasons, frozen and thawed."""

import re
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

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


def test_staff_see_the_card_as_its_member_does(li):
    assert Client().post(f"/console/members/{li}/see").status_code == 302, "a stranger signs in first"
    seen = signed_in("agent").post(f"/console/members/{li}/see", headers={"Accept-Language": "en"}, follow=True)
    assert [where.partition("/card/")[0] for where, _status in seen.redirect_chain] == ["", "/me/"]
    assert "As its member sees it" in seen.content.decode()
    assert "<h1>Silver</h1>" in seen.content.decode()


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


DESIGN = "/console/tiers/design/club/status"
TOLD = {
    "version": "1",
    "latest": "1",
    "id-0": "silver",
    "en-0": "Silver",
    "zh-0": "银卡",
    "asks-0-0": "50",
    "id-1": "gold",
    "en-1": "Gold",
    "zh-1": "金卡",
    "asks-1-0": "200",
    "asks-1-1": "9",
    "kind": "rolling",
    "months": "12",
    "keeps": "1",
    "grace_days": "0",
    "one_step": "no",
    "every_days": "90",
}


def test_levels_are_designed_in_a_form_seen_and_kept_as_a_draft(li, django_assert_max_num_queries):
    browser = signed_in("manager")
    assert DESIGN in browser.get("/console/tiers/").content.decode()
    with django_assert_max_num_queries(30):
        form = browser.get(DESIGN).content.decode()
    assert 'name="asks-1-1" value="9"' in form
    assert "one of these is enough" in form
    assert "1 member now" in form

    same = plain(browser.post(DESIGN, TOLD | {"act": "see"}).content.decode())
    assert "Nothing is changed yet" in same
    seen = plain(browser.post(DESIGN, TOLD | {"asks-1-0": "70", "act": "see"}).content.decode())
    assert "1 from Silver to Gold" in seen
    assert len(programmes.versions("club")) == 1

    kept = browser.post(DESIGN, TOLD | {"asks-1-0": "70", "act": "keep"})
    assert kept.headers["Location"].endswith("/console/programmes/of/club/?version=2")
    text = programmes.get("club", 2).text
    assert text == PROGRAMME.replace("at_least: 200", "at_least: 70")
    assert "asks-1-0" in browser.get(f"{DESIGN}?version=1").content.decode()

    late = browser.post(DESIGN, TOLD | {"asks-1-0": "60", "act": "keep"})
    assert late.status_code == 409
    assert "Somebody kept version 2 meanwhile" in plain(late.content.decode())
    assert len(programmes.versions("club")) == 2


def test_what_a_level_asks_is_joined_otherwise_and_asks_other_things(li):
    browser = signed_in("manager")
    form = browser.get(DESIGN).content.decode()
    assert 'name="shape-1" value="g0 w1 w1"' in form
    asked = {
        "shape-1": "g0 w1 w1",
        "joins-1-0": "all",
        "what-1-0": "spend",
        "of-1-0": "",
        "what-1-1": "orders",
        "asks-1-0": "70",
        "asks-1-1": "1",
    }
    more = browser.post(DESIGN, TOLD | asked | {"act": "ask-1-0"}).content.decode()
    assert 'name="shape-1" value="g0 w1 w1 w1"' in more
    assert 'name="asks-1-2" value=""' in more
    assert 'value="g0 w1 w1 g1 w2 w2"' in browser.post(DESIGN, TOLD | asked | {"act": "group-1"}).content.decode()
    assert 'name="shape-1" value="w0"' in browser.post(DESIGN, TOLD | asked | {"act": "drop-1-0"}).content.decode()
    empty = browser.post(DESIGN, TOLD | asked | {"what-1-1": "events", "act": "see"})
    assert empty.status_code == 422
    assert 'id="of-1-1-error"' in empty.content.decode()
    nothing = browser.post(DESIGN, TOLD | {"shape-1": "", "act": "see"})
    assert 'id="asked-1"' in nothing.content.decode()
    for bad in ("x", "w9 g0", "g0 " * 60):
        assert browser.post(DESIGN, TOLD | asked | {"shape-1": bad, "act": "see"}).status_code in (200, 422)
    seen = plain(browser.post(DESIGN, TOLD | asked | {"act": "see"}).content.decode())
    assert "1 from Silver to Gold" in seen
    browser.post(DESIGN, TOLD | asked | {"act": "keep"})
    gold = programmes.validate(programmes.get("club", 2).text).tiers[0].levels[1]
    assert [[need.what for need in way] for way in gold.ways] == [["spend", "orders"]]


def test_a_level_is_added_and_taken_out_and_what_may_not_be_is_said_at_its_field(li):
    browser = signed_in("manager")
    added = browser.post(DESIGN, TOLD | {"act": "add-1"}).content.decode()
    assert 'name="like-2" value="gold"' in added
    assert 'name="asks-2-0" value="400"' in added
    new = {"id-2": "", "like-2": "gold", "en-2": "Diamond", "zh-2": "钻石", "asks-2-0": "400", "asks-2-1": "18"}
    browser.post(DESIGN, TOLD | new | {"act": "keep"})
    assert [one.id for one in programmes.validate(programmes.get("club", 2).text).tiers[0].levels] == [
        "silver",
        "gold",
        "diamond",
    ]
    without = browser.post(DESIGN, TOLD | {"act": "remove-0"}).content.decode()
    assert 'value="silver"' not in without
    wrong = browser.post(DESIGN, TOLD | {"asks-1-0": "some", "act": "see"})
    assert "write a number, such as 300 or 1.50" in plain(wrong.content.decode())
    wrong = browser.post(DESIGN, TOLD | {"asks-1-1": "2.5", "act": "see"})
    assert wrong.status_code == 422
    page = wrong.content.decode()
    assert 'id="asks-1-1-error"' in page
    assert "write a whole number from 1 to 100000" in page
    chinese = signed_in("manager", language="zh-hans", name="lin").post(DESIGN, TOLD | {"zh-0": "", "act": "see"})
    assert 'id="zh-0-error"' in chinese.content.decode()
    assert browser.post(DESIGN, {"act": "see"}).status_code == 422
    for path in ("/console/tiers/design/club/nothing", "/console/tiers/design/none/status", f"{DESIGN}?version=77"):
        assert browser.get(path).status_code == 404, path
    analyst = signed_in("analyst")
    assert analyst.get(DESIGN).status_code == 403
    assert DESIGN not in analyst.get("/console/tiers/").content.decode()
