"""What the warehouse gets of events: what was done, with its products; who did it, as far as that is known.

Nothing personal: visitors are keyed hashes, and events hold no names, contacts or texts (`personal`). Whose a visitor
is may change any day, so events name their visitor, and who wants a person's joins them.
"""

import time
from typing import Final

from django.db import connection

from regulars.facts.events import _asked, stream
from regulars.facts.events.messages import NAMES_OF_KINDS
from regulars.runtime.database.published import PublishedStream, PublishedTable, StreamPart

#: How long a publish waits for transactions that write events just now: they last for milliseconds.
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.02


def _numbered(visitor: str) -> str:
    """The first half of a visitor's hash, as a number in the same order. That two of ten million visitors share one has
    a chance of three in a million."""
    return f"(('x' || left(replace({visitor}::text, '-', ''), 16))::bit(64)::bigint # (-9223372036854775807 - 1))"


def _settled() -> int | None:
    """The last number up to which no event is on its way any more; None while somebody takes too long."""
    horizon = stream.horizon()
    until = time.monotonic() + _PATIENCE
    while not (settled := horizon.advance()):
        with connection.cursor() as cursor:
            cursor.execute("SELECT is_called FROM events_batch_number")
            if not cursor.fetchone()[0]:
                return 0
        if time.monotonic() > until:
            return None
        time.sleep(_PAUSE)
    return stream.end_of(settled)


_KINDS: Final = " ".join(f"WHEN {number} THEN '{name}'" for number, name in NAMES_OF_KINDS.items())
_FROM: Final = "FROM (SELECT * FROM events_event AS event WHERE {rows} OFFSET 0) AS event" + _asked.UNDERSTOOD  # noqa: S608 - of constants

PUBLISHED: tuple[PublishedTable | PublishedStream, ...] = (
    PublishedStream(
        name="events",
        key="event_id",
        table="events_event",
        number="id",
        at="occurred_at",
        sql=(
            f"SELECT one.*, {_asked.AMOUNT} AS amount FROM (SELECT event.id AS event_id,"  # noqa: S608 - of constants
            f" {_numbered('event.visitor')} AS visitor_id, event.occurred_at,"
            f" CASE event.kind {_KINDS} END AS kind, source.name AS source, event.origin, event.received_at,"
            f" {', '.join(f'{sql} AS {name}' for name, sql in _asked.COLUMNS.items())}, {_asked.IS_LIST} AS is_list"
            f" {_FROM} LEFT JOIN sources_source AS source ON source.id = event.source OFFSET 0) AS one"
        ),
        columns={
            "event_id": "int64",
            "visitor_id": "int64",
            "occurred_at": "timestamp",
            "kind": "text",
            "source": "text",
            "origin": "text",
            "received_at": "timestamp",
            "name": "text",
            "page": "text",
            "product": "text",
            "category": "text",
            "search": "text",
            "store": "text",
            "coupon": "text",
            "rating": "decimal",
            "quantity": "decimal",
            "price": "decimal",
            "amount": "decimal",
            "value": "decimal",
            "currency": "text",
            "is_list": "bool",
        },
        settled=_settled,
        parts=(
            StreamPart(
                name="event_products",
                sql=(
                    f"SELECT event.id AS event_id, one.place, one.product, one.category, one.quantity, one.price,"
                    f" {_asked.AMOUNT} AS amount, {_asked.COLUMNS['currency']} AS currency"
                    f" {_FROM} CROSS JOIN LATERAL ({_asked.PRODUCTS}) AS one"
                ),
                columns={
                    "event_id": "int64",
                    "place": "int64",
                    "product": "text",
                    "category": "text",
                    "quantity": "decimal",
                    "price": "decimal",
                    "amount": "decimal",
                    "currency": "text",
                },
            ),
        ),
    ),
    PublishedTable(
        name="visitors",
        key="visitor_id",
        noted="events_visitor",
        # What retention has removed of a visitor's events is still counted here.
        sql=(
            f"SELECT {_numbered('visitor.id')} AS visitor_id, visitor.customer_id, visitor.is_shared, visitor.kind,"  # noqa: S608 - of constants
            " visitor.first_seen_at, visitor.last_seen_at, visitor.events, source.name AS last_source,"
            " visitor.changed_xid FROM events_visitor AS visitor"
            " LEFT JOIN sources_source AS source ON source.id = visitor.last_source"
        ),
        columns={
            "visitor_id": "int64",
            "customer_id": "int64",
            "is_shared": "bool",
            "kind": "text",
            "first_seen_at": "timestamp",
            "last_seen_at": "timestamp",
            "events": "int64",
            "last_source": "text",
        },
    ),
    PublishedTable(
        name="visitor_products",
        key="visitor_product_id",
        # The products a visitor looked at last, each once.
        sql=(
            "SELECT hashtextextended(visitor.id::text || ' ' || (one.told ->> 'ref'), 0) AS visitor_product_id,"  # noqa: S608 - of constants
            f" {_numbered('visitor.id')} AS visitor_id, one.told ->> 'ref' AS ref,"
            " (one.told ->> 'at')::timestamptz AS at, visitor.changed_xid FROM events_visitor AS visitor"
            " CROSS JOIN LATERAL jsonb_array_elements(visitor.products -> 'viewed') AS one (told)"
        ),
        columns={"visitor_product_id": "int64", "visitor_id": "int64", "ref": "text", "at": "timestamp"},
    ),
)
