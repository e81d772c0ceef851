"""Devices that several people use.

What somebody did on one without signing in belongs to whom it was linked with first. Once more people were seen on it
than the rules of identity allow, it says nothing any more, and what was done on it is nobody's.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import connection

from regulars.facts.customers import identity
from regulars.facts.customers.relation import CUSTOMERS
from regulars.facts.events.models import Evidence, Visitor

_RECKON = f"""
UPDATE events_visitor AS device SET is_shared = seen.people > %(most)s
  FROM (SELECT evidence.visitor, count(DISTINCT COALESCE(customer.person_id, customer.id)) AS people
          FROM events_evidence AS evidence JOIN events_visitor AS other ON other.id = evidence.other
          JOIN {CUSTOMERS} AS customer ON customer.id = other.customer_id
         WHERE (%(devices)s::uuid[] IS NULL OR evidence.visitor = ANY(%(devices)s))
         GROUP BY evidence.visitor) AS seen
 WHERE device.id = seen.visitor AND device.kind = 'device' AND device.is_shared <> (seen.people > %(most)s)
"""  # noqa: S608 - of constants


def reckon(devices: Collection[UUID] | None = None) -> int:
    """Count anew who was seen on these devices, or on all; returns how many became shared or are no longer. Two
    queries."""
    if devices is not None and not devices:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _RECKON,
            {
                "most": identity.rules().most_people_a_device,
                "devices": None if devices is None else sorted(devices),
            },
        )
        return int(cursor.rowcount)


def of_records(records: Iterable[int]) -> set[UUID]:
    """The devices on which these records of customers were seen. Two queries."""
    theirs = list(Visitor.objects.filter(customer_id__in=list(records)).values_list("id", flat=True))
    return set(Evidence.objects.filter(other__in=theirs).values_list("visitor", flat=True))


def count_shared() -> int:
    """How many devices say nothing any more. One query."""
    return Visitor.objects.filter(is_shared=True).count()
