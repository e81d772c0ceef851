"""Paid memberships in the console: plans and who has what to pay; a member joins on the telephone, rests, leaves."""

import re
from uuid import uuid4

import pytest

from regulars.doors.console.tests.builders import signed_in
from regulars.facts.company import company
from regulars.facts.customers import customers, identity
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.kit.money import Money
from regulars.levers.loyalty import memberships, programmes
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
name: {en: The club, zh: 俱乐部}
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
  - id: year
    name: {en: Year, zh: 年卡}
    price: 90
    every: year
    terms: {version: "2", en: You pay 90 a year., zh: 每年 90 英镑。}
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


@pytest.fixture
def li() -> str:
    at = clock.now()
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=at, by=SYSTEM)
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    told = customers.resolve_many(namespace="till", refs=["li"], at=at, by=Actor("connector", "shop"), origin="live")
    return customers.get(told["li"]).public_id


def words(answer) -> str:
    assert answer.status_code == 200, answer.content[:300]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_member_joins_on_the_telephone_pays_rests_and_leaves(li):
    client = signed_in("manager")

    def does(**told):
        return words(client.post(f"/console/members/{li}/memberships/act", told, follow=True))

    def card():
        return words(client.get(f"/console/members/{li}/memberships/card"))

    assert "Plus The club £10.00 a month" in words(client.get("/console/memberships/"))
    assert "You pay 10 a month." in card()
    join = {"act": "join", "plan": "club.plus", "terms": "1", "language": "en", "key": uuid4().hex}
    assert "Choose where they agreed" in does(**join)
    assert "Choose where they agreed" in does(**join, where="somewhere", agreed="on")
    assert "They have joined." in does(**join, where="call", number="7", agreed="on")
    assert "£10.00 to be paid by" in card()
    assert "in a call 7" in card()
    [one] = memberships.of(customer=customers.by_public_id(li).id, at=clock.now())
    pounds = Money(1000, "GBP")
    memberships.tell_payment(membership=one.id, payment="p", state="paid", money=pounds, at=clock.now(), by=SYSTEM)
    assert "End now, £10.00 goes back" in card()
    assert "£90.00 a year. It begins once £80.00 is paid" in card()
    change = {
        "act": "switch",
        "membership": one.public_id,
        "plan": "club.year",
        "terms": "2",
        "language": "en",
        "key": "k",
    }
    assert "Choose where they agreed" in does(**change)
    assert "They have chosen another plan." in does(**change, where="call", agreed="on")
    assert "becomes Year once £80.00 is paid" in card()
    assert "They stay with their plan." in does(act="stay", membership=one.public_id)
    assert "becomes Year" not in card()
    assert "It rests" in does(act="pause", membership=one.public_id)
    assert "goes on by itself on" in words(client.get("/console/memberships/?state=paused"))
    assert "It is over when" in does(act="cancel", membership=one.public_id)
    assert "goes on for the days that are left, then it is over" in card()
    assert "It goes on." in does(act="keep", membership=one.public_id)
    assert "It goes on." in does(act="resume", membership=one.public_id)
    assert "It is over when" in does(act="cancel", membership=one.public_id)
    assert "then it is over" in card()
    assert "It goes on." in does(act="keep", membership=one.public_id)
    assert "It is over." in does(act="end", membership=one.public_id)
    assert "money goes back £10.00" in card()
    assert "they left" in words(client.get("/console/memberships/?state=ended"))
    assert "£10.00 to be given back" in words(client.get("/console/memberships/?state=owed"))
    told = {"payment": "p", "state": "refunded", "money": pounds, "at": clock.now(), "by": SYSTEM}
    memberships.tell_payment(membership=one.id, **told)
    assert "Nobody." in words(client.get("/console/memberships/?state=owed"))
    assert re.search("money went back £10.00 .* money goes back £10.00", card())
    assert "it has ended" in does(act="end", membership=one.public_id)


def test_nobody_touches_anothers_membership_from_a_members_page_and_two_of_one_person_are_seen(li):
    bo = customers.resolve_many(
        namespace="till", refs=["bo"], at=clock.now(), by=Actor("connector", "shop"), origin="live"
    )["bo"]
    agreed = memberships.Consent("1", "en", "web")
    one = memberships.join(customer=bo, plan="club.plus", consent=agreed, key="j", at=clock.now(), by=SYSTEM)
    told = {"act": "end", "membership": one.public_id}
    assert signed_in("manager").post(f"/console/members/{li}/memberships/act", told).status_code == 404
    agent = signed_in("agent")
    assert agent.post(f"/console/members/{li}/memberships/act", told).status_code == 403
    assert memberships.get(one.id, at=clock.now()).state == "waiting"
    li_ = customers.by_public_id(li).id
    memberships.join(customer=li_, plan="club.plus", consent=agreed, key="j2", at=clock.now(), by=SYSTEM)
    card = f"/console/members/{li}/memberships/card"
    assert "They have it twice" not in words(agent.get(card))
    identity.join(one=li_, other=bo, why=identity.Reason.ASKED, key="m", at=clock.now(), by=SYSTEM)
    assert "They have it twice" in words(agent.get(card))
