"""Flags of orders that were recorded before there were such flags, so much at a time until all have them."""

from django.db import connection, transaction

from regulars.facts.commerce import _rematching
from regulars.facts.commerce.deriving import ROUNDED
from regulars.facts.commerce.models import Order
from regulars.kit import money
from regulars.kit.actors import Actor
from regulars.runtime.database import clock
from regulars.runtime.preferences import preferences
from regulars.runtime.preferences.preferences import Preference

#: The number of the last order that has its flags, and `DONE` once all have.
SETTLED = Preference("commerce.flags_settled_up_to", int, default=0)
DONE = -1
_CHUNK = 5000

#: As `deriving.lines_that_differ` says it.
_LINES = """
UPDATE commerce_order AS sale SET lines_differ_minor = summed.apart
  FROM (SELECT line.order_id, sum(abs(line.amount_minor - round(told.due)))::bigint AS apart
          FROM commerce_line AS line
          JOIN commerce_order AS its ON its.id = line.order_id
          JOIN unnest(%s::text[], %s::int[]) AS places(currency, digits) ON places.currency = its.currency
         CROSS JOIN LATERAL (SELECT line.quantity * line.unit_price * power(10::numeric, places.digits)
                                    - line.discount_minor AS due) AS told
         WHERE line.order_id = ANY(%s) AND abs(line.amount_minor - told.due) > abs(line.quantity) * %s + 1
           AND (line.quantity <> 0 OR line.amount_minor <> 0)
         GROUP BY 1) AS summed
 WHERE sale.id = summed.order_id AND sale.lines_differ_minor <> summed.apart
"""


def settle(*, most: int, by: Actor) -> bool:
    """Set the flags of so many orders more, at most; whether all have them now. Harmless to repeat."""
    up_to = preferences.read(SETTLED)
    codes = sorted(money.currencies())
    done = 0
    while up_to != DONE and done < most:
        with transaction.atomic():
            some = list(Order.objects.filter(id__gt=up_to).order_by("id").values_list("id", flat=True)[:_CHUNK])
            # In the order in which everybody locks them.
            list(Order.objects.select_for_update().filter(id__in=some).order_by("id").values_list("id", flat=True))
            with connection.cursor() as cursor:
                cursor.execute(_LINES, [codes, [money.exponent(code) for code in codes], some, ROUNDED])
            _rematching.flag(some)
            up_to = some[-1] if len(some) == _CHUNK else DONE
        done += len(some)
    if done:
        preferences.write(SETTLED, up_to, at=clock.now(), by=by)
    return up_to == DONE
