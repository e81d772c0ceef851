"""How an order changed as it was told, by whom and with which message."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection


@dataclass(frozen=True)
class Change:
    """One change of an order, as it was told. `at` is its source's time, `source` who told it, as the trail names
    them, and `delivery` the message that did. Amounts, where it changed one, in minor units of the order's currency."""

    what: str
    at: datetime
    before_minor: int | None
    after_minor: int | None
    source: str
    delivery: str
    recorded_at: datetime


def history(order: int) -> list[Change]:
    """What happened to one order as it was told, oldest first, each change once. Two queries.

    A file's orders come in without a row of their own for that: what they and their returns say of it stands in.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, [order])
        rows = cursor.fetchall()
        found = once([Change(*row[1:]) for row in rows], whole=[row[0] for row in rows])
        told = {change.what for change in found}
        cursor.execute(_BEGINNINGS, {"order": order})
        found += [Change(*row) for row in cursor.fetchall() if row[0] not in told]
    if {"drafted", "tested"} & told and not any(change.source for change in found if change.what == "placed"):
        found = [change for change in found if change.what != "placed"]
    return sorted(found, key=lambda change: (change.at, change.recorded_at))


def once(changes: Sequence[Change], *, whole: Iterable[bool]) -> list[Change]:
    """`changes` without those of an order's `whole` refunds that the changes of its single refunds tell too. Pure.

    Shops say both what went back in all and each refund. What is known one by one is shown so, with its own time; a
    sum stays where no more than a part of it is.
    """
    told = list(zip(changes, whole, strict=True))
    sums = [0]
    for change, is_whole in told:
        if change.what == "refunded" and not is_whole:
            sums.append(sums[-1] + (change.after_minor or 0) - (change.before_minor or 0))
    most = max(sums)
    return [change for change, is_whole in told if not (is_whole and (change.after_minor or 0) <= most)]


_HISTORY = """
SELECT is_whole_refund, what, at, before_minor, after_minor, source, delivery, recorded_at FROM commerce_order_change
 WHERE order_id = %s ORDER BY id
"""
_BEGINNINGS = """
SELECT 'placed', placed_at, NULL::bigint, total_minor, '', '', recorded_at FROM commerce_order WHERE id = %(order)s
 UNION ALL
SELECT CASE WHEN paid_back_minor = 0 THEN 'returned' ELSE 'refunded' END, returned_at, NULL,
       COALESCE(NULLIF(paid_back_minor, 0), amount_minor), '', '', recorded_at FROM commerce_return
 WHERE order_id = %(order)s AND NOT is_void
"""
