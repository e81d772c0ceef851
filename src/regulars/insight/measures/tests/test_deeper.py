"""What goes together, how soon they come again, who moved: by hand and against plain reckonings over random shops."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from math import isclose, log
from typing import Any

import numpy as np
import pytest

from regulars.insight.measures import computing, moving, spanning
from regulars.insight.measures.library import (
    affinity,
    basket_affinity,
    channel_mix,
    cross_purchase,
    order_curves,
    rfm_by_visits,
)
from regulars.insight.measures.measure import ShopMeasure
from regulars.insight.measures.tests.builders import INES, LI, PRIYA, TOMAS, bought
from regulars.insight.measures.tests.shops import LONDON, Shop, a_random_shop, session_of


def of(measure: ShopMeasure, shop: Shop) -> Any:
    with session_of(shop) as (session, scope):
        spanning.facts(session, scope, LONDON)
        return measure.value(session.rows(measure.expression(scope)), scope)


def test_the_second_purchase_is_told_as_the_repeat_rate_tells_it():
    shop = a_random_shop(1)
    with session_of(shop) as (session, scope):
        spanning.facts(session, scope, LONDON)
        deeper = computing.deeper(session, scope)
        told = computing.compute(session, currency="GBP", today=date(2030, 1, 1)).shop["repeat_rate"]
    second = deeper["order_curves"]["curves"][0]
    assert (second["customers"], second["came_back"]) == (told["came_back"].n, told["came_back"].count)
    points = {point["days"]: point for point in second["points"]}
    for point in told["curve"]:
        assert points[point["days"]]["back"] == point["back"]


def test_groups_are_told_apart_by_days_in_a_store():
    """Bought or seen there; on one day once; only of the last 365 days."""
    orders = [bought(who, f"2026-0{month}-05", 100) for who in range(1, 61) for month in (1, 2, 3)]
    orders += [bought(1, f"2026-03-0{day}", 100, store="station") for day in (1, 2)]
    came = [(1, datetime(2026, 3, 3, 12, tzinfo=UTC), "Store Visited"), (2, datetime(2026, 3, 3, tzinfo=UTC), "Page")]
    came += [(3, datetime(2026, 3, 4, hour, tzinfo=UTC), "Store Visited") for hour in (9, 15)]
    came += [(4, datetime(2025, 3, 4, tzinfo=UTC), "Store Visited")]
    with session_of(Shop(orders, came=came)) as (session, scope):
        spanning.facts(session, scope, LONDON)
        measure = rfm_by_visits.MEASURE
        told = measure.value(session.rows(measure.expression(scope)), scope)
    bins = told["bins"]
    assert {name: one["customers"] for name, one in bins.items()} == {"never": 58, "sometimes": 1, "often": 1}
    assert bins["often"]["spend_minor"] == 500
    for one in bins.values():
        assert sum(cell["customers"] for cell in one["cells"]) == one["customers"]
        assert sum(cell["customers"] for cell in one["segments"]) == one["customers"]


def test_the_third_purchase_by_hand():
    """Three bought twice. One came a third time after 10 days; of the two still away one is watched for 20 days."""
    orders = [bought(who, on, 100) for who in (INES, TOMAS, PRIYA) for on in ("2026-01-01", "2026-01-11")]
    orders += [bought(INES, "2026-01-21", 100), bought(LI, "2026-02-10", 100)]
    third = of(order_curves.MEASURE, Shop(orders))["curves"][1]
    assert (third["step"], third["customers"], third["came_back"]) == (3, 3, 1)
    points = {point["days"]: point["back"] for point in third["points"]}
    assert isclose(points[14].value, 1 / 3)
    assert (points[7].value, points[7].n) == (0.0, 3)
    assert points[45].lack == "too_short"


def test_the_channels_of_the_last_year():
    orders = [bought(INES, "2026-01-05", 100, channel="web") for _ in range(3)]
    orders += [bought(None, "2026-01-06", 500, channel="till"), bought(TOMAS, "2024-01-06", 900, channel="old")]
    told = of(channel_mix.MEASURE, Shop(orders))
    assert [(one["channel"], one["share"].value, one["revenue"].value) for one in told["channels"]] == [
        ("web", 0.75, 300),
        ("till", 0.25, 500),
    ]
    assert {one["share"].n for one in told["channels"]} == {4}


def test_many_channels_are_told_together():
    orders = [bought(INES, "2026-01-05", 100, channel=f"c{n:02}") for n in range(20)]
    told = of(channel_mix.MEASURE, Shop(orders))["channels"]
    assert (len(told), told[-1]["channel"]) == (13, None)
    assert isclose(sum(one["share"].value for one in told), 1)


def baskets(*wares: tuple[int, ...]) -> Shop:
    """One order for each, every one by somebody else."""
    shop = Shop([bought(who, "2026-01-05", 100) for who in range(1, len(wares) + 1)])
    shop.lines = [
        {"order_id": number, "product_id": ware, "amount_minor": 1}
        for number, held in enumerate(wares, 1)
        for ware in held
    ]
    return shop


def test_tea_and_biscuits_by_hand():
    """Ten baskets: tea in five, biscuits in six, both in five."""
    shop = baskets(*[(1, 2)] * 5, (2,), (3,), (3,), (3,), (3,))
    [pair] = of(basket_affinity.MEASURE, shop)["pairs"]
    assert [ware["title"] for ware in pair["wares"]] == ["Tea 1", "Tea 2"]
    assert (pair["support"].value, pair["confidence"].value, pair["confidence"].n) == (0.5, 1.0, 5)
    assert isclose(pair["lift"].value, 0.5 / (0.5 * 0.6))


@pytest.mark.parametrize(("measure", "held_by"), [(basket_affinity.MEASURE, "order"), (cross_purchase.MEASURE, "who")])
def test_pairs_are_what_counting_each_basket_gives(measure: ShopMeasure, held_by: str):
    shop = a_random_shop(2)
    held = defaultdict(set)
    for line in shop.lines:
        order = shop.orders[line["order_id"] - 1]
        if order["kind"] == "purchase" and not order["is_cancelled"]:
            key = line["order_id"] if held_by == "order" else order["customer_id"]
            if key is not None:
                held[key].add(line["product_id"])
    both = Counter(pair for wares in held.values() for pair in combinations(sorted(wares), 2))
    told = of(measure, shop)
    assert told["baskets"] == len(held)
    found = {tuple(sorted(ware["product"] for ware in pair["wares"])): pair["support"].count for pair in told["pairs"]}
    assert found == {pair: count for pair, count in both.items() if count >= affinity.LEAST}


def test_the_interval_of_lift_holds_the_truth_as_often_as_it_says():
    """Independent products have a lift of 1."""
    n, shares = 400, (0.06, 0.24, 0.14, 0.56)
    drawn = np.random.default_rng(5).multinomial(n, shares, size=4_000).tolist()
    held = 0
    for both, a_alone, b_alone, _neither in drawn:
        found = affinity.lift(both, both + a_alone, both + b_alone, n, "baskets")
        held += found.low <= 1 <= found.high
    assert 0.94 <= held / len(drawn) <= 0.96
    assert log(found.high / found.value) == pytest.approx(log(found.value / found.low))


def segments_on(shop: Shop, day: date) -> dict[int, str]:
    with session_of(shop, as_of=day) as (session, scope):
        return {row["customer_id"]: row["segment"] for row in session.rows(scope.people()) if row["segment"]}


def test_moves_are_between_the_groups_people_would_have_been_in():
    shop = a_random_shop(3)
    with session_of(shop) as (session, scope):
        told, as_of = moving.all_of(session, scope), scope.as_of
    last = told["moves"]["months"][-1]
    assert len(told["moves"]["months"]) == moving.MONTHS
    *_earlier, start, end = moving.month_ends(as_of, 7)
    before, after = segments_on(shop, start), segments_on(shop, end)
    moved = Counter((before.get(who, moving.NOT_YET), group) for who, group in after.items())
    assert {(row["from"], row["to"]): row["customers"] for row in last["rows"]} == moved
    assert last["month"] == end.replace(day=1).isoformat()

    then = as_of - timedelta(days=moving.AFTER_DAYS)
    groups = segments_on(shop, then)
    since = {
        order["customer_id"]
        for order in shop.orders
        if then < order["placed_on"] <= as_of and order["kind"] == "purchase" and not order["is_cancelled"]
    }
    expected = {
        group: (sum(who in since for who, its in groups.items() if its == group), count)
        for group, count in Counter(groups.values()).items()
    }
    found = {one["segment"]: one["bought"] for one in told["afterwards"]["segments"]}
    assert {name: (one.count, one.n) for name, one in found.items()} == expected


def test_months_that_are_over():
    assert moving.month_ends(date(2026, 3, 30), 2) == [date(2026, 1, 31), date(2026, 2, 28)]
    assert moving.month_ends(date(2026, 3, 31), 2) == [date(2026, 2, 28), date(2026, 3, 31)]


def test_a_small_shop_moves_nobody():
    with session_of(Shop([bought(INES, "2026-01-05", 100)])) as (session, scope):
        assert moving.all_of(session, scope) == {"moves": {"months": []}, "afterwards": {"segments": []}}
