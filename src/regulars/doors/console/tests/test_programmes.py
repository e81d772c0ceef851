"""Programmes in the console: written, checked, tried, kept, approved by another, activated, rolled back; pledges."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from regulars.doors.console import programme_help
from regulars.doors.console import trials as screens
from regulars.doors.console.tests.builders import signed_in
from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.company import company
from regulars.kit.actors import SYSTEM, Actor
from regulars.levers.loyalty import earning, pledges, programmes, trials
from regulars.runtime.database import clock
from regulars.runtime.preferences.preferences import read

pytestmark = pytest.mark.django_db
FILE = """programme: club
name: {en: The club, zh: 俱乐部}
currency: {worth: "0.01"}
pending: {until: placed, days: 0}
expiry: {kind: activity, months: 12}
notice_days: [45]
policies: quebec
approval_above: 100
rules:
  - {id: spend, kind: spend, points: 1, per: 2}
  - {id: trees, kind: donation, percent: 1, cause: trees}
"""


@pytest.fixture(autouse=True)
def _a_shop_in_london_where_li_bought_a_coat():
    now = clock.now()
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=now, by=SYSTEM)
    report = OrderReport(
        namespace="shop",
        ref="1",
        customer_ref="li",
        placed_at=now - timedelta(days=3),
        currency="GBP",
        lines=[LineReport(1, "coat", Decimal(1), Decimal("800.00"))],
    )
    orders.record(report=report, at=now, by=Actor("connector", "shop"))


def plain(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def shown(client: Client, path: str) -> str:
    answer = client.get(f"/console/programmes/{path}")
    assert answer.status_code == 200, answer.content[:300]
    return plain(answer)


def writes(client: Client, act: str, text: str = FILE):
    return client.post("/console/programmes/write", {"act": act, "text": text}, follow=True)


def acts(client: Client, act: str, number: int = 1, **more):
    return plain(client.post(f"/console/programmes/of/club/{number}", {"act": act, **more}, follow=True))


def test_without_any_it_begins_with_one_that_comes_with_regulars():
    manager = signed_in("manager")
    assert "Begin with “Classic points”" in shown(manager, "")
    assert "programme: stars" in shown(manager, "edit?ready=stars")
    assert manager.get("/console/programmes/edit?ready=../x").status_code == 404


def test_what_is_written_is_checked_tried_and_kept_and_what_may_not_be_is_refused_with_its_place():
    manager = signed_in("manager")
    refused = writes(manager, "keep", FILE.replace("months: 12", "months: 3"))
    assert refused.status_code == 422
    assert "expiry.months" in plain(refused)
    assert "12 months without activity" in plain(refused)
    checked = plain(writes(manager, "check"))
    assert "no counsel has reviewed it" in checked
    assert programmes.every(at=clock.now()) == []
    tried = plain(writes(manager, "try"))
    for words in ("Points 400", "What they are worth £4.00", "trees £8.00", "spend for money spent 400 1"):
        assert words in tried
    kept = plain(writes(manager, "keep"))
    assert "Version 1 is kept. It is not active yet." in kept
    assert "from the pack" not in kept
    assert "1 points for every £2.00 spent" in plain(writes(manager, "check"))
    assert plain(writes(manager, "check", FILE.replace("points: 1", "points: 2"))).count("rules[spend].points 1 2") == 1


@pytest.mark.parametrize(
    ("expiry", "en", "zh"),
    [
        (
            "kind: calendar_end, months: 12, unit: year",
            "at the end of the year (the one 12 months after they were earned)",
            "到年末 (以获得 12 个月后为准)",
        ),
        ("kind: calendar_end, unit: half_year", "at the end of the half-year", "到半年末"),
        (
            "kind: fixed, day: 2020-12-31",
            "all on one day; what is earned after it, on that day of the year after, and so on (31 Dec 2020)",
            "在同一天全部到期；此后获得的，在下一年的这一天到期，以此类推 (2020年12月31日)",
        ),
    ],
)
def test_it_says_at_which_end_points_end(expiry, en, zh):
    text = FILE.replace("kind: activity, months: 12", expiry).replace("policies: quebec\n", "")
    assert f"Points end {en}" in plain(writes(signed_in("manager"), "check", text))
    assert f"积分到期 {zh}" in plain(writes(signed_in("manager", name="wu", language="zh-hans"), "check", text))


def test_a_trial_stands_below_the_file_and_has_its_width():
    page = writes(signed_in("manager"), "try").content.decode()
    assert page.index('id="tried"') < page.index("It can be used")


WITH_LEVELS = """programme: help
money: GBP
tiers:
  - id: status
    period: {kind: ever}
    levels: [{id: gold, name: {en: Gold, zh: 金卡}, all: [{what: spend, at_least: 900}]}]
benefits:
  - {id: cake, kind: birthday_multiplier, times: 2, days: 3, for: [{tiers: status, from: gold}]}
"""


def test_what_the_help_beside_the_editor_says_is_taken_as_it_stands():
    assert set(programme_help.RULES) == set(screens.KINDS)
    # Which audiences there are is the shop's.
    rules = [f"  - {example}" for kind, example in programme_help.RULES.items() if kind != "audience_bonus"]
    said = programmes.validate("\n".join([WITH_LEVELS, *programme_help.LINES, "rules:", *rules]))
    assert len(said.rules) == len(programme_help.RULES) - 1
    page = writes(signed_in("manager"), "check").content.decode()
    assert "docs/how-to" not in page
    assert "?ready=classic" in page
    assert "for the n-th order" in page


def test_above_the_limit_its_author_does_not_approve_it_and_another_does():
    ana, ben = signed_in("manager", name="ana"), signed_in("manager", name="ben")
    writes(ana, "keep")
    assert "somebody else has to approve it" in acts(ana, "approve")
    assert "nobody has approved version 1" in acts(ana, "activate")
    assert "would have earned 400" in acts(ben, "approve")
    assert "version 1 is active" in acts(ben, "activate")
    assert "version 1 is active" in shown(ana, "")


def test_it_is_activated_at_a_day_rolled_back_and_ended_and_all_of_it_is_told():
    manager = signed_in("manager")
    writes(manager, "keep", FILE.replace("approval_above: 100", "approval_above: 100000"))
    acts(manager, "approve")
    acts(manager, "activate")
    writes(
        manager, "keep", FILE.replace("approval_above: 100", "approval_above: 100000").replace("points: 1", "points: 2")
    )
    assert "What differs from version 1, which is active" in shown(manager, "of/club/?version=2")
    assert manager.get(f"/console/programmes/of/club/?version={'9' * 5000}").status_code == 404
    acts(manager, "approve", 2)
    assert "from: 2020-01-01 is over" in acts(manager, "activate", 2, **{"from": "2020-01-01"})
    assert [one.number for one in programmes.active(datetime.now(UTC))] == [1]
    assert "to come" in acts(manager, "activate", 2, **{"from": "2180-01-01"})
    assert [one.number for one in programmes.active(datetime.now(UTC))] == [1]
    acts(manager, "activate", 2)
    assert [one.number for one in programmes.active(datetime.now(UTC))] == [2]
    assert "Version 1 is active again." in acts(manager, "roll_back", 2)
    assert "Nothing more is earned by it." in acts(manager, "end", 1)
    assert programmes.active(datetime.now(UTC)) == []
    page = shown(manager, "of/club/")
    assert "ended" in page
    assert "not active" in page


def test_a_trial_says_beside_it_what_the_version_in_force_gives_and_what_more_benefits_cost():
    manager = signed_in("manager")
    levels = """tiers:
  - id: status
    name: {en: Status, zh: 等级}
    period: {kind: ever}
    levels: [{id: silver, name: {en: Silver, zh: 银卡}, all: [{what: spend, at_least: 900}]}]
benefits:
  - {id: ship, kind: free_shipping, name: {en: Free shipping, zh: 包邮}, for: [{tiers: status, from: silver}]}
rules:"""
    now, text = clock.now(), FILE.replace("rules:", levels)
    made = programmes.draft(text=text, at=now, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=now, by=SYSTEM, why="a test")
    programmes.activate(programme="club", version=made.number, at=now, by=SYSTEM)
    changed = text.replace("at_least: 900", "at_least: 500").replace("points: 1, per: 2", "points: 1, per: 1")
    tried = plain(writes(manager, "try", changed))
    for words in (
        "Points 800 400 by the version in force",
        "What they are worth £8.00 £4.00 by the version in force",
        "spend for money spent 800 400 1",
        "1 from no level to Silver",
        "Free shipping Silver nobody has had it on that level yet: what it costs there is not known 0 1 1 –",
    ):
        assert words in tried, tried
    assert 'class="flow' in writes(manager, "try", changed).content.decode()
    kept = programmes.draft(text=changed, at=clock.now(), by=SYSTEM)
    page = f"of/club/?version={kept.number}"
    assert "See who moves and what it costs" in shown(manager, page)
    assert "1 from no level to Silver" in acts(manager, "try", kept.number)
    programmes.approve(programme="club", version=kept.number, cost=0, at=clock.now(), by=SYSTEM, why="a test")
    assert "1 from no level to Silver" in acts(manager, "try", kept.number), "also before it is activated"


def test_more_orders_than_a_page_waits_for_are_tried_aside_and_approved_when_that_is_done(monkeypatch):
    monkeypatch.setattr(screens, "MOST_TRIED", 0)
    ana, ben = signed_in("manager", name="ana"), signed_in("manager", name="ben")
    going_on = writes(ana, "try")
    assert "0 of 1 orders and events are tried" in plain(going_on)
    [place] = re.findall(r'hx-get="/console/programmes/(trials/\d+)"', going_on.content.decode())
    assert "hx-trigger" in ben.get(f"/console/programmes/{place}").content.decode()
    writes(ana, "keep")
    assert "It is being tried on the last year" in acts(ben, "approve")
    assert "0 of 1 orders and events are tried" in shown(ben, "of/club/")
    number = int(place.removeprefix("trials/"))
    trials.run(number)
    trials.run(number)
    assert "Points 400" in shown(ben, place)
    assert "hx-trigger" not in ben.get(f"/console/programmes/{place}").content.decode()
    assert "Points 400" in shown(ben, "of/club/")
    assert "would have earned 400" in acts(ben, "approve")
    assert ben.get("/console/programmes/trials/0").status_code == 404


def test_what_was_promised_is_paid_once_and_shown_to_everybody_when_an_owner_says_so():
    owner, manager, agent = (
        signed_in("owner"),
        signed_in("manager"),
        signed_in("agent"),
    )
    writes(manager, "keep")
    programmes.approve(programme="club", version=1, cost=0, at=clock.now(), by=SYSTEM, why="a test")
    programmes.activate(programme="club", version=1, at=clock.now() - timedelta(days=9), by=SYSTEM)
    list(earning.backfill(programme="club", at=clock.now(), by=SYSTEM))
    assert "trees £8.00 £0.00 £8.00" in shown(agent, "")
    paid = {"cause": "trees", "currency": "GBP", "amount": "5.00", "key": "bank-1"}
    assert agent.post("/console/programmes/pledges/pay", paid).status_code == 403
    for _again in range(2):
        assert "£3.00" in plain(manager.post("/console/programmes/pledges/pay", paid, follow=True))
    too_much = manager.post("/console/programmes/pledges/pay", {**paid, "amount": "9", "key": "bank-2"}, follow=True)
    assert "pay that at most" in plain(too_much)
    assert Client().get("/causes/").status_code == 404
    assert manager.post("/console/programmes/pledges/public", {"public": "yes"}).status_code == 403
    assert "Everybody sees the totals" in plain(
        owner.post("/console/programmes/pledges/public", {"public": "yes"}, follow=True)
    )
    assert read(pledges.PUBLIC)
    assert Client().get("/causes/").status_code == 200


def test_who_only_looks_changes_nothing():
    agent = signed_in("agent")
    assert "A manager writes the first programme." in shown(agent, "")
    for path in ("write", "of/club/1"):
        assert agent.post(f"/console/programmes/{path}", {"act": "keep", "text": FILE}).status_code == 403
    assert agent.get("/console/programmes/edit?ready=classic").status_code == 403
    assert agent.get("/console/programmes/of/club/").status_code == 404


def test_a_version_counts_for_days_before_when_another_approves_it_and_is_taken_back():
    ana, ben = signed_in("manager", name="ana"), signed_in("manager", name="ben")
    now, text = clock.now() - timedelta(days=9), FILE.replace("policies: quebec\n", "")
    for number, told in ((1, text), (2, text.replace("points: 1, per: 2", "points: 2, per: 2"))):
        programmes.draft(text=told, at=now, by=SYSTEM)
        programmes.approve(programme="club", version=number, cost=0, at=now, by=SYSTEM, why="a test")
    programmes.activate(programme="club", version=1, at=now, by=SYSTEM)
    order = orders.by_ref(namespace="shop", ref="1").id
    earning.award_for_order(order=order, at=clock.now(), by=SYSTEM)

    def past(client, act, **more):
        return plain(client.post("/console/programmes/of/club/2/past", {"act": act, **more}, follow=True))

    days = {"since": str((now + timedelta(days=1)).date()), "until": str(clock.now().date())}
    assert "Let version 2 count for days before" in shown(ana, "of/club/?version=2")
    looked = past(ana, "look", **days)
    for words in ("waits for approval", "1 order: 400 points more · £4.00", "li +400", "somebody else than who asked"):
        assert words in looked, looked
    batch = re.search(r"Batch (\d+):", looked).group(1)
    assert "somebody else has to approve it" in past(ana, "run", batch=batch)
    assert "Orders: 1 · points given: 400" in past(ben, "run", batch=batch)
    assert "No order of these days would be given more" in past(ana, "look", **days)
    assert "What it gave is taken back" in past(ana, "undo", batch=batch)
    assert "Give the first day" in past(ana, "look")
    assert ana.post("/console/programmes/of/club/2/past", {"act": "run", "batch": "77"}).status_code == 404
