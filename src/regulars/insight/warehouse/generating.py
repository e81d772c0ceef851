"""A warehouse of made-up orders of any size, for benchmarks: no truth in it, only volume."""

from datetime import UTC, datetime
from pathlib import Path

from regulars.insight.warehouse import _copying, _files
from regulars.insight.warehouse._files import Manifest, TableFiles
from regulars.runtime.database.published import ColumnType

_TABLES: dict[str, tuple[str, str, dict[str, ColumnType]]] = {
    "customers": (
        "customer_id",
        "SELECT range + 1 AS customer_id, range + 1 AS person_id,"
        " CASE WHEN hash(range) % 3 = 0 THEN 'CN' ELSE 'GB' END AS country FROM range({customers})",
        {"customer_id": "int64", "person_id": "int64", "country": "text"},
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
_EVENTS: dict[str, tuple[str, str, dict[str, ColumnType]]] = {
    "shop": (
        "currency",
        "SELECT 'GBP' AS currency, 100::BIGINT AS minor_units",
        {"currency": "text", "minor_units": "int64"},
    ),
    # Everybody has two browsers; one in a hundred is used by many.
    "visitors": (
        "visitor_id",
        "SELECT range + 1 AS visitor_id, 1 + range // 2 AS customer_id, hash(range + 31) % 100 = 0 AS is_shared"
        " FROM range({customers} * 2)",
        {"visitor_id": "int64", "customer_id": "int64", "is_shared": "bool"},
    ),
    "events": (
        "event_id",
        "SELECT range + 1 AS event_id, 1 + floor({customers} * 2 * (hash(range + 37) / 18446744073709551616.0) ** 2)"
        "::BIGINT AS visitor_id, TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * (hash(range + 41) % 15552000)::BIGINT"
        " AS occurred_at, ['Product Viewed', 'Product Viewed', 'Product List Viewed', 'Product Added',"
        " 'Products Searched'][1 + (hash(range + 43) % 5)::INTEGER] AS name, 'track' AS kind, 'web' AS source,"
        " 'p' || hash(range + 47) % 4000 AS product, NULL::DECIMAL(18, 6) AS rating,"
        " (hash(range + 53) % 9000 / 100)::DECIMAL(18, 6) AS value, 'GBP' AS currency,"
        " NULL::VARCHAR AS page, NULL::VARCHAR AS category, NULL::VARCHAR AS search, NULL::VARCHAR AS store,"
        " NULL::VARCHAR AS coupon, NULL::DECIMAL(18, 6) AS quantity, NULL::DECIMAL(18, 6) AS price,"
        " NULL::DECIMAL(18, 6) AS amount, FALSE AS is_list FROM range({events})",
        {
            "event_id": "int64",
            "visitor_id": "int64",
            "occurred_at": "timestamp",
            "name": "text",
            "kind": "text",
            "source": "text",
            "product": "text",
            "rating": "decimal",
            "value": "decimal",
            "currency": "text",
            **dict.fromkeys(("page", "category", "search", "store", "coupon"), "text"),
            **dict.fromkeys(("quantity", "price", "amount"), "decimal"),
            "is_list": "bool",
        },
    ),
    "event_products": (
        "event_product_id",
        "SELECT range AS event_product_id, range AS event_id, '' AS product, '' AS category, 0::DECIMAL(18, 6)"
        " AS quantity, 0::DECIMAL(18, 6) AS price, 0::DECIMAL(18, 6) AS amount, 'GBP' AS currency FROM range(0)",
        {
            "event_product_id": "int64",
            "event_id": "int64",
            "product": "text",
            "category": "text",
            "quantity": "decimal",
            "price": "decimal",
            "amount": "decimal",
            "currency": "text",
        },
    ),
}
#: In which the events happen.
_MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06")


def generate(home: Path, *, customers: int, orders: int = 0, events: int = 0) -> None:
    """Publish `orders` orders of `customers` people, and a twentieth as many returns, under `home`, in files such as a
    publish makes; with `events` these too, of half a year, done by two visitors each."""
    tables = {}
    wanted_tables = {**(_TABLES if orders else {"customers": _TABLES["customers"]}), **(_EVENTS if events else {})}
    with _copying.Engine(home) as engine:
        for name, (key, query, columns) in wanted_tables.items():
            wanted = query.format(customers=customers, orders=orders, events=events)
            if name == "events":
                engine.reached().execute(f"CREATE TEMP VIEW made AS {wanted}")
                base = tuple(
                    _copying.merge(
                        home,
                        name,
                        f"SELECT * FROM made WHERE occurred_at >= DATE '{month}-01'"  # noqa: S608 - our own
                        f" AND occurred_at < DATE '{month}-01' + INTERVAL 1 MONTH",
                        engine,
                        month=month,
                        by="occurred_at",
                    )
                    for month in _MONTHS
                )
            else:
                base = (_copying.merge(home, name, wanted, engine),)
            tables[name] = TableFiles(key, columns, "generated", base=base, rows=sum(file.rows for file in base))
    now = datetime.now(UTC).isoformat()
    _files.write_manifest(home, Manifest(database="generated", snapshot="0:0:", published_at=now, tables=tables))
