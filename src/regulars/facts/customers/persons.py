"""Which records are one person. A record is somebody as one source calls them; facts are written for it and keep it.

A person is one record, the oldest, that stands for itself and those joined to it. Only `identity` changes who is who.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from regulars.facts.customers.models import Customer
from regulars.runtime.database import arrays
from regulars.runtime.database.prepared import Row, Statement

_RECORDS = """
SELECT asked.id, coalesce(asked.person_id, asked.id), ARRAY(
         SELECT record.id FROM customers_customer AS record
          WHERE record.person_id = coalesce(asked.person_id, asked.id) ORDER BY record.id)
  FROM customers_customer AS asked WHERE asked.id = ANY(%s)
"""


@dataclass
class _Known:
    """What was asked already."""

    person: dict[int, int] = field(default_factory=dict)
    records: dict[int, tuple[int, ...]] = field(default_factory=dict)


_known: ContextVar[_Known | None] = ContextVar("persons_known", default=None)


@contextmanager
def remembered() -> Iterator[None]:
    """In here who is who is asked of the database once: for a page that only shows, and asks many rooms about one
    person. Nothing may be written in here: what somebody else joins meanwhile is not seen."""
    token = _known.set(_Known())
    try:
        yield
    finally:
        _known.reset(token)


def of(record: int) -> int:
    """The person a record belongs to: itself where it was never joined. One indexed row."""
    return of_many([record])[record]


def of_many(records: Iterable[int]) -> dict[int, int]:
    """Each record's person; all of `records` are in the answer. One query."""
    found = {record: record for record in records}
    if (known := _known.get()) is not None and found.keys() <= known.person.keys():
        return {record: known.person[record] for record in found}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, person_id FROM customers_customer WHERE id = ANY(%s::bigint[]) AND person_id IS NOT NULL",
            [arrays.of_numbers(found)],
        )
        found |= dict(cursor.fetchall())
    if known is not None:
        # A person is their own.
        known.person |= found | {person: person for person in found.values()}
    return found


#: Records and their persons, locked in the order of their numbers, as who settles identity locks them.
_HOLD = """
SELECT id, person_id FROM customers_customer
 WHERE id IN (SELECT unnest(%s::bigint[]) UNION
              SELECT person_id FROM customers_customer WHERE id = ANY(%s::bigint[]) AND person_id IS NOT NULL)
 ORDER BY id FOR KEY SHARE
"""


def held(records: Iterable[int]) -> dict[int, int]:
    """`of_many`, and nobody joins or parts them until the transaction ends: for who writes facts about them.

    Their persons are held too: facts name both, and who held one and waited for the other would wait for who settles
    identity the other way round. Take it before any row of the facts is locked. One query; two where somebody joined
    them in that moment.
    """
    wanted = sorted(set(records))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(*holding(wanted))
        return are_held(wanted, cursor.fetchall())


def holding(records: Iterable[int]) -> Statement:
    """The statement of `held`, for who asks more in the same exchange; then `are_held`."""
    told = arrays.of_numbers(records)
    return _HOLD, [told, told]


def are_held(records: Collection[int], rows: Sequence[Row]) -> dict[int, int]:
    """The answer of `held`, by what its statement answered."""
    found: dict[int, int | None] = dict(rows)
    person_of = {record: found.get(record) or record for record in records}
    if late := set(person_of.values()) - found.keys() - set(records):
        with connection.cursor() as cursor:
            cursor.execute(*holding(sorted(late)))
    return person_of


def records_of(person: int) -> tuple[int, ...]:
    """The person's records, the one that stands for it first; a joined record answers as its person. One query."""
    return records_of_many([person])[person]


def records_of_many(persons: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Each person's records, as `records_of`. One query."""
    found: dict[int, tuple[int, ...]] = {person: (person,) for person in persons}
    if (known := _known.get()) is not None and found.keys() <= known.records.keys():
        return {person: known.records[person] for person in found}
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, [list(found)])
        for asked, person, joined in cursor.fetchall():
            found[asked] = (person, *joined)
    if known is not None:
        known.records |= found
    return found


def asked(people: Sequence[int]) -> QuerySet[Customer, Any]:
    """All records of these people, as a part of another query: `filter(customer_id__in=persons.asked(people))`."""
    return Customer.objects.filter(Q(id__in=people) | Q(person_id__in=people)).values("id")


def joined_at(person: int) -> datetime | None:
    """When the last of the person's records joined it; None where it is one record alone. One query."""
    return (
        Customer.objects.filter(person_id=of(person)).order_by("-joined_at").values_list("joined_at", flat=True).first()
    )
