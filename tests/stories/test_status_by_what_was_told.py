"""Levels that ask for events and visits: told by a browser and an app, counted through the stream, said to members in
their language."""

from datetime import timedelta

import pytest
from django.utils import translation

from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.facts.events import following, stream
from regulars.facts.events.tests.shoppers import a_source, sent
from regulars.kit.actors import SHELL, SYSTEM
from regulars.levers.loyalty import hearing, programmes, tier_words, tiers
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
PROGRAMME = """
programme: club
money: CNY
zone: Asia/Shanghai
tiers:
  - id: status
    period: {kind: ever}
    levels:
      - {id: guest, name: {en: Guest, zh: 客人}, all: [{what: visits, at_least: 1}]}
      - id: critic
        name: {en: Critic, zh: 评论家}
        all: [{what: visits, at_least: 1}, {what: events, event: review, at_least: 2},
              {what: events, event: recipe_cooked, at_least: 1, name: {en: Recipes cooked, zh: 做过的菜谱}}]
rules: [{id: spend, kind: spend, points: 1, per: 1}]
"""


def test_visits_and_events_lift_a_level_as_they_come_in_and_are_said_in_words():
    at = clock.now()
    company.settle(
        name="Teas", currency="CNY", zone="Asia/Shanghai", language="zh-hans", country="CN", at=at, by=SYSTEM
    )
    made = programmes.draft(text=PROGRAMME, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    web = a_source()
    hearing.listen()

    def told(*names):
        rows = [{"type": "track", "event": name, "userId": "li", "properties": {"store": "leeds"}} for name in names]
        sent(web, *rows, at=clock.now() - timedelta(seconds=1))
        following.follow_everything()
        # The stream's end settles once every writer before it has.
        stream.step(stream.Reader(hearing.READER, take=hearing.take, after=following.PROFILES), 2**40)

    told("Store Visited", "Product Reviewed")
    li = customers.find_many(namespace="shop", refs=["li"])["li"]
    assert [(one.before, one.after) for one in tiers.history(customer=li)] == [("", "guest")]
    [status] = tiers.of(customer=li, at=clock.now())
    assert status.upward is not None
    with translation.override("zh-hans"):
        words = [tier_words.missing(part, status.set, str) for part in status.upward.nearest]
        assert words == ["评价：还差 1 次", "做过的菜谱：还差 1 次"]
    told("Recipe Cooked", "review")
    assert tiers.history(customer=li)[0].after == "critic"
