"""The benchmark measures what it says: the same rows by both ways, and an empty database after it."""

from pathlib import Path

import pytest

from regulars.doors.imports import benchmarks, wares
from regulars.doors.imports.tests.builders import NOW, a_file
from regulars.kit.actors import Actor


def test_import_and_copy_write_the_same_rows(tmp_path: Path, fresh_database: dict[str, str]) -> None:
    file = tmp_path / "year.parquet"
    benchmarks.write_orders(file, 3_000)

    facts = benchmarks.measure(file, tmp_path, rounds=2)

    assert isinstance(facts["rows_written"], int)
    assert facts["rows_written"] > 3_000
    assert isinstance(facts["ratio"], float)
    assert facts["ratio"] > 0


def test_a_database_in_use_is_left_alone(tmp_path: Path, fresh_database: dict[str, str]) -> None:
    goods = a_file(tmp_path, [{"product": "mug", "sku": "mug-1", "title": "A mug"}])
    wares.import_wares("products", goods, None, at=NOW, by=Actor("operator", "1"))

    with pytest.raises(benchmarks.NotEmpty, match="commerce_product"):
        benchmarks.measure(tmp_path / "none", tmp_path, rounds=1)
