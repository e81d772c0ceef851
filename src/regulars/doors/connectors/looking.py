"""Looking whether what a shop told of is still there: a deletion of which no message came is noticed by nobody else.

So many things a day are asked for by their own ids, each of them once in a while. What the shop does not have any more
is put among the messages that want somebody's eye: taken again, it is gone here too; set aside, it stays.
"""

import json
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from regulars.doors.connectors import shops, taking
from regulars.doors.connectors.calling import Caller, CallFailed, Rest
from regulars.doors.connectors.reading import NotUnderstood
from regulars.facts.commerce import catalogue, orders
from regulars.facts.customers import customers
from regulars.facts.sources import inbox
from regulars.facts.sources.connections import Connection

#: Things of one stream that are asked for a day, and how old an order is that nobody looks after any more.
A_DAY, ORDERS_OF = 300, timedelta(days=90)
#: Where so many were asked for and more than half are gone, it is the shop's address that is wrong, or its key.
_SUSPICIOUS = 10
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looked:
    """How many were asked for, and how many of them nobody knew to be gone."""

    asked: int = 0
    gone: int = 0


def look(*, connection: Connection, at: datetime, most: int = A_DAY, caller: Caller | None = None) -> Looked:
    """Ask a shop for today's part of what it told of. Again on the same day, it is asked for the same."""
    found = Looked()
    with Caller() if caller is None else nullcontext(caller) as asking:
        client = taking.client_of(connection, asking, at)
        for stream in shops.of(connection.kind).looks:
            gone: list[str] = []
            refs = _today(connection, stream, at, most)
            for ref in refs:
                try:
                    if client.one(stream, ref) is None:
                        gone.append(ref)
                except (CallFailed, NotUnderstood, Rest) as problem:
                    _LOG.info("Connection %s could not be looked through: %s.", connection.name, problem)
                    return found
            if len(refs) >= _SUSPICIOUS and len(gone) * 2 > len(refs):
                _LOG.warning(
                    "Of %s %s of %s, %s are gone: not believed.", len(refs), stream, connection.name, len(gone)
                )
                continue
            new = sum(_show(connection, stream, ref, at) for ref in gone)
            found = Looked(found.asked + len(refs), found.gone + new)
    return found


def _today(connection: Connection, stream: str, at: datetime, most: int) -> list[str]:
    space, since = connection.namespace, at - ORDERS_OF
    counts = {
        "orders": lambda: orders.count_since(namespace=space, since=since),
        "products": lambda: catalogue.count(namespace=space),
        "customers": lambda: customers.count_of(namespace=space),
    }
    parts = max(1, -(-counts[stream]() // most))
    part = at.astimezone(UTC).toordinal() % parts
    # Parts are not all of one size.
    asked: Mapping[str, int] = {"part": part, "parts": parts, "limit": 2 * most}
    if stream == "orders":
        return orders.refs(namespace=space, since=since, **asked)
    if stream == "products":
        return catalogue.refs(namespace=space, **asked)
    return customers.refs(namespace=space, **asked)


def _show(connection: Connection, stream: str, ref: str, at: datetime) -> bool:
    """Put it where people decide; whether it was not there yet."""
    with transaction.atomic():
        kept = inbox.keep(
            connection=connection.id,
            key=f"gone:{stream}",
            # People see which one it is: ids that are somebody's address are never asked for.
            topic=f"{taking.GONE}{stream}:{ref}"[:120],
            body=json.dumps({"ref": ref}).encode(),
            told_at=at,
            at=at,
        )
        if kept.is_new:
            why = "the shop has it no more: take it again, and it is gone here too; set it aside, and it stays"
            inbox.settle(number=kept.id, as_="not_understood", code="gone", why=why, at=at)
    return kept.is_new
