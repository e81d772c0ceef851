"""A customer's own rhythm: the middle of the days between purchase days, and how far the middle half of them spreads.

Median and distance between the quartiles of the gaps; null for whoever bought on fewer than two days. Where visits are
few, `typical_gap_days` is the steadier guess: it leans on the shop's.
"""

import ibis.expr.types as ir

from regulars.insight.measures.measure import CustomerMeasure, Words
from regulars.insight.measures.scope import Scope


def gaps(scope: Scope) -> ir.Table:
    """Both, of whoever came back."""
    days = scope.kept_days()
    found = days.filter(days.before_on.notnull())
    gap = found.day.delta(found.before_on, unit="day").cast("int64")
    return found.group_by("customer_id").agg(
        median_gap_days=gap.quantile(0.5).round(2),
        gap_spread_days=(gap.quantile(0.75) - gap.quantile(0.25)).round(2),
    )


MEDIAN = CustomerMeasure(
    name="median_gap_days",
    en=Words("Own rhythm", "The middle one of the numbers of days between this customer's purchases."),
    zh=Words("自身购买节奏", "这位顾客两次购买之间天数的中位数。"),
    tables=("orders",),
    joined=gaps,
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
