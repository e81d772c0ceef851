"""How files are packed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from regulars.insight.warehouse import _copying, _files
from regulars.runtime.database.published import ColumnType


def test_numbers_that_differ_are_packed_by_their_distances(tmp_path: Path):
    columns: dict[str, ColumnType] = {"line_id": "int64", "number": "int64", "at": "timestamp", "sku": "text"}
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC).replace(tzinfo=None)
    rows = [(n * n, n % 3, noon + timedelta(seconds=n * n), f"s{n}") for n in range(1_000)]
    file = _copying.write(tmp_path, "lines", "base", columns, [_copying.batch(columns, rows)])
    path = _files.folder(tmp_path) / file.path
    packed = pq.ParquetFile(path).metadata.row_group(0)
    by_distance = [
        packed.column(place).path_in_schema
        for place in range(len(columns))
        if "DELTA_BINARY_PACKED" in packed.column(place).encodings
    ]
    assert by_distance == ["line_id", "at"]
    assert pq.read_table(path).to_pylist() == [dict(zip(columns, row, strict=True)) for row in rows]
