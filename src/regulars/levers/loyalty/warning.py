"""Who loses points soon, and telling the rest of the house in time, so that they can be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from regulars.facts.company import company
from regulars.kit import civil, paging
from regulars.kit.actors import Actor
from regulars.kit.paging import Page
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._ledger import account_rows
from regulars.levers.loyalty.notices import PointsExpireSoon
from regulars.runtime.notices.outbox import announce_many

#: Accounts of one transaction.
AT_ONCE = 500
# Days before the last are counted in whole days. Of several days to be told on that have passed the last one counts.
_DUE = """
SELECT account.id, account.customer_id, currency.code, lot.expires_on, sum(lot.pending + lot.available)::bigint,
       (SELECT min(day) FROM unnest(%(days)s::int[]) AS day WHERE day >= lot.expires_on - %(today)s::date) AS days
  FROM loyalty_lot AS lot
  JOIN loyalty_account AS account ON account.id = lot.account_id AND account.frozen_at IS NULL
  JOIN loyalty_currency AS currency ON currency.id = account.currency_id
 WHERE (lot.pending > 0 OR lot.available > 0) AND lot.expires_at > %(at)s AND lot.expires_at <= %(until)s
   AND currency.code = %(currency)s
 GROUP BY account.id, account.customer_id, currency.code, lot.expires_on
"""
_UNTOLD = """
SELECT due.* FROM (DUE) AS due
 WHERE due.days IS NOT NULL AND NOT EXISTS (
       SELECT FROM loyalty_warned AS told WHERE told.account_id = due.id AND told.expires_on = due.expires_on
          AND told.days <= due.days)
 ORDER BY due.expires_on, due.id LIMIT %(limit)s
""".replace("DUE", _DUE)
_TOLD = """
INSERT INTO loyalty_warned (account_id, expires_on, days, at)
SELECT told.*, %s FROM unnest(%s::bigint[], %s::date[], %s::smallint[]) AS told
ON CONFLICT DO NOTHING RETURNING account_id, expires_on
"""


_BY_DAY = """
SELECT due.expires_on, count(*), sum(due.sum)::bigint FROM (DUE) AS due GROUP BY 1 ORDER BY 1
""".replace("DUE", _DUE)
_PAGE = """
SELECT due.* FROM (DUE) AS due
 WHERE (%(on)s::date IS NULL OR due.expires_on = %(on)s) AND (due.expires_on, due.id) > (%(after)s::date, %(account)s)
 ORDER BY due.expires_on, due.id LIMIT %(limit)s
""".replace("DUE", _DUE)
_LIST = "points.due"
#: In days: what a calendar still has a day after.
_FARTHEST = 366 * 1000


@dataclass(frozen=True)
class DueDay:
    """So many customers have points whose last day it is, and how many parts together."""

    on: date
    customers: int
    parts: int


@dataclass(frozen=True)
class Due:
    """So many parts of somebody's can be spent on `expires_on` for the last time."""

    account: int
    customer: int
    currency: str
    expires_on: date
    parts: int


def due_days(*, currency: str, days: int, at: datetime) -> list[DueDay]:
    """Day by day of the next `days`, by the currency's clock: how many customers have points whose last day it is, and
    how much that is. Three queries."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, _values(currency, [days], at, _zone_of(currency)))
        return [DueDay(*row) for row in cursor.fetchall()]


def due_page(
    *, currency: str, days: int, at: datetime, on: date | None = None, cursor: str | None = None, limit: int = 50
) -> Page[Due]:
    """Whose points end within so many days, or on one day however far it is, and how many; the nearest day first. Three
    queries. Raises BadCursor."""
    paging.check_size(limit)
    zone = _zone_of(currency)
    if on is not None:
        days = min(max((on - civil.day_of(at, civil.zone(zone))).days, 0), _FARTHEST)
    after = paging.decode(cursor, _LIST, date, int) if cursor else (date.min, 0)
    values = {"on": on, "after": after[0], "account": after[1], "limit": limit + 1}
    with connection.cursor() as rows:
        rows.execute(_PAGE, _values(currency, [days], at, zone) | values)
        found = [Due(*row[:5]) for row in rows.fetchall()]
    return paging.cut(found, limit, of=_LIST, key=lambda one: (one.expires_on, one.account))


def _zone_of(currency: str) -> str:
    return account_rows.currency(currency).zone or company.shop().zone


def warn_due(*, at: datetime, by: Actor, most: int | None = None) -> int:
    """Announce `PointsExpireSoon` for whoever a programme that is active wants told by now: for each last day once on
    each of its `notice_days`. Harmless to repeat. How many were announced."""
    done = 0
    for one in programmes.active(at):
        programme = one.programme
        if not programme.notice_days or programme.expiry.kind == "never":
            continue
        values = _values(programme.currency.code, programme.notice_days, at, programme.zone)
        while most is None or done < most:
            announced = _some(values, at, by)
            if announced is None:
                break
            done += announced
    return done


def _some(values: dict[str, Any], at: datetime, by: Actor) -> int | None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_UNTOLD, {**values, "limit": AT_ONCE})
            found = cursor.fetchall()
            if not found:
                return None
            cursor.execute(_TOLD, [at, [row[0] for row in found], [row[3] for row in found], [row[5] for row in found]])
            # Another sweep may have told some of them a moment ago.
            mine = set(cursor.fetchall())
        notices = [
            (
                PointsExpireSoon(customer=customer, currency=currency, expires_on=day, amount=parts, days=days, at=at),
                {"expires_on": day.isoformat(), "amount": parts},
            )
            for account, customer, currency, day, parts, days in found
            if (account, day) in mine
        ]
        announce_many(notices, by=by, verb="loyalty.warning.warn_due")
        return len(notices)


def _values(currency: str, days: Sequence[int], at: datetime, zone: str) -> dict[str, Any]:
    clocks = civil.zone(zone)
    today = civil.day_of(at, clocks)
    until = civil.start_of_day(today + timedelta(days=max(days) + 1), clocks)
    return {"currency": currency, "days": list(days), "today": today, "at": at, "until": until}
