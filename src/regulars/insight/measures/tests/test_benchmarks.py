import json

from click.testing import CliRunner

from regulars.insight.measures.benchmarks import measures


def test_the_benchmark_compares_two_ways_to_the_same_numbers():
    result = CliRunner().invoke(
        measures, ["--customers", "1000", "--orders", "5000", "--rounds", "1", "--json"], catch_exceptions=False
    )
    assert json.loads(result.output)["ratio"] > 0
