from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.insight.measures.library import rfm
from regulars.insight.measures.tests.builders import (
    INES,
    LI,
    MAREK,
    PRIYA,
    TOMAS,
    bought,
    computed,
    gave_back,
    of_each,
    people,
    stored,
)
from tests.often import often


def test_two_orders_on_one_day_are_one_visit_and_two_orders():
    with computed([bought(INES, "2026-03-02", 1000), bought(INES, "2026-03-02", 500)]) as result:
        ines = people(result)[INES]
    assert (ines["orders"], ines["purchase_days"]) == (2, 1)
    assert ines["typical_gap_days"] is None
    assert result.shop["repeat_rate"]["came_back"].count == 0


def test_what_was_returned_is_taken_out_of_what_was_spent():
    with computed(
        [bought(PRIYA, "2026-03-02", 8000, discount_minor=500), bought(PRIYA, "2026-04-02", 2500)],
        [gave_back(PRIYA, "2026-03-09", 3000), gave_back(PRIYA, "2026-03-10", 900, matched=0)],
    ) as result:
        priya = people(result)[PRIYA]
    assert (priya["gross_minor"], priya["returned_minor"], priya["spend_minor"]) == (10000, 3000, 7000)
    assert priya["average_order_minor"] == 5000
    assert result.shop["overview"]["unmatched_returns_minor"] == 900


def test_money_of_other_currencies_is_left_out_and_counted():
    with computed(
        [bought(LI, "2026-03-02", 1000), bought(LI, "2026-03-05", 99999, currency="CNY")],
        [gave_back(LI, "2026-03-05", 400, currency="CNY")],
    ) as result:
        li = people(result)[LI]
    assert (li["orders"], li["foreign_orders"], li["spend_minor"], li["average_order_minor"]) == (2, 1, 1000, 1000)
    assert (result.shop["overview"]["foreign_orders"], result.shop["overview"]["foreign_returns"]) == (1, 1)


def test_somebody_who_only_bought_abroad_has_no_average_order():
    with computed([bought(LI, "2026-03-05", 99999, currency="CNY")]) as result:
        assert people(result)[LI]["average_order_minor"] is None


def test_cancelled_orders_giveaways_and_guests_are_nobodys_purchase():
    with computed(
        [
            bought(INES, "2026-03-02", 1000),
            bought(INES, "2026-03-09", 1000, is_cancelled=True),
            bought(INES, "2026-03-10", 0, kind="giveaway"),
            bought(None, "2026-03-11", 700),
        ]
    ) as result:
        assert people(result)[INES]["orders"] == 1
    overview = result.shop["overview"]
    assert (overview["cancelled_orders"], overview["giveaways"], overview["guest_orders"]) == (1, 1, 1)
    assert (overview["guest_minor"], overview["gross_minor"]) == (700, 1000)


def test_the_day_everything_is_seen_from_is_the_last_purchase_a_guests_too():
    with computed([bought(INES, "2026-03-02", 1000), bought(None, "2026-03-11", 700)]) as result:
        assert result.as_of == date(2026, 3, 11)
        assert people(result)[INES]["recency_days"] == 9


def test_a_purchase_dated_after_today_moves_nothing():
    with computed([bought(INES, "2026-03-02", 1000), bought(INES, "2099-01-01", 5)], today=date(2026, 6, 1)) as result:
        assert result.as_of == date(2026, 3, 2)
        assert people(result)[INES]["orders"] == 1
    assert result.shop["overview"]["later_orders"] == 1


def test_a_day_asked_for_sees_only_what_had_happened_by_then():
    with computed(
        [bought(INES, "2026-03-02", 1000), bought(INES, "2026-05-02", 1000)],
        [gave_back(INES, "2026-04-02", 400)],
        as_of="2026-03-31",
    ) as result:
        ines = people(result)[INES]
    assert (ines["orders"], ines["spend_minor"], ines["recency_days"]) == (1, 1000, 29)


WEEKLY = [bought(TOMAS, f"2026-01-{day:02}", 1000) for day in (1, 8, 15, 22)]


@pytest.mark.parametrize(("as_of", "is_lapsing"), [("2026-02-04", False), ("2026-02-05", False), ("2026-02-06", True)])
def test_a_regular_slips_away_after_twice_the_usual_gap(as_of: str, is_lapsing: bool):
    with computed(WEEKLY, as_of=as_of) as result:
        tomas = people(result)[TOMAS]
    assert tomas["typical_gap_days"] == 7.0
    assert (tomas["is_regular"], tomas["is_lapsing"]) == (True, is_lapsing)
    assert tomas["at_stake_minor"] == (4000 if is_lapsing else 0)


@pytest.mark.parametrize(("gap", "shop"), [(30, 19), (6, 6.5)])
def test_a_rhythm_of_few_gaps_is_drawn_to_the_shops(gap: int, shop: float):
    """The mean of it and of a week, to the day from ten days on."""
    twice = [bought(PRIYA, day, 1000) for day in ("2026-01-01", f"2026-01-{1 + gap:02}")]
    with computed([*WEEKLY, *twice]) as result:
        found = people(result)
    assert found[TOMAS]["typical_gap_days"] == round((3 * 7 + 2 * shop) / 5, 2)
    assert found[PRIYA]["typical_gap_days"] == round((gap + 2 * shop) / 3, 2)


def test_value_at_stake_is_the_year_up_to_the_last_purchase_less_returns():
    days = ("2024-12-31", "2025-01-01", "2025-06-01", "2025-12-31")
    with computed(
        [bought(TOMAS, day, 1000) for day in days], [gave_back(TOMAS, "2026-01-03", 300)], as_of="2029-12-31"
    ) as result:
        tomas = people(result)[TOMAS]
    assert tomas["is_lapsing"]
    assert tomas["at_stake_minor"] == 3000 - 300  # 31 December 2025 and the 364 days before it


SCORES = st.lists(
    st.lists(st.integers(0, 800), min_size=1, max_size=5),  # for each customer, days ago of each purchase
    min_size=rfm.GROUPED_FROM,
    max_size=60,
)
THE_DAY = date(2026, 6, 1)


def scored(days_ago: Sequence[Sequence[int]], minor: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """The customers' measures, as of `THE_DAY`; `minor` is what each spends a visit."""
    orders = [
        bought(who, (THE_DAY - timedelta(days=ago)).isoformat(), minor[who] if minor else 1000)
        for who, visits in enumerate(days_ago)
        for ago in visits
    ]
    found = of_each(orders, as_of=THE_DAY)
    return [found[who] for who in range(len(days_ago))]


@settings(deadline=None, max_examples=often(3))
@given(days_ago=SCORES, minor=st.data())
def test_equal_values_share_a_score_and_more_is_never_lower(days_ago: list[list[int]], minor: st.DataObject):
    spends = minor.draw(st.lists(st.integers(0, 3000), min_size=len(days_ago), max_size=len(days_ago)))
    found = scored(days_ago, spends)
    for score, value in (("r", "last_on"), ("f", "purchase_days"), ("m", "spend_minor")):
        by_value = sorted(found, key=lambda one: one[value])
        for less, more in pairwise(by_value):
            assert less[score] <= more[score]
            assert less[value] < more[value] or less[score] == more[score]


@settings(deadline=None, max_examples=often(3))
@given(days_ago=SCORES)
def test_the_words_of_a_group_never_contradict_the_facts(days_ago: list[list[int]]):
    for one in scored(days_ago):
        if one["recency_days"] <= 7:
            assert one["segment"] not in {"cooling", "wavering", "sleeping"}
            assert one["segment"] not in {"at_risk", "must_keep"} or one["is_lapsing"]
        if one["recency_days"] <= 30:
            assert one["segment"] != "sleeping"
        if one["recency_days"] > 365:
            assert one["segment"] in {"sleeping", "at_risk", "must_keep"}
        assert (one["purchase_days"] == 1) >= (one["segment"] == "new")
        if one["segment"] in {"champions", "loyal", "wavering", "at_risk", "must_keep"}:
            assert one["is_regular"]
        if one["is_lapsing"]:
            assert one["segment"] in {"at_risk", "must_keep"}


def test_where_all_are_equal_nobody_is_last():
    many = [[0, 30, 60, 90]] * 40
    assert {(one["r"], one["f"], one["m"], one["segment"]) for one in scored(many)} == {(5, 4, 3, "champions")}
    once = [[100]] * 40
    assert {(one["r"], one["f"], one["m"], one["segment"]) for one in scored(once)} == {(3, 1, 3, "cooling")}


def test_a_tie_stands_in_the_middle_of_its_ranks():
    # Thirty bought 40 days ago and ten 20 days ago: the thirty stand at 3/8 of the way up, the ten at 7/8.
    found = scored([[40]] * 30 + [[20]] * 10)
    assert [found[0]["r"], found[-1]["r"]] == [2, 5]


def test_a_regular_who_slips_away_is_at_risk_however_lately_the_others_came():
    weekly = [[15, 22, 29, 36]]
    others = [[200 + who] for who in range(39)]
    [tomas, *_rest] = scored(weekly + others)
    assert (tomas["r"], tomas["is_lapsing"], tomas["segment"]) == (5, True, "at_risk")


def test_too_few_customers_are_not_grouped():
    for_one = [[0]]
    [ines] = scored(for_one)
    assert (ines["r"], ines["f"], ines["m"], ines["segment"]) == (None, None, None, None)
    assert {one["segment"] for one in scored([[0]] * (rfm.GROUPED_FROM - 1))} == {None}
    assert {one["segment"] for one in scored([[0]] * rfm.GROUPED_FROM)} == {"new"}


def test_whoever_never_bought_has_a_reading_of_noughts_and_unknowns():
    with computed([bought(INES, "2026-03-02", 1000)], visitors=[MAREK]) as result:
        marek = stored(result)[MAREK]
    assert (marek["orders"], marek["spend_minor"], marek["is_lapsing"], marek["at_stake_minor"]) == (0, 0, False, 0)
    assert {marek[name] for name in ("first_on", "last_on", "r", "f", "m", "segment", "typical_gap_days")} == {None}


def test_a_shop_without_orders_gives_empty_answers():
    with computed([], visitors=[MAREK], today=date(2026, 6, 1)) as result:
        assert result.as_of == date(2026, 6, 1)
        assert list(stored(result)) == [MAREK]
    assert result.shop["repeat_rate"]["came_back"].lack == "nobody"
    assert result.shop["retention"]["cohorts"] == []
    assert result.shop["months"]["months"] == []
    assert result.shop["overview"]["average_order"].lack == "nobody"


def test_windows_slide_and_what_is_in_them_goes_by_itself():
    orders = [bought(INES, "2026-01-01", 1000), bought(INES, "2026-01-31", 300), bought(INES, "2026-04-01", 20)]
    back = [gave_back(INES, "2026-02-10", 100)]
    names = ("orders_30d", "orders_90d", "orders_365d", "spend_30d_minor", "spend_90d_minor", "spend_365d_minor")
    expected = {
        # A window holds as many days as it says, the as-of day the last: the thirtieth day back is without.
        "2026-01-30": (1, 1, 1, 1000, 1000, 1000),
        "2026-01-31": (1, 2, 2, 300, 1300, 1300),
        "2026-04-01": (1, 2, 3, 20, 220, 1220),
        "2026-05-02": (0, 1, 3, 0, -80, 1220),
        "2027-05-02": (0, 0, 0, 0, 0, 0),
    }
    for day, values in expected.items():
        with computed(orders, back, as_of=day) as result:
            assert tuple(people(result)[INES][name] for name in names) == values, day


def test_ones_own_rhythm_is_the_middle_gap_and_how_far_the_middle_half_spreads():
    """Gaps of 10, 20, 30 and 100 days: middle 25, quartiles 17.5 and 47.5."""
    days = ("2026-01-01", "2026-01-11", "2026-01-31", "2026-03-02", "2026-06-10")
    with computed([*(bought(INES, day, 100) for day in days), bought(TOMAS, "2026-06-10", 100)]) as result:
        found = people(result)
    assert (found[INES]["median_gap_days"], found[INES]["gap_spread_days"]) == (25.0, 30.0)
    assert found[TOMAS]["median_gap_days"] is None
