"""The last one in stock, and a limit, wanted by many at the same moment."""

from functools import partial

from regulars.levers.loyalty import rewards
from regulars.levers.loyalty.tests.test_interleavings import at_once
from regulars.levers.loyalty.tests.test_rewards import a_reward, takes, with_points


def test_of_the_last_one_fifty_take_one_and_a_limit_holds(fresh_database):
    a_reward(stock=1)
    a_reward("cup", most=2, price=1)
    members = [with_points(ref=f"m{nth}") for nth in range(8)]
    wants = [partial(takes, members[nth % 8], key=f"mug{nth}") for nth in range(25)]
    wants += [partial(takes, members[0], "cup", key=f"cup{nth}") for nth in range(25)]
    answers = at_once([partial(lambda want: want().reward, want) for want in wants])
    assert (answers["mug"], answers["cup"]) == (1, 2)
    assert answers["rewards.sold_out"] + answers["points.not_enough"] == 24
    assert answers["rewards.limit_reached"] == 23
    assert rewards.get("mug").left == 0
