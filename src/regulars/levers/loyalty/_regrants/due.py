"""Which orders of batches are to be come to next: those of members whose points are frozen are not."""

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS


def to_do(batch: str) -> str:
    """The state of those orders that a batch has still to come to, in SQL."""
    return (
        f"CASE WHEN {batch}.state IN ('running', 'done') THEN 'waiting'"
        f" WHEN {batch}.state IN ('undoing', 'undone') THEN 'done' END"
    )


# Of an order that waits in several batches, what was asked for first is done first: given in their order, undone the
# last first.
_DUE = f"""
one.state = {to_do("batch")}
AND NOT EXISTS (
    SELECT FROM loyalty_earning AS earning JOIN {CUSTOMERS} AS record ON record.id = earning.record_id
      JOIN loyalty_account AS account ON account.customer_id = COALESCE(record.person_id, record.id)
     WHERE earning.id = one.earning_id AND account.frozen_at IS NOT NULL)
AND NOT EXISTS (
    SELECT FROM loyalty_regrant_order AS other JOIN loyalty_regrant AS before ON before.id = other.regrant_id
     WHERE other.earning_id = one.earning_id AND before.id <> batch.id AND other.state = {to_do("before")}
       AND (before.id < batch.id) = (batch.state IN ('running', 'done')))
"""  # noqa: S608 - of constants
_NEXT = f"""
SELECT earning.id, earning.subject FROM (
       SELECT one.id, one.earning_id FROM loyalty_regrant_order AS one
         JOIN loyalty_regrant AS batch ON batch.id = one.regrant_id
        WHERE batch.id = %s AND {_DUE} ORDER BY one.id LIMIT %s) AS next
  JOIN loyalty_earning AS earning ON earning.id = next.earning_id
"""  # noqa: S608 - of constants
_LEFT_LYING = f"""
SELECT batch.id FROM loyalty_regrant AS batch
 WHERE batch.state IN ('looking', 'running', 'undoing')
    OR EXISTS (SELECT FROM loyalty_regrant_order AS one WHERE one.regrant_id = batch.id AND {_DUE})
 ORDER BY CASE WHEN batch.state IN ('undoing', 'undone') THEN -batch.id ELSE batch.id END
"""  # noqa: S608 - of constants


def subjects(batch: int, size: int) -> dict[int, str]:
    """The next decisions that are to be made, or brought back. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [batch, size])
        return dict(cursor.fetchall())


def left_lying() -> list[int]:
    """Batches that were left lying, and those with an order that can be come to now. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT_LYING)
        return [number for (number,) in cursor.fetchall()]
