"""A member's card: opened by a link, once; level, progress and points in words; nothing to strangers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.company import company
from regulars.facts.customers import customers, sign_in_links
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.kit.money import Money
from regulars.levers.loyalty import currencies, earning, memberships, pictures, programmes, rewards
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: GBP
pending: {until: placed, days: 0}
tiers:
  - id: status
    name: {en: Status, zh: 会员等级}
    period: {kind: rolling, months: 12}
    levels:
      - {id: silver, name: {en: Silver, zh: 银卡}, all: [{what: spend, at_least: 50}]}
      - {id: gold, name: {en: Gold, zh: 金卡}, all: [{what: spend, at_least: 200}]}
benefits:
  - {id: ship, kind: free_shipping, name: {en: Free shipping, zh: 包邮}, per: month, for: [{tiers: status, from: silver, most: 3}]}
badges:
  - {id: early, name: {en: Early bird, zh: 早起的鸟}}
  - {id: loved, name: {en: Loved, zh: 心头好}}
  - {id: proud, name: {en: Proud, zh: 骄傲}}
missions:
  - id: two
    name: {en: Two this quarter, zh: 一季两单}
    repeat: quarter
    steps: [{what: orders, at_least: 2}]
    prize: {points: 25, badge: early}
  - {id: dare, name: {en: Dare, zh: 挑战}, join: true, steps: [{what: spend, at_least: 70}], prize: {points: 9}}
  - id: gift
    name: {en: Thank you, zh: 谢谢你}
    surprise: true
    steps: [{what: orders, at_least: 1}]
    prize: {badge: loved}
  - {id: later, name: {en: Not yet, zh: 还没到}, surprise: true, steps: [{what: orders, at_least: 9}], prize: {badge: proud}}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""  # noqa: E501


@pytest.fixture(autouse=True)
def _no_cache():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def li() -> int:
    """Somebody who bought for 80 pounds an hour ago."""
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
    earning.award_for_order(order=order.id, at=clock.now(), by=SYSTEM)
    assert order.customer_id is not None
    return order.customer_id


def a_link(customer: int, *, at=None, **more) -> str:
    return f"/card/{sign_in_links.issue(customer=customer, at=at or clock.now(), by=SYSTEM, **more).token}"


def test_a_link_opens_the_card_once_after_a_tap_and_says_where_somebody_stands(li):
    browser, link = Client(), a_link(li)
    for _ in range(3):
        assert "Open my card" in browser.get(link, headers={"Accept-Language": "en"}).content.decode()
    answer = browser.post(link)
    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (302, "/me/", "no-store")
    cookie = answer.cookies["regulars_member"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/me/", True, "Lax")
    words = browser.get("/me/?lang=en").content.decode()
    assert "<h1>Silver</h1>" in words
    assert "To Gold" in words
    assert "spend £120.00 more" in words
    assert '<p class="sum">80</p>' in words
    assert "Free shipping" in words
    assert "3 of 3 left" in words
    assert "script" not in words
    chinese = browser.get("/me/?lang=zh-hans").content.decode()
    assert "<h1>银卡</h1>" in chinese
    assert 'lang="zh-hans"' in chinese
    assert Client().post(link).status_code == 410
    browser.post("/me/leave")
    assert browser.get("/me/").status_code == 401


def test_a_level_has_its_picture_from_us_and_by_brand_another_name(li):
    look = "{id: silver, image: leaf, brands: [{brand: tea_house, name: {en: Leaf, zh: 叶}, image: tea}],"
    now = clock.now()
    made = programmes.draft(text=PROGRAMME.replace("{id: silver,", look), at=now, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=now, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=now, by=SYSTEM)
    browser, link = Client(), a_link(li)
    assert browser.post(link + "?brand=tea_house&lang=en")["Location"] == "/me/?lang=en&brand=tea_house"
    assert "<img" not in browser.get("/me/?lang=en").content.decode(), "nobody has given it yet"
    png = b"\x89PNG\r\n\x1a\n"
    leaf = pictures.keep(name="leaf", body=png + b"leaf", at=clock.now(), by=SYSTEM)
    tea = pictures.keep(name="tea", body=png + b"tea", at=clock.now(), by=SYSTEM)
    words = browser.get("/me/?lang=en").content.decode()
    assert f'src="/pictures/{leaf.digest}"' in words
    assert "<h1>Silver</h1>" in words
    words = browser.get("/me/?lang=en&brand=tea_house").content.decode()
    assert f'src="/pictures/{tea.digest}"' in words
    assert "<h1>Leaf</h1>" in words
    assert "?lang=zh-hans&amp;brand=tea_house" in words
    shown = Client().get(f"/pictures/{tea.digest}")
    assert (shown.content, shown["Content-Type"], shown["X-Content-Type-Options"]) == (
        png + b"tea",
        "image/png",
        "nosniff",
    )
    assert "immutable" in shown["Cache-Control"]
    assert Client().get("/pictures/none").status_code == 404


def test_missions_and_badges_are_on_it_what_is_within_reach_and_one_joins_with_a_tap(li):
    shells = replace(currencies.listed()[0], code="shells")
    currencies.ensure(currency=shells, at=clock.now(), by=SYSTEM)
    for code, price, currency in (("sticker", 50, "points"), ("mug", 500, "points"), ("tile", 9, "shells")):
        titles = {"en": code.title(), "zh": "礼品"}
        terms = rewards.Terms(kind="goods", handed="done", titles=titles, price=price, currency=currency)
        rewards.put(code=code, terms=terms, at=clock.now(), by=SYSTEM)
        rewards.set_state(code=code, state="open", at=clock.now(), by=SYSTEM)
    browser = Client()
    browser.post(a_link(li))
    words = browser.get("/me/?lang=en").content.decode()
    assert "Two this quarter" in words
    assert "Thank you" in words
    assert "A surprise for you · badge “Loved”" in words
    assert "Not yet" not in words
    assert "Proud" not in words
    assert "1 more order" in words
    assert "still to have" in words
    assert words.index("Sticker") < words.index("Mug") < words.index("yours if you like")
    assert "420 points more" in words
    assert "Tile" not in words, "nobody earns what it costs any more"
    assert "Take part" in words
    told = {"programme": "club", "mission": "dare"}
    assert Client().post("/me/join", told)["Location"] == "/me/#missions"
    assert Client().post("/me/join?lang=zh-hans", told)["Location"] == "/me/?lang=zh-hans#missions"
    assert "Take part" in browser.get("/me/?lang=en").content.decode()
    browser.post("/me/join", told | {"mission": "moon"})
    browser.post("/me/join", told)
    words = browser.get("/me/?lang=en").content.decode()
    assert "Take part" not in words
    assert "spend £70.00 more" in words
    assert "一季两单" in browser.get("/me/?lang=zh-hans").content.decode()


def test_a_browser_opens_it_by_its_own_form_alone(li):
    browser, link = Client(enforce_csrf_checks=True), a_link(li)
    page = browser.get(link)
    # A page that sends no referrer sends no origin either, and its own form would be refused.
    assert page["Referrer-Policy"] == "same-origin"
    assert browser.post(link).status_code == 403
    token = page.content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert browser.post(link, {"csrfmiddlewaretoken": token}).status_code == 302


def test_strangers_see_nothing_and_links_that_are_over_or_touched_open_nothing(li):
    assert Client().get("/me/").status_code == 401
    old = a_link(li, at=clock.now() - timedelta(minutes=16))
    assert Client().post(old).status_code == 410
    touched = a_link(li)[:-3] + "abc"
    assert Client().post(touched).status_code == 410
    forged = Client()
    forged.cookies["regulars_member"] = "0198e7a0-1111-7000-8000-000000000000:abc:def"
    assert forged.get("/me/").status_code == 401


def test_whoever_tries_links_is_stopped(li):
    answers = [Client().post("/card/guess").status_code for _ in range(22)]
    assert answers == [410] * 20 + [429] * 2
    assert Client().post(a_link(li)).status_code == 429


def test_what_a_card_costs(li, django_assert_max_num_queries):
    browser = Client()
    browser.post(a_link(li))
    with django_assert_max_num_queries(37):
        assert browser.get("/me/").status_code == 200


PLANS = """plans:
  - id: plus
    name: {en: Plus, zh: 会员}
    price: 10
    every: month
    pause_days: 30
    benefits: [{benefit: ship}]
    terms: {version: "1", en: You pay 10 a month., zh: 每月 10 英镑。}
rules:"""


def test_a_membership_is_seen_left_kept_and_ended_by_its_member_alone(li):
    at = clock.now()
    made = programmes.draft(text=PROGRAMME.replace("rules:", PLANS), at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    agreed = memberships.Consent("1", "en", "web")
    one = memberships.join(customer=li, plan="club.plus", consent=agreed, key="j", at=at, by=SYSTEM)
    memberships.tell_payment(
        membership=one.id, payment="p", state="paid", money=Money(1000, "GBP"), at=clock.now(), by=SYSTEM
    )
    browser = Client()
    told = {"act": "cancel", "membership": one.public_id}
    assert browser.post("/me/membership?lang=en", told).status_code == 302
    assert not memberships.get(one.id, at=clock.now()).ends, "a stranger ends nothing"
    served = Client()
    served.post(a_link(li))
    assert "To end it at once, ask us." in served.get("/me/?lang=en").content.decode()
    served.post("/me/membership", told | {"act": "end"})
    assert memberships.get(one.id, at=clock.now()).state == "active", "a link opens no more than its maker has"
    assert "Let it rest, for 30 days at most" in served.get("/me/?lang=en").content.decode()
    served.post("/me/membership", told | {"act": "pause"})
    assert "Cancel once the days that are left are over" in served.get("/me/?lang=en").content.decode()
    served.post("/me/membership", told)
    left = memberships.get(one.id, at=clock.now())
    assert (left.state, left.ends, left.owed.minor) == ("paused", True, 0), "one tap, and no money goes back by it"
    page = served.get("/me/?lang=en").content.decode()
    assert "goes on for the days that are left, then it is over" in page
    assert "Keep it after all" in page
    for act in ("keep", "resume"):
        served.post("/me/membership", told | {"act": act})
    now = memberships.get(one.id, at=clock.now())
    assert (now.state, now.ends) == ("active", False)
    browser.post(a_link(li, with_money=True))
    words = browser.get("/me/?lang=en").content.decode()
    assert "End it now and get £10.00 back" in words
    assert "as often as you like" in words
    looking = Client()
    looking.post(a_link(li, with_money=True, may_join=True, only_looks=True))
    assert '<fieldset class="looks" disabled>' in looking.get("/me/?lang=en").content.decode()
    looking.post("/me/membership", told)
    looking.post("/me/join", {"programme": "club", "mission": "dare"})
    assert "Take part" in looking.get("/me/?lang=en").content.decode()
    assert not memberships.get(one.id, at=clock.now()).ends, "who looks as staff does nothing"
    browser.post("/me/membership?lang=en", told)
    assert memberships.get(one.id, at=clock.now()).ends
    assert "Keep it after all" in browser.get("/me/?lang=en").content.decode()
    browser.post("/me/membership", told | {"act": "keep"})
    assert not memberships.get(one.id, at=clock.now()).ends
    memberships.pause(membership=one.id, at=clock.now(), by=SYSTEM)
    assert "Let it go on now" in browser.get("/me/?lang=en").content.decode()
    browser.post("/me/membership", told | {"act": "resume"})
    assert memberships.get(one.id, at=clock.now()).state == "active"
    browser.post("/me/membership", told | {"act": "end"})
    assert memberships.get(one.id, at=clock.now()).state == "ended"
    assert memberships.history(one.id)[-1].by == f"member:{customers.get(li).public_id}/{SYSTEM}"
    assert browser.post("/me/membership", told | {"act": "end"}).status_code == 302


def test_a_plan_is_tried_from_the_card_with_its_terms_once_and_only_where_nothing_is_to_be_paid_yet(li):
    at = clock.now()
    tried = PLANS.replace("pause_days: 30", "trial_days: 14")
    made = programmes.draft(text=PROGRAMME.replace("rules:", tried), at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    asked = {"act": "try", "plan": "club.plus", "terms": "1", "key": "k", "agreed": "1"}
    served = Client()
    served.post(a_link(li))
    page = served.get("/me/?lang=en").content.decode()
    assert "14 days free" in page
    assert "To join, ask us." in page
    assert 'value="try"' not in page
    served.post("/me/membership?lang=en", asked)
    assert memberships.of(customer=li, at=clock.now()) == [], "who made this link joins nobody"
    browser = Client()
    browser.post(a_link(li, may_join=True))
    page = browser.get("/me/?lang=zh-hans").content.decode()
    assert "每月 10 英镑。" in page
    assert "包邮" in page
    assert "每月 £10.00" in page
    for less in ({"agreed": ""}, {"terms": "0"}, {"plan": "club.other"}):
        browser.post("/me/membership?lang=zh-hans", asked | less)
    assert memberships.of(customer=li, at=clock.now()) == []
    for _twice in range(2):
        browser.post("/me/membership?lang=zh-hans", asked)
    [one] = memberships.of(customer=li, at=clock.now())
    assert (one.state, one.agreed.to) == ("trial", memberships.Consent("1", "zh", "card"))
    assert one.agreed.by == f"member:{customers.get(li).public_id}/{SYSTEM}"
    browser.post("/me/membership", {"act": "cancel", "membership": one.public_id})
    assert memberships.get(one.id, at=clock.now()).ends
    memberships.cancel(membership=one.id, at_once=True, at=clock.now(), by=SYSTEM)
    assert 'value="try"' not in browser.get("/me/?lang=en").content.decode(), "once in a life"
    browser.post("/me/membership", asked | {"key": "k2"})
    assert len(memberships.of(customer=li, at=clock.now())) == 1


def test_what_was_never_paid_is_left_by_any_link(li):
    at = clock.now()
    made = programmes.draft(text=PROGRAMME.replace("rules:", PLANS), at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    agreed = memberships.Consent("1", "en", "web")
    one = memberships.join(customer=li, plan="club.plus", consent=agreed, key="j", at=clock.now(), by=SYSTEM)
    assert one.state == "waiting"
    served = Client()
    served.post(a_link(li))
    page = served.get("/me/?lang=en").content.decode()
    assert "End it now" in page
    served.post("/me/membership", {"act": "end", "membership": one.public_id})
    assert memberships.get(one.id, at=clock.now()).state == "ended"


TWO_PLANS = """plans:
  - id: plus
    name: {en: Plus, zh: 会员}
    price: 10
    every: month
    join_at: https://shop.example/plus?a=1&b=2
    brands: [{brand: tea_house, join_at: https://tea.example/plus}]
    benefits: [{benefit: ship, most: 2}]
    terms: {version: "1", en: You pay 10 a month., zh: 每月 10 英镑。}
  - id: year
    name: {en: Plus for a year, zh: 年卡}
    price: 100
    every: year
    benefits: [{benefit: ship}]
    join_at: https://shop.example/year
    terms: {version: "4", en: You pay 100 a year., zh: 每年 100 英镑。}
  - id: slow
    name: {en: Plus by the quarter, zh: 季卡}
    price: 25
    every: quarter
    switch: at_end
    terms: {version: "1", en: You pay 25 a quarter., zh: 每季 25 英镑。}
rules:"""


def test_what_else_there_is_where_it_is_sold_and_another_plan_is_chosen_with_its_terms(
    li, django_assert_max_num_queries
):
    at = clock.now()
    made = programmes.draft(text=PROGRAMME.replace("rules:", TWO_PLANS), at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    served, browser = Client(), Client()
    served.post(a_link(li))
    page = served.get("/me/?lang=en").content.decode()
    for words in ("£10.00 a month", "Free shipping (2×)", "https://shop.example/plus?a=1&amp;b=2", "£100.00 a year"):
        assert words in page
    assert 'href="https://tea.example/plus"' in served.get("/me/?lang=en&brand=tea_house").content.decode()
    one = memberships.join(
        customer=li, plan="club.plus", consent=memberships.Consent("1", "en", "web"), key="j", at=at, by=SYSTEM
    )
    page = served.get("/me/?lang=en").content.decode()
    assert "Pay in our shop" in page
    assert "It begins once £100.00 is paid, by" in page
    memberships.tell_payment(
        membership=one.id, payment="p", state="paid", money=Money(1000, "GBP"), at=clock.now(), by=SYSTEM
    )
    page = served.get("/me/?lang=en").content.decode()
    assert "It begins once £90.00 is paid" in page
    assert "To change to it, ask us." in page
    asked = {"act": "switch", "membership": one.public_id, "plan": "club.slow", "terms": "1", "agreed": "1"}
    served.post("/me/membership", asked)
    assert not memberships.get(one.id, at=clock.now()).wants, "who made this link chooses no plan for anybody"
    browser.post(a_link(li, may_join=True))
    for less in ({"agreed": ""}, {"terms": "9"}, {"plan": "club.other"}):
        browser.post("/me/membership", asked | less)
    assert not memberships.get(one.id, at=clock.now()).wants
    browser.post("/me/membership?lang=zh-hans", asked)
    now = memberships.get(one.id, at=clock.now())
    assert (now.plan, now.wants, now.quote) == ("plus", "slow", None)
    assert (now.agreed.plan, now.agreed.to) == ("slow", memberships.Consent("1", "zh", "card"))
    served.post("/me/membership", {"act": "stay", "membership": one.public_id})
    assert not memberships.get(one.id, at=clock.now()).wants, "a wish is taken back by any link, as it is left"
    browser.post("/me/membership", asked | {"plan": "club.year", "terms": "4"})
    now = memberships.get(one.id, at=clock.now())
    assert (now.plan, now.wants, now.quote) == ("plus", "year", Money(9000, "GBP"))
    with django_assert_max_num_queries(60):
        page = browser.get("/me/?lang=en").content.decode()
    assert "becomes Plus for a year once £90.00 is paid" in page
    assert 'href="https://shop.example/year"' in page
    assert "Stay with Plus" in page
