"""Benefits in the console: which there are; a member's, used, given back, given and ended."""

import re
from uuid import uuid4

import pytest

from regulars.doors.console.tests.builders import signed_in
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import benefits, programmes
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: GBP
tiers:
  - id: status
    period: {kind: rolling, months: 12}
    levels:
      - {id: gold, name: {en: Gold, zh: 金卡}, any: [{what: spend, at_least: 300}]}
      - {id: top, name: {en: Top, zh: 顶级}, any: [{what: spend, at_least: 900}]}
benefits:
  - id: ship
    kind: free_shipping
    name: {en: Free shipping, zh: 包邮}
    per: month
    for: [{tiers: status, from: gold, most: 2}]
  - {id: clean, kind: service, service: cleaning, name: {en: Cleaning, zh: 清洗}}
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


def shown(client, path: str) -> str:
    answer = client.get(f"/console/{path}")
    assert answer.status_code == 200, answer.content[:300]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def does(client, who, **told):
    answer = client.post(f"/console/members/{who}/benefits/act", told, follow=True)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_benefit_is_given_used_given_back_and_ended_and_the_list_says_what_it_saved(li):
    client = signed_in("manager")
    words = shown(client, "benefits/")
    assert "Free shipping" in words
    assert "Gold and above 2 times a month" in words
    assert "whoever is given it" in words
    who = customers.by_public_id(li).id
    assert "They have none now." in shown(client, f"members/{li}/benefits/card")
    gift = {"act": "give", "benefit": "club.clean", "reason": "goodwill", "most": "2", "key": uuid4().hex}
    assert "It is theirs." in does(client, li, **gift)
    does(client, li, **gift)
    [one] = benefits.of(customer=who, at=clock.now())
    card = shown(client, f"members/{li}/benefits/card")
    assert "2 of 2 left" in card
    assert "to make up for something" in card
    use = {"act": "use", "benefit": "club.clean", "source": one.source, "about": "job-7", "saved": "12.50"}
    assert "It is used." in does(client, li, **use, key=uuid4().hex)
    assert "Check what you wrote" in does(client, li, **(use | {"about": "job 7"}), key=uuid4().hex)
    card = shown(client, f"members/{li}/benefits/card")
    assert "saved them £12.50 so far" in card
    assert "job-7" in card
    assert "£12.50" in shown(client, "benefits/")
    [used] = benefits.uses(customer=who)
    at = clock.now()
    known = customers.resolve_many(namespace="till", refs=["bo"], at=at, by=Actor("connector", "shop"), origin="live")
    bo = customers.get(known["bo"]).public_id
    [given] = benefits.gifts(customer=who)
    for others in (
        {"act": "back", "use": used.public_id, "why": "not_done"},
        {"act": "withdraw", "gift": given.public_id},
    ):
        assert client.post(f"/console/members/{bo}/benefits/act", others).status_code == 404
    does(client, li, act="back", use=used.public_id, why="not_done")
    assert "given back: it was not done after all" in shown(client, f"members/{li}/benefits/card")
    does(client, li, act="withdraw", gift=given.public_id)
    assert "They have none now." in shown(client, f"members/{li}/benefits/card")


def test_an_agent_gives_one_at_a_time_an_assistant_uses_and_who_reads_does_neither(li):
    who = customers.by_public_id(li).id
    give = {"act": "give", "benefit": "club.clean", "reason": "goodwill", "most": "1"}
    agent, assistant, reader = (signed_in(role) for role in ("agent", "shop_assistant", "read_only"))
    there = f"/console/members/{li}/benefits/act"
    assert "You may give one use at a time" in does(agent, li, **(give | {"most": ""}), key=uuid4().hex)
    assert "It is theirs." in does(agent, li, **give, key=uuid4().hex)
    assert assistant.post(there, give | {"key": uuid4().hex}).status_code == 403
    [one] = benefits.of(customer=who, at=clock.now())
    use = {"act": "use", "benefit": "club.clean", "source": one.source, "key": uuid4().hex}
    assert "It is used." in does(assistant, li, **use)
    [given] = benefits.gifts(customer=who)
    assert agent.post(there, {"act": "withdraw", "gift": given.public_id}).status_code == 403
    assert reader.get(f"/console/members/{li}/benefits/card").status_code == 200
    assert reader.post(there, use).status_code == 403
