"""The number with its interval: against tables of published or hand-computed answers, and by brute force."""

import random
from math import isclose, sqrt

import pytest

from regulars.insight.measures import estimates
from regulars.insight.measures.estimates import Estimate


def sums(pairs: list[tuple[int, int]]) -> tuple[int, int, int, int, int, int]:
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    return (
        sum(xs),
        sum(x * x for x in xs),
        sum(ys),
        sum(y * y for y in ys),
        sum(x * y for x, y in pairs),
        len(pairs),
    )


def test_a_bare_number_cannot_be_made():
    with pytest.raises(ValueError, match="between"):
        Estimate(3, 5, 4, 6, "number", "buyers")
    with pytest.raises(ValueError, match="why"):
        Estimate(None, 5, None, None, "number", "buyers")
    with pytest.raises(ValueError, match="lacks"):
        Estimate(3, 5, 3, 3, "number", "buyers", lack="nobody")


@pytest.mark.parametrize(
    ("values", "value", "half"),
    [
        # Sample standard deviations 1 and 2.5819889; z / sqrt(n).
        ([1, 2, 3], 2.0, 1.959964 * 1 / sqrt(3)),
        ([2, 4, 6, 8], 5.0, 1.959964 * 2.5819889 / sqrt(4)),
        ([7, 7, 7], 7.0, 0.0),
    ],
)
def test_a_mean_and_its_interval(values: list[int], value: float, half: float):
    found = estimates.mean(sum(values), sum(v * v for v in values), len(values), "number", "buyers")
    assert found.value == value
    assert isclose(found.high - found.value, half, abs_tol=1e-6)
    assert isclose(found.value - found.low, half, abs_tol=1e-6)


def test_one_alone_says_nothing_of_how_they_spread():
    assert estimates.mean(5, 25, 1, "number", "buyers").lack == "too_few"
    assert estimates.mean(0, 0, 0, "number", "buyers").lack == "nobody"


def test_a_ratios_interval_holds_the_truth_as_often_as_it_says():
    """Customers who differ in how often they buy; every order is worth 1,000 on average."""
    chance, held = random.Random(11), 0
    for _ in range(400):
        pairs = []
        for _customer in range(120):
            orders = 1 + int(chance.expovariate(0.7))
            pairs.append((sum(chance.randrange(500, 1501) for _ in range(orders)), orders))
        found = estimates.ratio(*sums(pairs), "money", "buyers")
        held += found.low <= 1000 <= found.high
    assert 0.91 <= held / 400 <= 0.98


def test_money_is_rounded_half_away_from_nought():
    assert estimates.ratio(125, 8125, 2, 2, 125, 2, "money", "buyers").value == 63
    assert estimates.ratio(-125, 8125, 2, 2, -125, 2, "money", "buyers").value == -63


def test_sums_beyond_sixty_four_bits_are_exact():
    huge = 3 * 10**15
    found = estimates.mean(3 * huge, 3 * huge * huge, 3, "money", "buyers")
    assert (found.value, found.low, found.high) == (huge, huge, huge)


def test_a_median_by_hand():
    """Of 1..99 the middle is 50; the ends stand 1.96 * sqrt(.25 / 99) = 0.0985 of the order to either side."""
    found = estimates.median(dict.fromkeys(range(1, 100), 1), 99, "days", "gaps")
    assert (found.value, found.low, found.high, found.n) == (50, 40, 60, 99)
    assert (found.factors["lower"].value, found.factors["upper"].value) == (25, 75)


def test_visits_of_few_customers_make_a_median_less_sure():
    counts = dict.fromkeys(range(1, 100), 1)
    many, few = (estimates.median(counts, customers, "days", "gaps") for customers in (99, 9))
    assert few.low < many.low < many.high < few.high


def test_a_product_is_as_unsure_as_its_factors():
    sure = Estimate(2.0, 9, 2.0, 2.0, "number", "buyers", is_exact=True)
    unsure = Estimate(10, 5, 5, 20, "money", "buyers")
    found = estimates.product({"a": unsure, "b": sure}, "money", "customers")
    assert (found.value, found.low, found.high, found.n) == (20, 10, 40, 5)
    both = estimates.product({"a": unsure, "b": unsure}, "money", "customers")
    # Logarithms add in squares: a factor of two to either side becomes 2 ** sqrt(2).
    assert (both.low, both.high) == (round(100 / 2 ** sqrt(2)), round(100 * 2 ** sqrt(2)))


def test_a_product_lacks_what_a_factor_lacks():
    lacking = estimates.unknown("too_short", "years", "customers", n=4)
    sure = estimates.exact(3, 8, "money", "buyers")
    found = estimates.product({"a": sure, "years": lacking}, "money", "customers")
    assert (found.value, found.lack, found.n) == (None, "too_short", 4)
    assert found.factors["a"] is sure


@pytest.mark.parametrize(
    "told",
    [
        estimates.exact(7, 3, "money", "buyers", bought=estimates.exact(9, 3, "money", "buyers")),
        estimates.share(3, 8, "customers"),
        estimates.share(0, 0, "customers"),
    ],
)
def test_what_is_kept_is_read_back(told: Estimate):
    assert Estimate.from_json(told.as_json()) == told
