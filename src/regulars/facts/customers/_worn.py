"""Identifiers that more people use than have one together: a till's phone, a shared tablet. Each is one question."""

from collections.abc import Sequence

from django.db import connection

_WORN = """
WITH told AS (SELECT * FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)),
contact AS (SELECT * FROM told
             WHERE NOT EXISTS (SELECT FROM customers_review AS asked
                                WHERE asked.digest = told.digest AND asked.kind = 'worn')),
ended AS (UPDATE customers_review AS review SET state = 'gone', decided_at = now() FROM told
           WHERE review.digest = told.digest AND review.kind = 'claim' AND review.state = 'open')
INSERT INTO customers_review (kind, one_id, other_id, identifier_kind, digest)
SELECT 'worn', oldest.records[1], oldest.records[2], contact.kind, contact.digest
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
UPDATE customers_review AS review SET state = 'open', opened_at = now(), decided_at = NULL
  FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)
 WHERE review.kind = 'worn' AND review.state = 'gone' AND review.digest = told.digest
"""
_ENDED = """
WITH worn AS (SELECT * FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)),
claims AS (UPDATE customers_review AS review SET state = 'gone', decided_at = now() FROM worn
            WHERE review.digest = worn.digest AND review.kind = 'claim' AND review.state = 'open')
UPDATE customers_review AS review SET state = 'gone', decided_at = now()
 WHERE review.kind = 'worn' AND review.state = 'open'
   AND NOT EXISTS (SELECT FROM worn WHERE worn.digest = review.digest)
RETURNING review.identifier_kind, review.digest
"""


def note(identifiers: Sequence[tuple[str, bytes]]) -> None:
    """Each of these (kind, digest) is one question: told by too many. What was asked of its pairs is asked no more."""
    if identifiers:
        told = sorted(identifiers)
        kinds, digests = [kind for kind, _ in told], [digest for _, digest in told]
        with connection.cursor() as cursor:
            cursor.execute(_AGAIN, [kinds, digests])
            cursor.execute(_WORN, [kinds, digests])


def end(identifiers: Sequence[tuple[str, bytes]]) -> None:
    """Too many use none of these any more."""
    if identifiers:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE customers_review AS review SET state = 'gone', decided_at = now()"
                "  FROM unnest(%s::text[], %s::bytea[]) AS told(kind, digest)"
                " WHERE review.kind = 'worn' AND review.state = 'open' AND review.digest = told.digest"
                "   AND review.identifier_kind = told.kind",
                [[kind for kind, _ in identifiers], [digest for _, digest in identifiers]],
            )


def only(identifiers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """These are all there are: each is one question, and the questions about others go. Returns those others."""
    note(identifiers)
    told = sorted(identifiers)
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [[kind for kind, _ in told], [digest for _, digest in told]])
        return [(kind, bytes(digest)) for kind, digest in cursor.fetchall()]
