"""What deciding reads and writes of the room's own tables: one statement for all whom it looks at, however many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db import connection

from regulars.insight.audiences.notices import AudienceEntered, AudienceLeft
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import arrays
from regulars.runtime.notices.outbox import announce_many

Because = Literal["facts", "time", "joined", "refreshed", "proof"]
_LOCK_CLASS = 7264
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Decided:
    """How many came in and how many left, all audiences together."""

    entered: int = 0
    left: int = 0


@dataclass(frozen=True)
class Changed:
    """Somebody is in from now on, or no more; `evidence` by the id of each node, None where nothing was looked at."""

    audience: int
    definition: int
    customer: int
    entered: bool
    because: Because
    evidence: Mapping[str, Any] | None


@dataclass
class Stands:
    """In which audiences somebody is, and when they are to be looked at again for which."""

    inside: set[int] = field(default_factory=set)
    due: dict[int, datetime] = field(default_factory=dict)


def lock(customers: Sequence[int]) -> None:
    """Nobody else decides about them until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, stripe) FROM (SELECT DISTINCT hashint8(customer) & 4095 AS stripe"
            " FROM unnest(%s::bigint[]) AS customer ORDER BY 1) AS stripes",
            [_LOCK_CLASS, arrays.of_numbers(customers)],
        )


def hold(audiences: Sequence[int]) -> None:
    """Nobody looks at everybody for these audiences, or archives them, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM audiences_audience WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE",
            [arrays.of_numbers(audiences)],
        )


def touch(people: Sequence[int]) -> datetime:
    """Notes that they are looked at; the instant as of which."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH this AS MATERIALIZED (SELECT clock_timestamp() AS instant), touched AS ("
            " INSERT INTO audiences_touched (customer, at) SELECT customer, this.instant"
            " FROM unnest(%s::bigint[]) AS customer CROSS JOIN this) SELECT instant FROM this",
            [arrays.of_numbers(people)],
        )
        [(at,)] = cursor.fetchall()
    assert isinstance(at, datetime)
    return at


def stands(customers: Sequence[int]) -> dict[int, Stands]:
    """How each of them stands. One query."""
    found = {customer: Stands() for customer in customers}
    with connection.cursor() as cursor:
        cursor.execute(
            # The driver takes seven microseconds over an instant.
            "SELECT customer_id, audience_id, NULL::bigint FROM audiences_member"
            " WHERE customer_id = ANY(%(of)s::bigint[]) UNION ALL"
            " SELECT customer_id, audience_id, (extract(epoch FROM due_at) * 1000000)::bigint FROM audiences_due"
            " WHERE customer_id = ANY(%(of)s::bigint[])",
            {"of": arrays.of_numbers(customers)},
        )
        for customer, audience, due in cursor.fetchall():
            if due is None:
                found[customer].inside.add(audience)
            else:
                found[customer].due[audience] = _EPOCH + timedelta(microseconds=due)
    return found


_NO_MORE_DUE = """
DELETE FROM audiences_due AS due USING unnest(%s::bigint[], %s::bigint[]) AS looked (audience, customer)
 WHERE due.audience_id = looked.audience AND due.customer_id = looked.customer
"""
_DUE = """
INSERT INTO audiences_due (audience_id, customer_id, due_at)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
    ON CONFLICT (audience_id, customer_id) DO UPDATE SET due_at = excluded.due_at
"""


def look_again(due: Mapping[tuple[int, int], datetime | None], stands: Mapping[int, Stands]) -> None:
    """When each, an audience and a customer, is looked at again, None for not by time alone; where it is another time
    than stands. Two statements at most."""
    never = [pair for pair, at in due.items() if at is None and pair[0] in stands[pair[1]].due]
    later = [
        (audience, customer, at)
        for (audience, customer), at in due.items()
        if at is not None and stands[customer].due.get(audience) != at
    ]
    with connection.cursor() as cursor:
        if never:
            cursor.execute(_NO_MORE_DUE, [arrays.of_numbers(column) for column in zip(*never, strict=True)])
        if later:
            cursor.execute(
                _DUE,
                [
                    arrays.of_numbers(audience for audience, _, _ in later),
                    arrays.of_numbers(customer for _, customer, _ in later),
                    arrays.of_instants(at for _, _, at in later),
                ],
            )


def looked_at_due(due: Sequence[tuple[int, int, datetime]]) -> None:
    """Those of these, each a customer, an audience and when they were due, that are due then still: nobody could look.
    Others who are due at the same midnight are not meant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM audiences_due AS due"
            " USING unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS looked (customer, audience, due_at)"
            " WHERE due.audience_id = looked.audience AND due.customer_id = looked.customer"
            " AND due.due_at = looked.due_at",
            [
                arrays.of_numbers(customer for customer, _, _ in due),
                arrays.of_numbers(audience for _, audience, _ in due),
                arrays.of_instants(at for _, _, at in due),
            ],
        )


# Numbers in the order of the places: whoever hears of them reads the changes in that order too.
_CHANGE = """
WITH told AS MATERIALIZED (
    SELECT told.audience, told.customer, told.entered, told.because, told.definition, told.place,
           NULLIF(told.evidence, 'null') AS evidence
      FROM ROWS FROM (unnest(%(audiences)s::bigint[]), unnest(%(customers)s::bigint[]), unnest(%(entered)s::boolean[]),
                      jsonb_array_elements_text(%(because)s::jsonb), unnest(%(definitions)s::integer[]),
                      jsonb_array_elements(%(evidence)s::jsonb))
           WITH ORDINALITY AS told (audience, customer, entered, because, definition, evidence, place)),
came AS (
    INSERT INTO audiences_member (audience_id, customer_id, since_at, evidence)
    SELECT audience, customer, %(at)s, evidence FROM told WHERE entered),
went AS (
    DELETE FROM audiences_member AS member USING told
     WHERE NOT told.entered AND member.audience_id = told.audience AND member.customer_id = told.customer)
INSERT INTO audiences_change (audience_id, customer_id, entered, because, definition, evidence, at)
SELECT audience, customer, entered, because, definition, evidence, %(at)s FROM told ORDER BY place
RETURNING id
"""


def write(changes: Sequence[Changed], at: datetime) -> Decided:
    """Who is in, what changed and why, and what is told of it. A dozen statements at most."""
    if not changes:
        return Decided()
    with connection.cursor() as cursor:
        cursor.execute(
            _CHANGE,
            {
                "at": at,
                "audiences": arrays.of_numbers(one.audience for one in changes),
                "customers": arrays.of_numbers(one.customer for one in changes),
                "entered": arrays.of_flags(one.entered for one in changes),
                "because": arrays.of_json(one.because for one in changes),
                "definitions": arrays.of_numbers(one.definition for one in changes),
                "evidence": arrays.of_json(one.evidence for one in changes),
            },
        )
        numbers = sorted(number for (number,) in cursor.fetchall())
    count(_by_audience(changes))
    told = list(zip(numbers, changes, strict=True))
    entered = [
        (AudienceEntered(customer=one.customer, audience=one.audience, change=number, at=at), {"change": number})
        for number, one in told
        if one.entered
    ]
    left = [
        (AudienceLeft(customer=one.customer, audience=one.audience, change=number, at=at), {"change": number})
        for number, one in told
        if not one.entered
    ]
    announce_many(entered, by=SYSTEM, verb="audiences.enter")
    announce_many(left, by=SYSTEM, verb="audiences.leave")
    return Decided(len(entered), len(left))


def _by_audience(changes: Sequence[Changed]) -> Counter[int]:
    found: Counter[int] = Counter()
    for one in changes:
        found[one.audience] += 1 if one.entered else -1
    return found


def count(more: Mapping[int, int]) -> None:
    """Add to how many are in each audience, in the caller's transaction; locked in one order for everybody."""
    more = {audience: many for audience, many in more.items() if many}
    if not more:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH locked AS MATERIALIZED (SELECT id FROM audiences_audience WHERE id = ANY(%(of)s::bigint[])"
            " ORDER BY id FOR NO KEY UPDATE) UPDATE audiences_audience AS audience SET members = members + told.many"
            " FROM unnest(%(of)s::bigint[], %(many)s::bigint[]) AS told (audience, many)"
            " JOIN locked ON locked.id = told.audience WHERE audience.id = told.audience",
            {"of": arrays.of_numbers(more), "many": arrays.of_numbers(more.values())},
        )
