"""Audiences for `regulars bench profile-stream`: of the kinds that shops have, asking for what its client sends."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connections

from regulars.insight.audiences import audiences, deciding, filling, members
from regulars.insight.audiences.asking import Kept
from regulars.kit.actors import Actor

_NAMES = ("Product Viewed", "Product List Viewed", "Product Added", "Products Searched")


def make(many: int, *, by: Actor) -> None:
    """So many of them: counts, sums and different products of events over windows, one after another, never, orders,
    and all of these together with what is known of the customer."""
    at = datetime.now(UTC)
    made = [
        audiences.define(
            name=f"Bench {number}",
            condition={"version": 1, "zone": "Europe/London", "if": _asked(number)},
            key=f"bench {number}",
            at=at,
            by=by,
        ).number
        for number in range(many)
    ]
    # Before that everybody is asked for each, wherever they stand.
    filling.fill_all(made)


def give_past(run: str, *, visits: int, events: int) -> None:
    """The customers among the first so many visits of a run did so many things in the last four months, for which they
    came into audiences and left them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT events_make_month((now() - interval '1 month' * back)::date) FROM generate_series(0, 4) AS back"
        )
        cursor.execute(_GIVE_PAST, {"refs": [f"c-{run}-{visit}" for visit in range(visits)], "events": events})
        cursor.execute("ANALYZE events_event, events_visitor")
        cursor.execute("SELECT customer_id FROM events_visitor WHERE first_seen_at < now() - interval '1 day'")
        customers = [customer for (customer,) in cursor.fetchall()]
    deciding.decide_all(customers, because="facts", kept=Kept())


# Numbered below all that came in: followers have passed them.
_GIVE_PAST = """
WITH visitor AS MATERIALIZED (
    UPDATE events_visitor SET first_seen_at = first_seen_at - interval '121 days'
     WHERE kind = 'user' AND ref = ANY(%(refs)s) RETURNING id),
known AS MATERIALIZED (
    SELECT event.*, row_number() OVER (PARTITION BY event.visitor ORDER BY event.id) AS place
      FROM events_event AS event JOIN visitor ON visitor.id = event.visitor)
INSERT INTO events_event (id, source, kind, name, visitor, device, user_ref, device_ref, message_id, occurred_at,
       received_at, why_then, origin, data)
SELECT -row_number() OVER (), source, kind, name, visitor, device, user_ref, device_ref, message_id, at, at, why_then,
       origin, data
  FROM known CROSS JOIN LATERAL (
    SELECT known.occurred_at - random() * interval '120 days' AS at FROM generate_series(1, %(events)s / 6)) AS past
 WHERE place <= 6
"""


def facts() -> Mapping[str, Any]:
    """How many audiences there are, and how many people they hold, all together."""
    every = audiences.every()
    return {"audiences": len(every), "members": sum(one.members for one in every)}


def moved() -> int:
    """How often somebody came into one or left it, since there are any."""
    return sum(entered + left for entered, left in members.lately(since=datetime.min.replace(tzinfo=UTC)).values())


def _asked(number: int) -> dict[str, Any]:
    name, many = _NAMES[number // 10 % len(_NAMES)], number // 10 % 4 + 1
    done = {"did": "events.events", "where": [{"column": "name", "is": name}]}
    lately = {**done, "during": {"last": {"days": 7 * many}}}
    return (
        {**lately, "count": {"at_least": many}},
        {**lately, "count": {"is": 0}},
        {**done, "during": {"last": {"hours": many}}, "count": {"at_least": 2}},
        {**lately, "distinct": "product", "amount": {"at_least": many}},
        {**lately, "sum": "value", "amount": {"more_than": "10.00"}},
        {"sequence": [done, {**_added(), "within": {"days": many}}]},
        {"sequence": [_added(), {**_ordered(), "within": {"hours": 24 * many}, "missing": True}]},
        {"all": [lately, {"not": {"did": "commerce.orders", "during": {"last": {"days": 30}}}}]},
        {"all": [{"field": "customers.country", "is": "GB"}, lately]},
        {"all": [{"did": "commerce.orders", "count": {"at_least": many}}, {"not": lately}]},
    )[number % 10]


def _added() -> dict[str, Any]:
    return {"did": "events.events", "where": [{"column": "name", "is": "Product Added"}]}


def _ordered() -> dict[str, Any]:
    return {"did": "commerce.orders"}
