"""Which products are bought by the same customers, in one order or over the years (`affinity`)."""

from regulars.insight.measures.library import affinity
from regulars.insight.measures.measure import ShopMeasure, Words

MEASURE = ShopMeasure(
    name="cross_purchase",
    en=Words("Bought by the same customers", "Which products the same customers buy, not only in one basket."),
    zh=Words("交叉购买", "哪些商品常被同一位顾客买走，不限于同一笔订单。"),
    grain="shop",
    tables=("orders", "lines", "products"),
    expression=lambda scope: affinity.pairs(scope, "customer_id"),
    value=affinity.value("customers"),
)
