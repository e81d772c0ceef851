"""Purchases in other currencies than the shop's: they count as purchases, their money is left out."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="foreign_orders",
    en=Words("Orders in other currencies", "Orders whose money is left out because it is not in the shop's currency."),
    zh=Words("其他币种订单", "不是店铺币种的订单，金额未计入消费。"),
    tables=("orders",),
    of_days=lambda days: (days.orders - days.home_orders).sum(),
)
