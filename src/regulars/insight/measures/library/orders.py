"""How many purchases a customer made: `count(*)` of orders that were not cancelled."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="orders",
    en=Words("Orders", "How many times this customer bought. Cancelled orders do not count."),
    zh=Words("订单数", "这位顾客一共下了多少单，已取消的不算。"),
    tables=("orders",),
    of_days=lambda days: days.orders.sum(),
)
