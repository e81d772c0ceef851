"""References to customers, set-wise: the known are found, the missing are made once, whoever else does the same."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from regulars.kit.actors import Origin
from regulars.runtime.database import bulk

_FIND = """
SELECT wanted.ref, identifier.customer_id
  FROM unnest(%s::text[]) AS wanted(ref)
  JOIN customers_identifier AS identifier
    ON identifier.namespace = %s AND identifier.kind = %s AND identifier.{column} = {wanted}
"""

# One statement: the identifier claims a number for the customer, and only claims that were won become customers, so
# nobody is left without an identifier when two make the same reference. The foreign key is checked at commit.
# Sorted, so that two batches with the same references lock them in the same order and do not wait in a circle.
_MAKE = """
WITH wanted AS MATERIALIZED (
    SELECT ref FROM unnest(%s::text[]) WITH ORDINALITY AS listed(ref, place) ORDER BY place
), claimed AS (
    INSERT INTO customers_identifier (customer_id, namespace, kind, {column}, since_at)
    SELECT nextval('customers_customer_id_seq'), %s, %s, {wanted}, %s FROM wanted
    ON CONFLICT DO NOTHING
    RETURNING customer_id, {column}
), made AS (
    INSERT INTO customers_customer (id, origin, first_seen_at) SELECT customer_id, %s, %s FROM claimed
)
SELECT {returned}, customer_id FROM claimed
"""

_PLAIN = {"column": "value", "wanted": "ref", "returned": "value"}
_DIGESTS = {"column": "digest", "wanted": "decode(ref, 'hex')", "returned": "encode(digest, 'hex')"}


def find_or_make(
    *, namespace: str, kind: str, refs: Sequence[str], are_digests: bool, at: datetime, origin: Origin
) -> tuple[dict[str, int], list[int]]:
    """Reference to customer for all of `refs` (hexadecimal when they are digests), and the customers that are new.

    One statement when all are known, two when some are new, three when others made some meanwhile. READ COMMITTED only:
    each statement must see what others have committed.
    """
    wanted = sorted(set(refs))
    form = _DIGESTS if are_digests else _PLAIN
    find = _FIND.format(column=form["column"], wanted=form["wanted"].replace("ref", "wanted.ref"))
    with connection.cursor() as cursor:
        cursor.execute(find, [wanted, namespace, kind])
        found = dict(cursor.fetchall())
        missing = [ref for ref in wanted if ref not in found]
        if not missing:
            return found, []
        bulk.expect_many_rows(len(missing))
        first_seen = at if origin == "live" else None
        cursor.execute(_MAKE.format(**form), [missing, namespace, kind, at, origin, first_seen])
        made = dict(cursor.fetchall())
        found |= made
        if len(found) < len(wanted):
            cursor.execute(find, [wanted, namespace, kind])
            found = dict(cursor.fetchall())
    return found, sorted(made.values())
