import json

from click.testing import CliRunner

from regulars.insight.audiences.benchmarks import bench_audiences


def test_the_benchmark_finds_the_same_people_in_two_ways():
    told = CliRunner().invoke(
        bench_audiences, ["--customers", "300", "--events", "3000", "--rounds", "1", "--json"], catch_exceptions=False
    )
    facts = json.loads(told.output)
    assert facts["traits"]["members"] > 50
    assert facts["windows"]["members"] > 20
