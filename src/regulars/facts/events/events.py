"""What happened: questions about events and about those who did them. They write nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy

from regulars.facts.customers import persons
from regulars.facts.customers.relation import CUSTOMERS, RECORDS_OF
from regulars.facts.events.messages import DECODER, KINDS, NAMES_OF_KINDS
from regulars.facts.events.models import Visitor
from regulars.kit.refusals import Refusal
from regulars.runtime.database import arrays

#: `recent` looks through so many of the newest events, so that a silent source costs no more than a busy one.
LOOKED_THROUGH = 5_000
MOST_PRODUCTS = 10

_COLUMNS = (
    "event.id, event.source, event.kind, event.name, event.user_ref, event.device_ref, event.message_id,"
    " event.occurred_at, event.received_at, event.original_at, event.sent_at, event.why_then, event.origin,"
    " event.data::text"
)
# One walk a visitor, newest first and from the month in which it was first seen; no more rows than the page has.
_OF_CUSTOMER = f"""
SELECT {_COLUMNS} FROM events_visitor AS visitor CROSS JOIN LATERAL (
    SELECT * FROM events_event WHERE visitor = visitor.id AND kind = ANY(%(kinds)s)
       AND (%(source)s::bigint IS NULL OR source = %(source)s) AND (%(name)s::text IS NULL OR name = %(name)s)
       AND occurred_at >= visitor.first_seen_at AND occurred_at <= %(at)s AND (occurred_at, id) < (%(at)s, %(number)s)
     ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s
) AS event WHERE visitor.customer_id IN {RECORDS_OF} AND NOT visitor.is_shared
 ORDER BY event.occurred_at DESC, event.id DESC LIMIT %(limit)s
"""  # noqa: S608 - of constants
_RECENT = f"""
SELECT {_COLUMNS} FROM (
    SELECT * FROM events_event WHERE id < %(before)s AND id > %(after)s ORDER BY id DESC LIMIT %(most)s
) AS event WHERE (%(source)s::bigint IS NULL OR event.source = %(source)s)
   AND (%(name)s::text IS NULL OR event.name = %(name)s) ORDER BY event.id DESC LIMIT %(limit)s
"""  # noqa: S608 - of constants
_HOW_FAR = (
    "SELECT count(*), min(id) FROM"
    " (SELECT id FROM events_event WHERE id < %(before)s ORDER BY id DESC LIMIT %(most)s) AS event"
)
_ONE = f"SELECT {_COLUMNS} FROM events_event AS event WHERE event.id = %s"  # noqa: S608 - of constants
_LAST = 2**63 - 1


@dataclass(frozen=True)
class EventView:
    """One event without what was personal in it. `why_then` is a `times.Why`; the stamps are what was told, UTC."""

    id: int
    source: int
    kind: str
    name: str
    user_ref: str | None
    device_ref: str | None
    message_id: str
    occurred_at: datetime
    received_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    why_then: int
    origin: str
    data: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        told = self.data.get("properties")
        return told if isinstance(told, dict) else {}


@dataclass(frozen=True)
class Product:
    """A product somebody viewed or bought: as its source called it, and when that was."""

    ref: str
    title: str
    at: datetime


@dataclass(frozen=True)
class Summary:
    """What a customer's visitors did, together. `counts` are by name, the most frequent first; kinds of calls without
    a name of their own stand as `:page`, `:identify` and so on."""

    visitors: int
    events: int
    first_seen_at: datetime
    last_seen_at: datetime
    last_source: int
    counts: Mapping[str, int]
    viewed: Sequence[Product]
    bought: Sequence[Product]
    traits: Mapping[str, Any]


class UnknownEvent(Refusal):
    """No such event, or its time is over."""

    code = "events.unknown"


def of_customer(
    customer: int,
    *,
    before: tuple[datetime, int] | None = None,
    kinds: Sequence[str] = tuple(KINDS),
    source: int | None = None,
    name: str | None = None,
    limit: int = 50,
) -> list[EventView]:
    """A customer's events newest first, those before (instant, number). One query over all their visitors."""
    at, number = before or (None, _LAST)
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_CUSTOMER,
            {
                "customer": customer,
                "kinds": [KINDS[kind] for kind in kinds],
                "source": source,
                "name": name,
                "at": "infinity" if at is None else at,
                "number": number,
                "limit": limit,
            },
        )
        return [_view(row) for row in cursor.fetchall()]


def recent(
    *,
    source: int | None = None,
    name: str | None = None,
    before: int | None = None,
    after: int = 0,
    limit: int = 50,
) -> list[EventView]:
    """What came in last, newest first, numbered between `after` and `before`. One query.

    Looks through LOOKED_THROUGH events at most, so of a rare name there may be more than is found.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RECENT,
            {
                "source": source,
                "name": name,
                "before": _LAST if before is None else before,
                "after": after,
                "most": LOOKED_THROUGH,
                "limit": limit,
            },
        )
        return [_view(row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Looked:
    """What was found, newest first, and before which number to look on; None where there is nothing older."""

    events: Sequence[EventView]
    on_before: int | None


def look(*, source: int | None = None, name: str | None = None, before: int | None = None, limit: int = 50) -> Looked:
    """`recent` for who wants to look on: where less than `limit` was found, `on_before` says how far was looked.

    Two queries at most.
    """
    found = recent(source=source, name=name, before=before, limit=limit + 1)
    if len(found) > limit:
        return Looked(found[:limit], found[limit - 1].id)
    if source is None and name is None:
        return Looked(found, None)
    with connection.cursor() as cursor:
        cursor.execute(_HOW_FAR, {"before": _LAST if before is None else before, "most": LOOKED_THROUGH})
        count, lowest = cursor.fetchone()
    return Looked(found, lowest if count == LOOKED_THROUGH else None)


def one(event: int) -> EventView:
    """One event by number; refused when there is none. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE, [event])
        row = cursor.fetchone()
    if row is None:
        raise UnknownEvent(
            gettext_lazy("event: there is no number %(event)s; its time may be over") % {"event": event},
            field="event",
            value=event,
        )
    return _view(row)


def customers_of(visitors: Collection[UUID]) -> dict[UUID, int]:
    """Whose they are: the person of each visitor that is somebody's alone. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_WHOSE, [arrays.of_uuids(visitors)])
        return dict(cursor.fetchall())


_WHOSE = f"""
SELECT visitor.id, coalesce(customer.person_id, customer.id)
  FROM events_visitor AS visitor JOIN {CUSTOMERS} AS customer ON customer.id = visitor.customer_id
 WHERE visitor.id = ANY(%s::uuid[]) AND NOT visitor.is_shared
"""  # noqa: S608 - of constants


def that_link(told: Collection[tuple[UUID, int]]) -> set[int]:
    """Of these, each a device or former visitor with an event's number, the events that first told whose it is: what
    was done there before is somebody else's since then, or somebody's at all. One query."""
    if not told:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event FROM events_evidence WHERE visitor = ANY(%s::uuid[]) AND event = ANY(%s::bigint[])",
            [arrays.of_uuids({one for one, _ in told}), arrays.of_numbers(event for _, event in told)],
        )
        return {event for (event,) in cursor.fetchall()}


def summary(customer: int) -> Summary | None:
    """What somebody's visitors did, together; None where none is known. One query."""
    return summaries([customer]).get(customer)


def summaries(customers: Sequence[int]) -> dict[int, Summary]:
    """`summary` of each of whom something is known. One query."""
    of: dict[int, list[Visitor]] = {}
    theirs = Visitor.objects.filter(customer_id__in=persons.asked(customers), is_shared=False).annotate(
        whose=Coalesce("customer__person_id", "customer_id")
    )
    for row in theirs.order_by("first_seen_at", "id"):
        of.setdefault(row.whose, []).append(row)
    return {customer: _summary(rows) for customer, rows in of.items()}


def _summary(rows: Sequence[Visitor]) -> Summary:
    counts: dict[str, int] = {}
    traits: dict[str, Any] = {}
    for row in rows:
        for name, count in row.counts.items():
            counts[name] = counts.get(name, 0) + count
    latest = max(rows, key=lambda row: row.last_seen_at)
    for row in sorted(rows, key=lambda row: row.last_seen_at):
        traits |= row.traits
    return Summary(
        visitors=len(rows),
        events=sum(row.events for row in rows),
        first_seen_at=min(row.first_seen_at for row in rows),
        last_seen_at=latest.last_seen_at,
        last_source=latest.last_source,
        counts=dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        viewed=_products(rows, "viewed"),
        bought=_products(rows, "bought"),
        traits=traits,
    )


def _products(rows: Sequence[Visitor], sort: str) -> list[Product]:
    found: dict[str, Product] = {}
    for row in rows:
        for told in row.products.get(sort, []):
            product = Product(told["ref"], told["title"], datetime.fromisoformat(told["at"]))
            if told["ref"] not in found or found[told["ref"]].at < product.at:
                found[told["ref"]] = product
    by_ref = sorted(found.values(), key=lambda product: product.ref)
    return sorted(by_ref, key=lambda product: product.at, reverse=True)[:MOST_PRODUCTS]


def _view(row: tuple[Any, ...]) -> EventView:
    number, source, kind, *rest, data = row
    values: tuple[Any, ...] = (number, source, NAMES_OF_KINDS[kind], *rest, DECODER.decode(data))
    return EventView(*values)
