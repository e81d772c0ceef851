"""The published tables and columns that measures read, for tables in memory that never were in a database."""

from collections.abc import Mapping

import pyarrow as pa

from regulars.runtime.database.published import ColumnType

NEEDED: Mapping[str, Mapping[str, ColumnType]] = {
    "customers": {"customer_id": "int64", "country": "text"},
    "orders": {
        "order_id": "int64",
        "customer_id": "int64",
        "kind": "text",
        "placed_on": "date",
        "currency": "text",
        "goods_minor": "int64",
        "discount_minor": "int64",
        "is_cancelled": "bool",
    },
    "returns": {
        "return_id": "int64",
        "customer_id": "int64",
        "returned_on": "date",
        "currency": "text",
        "amount_minor": "int64",
        "matched_minor": "int64",
    },
}
#: What figures read besides: a report from a file has none.
FIGURES_NEED: Mapping[str, Mapping[str, ColumnType]] = {
    "orders": {"channel": "text", "store": "text"},
    "lines": {"line_id": "int64", "order_id": "int64", "product_id": "int64", "amount_minor": "int64"},
    "products": {"product_id": "int64", "title": "text", "category": "text"},
    "events": {"visitor_id": "int64", "occurred_at": "timestamp", "name": "text"},
    "visitors": {"visitor_id": "int64", "customer_id": "int64", "is_shared": "bool"},
}
_ARROW: Mapping[ColumnType, pa.DataType] = {
    "int64": pa.int64(),
    "text": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "bool": pa.bool_(),
    "decimal": pa.decimal128(38, 6),
}


def shaped(frames: Mapping[str, pa.Table], *, with_figures: bool = False) -> dict[str, pa.Table]:
    """Each needed table with its needed columns and types; a table not given is empty. KeyError on a missing column."""
    tables = {}
    wanted: dict[str, dict[str, ColumnType]] = {name: dict(columns) for name, columns in NEEDED.items()}
    for name, more in FIGURES_NEED.items() if with_figures else ():
        wanted.setdefault(name, {}).update(more)
    for name, columns in wanted.items():
        schema = pa.schema([(column, _ARROW[kind]) for column, kind in columns.items()])
        given = frames.get(name)
        tables[name] = schema.empty_table() if given is None else given.select(list(columns)).cast(schema)
    return tables
