"""What a benchmark says of its rounds."""

from typing import Any

from regulars.doors.ingest.benchmarks import _middle


def a_round(per_second: int, copy_per_second: int) -> dict[str, Any]:
    return {"per_second": per_second, "copy_per_second": copy_per_second}


def test_the_round_in_the_middle_counts_and_luck_on_one_side_does_not():
    told = _middle([a_round(20, 40), a_round(30, 30), a_round(18, 30), a_round(10, 50), a_round(24, 30)])

    assert told == a_round(18, 30) | {
        "ratio": 0.6,
        "ratios": [0.2, 0.5, 0.6, 0.8, 1.0],
        "best_per_second": 30,
        "best_copy_per_second": 50,
    }


def test_of_two_rounds_the_lower_counts():
    assert _middle([a_round(20, 40), a_round(30, 30)])["ratio"] == 0.5
