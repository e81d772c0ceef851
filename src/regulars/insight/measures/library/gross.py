"""What a customer's purchases came to: sum of goods after discount, before returns, in the shop's currency."""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="gross_minor",
    en=Words("Bought for", "What this customer's purchases came to, discounts taken off, returns not yet taken out."),
    zh=Words("购买金额", "这位顾客购买商品的总额：已减去折扣，未扣退货。"),
    tables=("orders",),
    of_days=lambda days: days.gross_minor.sum(),
)
