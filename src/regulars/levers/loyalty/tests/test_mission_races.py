"""A mission looked at by many at the same moment, while its orders come back."""

from functools import partial

from regulars.facts.company import company
from regulars.levers.loyalty import checkups, mission_walks, missions, points
from regulars.levers.loyalty.models import MissionRun
from regulars.levers.loyalty.tests.builders import FRIDAY, MAREK, MONDAY, THE_SHOP, has
from regulars.levers.loyalty.tests.test_earning import an_order, buyer, comes_back
from regulars.levers.loyalty.tests.test_interleavings import at_once
from regulars.levers.loyalty.tests.test_missions import a_programme
from regulars.levers.loyalty.tests.test_rewards import a_reward


def test_of_ten_who_look_at_once_one_gives_the_prize_and_one_takes_it_back(fresh_database):
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=MAREK)
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {points: 30, reward: mug}}")
    a_reward("mug", stock=9)
    orders = [an_order(f"o{nth}") for nth in range(2)]
    priya = buyer(orders[0])

    def look(nth: int) -> str:
        if nth % 5 == 4:
            return f"everyone {mission_walks.everyone(at=FRIDAY, by=THE_SHOP, origin='live').changed}"
        if nth % 5 == 3:
            return f"handed {missions.hand_out(at=FRIDAY, by=THE_SHOP)}"
        return f"one {len(missions.settle(customer=priya, at=FRIDAY, by=THE_SHOP))}"

    answers = at_once([partial(look, nth) for nth in range(10)])
    assert answers["one 1"] + answers["everyone 1"] == 1
    assert has(priya, at=FRIDAY)[1] == 30
    missions.hand_out(at=FRIDAY, by=THE_SHOP)
    assert MissionRun.objects.filter(redemption__isnull=False, owes="", times=1).count() == 1
    points.redeem(customer=priya, amount=10, key="spent", at=FRIDAY, by=THE_SHOP)
    comes_back(orders[1], ["1"], key="rma-1")
    answers = at_once([partial(look, nth) for nth in range(10)])
    assert answers["one 1"] + answers["everyone 1"] == 1
    assert has(priya, at=FRIDAY) == (0, 0, 0, 10)
    assert list(checkups.broken()) == []
