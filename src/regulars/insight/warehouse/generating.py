"""A warehouse of made-up orders of any size, for benchmarks: no truth in it, only volume."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from regulars.insight.warehouse import _files
from regulars.insight.warehouse._files import DataFile, Manifest, TableFiles
from regulars.runtime.database.published import ColumnType

_TABLES: dict[str, tuple[str, str, dict[str, ColumnType]]] = {
    "customers": (
        "customer_id",
        "SELECT range + 1 AS customer_id, 'GB' AS country FROM range({customers})",
        {"customer_id": "int64", "country": "text"},
    ),
    # Squaring the draw gives a few people very many orders and many people few, as in a shop.
    "orders": (
        "order_id",
        "SELECT range + 1 AS order_id, 1 + floor({customers} * (hash(range) / 18446744073709551616.0) ** 2)::BIGINT"
        " AS customer_id, 'purchase' AS kind, DATE '2024-01-01' + (hash(range + 7) % 730)::INTEGER AS placed_on,"
        " 'GBP' AS currency, (500 + hash(range + 11) % 20000)::BIGINT AS goods_minor, 0::BIGINT AS discount_minor,"
        " hash(range + 13) % 50 = 0 AS is_cancelled, 'c' || hash(range + 17) % 4 AS channel,"
        " CASE WHEN hash(range + 19) % 3 = 0 THEN 's' || hash(range + 23) % 9 END AS store FROM range({orders})",
        {
            "order_id": "int64",
            "customer_id": "int64",
            "kind": "text",
            "placed_on": "date",
            "currency": "text",
            "goods_minor": "int64",
            "discount_minor": "int64",
            "is_cancelled": "bool",
            "channel": "text",
            "store": "text",
        },
    ),
    "lines": (
        "line_id",
        "SELECT range + 1 AS line_id, 1 + range // 2 AS order_id, 1 + (hash(range + 29) % 500)::BIGINT AS product_id,"
        " 100::BIGINT AS amount_minor FROM range({orders} * 2)",
        {"line_id": "int64", "order_id": "int64", "product_id": "int64", "amount_minor": "int64"},
    ),
    "products": (
        "product_id",
        "SELECT range + 1 AS product_id, 'P' || range AS title, 'k' || range % 20 AS category FROM range(500)",
        {"product_id": "int64", "title": "text", "category": "text"},
    ),
    "returns": (
        "return_id",
        "SELECT range + 1 AS return_id, 1 + floor({customers} * (hash(range) / 18446744073709551616.0) ** 2)::BIGINT"
        " AS customer_id, DATE '2024-01-01' + (hash(range + 7) % 730)::INTEGER AS returned_on, 'GBP' AS currency,"
        " 300::BIGINT AS amount_minor, 300::BIGINT AS matched_minor FROM range({orders} // 20)",
        {
            "return_id": "int64",
            "customer_id": "int64",
            "returned_on": "date",
            "currency": "text",
            "amount_minor": "int64",
            "matched_minor": "int64",
        },
    ),
}


def generate(home: Path, *, customers: int, orders: int) -> None:
    """Publish `orders` orders of `customers` people, and a twentieth as many returns, under `home`."""
    tables = {}
    with duckdb.connect() as engine:
        for name, (key, query, columns) in _TABLES.items():
            file = _files.folder(home) / name / "base-generated.parquet"
            file.parent.mkdir(parents=True)
            wanted = query.format(customers=customers, orders=orders)
            engine.execute(f"COPY ({wanted}) TO '{file.as_posix()}' (FORMAT parquet)")
            rows = pq.ParquetFile(file).metadata.num_rows
            data = DataFile(file.relative_to(_files.folder(home)).as_posix(), rows)
            tables[name] = TableFiles(key, columns, "generated", base=(data,), rows=rows)
    now = datetime.now(UTC).isoformat()
    _files.write_manifest(home, Manifest(database="generated", snapshot="0:0:", published_at=now, tables=tables))
