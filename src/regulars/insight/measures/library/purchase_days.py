"""On how many days a customer bought: `count(distinct day)`, in the shop's own calendar.

Two orders on one day are one visit: the marketing literature counts transactions so (Fader, Hardie & Lee 2005), and a
basket split over two receipts is no return to the shop.
"""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="purchase_days",
    en=Words("Days with a purchase", "On how many different days this customer bought. Two orders on one day are one."),
    zh=Words("购买天数", "这位顾客在多少个不同的日子买过东西，同一天的多单算一次。"),
    tables=("orders",),
    of_days=lambda days: (days.orders > 0).cast("int64").sum(),
)
