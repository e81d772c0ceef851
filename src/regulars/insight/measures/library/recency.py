"""Days since a customer's last purchase: as-of day minus last day.

Not stored: it changes for everybody each day, and `last_on` says the same.
"""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="recency_days",
    en=Words("Days since last purchase", "How many days ago this customer last bought."),
    zh=Words("距上次购买天数", "这位顾客上一次购买距今多少天。"),
    tables=("orders",),
    of_customer=lambda c, scope: scope.seen_from().delta(c.last_on, unit="day").cast("int64"),
    stored=False,
)
