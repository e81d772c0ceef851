"""What changed rules cost is said before they are in force, comes as it was said, and goes again."""

from collections import Counter
from datetime import timedelta

import pytest

from regulars.insight.measures import estimates
from regulars.kit.actors import SHELL
from regulars.kit.money import Money
from regulars.levers.loyalty import benefits, programmes, requalifying, tier_flow, trying
from regulars.levers.loyalty._tiers.costs import all_of, times
from regulars.levers.loyalty.models import Move, Standing
from regulars.levers.loyalty.tests.builders import MAREK, THE_SHOP, key
from regulars.levers.loyalty.tests.test_earning import buyer
from regulars.levers.loyalty.tests.test_tiers import buys
from regulars.runtime.database import clock

DAY = timedelta(days=1)
CLUB = """
programme: club
money: GBP
zone: UTC
currency: {worth: "0.01"}
pending: {until: placed, days: 0}
tiers:
  - id: status
    period: {kind: ever}
    down: {grace_days: 30}
    levels:
      - {id: silver, any: [{what: spend, at_least: SILVER}]}
      - {id: gold, any: [{what: spend, at_least: GOLD}]}
benefits:
  - {id: ship, kind: free_shipping, for: [{tiers: status, from: silver, most: 2}, {tiers: status, from: gold}]}
  - {id: agent, kind: dedicated_agent, for: [{tiers: status, from: gold}]}
rules:
  - {id: spend, kind: spend, points: 1, per: 1}
  - {id: more, kind: tier_bonus, tiers: status, times: {gold: "1.5"}, multiplies: [spend]}
"""


def the_club(silver: int, gold: int) -> str:
    return CLUB.replace("SILVER", str(silver)).replace("GOLD", str(gold))


def in_force(text: str, at) -> None:
    made = programmes.draft(text=text, at=at, by=MAREK)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL)
    programmes.activate(programme="club", version=made.number, at=at, by=MAREK, from_at=at)


@pytest.mark.django_db
def test_a_rule_change_says_who_moves_and_what_it_costs_comes_as_it_was_said_and_is_undone():
    now = clock.now()
    first = now - 100 * DAY
    in_force(the_club(100, 300), first - DAY)
    people = {
        who: buyer(buys(who, amount, at=first))
        for who, amount in (("priya", "150.00"), ("li", "120.00"), ("amira", "110.00"), ("sam", "90.00"))
    }
    for who, saved in (("priya", 500), ("priya", 500), ("li", 400)):
        benefits.use(
            customer=people[who],
            benefit="club.ship",
            saved=Money(saved, "GBP"),
            key=key(),
            at=first + DAY,
            by=THE_SHOP,
        )
    buys("priya", "100.00", at=now - DAY)

    draft = the_club(80, 140)
    trial = trying.simulate(programmes.validate(draft))

    [levels] = trial.tiers
    assert {(one.before, one.after): one.people for one in levels.at_once} == {("silver", "gold"): 1, ("", "silver"): 1}
    # Priya's second order would have earned half as much again. Nothing else of last year's is other.
    assert (trial.parts, trial.parts_now) == (570 + 50, 570)
    assert (trial.cost, trial.cost_now) == (Money(620, "GBP"), Money(570, "GBP"))
    assert [(rule.rule, rule.parts, rule.parts_now) for rule in trial.rules] == [("spend", 570, 570), ("more", 50, 0)]
    told = {(one.benefit, one.level): one for one in trial.benefits}
    # As many have free shipping on silver as before, for priya leaves it and sam comes: that is none of it.
    assert {place: (one.now, one.then) for place, one in told.items()} == {
        ("ship", "status.gold"): (0, 1),
        ("agent", "status.gold"): (0, 1),
    }
    assert (told["ship", "status.gold"].a_year.lack, told["ship", "status.gold"].at_once.value) == ("nobody", None)

    # Lower for silver alone: one more has what three used for 14.00 in 101 days each.
    trial = trying.simulate(programmes.validate(the_club(80, 300)))
    [one] = trial.benefits
    assert (one.benefit, one.level, one.now, one.then, one.uses, one.a_year.n) == ("ship", "status.silver", 3, 4, 3, 3)
    assert one.a_year.value == round(1400 * 365 / 303)
    assert one.a_year.low == 0 < one.a_year.value < one.a_year.high
    assert one.at_once == one.in_the_end == times(one.a_year, 1)

    stood = sorted(Standing.objects.values_list("customer_id", "level"))
    in_force(draft, now)
    requalifying.go_on(at=now, by=THE_SHOP)
    moved = Counter(Move.objects.filter(because="rules").values_list("before", "after"))
    assert moved == {(one.before, one.after): one.people for one in levels.at_once}
    programmes.roll_back(programme="club", at=now + timedelta(seconds=1), by=MAREK)
    requalifying.go_on(at=now + timedelta(seconds=1), by=THE_SHOP)
    later = now + 40 * DAY
    requalifying.due(at=later, by=THE_SHOP)
    assert [one for one in sorted(Standing.objects.values_list("customer_id", "level")) if one[1]] == [
        one for one in stood if one[1]
    ]
    assert tier_flow.tried(programmes.validate(the_club(100, 300)), at=later).benefits == []


def test_so_much_for_each_of_so_many():
    rate = estimates.ratio(300, 50_000, 10, 40, 1_000, 3, "money", "customers", least=0)
    assert rate.value == 30
    fewer = times(rate, -2)
    assert (fewer.value, fewer.low, fewer.high) == (-60, -2 * rate.high, -2 * rate.low)
    nobody = estimates.unknown("nobody", "money", "customers")
    assert times(nobody, 0).value == 0, "of nobody nothing, whatever one costs"
    assert times(nobody, 3).value is None
    both = all_of([fewer, times(rate, 5), nobody])
    assert (both.value, both.low, both.high) == (90, fewer.low + 5 * rate.low, fewer.high + 5 * rate.high)
    assert all_of([]).value == 0
