"""The members list: customers with their readings, narrowed and sorted, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from regulars.facts.customers import customers
from regulars.facts.customers.relation import CUSTOMERS
from regulars.insight.measures import readings
from regulars.insight.measures.models import LONG_AGO
from regulars.insight.measures.readings import COLUMNS, CustomerReading
from regulars.kit import paging
from regulars.kit.paging import Page
from regulars.kit.windows import Window

Order = Literal["newest", "last_purchase", "spend", "orders", "at_stake"]
#: Counting stops here; beyond it the number is PostgreSQL's estimate.
COUNTED = 10_000
_LIST = "members"


@dataclass(frozen=True)
class Between:
    """At least `low` and at most `high`; None leaves that side open."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class MemberFilter:
    """Every part given must hold. `among` are customer numbers, from a look-up by reference or contact.

    Spend is in minor units of the shop's currency; recency in days before the readings' as-of day; `r`, `f` and `m`
    are scores from 1 to 5.
    """

    country: str | None = None
    language: str | None = None
    segment: str | None = None
    orders: Between = Between()
    spend_minor: Between = Between()
    recency_days: Between = Between()
    last_purchase: Window[date] | None = None
    is_regular: bool | None = None
    is_lapsing: bool | None = None
    r: int | None = None
    f: int | None = None
    m: int | None = None
    among: Sequence[int] | None = None


@dataclass(frozen=True)
class Member:
    """One line of the list. `reading` is None for a customer recorded since the last refresh."""

    customer_id: int
    public_id: str
    country: str | None
    language: str | None
    first_seen_at: datetime | None
    reading: CustomerReading | None


@dataclass(frozen=True)
class Count:
    """How many, or about how many."""

    number: int
    is_estimate: bool


#: As its index has it; who never bought counts as long ago.
_LAST_ON = f"coalesce(reading.last_on, '{LONG_AGO}'::date)"


@dataclass(frozen=True)
class _Sort:
    """`expression` is an index's, so that a page is a walk along it; `kind` is what its values are in a cursor."""

    expression: str
    kind: type


_SORTS: dict[Order, _Sort] = {
    "newest": _Sort("customer.id", int),
    "last_purchase": _Sort(_LAST_ON, date),
    "spend": _Sort("reading.spend_minor", int),
    "orders": _Sort("reading.orders", int),
    "at_stake": _Sort("reading.at_stake_minor", int),
}


def search(
    filter: MemberFilter,
    *,
    order: Order = "newest",
    is_ascending: bool = False,
    cursor: str | None = None,
    size: int = 50,
) -> Page[Member]:
    """One page of members, the largest or newest first; `is_ascending` the smallest or oldest.

    `newest` has every customer; the other orders have those with a reading, and `at_stake` the lapsing alone. One
    statement that walks an index in order, however many customers there are; a filter few pass makes it walk further.
    `BadCursor` for a cursor of another order or direction.
    """
    paging.check_size(size)
    sort, listed = _SORTS[order], f"{_LIST}.{order}.{'up' if is_ascending else 'down'}"
    direction, further = ("ASC", ">") if is_ascending else ("DESC", "<")
    seen = readings.seen_from()
    conditions, values = _conditions(filter, order, seen)
    if cursor is not None:
        last = paging.decode(cursor, listed, sort.kind, int)
        conditions.append(f"({sort.expression}, {_key(order)}) {further} (%s, %s)")
        values += last
    wanted = ", ".join(f"reading.{name}" for name in COLUMNS)
    with connection.cursor() as db:
        db.execute(
            f"SELECT {sort.expression}, customer.id, customer.public_id, customer.country, customer.language,"  # noqa: S608 - our own names; values are parameters
            f" customer.first_seen_at, {wanted} FROM {_joined(order)}{_where(conditions)}"
            f" ORDER BY {sort.expression} {direction}, {_key(order)} {direction} LIMIT %s",
            [*values, size + 1],
        )
        rows = db.fetchall()
    page = paging.cut(rows, size, of=listed, key=lambda row: (row[0], row[1]))
    return Page(tuple(_member(row, seen) for row in page.items), page.next)


def count(filter: MemberFilter, *, order: Order = "newest") -> Count:
    """How many the list has in all: exact up to `COUNTED`, PostgreSQL's estimate beyond."""
    conditions, values = _conditions(filter, order, readings.seen_from())
    listed = f"FROM {_joined(order)}{_where(conditions)}"
    if order != "newest" and not any("customer." in one for one in conditions[1:]):
        # Who is joined to another has no reading, so the readings alone can be counted: an index, not a join of all.
        listed = f"FROM measures_reading AS reading{_where(conditions[1:])}"
    with connection.cursor() as db:
        db.execute(f"SELECT count(*) FROM (SELECT 1 {listed} LIMIT %s) AS bounded", [*values, COUNTED + 1])  # noqa: S608 - as above
        [(found,)] = db.fetchall()
        if found <= COUNTED:
            return Count(found, is_estimate=False)
        db.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 {listed}", values)
        [(plan,)] = db.fetchall()
    return Count(max(int(plan[0]["Plan"]["Plan Rows"]), COUNTED), is_estimate=True)


def countries() -> list[str]:
    """Countries customers have, for a filter's choices. One walk along an index, a step a country."""
    return _distinct("country")


def languages() -> list[str]:
    """Languages customers are known to speak, as `countries`."""
    return _distinct("language")


def _distinct(column: str) -> list[str]:
    with connection.cursor() as db:
        db.execute(
            f"WITH RECURSIVE found AS ((SELECT min({column}) AS one FROM {CUSTOMERS})"  # noqa: S608 - our own names
            f" UNION ALL SELECT (SELECT min({column}) FROM {CUSTOMERS} WHERE {column} > found.one) FROM found"
            " WHERE found.one IS NOT NULL) SELECT one FROM found WHERE one IS NOT NULL"
        )
        return [one for (one,) in db.fetchall()]


def _joined(order: Order) -> str:
    if order == "newest":
        return f"{CUSTOMERS} AS customer LEFT JOIN measures_reading AS reading ON reading.customer_id = customer.id"
    return f"measures_reading AS reading JOIN {CUSTOMERS} AS customer ON customer.id = reading.customer_id"


def _key(order: Order) -> str:
    return "customer.id" if order == "newest" else "reading.customer_id"


def _where(conditions: list[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""


def _conditions(filter: MemberFilter, order: Order, seen: tuple[date, str] | None) -> tuple[list[str], list[Any]]:
    # Joined records are in the list as the person they belong to.
    conditions: list[str] = ["customer.person_id IS NULL"]
    values: list[Any] = []

    def must(condition: str, *given: Any) -> None:
        conditions.append(condition)
        values.extend(given)

    for column, equal in (("customer.country", filter.country), ("customer.language", filter.language)):
        if equal is not None:
            must(f"{column} = %s", equal)
    if filter.segment is not None:
        must("reading.segment = %s", filter.segment)
    for column, score in (("reading.r", filter.r), ("reading.f", filter.f), ("reading.m", filter.m)):
        if score is not None:
            must(f"{column} = %s", score)
    for column, between in (("reading.orders", filter.orders), ("reading.spend_minor", filter.spend_minor)):
        if between.low is not None:
            must(f"{column} >= %s", between.low)
        if between.high is not None:
            must(f"{column} <= %s", between.high)
    days = filter.recency_days
    if seen is not None and days.low is not None:
        must("reading.last_on <= %s", seen[0] - timedelta(days=days.low))
    if seen is not None and days.high is not None:
        must("reading.last_on >= %s", seen[0] - timedelta(days=days.high))
    if filter.last_purchase is not None:
        must(f"{_LAST_ON} >= %s AND {_LAST_ON} < %s", filter.last_purchase.start, filter.last_purchase.end)
    if filter.is_regular is not None:
        must("coalesce(reading.is_regular, false) = %s", filter.is_regular)
    if filter.is_lapsing is not None or order == "at_stake":
        # Said plainly, the partial index of lapsing readings answers.
        must("reading.is_lapsing" if filter.is_lapsing is not False else "reading.is_lapsing IS NOT TRUE")
    if filter.among is not None:
        must("customer.id = ANY(%s)", list(filter.among))
    return conditions, values


def _member(row: Sequence[Any], seen: tuple[date, str] | None) -> Member:
    _, number, uuid, country, language, first_seen_at, *reading = row
    public = customers.public_id(uuid if isinstance(uuid, UUID) else UUID(str(uuid)))
    # A customer without a reading joins a row of nulls.
    is_read = seen is not None and reading[0] is not None
    return Member(
        customer_id=number,
        public_id=public,
        country=country,
        language=language,
        first_seen_at=first_seen_at,
        reading=readings.from_row(reading, *seen) if is_read and seen else None,
    )
