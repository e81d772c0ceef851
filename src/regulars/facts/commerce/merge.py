"""What joining two records moves here: orders and returns go to the person, and returns are matched among all of them.

What each came with stays written beside it, so that parting gives every order and return back.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import _rematching
from regulars.facts.customers.merging import Effect, Move
from regulars.kit.actors import Actor

_TABLES = ("commerce_order", "commerce_return")

_APPLY = """
UPDATE {table} AS document SET customer_id = told.person, came_with_id = told.record
  FROM unnest(%s::bigint[], %s::bigint[]) AS told(record, person)
 WHERE document.customer_id = told.record AND document.came_with_id IS NULL
"""
_UNDO = """
UPDATE {table} AS document SET customer_id = told.record, came_with_id = NULL
  FROM unnest(%s::bigint[], %s::bigint[]) AS told(record, person)
 WHERE document.customer_id = told.person AND document.came_with_id = told.record
"""
_COUNT = """
SELECT count(*) FROM {table} AS document
  JOIN unnest(%s::bigint[], %s::bigint[]) AS told(record, person)
    ON (document.customer_id = told.record AND document.came_with_id IS NULL)
    OR (document.customer_id = told.person AND document.came_with_id = told.record)
"""


def plan(moves: Sequence[Move]) -> list[Effect]:
    """How many orders and returns would move."""
    told = _told(moves)
    counts = []
    with connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(_COUNT.format(table=table), told)
            [(count,)] = cursor.fetchall()
            counts.append(int(count))
    return [Effect(_("orders"), counts[0]), Effect(_("returns"), counts[1])]


def apply(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """Each record's orders and returns go to its person."""
    _run(_APPLY, moves)


def undo(moves: Sequence[Move], *, at: datetime, by: Actor) -> None:
    """What came with each record leaves its person for the record."""
    _run(_UNDO, moves)


def _run(statement: str, moves: Sequence[Move]) -> None:
    _rematching.lock()
    with connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(statement.format(table=table), _told(moves))
    touched = {move.record for move in moves} | {move.person for move in moves}
    _rematching.rematch_customers(sorted(touched))


def _told(moves: Sequence[Move]) -> list[list[int]]:
    return [[move.record for move in moves], [move.person for move in moves]]
