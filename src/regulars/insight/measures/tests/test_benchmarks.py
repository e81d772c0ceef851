import json

import click
import pytest
from click.testing import CliRunner

from regulars.insight.measures.benchmarks import insight, rfm


@pytest.mark.parametrize("command", [rfm, insight], ids=lambda command: command.name)
def test_the_benchmark_compares_two_ways_to_the_same_numbers(command: click.Command):
    result = CliRunner().invoke(
        command, ["--customers", "1000", "--orders", "5000", "--rounds", "1", "--json"], catch_exceptions=False
    )
    assert json.loads(result.output)["ratio"] > 0
