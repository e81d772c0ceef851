"""The day of a customer's first purchase: `min(day)`."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="first_on",
    en=Words("First purchase", "The day this customer bought for the first time, as far as the records go back."),
    zh=Words("首次购买", "有记录以来，这位顾客第一次购买的日子。"),
    tables=("orders",),
    of_days=lambda days: days.day.min(where=days.orders > 0),
)
