"""What is wanted, for each shop that is written to: one row a shop, and it waits until the shop has that version."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from regulars.facts.customers import customers
from regulars.facts.sources import connections
from regulars.oversight.outbound.models import WantedAttributes, WantedCode, Writing

#: People looked up at a time when one shop is told of all of them.
_LOT = 5_000
#: A right that is wanted otherwise begins anew, also where the shop refused the version before.
_CODES = """
INSERT INTO outbound_right
       (connection_id, code_id, ref, state, version, remote, attempts, due_at, error, error_why, drifts)
SELECT shop, wanted.id, '', 'waiting', 0, '', 0, %(at)s, '', '', 0
  FROM unnest(%(shops)s::bigint[]) AS shop CROSS JOIN outbound_wanted_code AS wanted
 WHERE {which}
    ON CONFLICT (connection_id, code_id) WHERE code_id IS NOT NULL DO UPDATE
   SET state = 'waiting', attempts = 0, due_at = excluded.due_at, error = '', error_why = ''
 WHERE outbound_right.version <> (SELECT version FROM outbound_wanted_code WHERE id = outbound_right.code_id)
"""
#: A reference that became somebody else's, by a join or a parting, goes along and is written anew.
_ATTRIBUTES = """
INSERT INTO outbound_right
       (connection_id, attributes_id, ref, state, version, remote, attempts, due_at, error, error_why, drifts)
SELECT DISTINCT ON (shop, ref) shop, wanted.customer_id, ref, 'waiting', 0, '', 0, %(at)s, '', '', 0
  FROM unnest(%(shops)s::bigint[], %(people)s::bigint[], %(refs)s::text[]) AS known (shop, person, ref)
  JOIN outbound_wanted_attributes AS wanted ON wanted.customer_id = known.person
 ORDER BY shop, ref
    ON CONFLICT (connection_id, ref) WHERE ref <> '' DO UPDATE
   SET attributes_id = excluded.attributes_id, state = 'waiting', attempts = 0, due_at = excluded.due_at,
       error = '', error_why = '', version = CASE
         WHEN outbound_right.attributes_id = excluded.attributes_id THEN outbound_right.version ELSE 0 END
 WHERE outbound_right.attributes_id IS DISTINCT FROM excluded.attributes_id
    OR outbound_right.version <>
       (SELECT version FROM outbound_wanted_attributes WHERE customer_id = outbound_right.attributes_id)
"""
#: What became of a name that is not theirs any more, and that nobody of whom something is wanted has now.
_DROPPED = """
UPDATE outbound_right AS mine SET state = 'dropped', attributes_id = NULL
 WHERE attributes_id = ANY(%(told_of)s) AND connection_id = ANY(%(all_shops)s) AND NOT EXISTS (
       SELECT FROM unnest(%(shops)s::bigint[], %(people)s::bigint[], %(refs)s::text[]) AS known (shop, person, ref)
        WHERE shop = mine.connection_id AND known.ref = mine.ref AND person = mine.attributes_id)
"""


def code(row: WantedCode, *, at: datetime) -> None:
    """One code, for all shops that take codes. Three queries at most."""
    if shops := _written_to(Writing.objects.filter(codes=True)):
        _run(_CODES.format(which="wanted.id = %(one)s"), {"at": at, "shops": list(shops), "one": row.id})


def attributes(people: Sequence[int], *, at: datetime) -> None:
    """What is said of these people, for all shops that know them. Four queries at most."""
    if shops := _written_to(Writing.objects.filter(attributes=True)):
        _tell(shops, people, at)


def shop(number: int, *, at: datetime) -> None:
    """Everything wanted, for one shop that is written to from now on, or where people became known. In lots."""
    writing = Writing.objects.filter(connection_id=number)
    if shops := _written_to(writing.filter(codes=True)):
        # What was taken back while nothing was written still stands there.
        known = "EXISTS (SELECT FROM outbound_right WHERE code_id = wanted.id AND connection_id = shop)"
        _run(_CODES.format(which=f"(wanted.is_active OR {known})"), {"at": at, "shops": list(shops)})
    if shops := _written_to(writing.filter(attributes=True)):
        after = 0
        while lot := list(
            WantedAttributes.objects.filter(customer_id__gt=after)
            .order_by("customer_id")
            .values_list("customer_id", flat=True)[:_LOT]
        ):
            _tell(shops, lot, at)
            after = lot[-1]


def _written_to(writing: Iterable[Writing]) -> dict[int, str]:
    """Shops that are written to and not disconnected, with the namespaces of their references."""
    wanted = {one.connection_id for one in writing}
    if not wanted:
        return {}
    return {one.id: one.namespace for one in connections.every() if one.id in wanted and one.state != "retired"}


def _tell(shops: dict[int, str], people: Sequence[int], at: datetime) -> None:
    of = {namespace: number for number, namespace in shops.items()}
    known = customers.refs_in(namespaces=list(of), people=people)
    given = {
        "at": at,
        "shops": [of[namespace] for _person, namespace, _ref in known],
        "people": [person for person, _namespace, _ref in known],
        "refs": [ref for _person, _namespace, ref in known],
        "told_of": list(people),
        "all_shops": list(shops),
    }
    _run(_ATTRIBUTES, given)
    _run(_DROPPED, given)


def _run(sql: str, given: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
