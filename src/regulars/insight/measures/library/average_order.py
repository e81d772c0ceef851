"""An average order: money bought for, divided by the orders in the shop's currency; null where there are none."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="average_order_minor",
    en=Words("Average order", "What one order of this customer comes to on average, before returns."),
    zh=Words("客单价", "这位顾客平均每单的金额（未扣退货）。"),
    tables=("orders",),
    of_customer=lambda c, _: (c.gross_minor / (c.orders - c.foreign_orders).nullif(0)).round().cast("int64"),
)
