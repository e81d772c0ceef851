"""A batch as it is told."""

from collections.abc import Sequence
from decimal import Decimal

from django.db import connection

from regulars.kit.money import Money, to_minor
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._earning.regrant_rows import Regrant
from regulars.levers.loyalty._regrants.approving import needs_another
from regulars.levers.loyalty._regrants.due import to_do
from regulars.levers.loyalty._regrants.values import RegrantView
from regulars.levers.loyalty.programme_files import Programme

#: Members with the greatest change who are listed.
MOST_LISTED = 20
_VIEWS = f"""
SELECT batch.id, programme.code, version.number, version.id, batch.since_on, batch.until_on, batch.takes_back,
       batch.state, batch.given, batch.taken, batch.fewer, batch.asked_by, batch.asked_at, batch.approved_by,
       batch.approved_at, batch.undone_by, batch.undone_at, COALESCE(orders.every, 0), COALESCE(orders.customers, 0),
       COALESCE(orders.done, 0), COALESCE(orders.left_out, 0), COALESCE(orders.waiting, 0),
       COALESCE(orders.given, 0), COALESCE(orders.taken, 0)
  FROM loyalty_regrant AS batch JOIN loyalty_programme AS programme ON programme.id = batch.programme_id
  JOIN loyalty_version AS version ON version.id = batch.version_id
  LEFT JOIN LATERAL (
       SELECT count(*) AS every, count(DISTINCT earning.record_id) AS customers,
              count(*) FILTER (WHERE one.state = 'done') AS done,
              count(*) FILTER (WHERE one.state = 'left') AS left_out,
              count(*) FILTER (WHERE one.state = {to_do("batch")}) AS waiting,
              sum(one.change) FILTER (WHERE one.state = 'done' AND one.change > 0)::bigint AS given,
              -sum(one.change) FILTER (WHERE one.state = 'done' AND one.change < 0)::bigint AS taken
         FROM loyalty_regrant_order AS one JOIN loyalty_earning AS earning ON earning.id = one.earning_id
        WHERE one.regrant_id = batch.id) AS orders ON true
"""  # noqa: S608 - of constants
_MEMBERS = """
SELECT earning.record_id, sum(one.change)::bigint FROM loyalty_regrant_order AS one
  JOIN loyalty_earning AS earning ON earning.id = one.earning_id
 WHERE one.regrant_id = %s GROUP BY 1 ORDER BY abs(sum(one.change)) DESC, 1 LIMIT %s
"""


def cost(parts: int, programme: Programme) -> Money | None:
    """What so many parts are worth; None where the programme does not say."""
    worth = programme.currency.worth
    if worth is None:
        return None
    return Money(to_minor(Decimal(parts).scaleb(-programme.currency.scale) * worth, programme.money), programme.money)


def views(where: str, values: Sequence[str | int], *, members: bool) -> list[RegrantView]:
    """Batches as that part of a query says. One query, one for the members of the first, more where one is ready."""
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS + where, values)
        rows = cursor.fetchall()
        most: list[tuple[int, int]] = []
        if members and rows:
            cursor.execute(_MEMBERS, [rows[0][0], MOST_LISTED])
            most = list(cursor.fetchall())
    found = []
    for row in rows:
        batch, code, number, version, since, until, takes_back, state, given, taken, fewer, *who = row
        *told, every, customers, done, left, waiting, given_done, taken_done = who
        asked_by, asked_at, approved_by, approved_at, undone_by, undone_at = told
        programme = programmes.read_plainly(version)
        found.append(
            RegrantView(
                batch,
                code,
                number,
                since,
                until,
                takes_back,
                state,
                every,
                customers,
                given,
                taken,
                fewer,
                programme.currency.scale,
                cost(given - taken, programme),
                state == "ready" and needs_another(Regrant.objects.get(id=batch), programme),
                done,
                left,
                waiting,
                given_done,
                taken_done,
                asked_by,
                asked_at,
                approved_by,
                approved_at,
                undone_by,
                undone_at,
                most,
            )
        )
    return found
