"""How many visits to stores ended with a purchase: days on which a customer bought in a store.

Two orders of one customer in stores on one day are one visit. Whoever only looked is not known.
"""

from regulars.insight.measures.estimates import exact
from regulars.insight.measures.figure import Figure, count, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="store_visits",
    en=Words("Store visits", "Visits of customers to a store that ended with a purchase, one a day."),
    zh=Words("门店到访", "顾客到店并购买的次数，同一天算一次。"),
    unit="count",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.store_days > 0), "visits": total(c.store_days)},
    estimate=lambda s: exact(s["visits"], s["n"], "count", "buyers"),
)
