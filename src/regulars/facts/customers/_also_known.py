"""What records of one person told that is not shown of the person: they are still found by it, and it opts them out.

Keyed hashes of each record's own contacts and beginnings of names. Of who is one record alone nothing is kept here.
"""

from collections.abc import Mapping, Sequence

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from regulars.facts.customers import _names, contacts
from regulars.facts.customers._statements import Statements
from regulars.facts.customers.models import AlsoKnown
from regulars.runtime.secrets import lookup

_NAMES = ("given_name", "family_name", "display_name")


def follow(said: Statements, people: Mapping[int, Sequence[int]]) -> None:
    """Bring what is kept in line with what was said of the records of these people. Two statements."""
    records = sorted({record for mine in people.values() for record in mine})
    told = sorted(
        (record, kind, digest)
        for mine in people.values()
        if len(mine) > 1
        for record in mine
        for kind, digest in _told(said, record)
    )
    if not records:
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_also_known WHERE record_id = ANY(%s)", [records])
        if told:
            cursor.execute(
                "INSERT INTO customers_also_known (record_id, kind, digest)"
                " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[])",
                [[one[0] for one in told], [one[1] for one in told], [one[2] for one in told]],
            )


def people_by(kind: str, digest: bytes) -> "QuerySet[AlsoKnown, int]":
    """The people one of whose records told it, as numbers."""
    found = AlsoKnown.objects.filter(kind=kind, digest=digest).order_by("record_id")
    return found.values_list(Coalesce("record__person_id", "record_id"), flat=True)


def _told(said: Statements, record: int) -> set[tuple[str, bytes]]:
    found = {
        ("name", _names.digest(prefix)) for field in _NAMES for prefix in _names.prefixes(said.alone(record, field))
    }
    if email := said.alone(record, "email"):
        found.add(("email", lookup.digest("email", contacts.email(email).key)))
    if phone := said.alone(record, "phone"):
        found.add(("phone", lookup.digest("phone", phone)))
    return found
