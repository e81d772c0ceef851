"""A customer's own rhythm: the middle of the days between purchase days, and how far the middle half of them spreads.

Median and distance between the quartiles of the gaps; null for whoever bought on fewer than two days. Where visits are
few, `typical_gap_days` is the steadier guess: it leans on the shop's. Both come of the walk (`walking`),
where the gaps of each customer lie together.
"""

from regulars.insight.measures.measure import CustomerMeasure, Words
from regulars.insight.measures.scope import OWN_GAPS

MEDIAN = CustomerMeasure(
    name="median_gap_days",
    en=Words("Own rhythm", "The middle one of the numbers of days between this customer's purchases."),
    zh=Words("自身购买节奏", "这位顾客两次购买之间天数的中位数。"),
    tables=("orders",),
    joined=lambda scope: scope.table(OWN_GAPS),
    is_null_else=True,
)
SPREAD = CustomerMeasure(
    name="gap_spread_days",
    en=Words("Spread of the rhythm", "How many days the middle half of this customer's gaps spreads over."),
    zh=Words("节奏波动", "这位顾客中间一半的购买间隔相差多少天。"),
    tables=("orders",),
    # It came with the median: both are of one sort.
    of_customer=lambda c, _: c.gap_spread_days,
)
