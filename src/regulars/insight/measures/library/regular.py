"""Who is a regular: bought on at least three days."""

from regulars.insight.measures.measure import CustomerMeasure, Words

#: Days with a purchase from which on a customer has a rhythm to speak of.
REGULAR_DAYS = 3

MEASURE = CustomerMeasure(
    name="is_regular",
    en=Words("Regular", "Bought on three days or more."),
    zh=Words("回头客", "在三个或更多不同的日子购买过。"),
    tables=("orders",),
    of_customer=lambda c, _: c.purchase_days >= REGULAR_DAYS,
)
