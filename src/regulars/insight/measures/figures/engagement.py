"""Which part of the customers came by: seen on the site, in an app or in a store, or bought.

A customer of a day bought within the `ACTIVE_DAYS` up to it, as for the retention rate. Who is not recognised when they
look around is not seen; opens of messages are not counted.
"""

from regulars.insight.measures.estimates import share
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.figures.retention import at_end
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="engagement",
    en=Words(
        "Engagement", "Of the customers who bought in the year before, how many came by: looked around or bought."
    ),
    zh=Words("活跃率", "此前一年内买过的顾客中，有多少人来过：浏览、到店或购买。"),
    unit="share",
    of="customers",
    source="standing",
    sums=lambda c: {"n": count(at_end(c)), "came": count(at_end(c) & ((c.in_seen_days > 0) | (c.in_orders > 0)))},
    estimate=lambda s: share(s["came"], s["n"], "customers"),
    tables=("orders", "events"),
)
