"""The benchmark runs and compares the same rows."""

from regulars.insight.warehouse import benchmarks


def test_the_benchmark_publishes_from_nothing_and_a_day(fresh_database: dict[str, str]):
    facts = benchmarks.measure(1_400, 1_400)
    assert facts["whole_seconds"] > 0
    assert facts["by_hand_seconds"] > 0
    assert "1,400 orders" in benchmarks._told(facts)
