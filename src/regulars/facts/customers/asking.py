"""Questions that a program asks: it says that two customers are one. Nobody is joined for it; somebody looks."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import connection

KIND: Final = "alias"

#: Once a pair, and not of two whom somebody keeps apart.
_ASK = """
INSERT INTO customers_review (kind, identifier_kind, one_id, other_id, opened_at)
SELECT DISTINCT %s, '', LEAST(one.id, other.id), GREATEST(one.id, other.id), %s::timestamptz
  FROM unnest(%s::bigint[], %s::bigint[]) AS told(one, other)
  JOIN customers_customer AS one ON one.id = told.one
  JOIN customers_customer AS other ON other.id = told.other
 WHERE COALESCE(one.person_id, one.id) <> COALESCE(other.person_id, other.id)
   AND (SELECT verdict FROM customers_decision
         WHERE one_id = LEAST(one.id, other.id) AND other_id = GREATEST(one.id, other.id)
         ORDER BY at DESC, id DESC LIMIT 1) IS DISTINCT FROM 'apart'
ON CONFLICT DO NOTHING
"""


def ask(*, pairs: Collection[tuple[int, int]], at: datetime) -> int:
    """Ask whether the two customers of each pair are one person. How many questions are new. One statement."""
    if not pairs:
        return 0
    told = sorted(pairs)
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [KIND, at, [one for one, _ in told], [other for _, other in told]])
        return int(cursor.rowcount)
