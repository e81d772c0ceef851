"""The day of a customer's last purchase: `max(day)`."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="last_on",
    en=Words("Last purchase", "The day this customer bought most recently."),
    zh=Words("最近购买", "这位顾客最近一次购买的日子。"),
    tables=("orders",),
    of_days=lambda days: days.day.max(where=days.orders > 0),
)
