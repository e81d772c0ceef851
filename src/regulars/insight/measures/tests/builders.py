"""Small shops in memory, told as who bought what when."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from django.db import connection, transaction

from regulars.facts.customers import customers
from regulars.insight.measures import computing, published, refreshing, tables, walking
from regulars.insight.measures.computing import Computed
from regulars.insight.measures.scope import Scope
from regulars.insight.warehouse.session import Session
from regulars.kit.actors import SYSTEM

INES, TOMAS, PRIYA, MAREK, LI = 1, 2, 3, 4, 5
A_LATER_DAY = date(2030, 1, 1)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def bought(who: int | None, on: str, minor: int, **differently: Any) -> dict[str, Any]:
    """One order in pounds, unless told differently."""
    order = {
        "customer_id": who,
        "kind": "purchase",
        "placed_on": date.fromisoformat(on),
        "currency": "GBP",
        "goods_minor": minor,
        "discount_minor": 0,
        "is_cancelled": False,
    }
    return order | differently


def gave_back(
    who: int | None, on: str, minor: int, *, matched: int | None = None, currency: str = "GBP"
) -> dict[str, Any]:
    """One return, wholly matched unless told differently."""
    return {
        "customer_id": who,
        "returned_on": date.fromisoformat(on),
        "currency": currency,
        "amount_minor": minor,
        "matched_minor": minor if matched is None else matched,
    }


def frames(
    orders: Sequence[dict[str, Any]], returns: Sequence[dict[str, Any]] = (), visitors: Sequence[int] = ()
) -> dict[str, pa.Table]:
    """`visitors` are customers who never bought."""
    known = sorted({o["customer_id"] for o in [*orders, *returns] if o["customer_id"] is not None} | set(visitors))
    given = {"customers": pa.Table.from_pylist([{"customer_id": who, "country": None} for who in known])}
    if orders:
        given["orders"] = pa.Table.from_pylist([{"order_id": n, **order} for n, order in enumerate(orders, 1)])
    if returns:
        given["returns"] = pa.Table.from_pylist([{"return_id": n, **back} for n, back in enumerate(returns, 1)])
    if not known:
        del given["customers"]
    return tables.shaped(given)


@contextmanager
def computed(
    orders: Sequence[dict[str, Any]],
    returns: Sequence[dict[str, Any]] = (),
    *,
    visitors: Sequence[int] = (),
    as_of: str | None = None,
    today: date = A_LATER_DAY,
) -> Iterator[Computed]:
    with Session.from_frames(frames(orders, returns, visitors)) as session:
        asked = None if as_of is None else date.fromisoformat(as_of)
        yield computing.compute(session, currency="GBP", today=today, as_of=asked)


def people(result: Computed) -> dict[int, dict[str, Any]]:
    return {row["customer_id"]: row for row in result.session.rows(result.people())}


def stored(result: Computed) -> dict[int, dict[str, Any]]:
    return {row["customer_id"]: row for batch in result.batches() for row in batch.to_pylist()}


def of_each(orders: Sequence[dict[str, Any]], *, as_of: date) -> dict[int, dict[str, Any]]:
    """The measures of each customer alone: those of the shop cost as much again."""
    with Session.from_frames(frames(orders), threads=1) as session:
        scope = Scope(table=session.table, as_of=as_of, currency="GBP")
        walking.walk(session, scope)
        computing.sum_days(session, scope)
        computing.people(session, scope)
        return {row["customer_id"]: row for row in session.rows(scope.people())}


def known(*names: str) -> dict[str, int]:
    """Customers, one after the other: later ones have larger numbers."""
    who = dict[str, int]()
    for name in names:
        who |= customers.resolve_many(namespace="till", refs=[name], at=NOW, by=SYSTEM, origin="live")
    return who


def as_published() -> pa.Table:
    with connection.cursor() as cursor:
        wanted = ", ".join(published.TABLE.columns)
        cursor.execute(f"SELECT {wanted} FROM ({published.TABLE.sql}) AS published")
        rows = cursor.fetchall()
    schema = pa.schema([(name, tables._ARROW[kind]) for name, kind in published.TABLE.columns.items()])
    return pa.Table.from_pylist([dict(zip(published.TABLE.columns, row, strict=True)) for row in rows], schema=schema)


def store(orders: Sequence[dict[str, Any]], returns: Sequence[dict[str, Any]] = (), **told: Any) -> tuple[int, ...]:
    with transaction.atomic(), computed(orders, returns, **told) as result, connection.cursor() as cursor:
        result.session.put(published.TABLE.name, as_published())
        customers, _differing = refreshing._stage(result.session)
        counts = (customers, *refreshing._store())
        scope = Scope(table=result.session.table, as_of=result.as_of, currency=result.currency)
        refreshing._store_shop(scope, result.shop, NOW)
        cursor.execute("DROP TABLE fresh_reading, gone_reading")  # a test's transaction is longer than a refresh's
    return counts
