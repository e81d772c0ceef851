"""What orders and returns share when they are written: references to numbers, and newer versions over older ones."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from django.db import connection

from regulars.facts.commerce import _copying, products
from regulars.facts.commerce.models import Order
from regulars.facts.commerce.order_reports import MORE_OF_LINES
from regulars.facts.company import channels, stores
from regulars.facts.customers import customers, persons
from regulars.kit.actors import Actor, Origin

#: What a line holds nothing of once its source has taken it back.
_EMPTIED = ("quantity", "unit_price", "amount_minor", "discount_minor", "tax_minor")
#: Columns of lines that some batches have.
_MORE_OF_LINES = ("discount_minor", "of_line", "restock", *MORE_OF_LINES)


def number(ref: pl.Expr, numbers: Mapping[str, int]) -> pl.Expr:
    """The number each reference stands for; null stays null."""
    if not numbers:
        return pl.lit(None, dtype=pl.Int64)
    return ref.replace_strict(list(numbers), list(numbers.values()), default=None, return_dtype=pl.Int64)


def distinct(column: pl.Series) -> list[Any]:
    """What stands in it, each once. A few values cost polars more than they cost Python, and many not much less."""
    return sorted(set(column.to_list()) - {None})


def bytea(column: pl.Expr) -> pl.Expr:
    """Bytes as COPY reads them."""
    return pl.concat_str(pl.lit("\\x"), column.bin.encode("hex")).alias(column.meta.output_name())


def buyers(
    namespace: str,
    documents: pl.DataFrame,
    *,
    also: Iterable[int] = (),
    at: datetime,
    by: Actor,
    origin: Origin,
) -> pl.DataFrame:
    """Each `customer_ref` with its person, and the record that it names where that is another: customer_ref,
    customer_id, came_with_id. Nobody joins or parts them, or the customers in `also`, until the transaction ends.

    Ask before any document is locked: who joins people locks them first, and their documents then.
    """
    refs = distinct(documents["customer_ref"])
    record = customers.resolve_many(namespace=namespace, refs=refs, at=at, by=by, origin=origin)
    person = persons.held([*record.values(), *also])
    return pl.DataFrame(
        {
            "customer_ref": list(record),
            "customer_id": [person[one] for one in record.values()],
            "came_with_id": [None if person[one] == one else one for one in record.values()],
        },
        schema={"customer_ref": pl.String(), "customer_id": pl.Int64(), "came_with_id": pl.Int64()},
    )


def hold_buyer(order: int) -> None:
    """Nobody joins or parts the order's customer until the transaction ends; taken before the order is locked."""
    customer = Order.objects.filter(id=order).values_list("customer_id", flat=True).first()
    if customer is not None:
        persons.held([customer])


def places(documents: pl.DataFrame, *, at: datetime, by: Actor) -> tuple[dict[str, int], dict[str, int]]:
    """Channel and store codes to numbers. A channel in which stores sell is one of stores."""
    pairs = set(zip(documents["channel"].to_list(), documents["store"].to_list(), strict=True))
    by_store = {channel for channel, store in pairs if None not in (channel, store)}
    others = {channel for channel, _ in pairs if channel is not None} - by_store
    found = channels.resolve_many(codes=sorted(others), at=at, by=by, kind="web") if others else {}
    if by_store:
        found |= channels.resolve_many(codes=sorted(by_store), at=at, by=by, kind="store")
    store: dict[str, int] = {}
    for channel in sorted(by_store):
        codes = sorted(code for where, code in pairs if where == channel and code is not None)
        store |= stores.resolve_many(codes=codes, at=at, by=by, channel=channel)
    return found, store


def numbered_lines(namespace: str, lines: pl.DataFrame, owner: str, *, at: datetime, by: Actor) -> pl.DataFrame:
    """`lines` as rows of a line table: product references turned into numbers. `owner` names the document's column."""
    product = products.resolve_many(namespace=namespace, described=lines, at=at, by=by, ref="product_ref")
    extra = [name for name in _MORE_OF_LINES if name in lines.columns]
    return lines.select(
        owner,
        "number",
        number(pl.col("product_ref"), product).alias("product_id"),
        "quantity",
        "unit_price",
        "amount_minor",
        *extra,
    )


def customers_of(table: str, documents: Sequence[int]) -> set[int]:
    """The customers these documents belong to."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT customer_id FROM {table} WHERE id = ANY(%s) AND customer_id IS NOT NULL",
            [list(documents)],
        )
        return {customer for (customer,) in cursor.fetchall()}


def customers_by_ref(table: str, namespace: str, refs: Sequence[str]) -> set[int]:
    """The customers of those of these documents that are on record."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT customer_id FROM {table} WHERE namespace = %s AND ref = ANY(%s)"
            " AND customer_id IS NOT NULL",
            [namespace, list(refs)],
        )
        return {customer for (customer,) in cursor.fetchall()}


def overwrite(table: str, rows: pl.DataFrame, *, unless: Mapping[str, str] | None = None) -> None:
    """Every column of `rows` but `id` replaces what the row of that id has; those in `unless` are set to the SQL it
    has for them, of the row and of `told`."""
    columns = [name for name in rows.columns if name != "id"]
    told = _told(table, rows)
    sets = ", ".join(f"{name} = {(unless or {}).get(name, f'told.{name}')}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {sets} FROM {told} AS told WHERE {table}.id = told.id")


def overwrite_lines(table: str, owner: str, rows: pl.DataFrame, owners: Sequence[int]) -> None:
    """`rows` replace the lines of `owners`. Lines that are gone keep their number and hold nothing any more."""
    told = _told(table, rows)
    columns = ", ".join(rows.columns)
    values = [name for name in rows.columns if name not in {owner, "number"}]
    emptied = [name for name in values if name in _EMPTIED]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {told} ON CONFLICT ({owner}, number) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in values)
        )
        cursor.execute(
            f"UPDATE {table} AS line SET {', '.join(f'{name} = 0' for name in emptied)} WHERE {owner} = ANY(%s)"
            f" AND NOT EXISTS (SELECT FROM {told} AS told"
            f" WHERE told.{owner} = line.{owner} AND told.number = line.number)",
            [list(owners)],
        )


def _told(table: str, rows: pl.DataFrame) -> str:
    """A temporary table shaped like `table` that holds `rows`."""
    told = f"told_{table}"
    columns = ", ".join(rows.columns)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{told}")
        cursor.execute(f"CREATE TEMPORARY TABLE {told} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA")
    _copying.copy(told, rows)
    return told
