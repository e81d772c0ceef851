"""A sale that a till and a shop told: what the later order gave goes, comes back, and is given by no other way."""

from datetime import timedelta

import pytest

from regulars.facts.commerce import doubles, kept
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import checkups, earning, explaining, missions, points, programmes, regrants, tiers
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, has, said
from regulars.levers.loyalty.tests.test_earning import an_order, buyer
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db
FILE = """programme: tried
money: GBP
zone: Europe/London
pending: {until: placed, days: 0}
badges: [{id: star}]
missions: [{id: two, repeat: month, steps: [{what: orders, at_least: 2}], prize: {points: 30, badge: star}}]
tiers:
  - id: status
    period: {kind: calendar_year}
    levels: [{id: silver, name: {en: Silver, zh: 银卡}, all: [{what: spend, at_least: 150}]}]
rules:
  - {id: spend, kind: spend, points: POINTS, per: 2}
  - {id: second, kind: nth_order, nth: 2, points: 7}
"""


def a_programme(worth="1") -> int:
    made = programmes.draft(text=FILE.replace("POINTS", worth), at=MONDAY - DAY, by=MAREK)
    programmes.approve(programme="tried", version=made.number, cost=0, at=MONDAY - DAY, by=SHELL)
    return made.number


def level(priya) -> str:
    [status] = tiers.of(customer=priya, at=FRIDAY)
    return status.level


def counted(priya) -> list[int]:
    return [one.times for one in missions.of(customer=priya, at=FRIDAY)]


def test_priyas_coat_told_by_shop_and_till_earns_once_and_comes_back_when_it_was_two():
    number = a_programme()
    programmes.activate(programme="tried", version=number, at=MONDAY - DAY, by=MAREK, from_at=MONDAY - DAY)
    coat = an_order()
    twin = an_order("1002", at=MONDAY + timedelta(seconds=40))
    priya = buyer(coat)
    react_to_everything()
    before = has(priya, at=FRIDAY)
    assert before == (0, 40 + 40 + 7 + 30, 0, 0)
    assert (level(priya), counted(priya)) == ("silver", [1])
    doubles.look_through(at=FRIDAY)
    doubles.go_through()
    [pair] = doubles.listed().items
    assert explaining.earned_by([coat, twin]) == {coat: [("points", 40, 0)], twin: [("points", 47, 0)]}

    doubles.confirm(double=pair.id, at=FRIDAY, by=MAREK)
    react_to_everything()
    assert has(priya, at=FRIDAY) == (0, 40, 0, 0)
    assert (level(priya), counted(priya)) == ("", [0])
    assert "reverse: the same sale was told twice, and counts once" in said(priya)
    # The till tells of it again, the past is posted, and a better version counts for it: nothing of it comes.
    an_order("1002", at=MONDAY + timedelta(seconds=40), source_updated_at=FRIDAY, lines=(("coat", "1", "90.00"),))
    react_to_everything()
    list(earning.backfill(programme="tried", at=FRIDAY, by=MAREK))
    a_programme("2")
    batch = regrants.ask(
        programme="tried", version=number + 1, since=MONDAY.date(), until=FRIDAY.date(), at=FRIDAY + DAY, by=MAREK
    )
    regrants.go_on(batch=batch.id, at=FRIDAY + DAY)
    assert regrants.get(batch.id).given == 40
    assert (kept.of([twin])[twin].counts, has(priya, at=FRIDAY)) == (False, (0, 40, 0, 0))

    # They were two after all: what was bought by then is what the till told last.
    doubles.reopen(double=pair.id, at=FRIDAY, by=MAREK)
    react_to_everything()
    doubles.reopen(double=pair.id, at=FRIDAY, by=MAREK)
    react_to_everything()
    assert has(priya, at=FRIDAY) == (0, 40 + 45 + 7 + 30, 0, 0)
    assert level(priya) == "silver"
    assert not list(checkups.broken())


def test_what_was_spent_of_it_meanwhile_is_owed():
    number = a_programme()
    programmes.activate(programme="tried", version=number, at=MONDAY - DAY, by=MAREK, from_at=MONDAY - DAY)
    coat, _twin = an_order(), an_order("1002", at=MONDAY + timedelta(seconds=40))
    priya = buyer(coat)
    react_to_everything()
    points.redeem(customer=priya, amount=117, key="all", at=MONDAY, by=THE_SHOP)
    doubles.look_through(at=FRIDAY)
    doubles.go_through()
    [pair] = doubles.listed().items
    doubles.confirm(double=pair.id, at=FRIDAY, by=MAREK)
    react_to_everything()
    assert has(priya, at=FRIDAY) == (0, 0, 0, 77)
    assert not list(checkups.broken())
