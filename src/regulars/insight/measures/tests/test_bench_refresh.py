"""The benchmark of a refresh runs, and what it kills is taken up."""

from pathlib import Path

import pytest
from django.conf import settings

from regulars.insight.measures import bench_refresh


@pytest.mark.long
def test_the_benchmark_refreshes_from_nothing_killed_and_of_a_day(
    fresh_database: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(settings, "REGULARS_HOME", str(tmp_path))
    for name, value in fresh_database.items():
        monkeypatch.setenv(name, value)
    facts = bench_refresh.measure(200, 2_000)
    assert facts["whole_seconds"] > facts["killed_at_seconds"] > 0
    assert facts["megabytes"] > 50
    assert "2,000 orders" in bench_refresh._told(facts)
