import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit.points import Points
from regulars.kit.refusals import Refusal

parts = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("text", "scale", "found"), [("125", 0, 125), ("12.5", 1, 125), ("12.50", 1, 125), ("0.001", 3, 1), ("-3", 2, -300)]
)
def test_points_are_read_exactly(text: str, scale: int, found: int) -> None:
    assert Points.of(text, scale) == Points(found, scale)


@pytest.mark.parametrize(
    ("amount", "scale"), [("12.5", 0), ("1.25", 1), (1.5, 1), ("many", 0), ("1", 7), ("1", -1), ("1", True)]
)
def test_what_is_not_exact_points_is_refused(amount: str, scale: int) -> None:
    with pytest.raises(Refusal):
        Points.of(amount, scale)


def test_two_programmes_do_not_mix() -> None:
    with pytest.raises(Refusal, match="at_scale"):
        Points(10, 1) + Points(1, 0)
    assert Points(10, 1) + Points(1, 0).at_scale(1) == Points.of("2", 1)
    with pytest.raises(Refusal):
        Points(15, 1).at_scale(0)


@given(parts, parts, st.integers(0, 6))
def test_sums_and_order_are_those_of_whole_numbers(a: int, b: int, scale: int) -> None:
    first, second = Points(a, scale), Points(b, scale)
    assert (first + second).parts == a + b
    assert (first - second) + second == first
    assert (first <= second) is (a <= b)
    assert Points.of(str(first), scale) == first
