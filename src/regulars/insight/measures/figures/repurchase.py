"""How many came back: customers who bought on two days or more over all who bought, from the first record to the
span's last day. On the as-of day this is the repeat rate.
"""

from regulars.insight.measures.estimates import share
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="repurchase",
    en=Words("Repurchase rate", "Of all customers up to then, how many had bought on two days or more."),
    zh=Words("复购率", "截至当时买过的全部顾客中，有多少人在两天或更多天购买过。"),
    unit="share",
    of="customers",
    source="standing",
    sums=lambda c: {"n": c.count(), "again": count(c.all_days >= 2)},
    estimate=lambda s: share(s["again"], s["n"], "customers"),
)
