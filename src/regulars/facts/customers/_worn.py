"""Identifiers that more people use than have one together: a till's phone, a shared tablet. Each is one question."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

_WORN = """
WITH contact AS (SELECT * FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)
                  WHERE NOT EXISTS (SELECT FROM customers_review AS asked
                                     WHERE asked.digest = told.digest AND asked.kind = 'worn')),
ended AS (UPDATE customers_review AS review SET state = 'gone', decided_at = %s FROM contact
           WHERE review.digest = contact.digest AND review.kind = 'claim' AND review.state = 'open')
INSERT INTO customers_review (kind, one_id, other_id, identifier_kind, digest, opened_at)
SELECT 'worn', oldest.records[1], oldest.records[2], contact.kind, contact.digest, %s
  FROM contact CROSS JOIN LATERAL (
       SELECT array(SELECT record FROM (
              (SELECT customer_id AS record FROM customers_profile WHERE email_digest = contact.digest LIMIT 200)
              UNION (SELECT customer_id FROM customers_profile WHERE phone_digest = contact.digest LIMIT 200)
              UNION (SELECT record_id FROM customers_link
                      WHERE kind = contact.kind AND digest = contact.digest LIMIT 200)
              ) AS known ORDER BY record LIMIT 2) AS records) AS oldest
 WHERE cardinality(oldest.records) = 2
ON CONFLICT DO NOTHING
"""


#: One that ceased by itself is asked about again; one that somebody left as it is, is not.
_AGAIN = """
UPDATE customers_review AS review SET state = 'open', decided_at = NULL
  FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)
 WHERE review.kind = 'worn' AND review.state = 'gone' AND review.digest = told.digest
"""
_ENDED = """
WITH worn AS (SELECT * FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)),
claims AS (UPDATE customers_review AS review SET state = 'gone', decided_at = %s FROM worn
            WHERE review.digest = worn.digest AND review.kind = 'claim' AND review.state = 'open')
UPDATE customers_review AS review SET state = 'gone', decided_at = %s
 WHERE review.kind = 'worn' AND review.state = 'open'
   AND NOT EXISTS (SELECT FROM worn WHERE worn.digest = review.digest)
RETURNING review.identifier_kind, review.digest
"""


def note(identifiers: Sequence[tuple[str, bytes]], *, at: datetime) -> None:
    """Each of these (kind, digest) is one question: told by too many. What was asked of its pairs is asked no more."""
    if identifiers:
        told = sorted(identifiers)
        kinds, digests = [kind for kind, _ in told], [digest for _, digest in told]
        with connection.cursor() as cursor:
            cursor.execute(_AGAIN, [kinds, digests])
            cursor.execute(_WORN, [kinds, digests, at, at])


def only(identifiers: Sequence[tuple[str, bytes]], *, at: datetime) -> list[tuple[str, bytes]]:
    """These are all there are: each is one question, and the questions about others go. Returns those others."""
    note(identifiers, at=at)
    told = sorted(identifiers)
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [[kind for kind, _ in told], [digest for _, digest in told], at, at])
        return [(kind, bytes(digest)) for kind, digest in cursor.fetchall()]
