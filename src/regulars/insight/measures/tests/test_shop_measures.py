import json
from math import isclose

import ibis
import pytest

from regulars.insight.measures import estimates, moving, spanning
from regulars.insight.measures.catalogue import DEEPER, SHOP
from regulars.insight.measures.intervals import wilson
from regulars.insight.measures.library.repeat_rate import return_curve
from regulars.insight.measures.spanning import WHO
from regulars.insight.measures.tests.builders import (
    INES,
    LI,
    MAREK,
    PRIYA,
    TOMAS,
    bought,
    computed,
    gave_back,
    people,
)
from regulars.insight.measures.tests.shops import LONDON, a_random_shop, session_of


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(count: int, of: int, low: float, high: float):
    assert [round(end, 4) for end in wilson(count, of)] == [low, high]


def test_nothing_seen_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_repeat_rate_counts_whoever_came_back_on_another_day():
    with computed(
        [
            bought(INES, "2026-01-05", 100),
            bought(INES, "2026-02-05", 100),
            bought(TOMAS, "2026-01-06", 100),
            bought(TOMAS, "2026-01-06", 100),
            bought(PRIYA, "2026-06-01", 100),
        ]
    ) as result:
        rate = result.shop["repeat_rate"]
    assert (rate["came_back"].count, rate["came_back"].n, rate["newcomers"]) == (1, 3, 1)
    assert isclose(rate["came_back"].value, 1 / 3)


def test_the_return_curve_allows_for_those_who_had_no_time_yet():
    rows = [
        {"wait_days": 10, "came_back": True, "customers": 20},
        {"wait_days": 20, "came_back": False, "customers": 40},
        {"wait_days": 50, "came_back": True, "customers": 20},
        {"wait_days": 400, "came_back": False, "customers": 20},
    ]
    curve = {point["days"]: point["back"] for point in return_curve(rows)}
    assert isclose(curve[30].value, 0.2)
    assert isclose(curve[60].value, 1 - 0.8 * 0.5)  # half of the forty still watched
    assert curve[60].low < 0.6 < curve[60].high
    assert list(curve) == [30, 60, 90, 180, 365]


def test_the_return_curve_has_a_gap_where_nobody_was_watched():
    curve = return_curve([{"wait_days": 61, "came_back": False, "customers": 3}])
    assert [(p["days"], p["back"].value, p["back"].n) for p in curve] == [
        (30, 0.0, 3),
        (60, 0.0, 3),
        (90, None, 0),
        (180, None, 0),
        (365, None, 0),
    ]
    assert {p["back"].lack for p in curve} == {None, "too_short"}
    assert return_curve([]) == []


def test_a_customer_watched_for_thirty_days_tells_of_thirty_days():
    [first, second, *_rest] = return_curve([{"wait_days": 30, "came_back": False, "customers": 8}])
    assert (first["back"].value, first["back"].n) == (0.0, 8)
    assert (second["back"].value, second["back"].n) == (None, 0)


def test_nobody_of_fifty_is_not_nobody_at_all():
    [point, *_rest] = return_curve([{"wait_days": 40, "came_back": False, "customers": 50}])
    assert (point["back"].low, round(point["back"].high, 3)) == (0.0, 0.071)


def test_everybody_came_back_is_told_and_not_certain():
    curve = return_curve([{"wait_days": 10, "came_back": True, "customers": 50}])
    backs = [point["back"] for point in curve]
    assert [(back.value, round(back.low, 3), back.high) for back in backs] == [(1.0, 0.929, 1.0)] * 5


def test_cohorts_follow_the_month_of_the_first_purchase():
    with computed(
        [
            bought(INES, "2026-01-31", 100),
            bought(INES, "2026-03-01", 100),
            bought(TOMAS, "2026-01-02", 100),
            bought(LI, "2026-03-05", 100),
        ]
    ) as result:
        retention = result.shop["retention"]
    january, march = retention["cohorts"]
    assert [cell["active"].count for cell in january["cells"]] == [2, 0, 1]
    assert [cell["is_incomplete"] for cell in january["cells"]] == [False, False, True]
    assert (january["came_back"].count, march["customers"]) == (1, 1)
    assert retention["last_month_is_incomplete"]


def test_a_month_seen_to_its_last_day_is_complete():
    with computed([bought(INES, "2026-01-02", 100)], as_of="2026-01-31") as result:
        assert not result.shop["retention"]["last_month_is_incomplete"]


def test_months_tell_first_purchases_from_returning_ones_and_guests():
    with computed(
        [
            bought(INES, "2026-01-05", 100),
            bought(INES, "2026-01-05", 50),
            bought(INES, "2026-03-05", 30),
            bought(None, "2026-03-06", 7),
        ],
        [gave_back(INES, "2026-03-08", 20)],
        as_of="2026-03-31",
    ) as result:
        january, february, march = result.shop["months"]["months"]
    assert (january["new_minor"], january["returning_minor"], january["orders"]) == (150, 0, 2)
    assert set(february.values()) == {"2026-02-01", 0}
    assert (march["returning_minor"], march["guest_minor"], march["returned_minor"], march["new_minor"]) == (
        30,
        7,
        20,
        0,
    )


def test_groups_add_up_to_everybody():
    orders = [bought(who, f"2026-01-{who:02}", 100 * who) for who in range(1, 31)]
    lapsing = [bought(40, f"2026-01-{day:02}", 100) for day in (1, 2, 3, 4)]
    with computed([*orders, *lapsing]) as result:
        grid = result.shop["rfm_grid"]
    assert sum(s["customers"] for s in grid["segments"]) == grid["customers"] == 31
    assert sum(c["customers"] for c in grid["cells"]) == 31
    assert sum(c["spend_minor"] for c in grid["cells"]) == grid["spend_minor"] == 46_900
    assert sum(s["share"].count for s in grid["segments"]) == 31
    assert isclose(sum(s["spend_share"].value for s in grid["segments"]), 1)
    assert all(s["spend_share"].n == 31 for s in grid["segments"])
    assert len(grid["cells"]) == 25
    assert not grid["is_too_small"]


def test_a_shop_too_small_to_group_says_so():
    with computed([bought(who, "2026-01-02", 100) for who in (INES, TOMAS, PRIYA, MAREK, LI)]) as result:
        grid = result.shop["rfm_grid"]
    assert (grid["is_too_small"], grid["needed"], grid["customers"]) == (True, 25, 5)
    assert grid["cells"] == grid["segments"] == []


@pytest.mark.parametrize(
    ("orders", "average"),
    [
        # Two in pounds and two in euros, whose money is left out: they take no part in the average either.
        ([(1000, "GBP"), (3000, "GBP"), (9000, "EUR"), (9000, "EUR")], 2000),
        ([(9000, "EUR")], None),
        # Half a penny is rounded up, as it is for the customer alone.
        ([(62, "GBP"), (63, "GBP")], 63),
    ],
)
def test_the_shops_average_order_is_its_only_customers(orders: list[tuple[int, str]], average: int | None):
    told = [
        bought(who, f"2026-01-{day:02}", minor, currency=money)
        for who in (INES, TOMAS)
        for day, (minor, money) in enumerate(orders, 1)
    ]
    with computed(told) as result:
        whole = result.shop["overview"]["average_order"]
        assert (whole.value, whole.n) == (average, 0 if average is None else 2)
        assert people(result)[INES]["average_order_minor"] == average


def test_the_shops_means_say_of_how_many_they_are_and_how_sure():
    """Ines comes every 10 days, Tomas every 20; Priya came once."""
    orders = [bought(INES, f"2026-01-{day:02}", 300) for day in (1, 11, 21)]
    orders += [bought(TOMAS, f"2026-01-{day:02}", 100) for day in (1, 21)] + [bought(PRIYA, "2026-01-21", 100)]
    with computed(orders, [gave_back(TOMAS, "2026-01-21", 120)]) as result:
        overview, regulars = result.shop["overview"], result.shop["regulars_at_stake"]
    assert (regulars["shop_gap"].value, regulars["shop_gap"].n, regulars["shop_gap"].unit) == (15, 2, "days")
    assert regulars["shop_gap"].low < 15 < regulars["shop_gap"].high
    # 900 of 1,080; of the three the regular is one.
    assert isclose(regulars["share_of_spend"].value, 900 / 1_080)
    assert (regulars["share_of_spend"].n, regulars["share_of_spend"].high) == (3, 1.0)
    assert isclose(overview["returned_share"].value, 120 / 1_200)
    assert (overview["average_order"].value, overview["average_order"].n) == (200, 3)


def test_no_measure_of_the_shop_tells_a_fraction_without_how_sure_it_is():
    shop = a_random_shop(4)
    with session_of(shop) as (session, scope):
        session.keep(WHO, scope.people().select("customer_id", grp=ibis.literal("")))
        spanning.facts(session, scope, LONDON)
        told = {
            measure.name: measure.value(session.rows(measure.expression(scope)), scope) for measure in (*SHOP, *DEEPER)
        }
        told |= moving.all_of(session, scope)
    for name, value in told.items():
        # What is kept is plain JSON, and is read back as it was told; a float that stood alone would be refused.
        assert estimates.found(json.loads(json.dumps(estimates.kept(value)))) == value, name
    with pytest.raises(TypeError, match="how sure"):
        estimates.kept({"share": 0.5})


def test_what_is_left_out_is_counted_as_of_the_day_too():
    later = {"on": "2026-02-01", "minor": 100}
    with computed(
        [
            bought(INES, "2026-01-05", 100),
            bought(INES, "2026-01-06", 100, is_cancelled=True),
            bought(INES, **later),
            bought(INES, **later, is_cancelled=True),
            bought(TOMAS, **later, kind="giveaway"),
            bought(TOMAS, **later, kind="adjustment"),
        ],
        as_of="2026-01-31",
    ) as result:
        whole = result.shop["overview"]
    counted = ("orders", "cancelled_orders", "giveaways", "adjustments", "later_orders")
    assert [whole[name] for name in counted] == [1, 1, 0, 0, 2]
