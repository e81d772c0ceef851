"""Which products are bought together in one order, guests' orders with them (`affinity`)."""

from regulars.insight.measures.library import affinity
from regulars.insight.measures.measure import ShopMeasure, Words

MEASURE = ShopMeasure(
    name="basket_affinity",
    en=Words("Bought together", "Which products lie in one basket more often than chance would have it."),
    zh=Words("连带购买", "哪些商品出现在同一笔订单里的次数多于偶然。"),
    grain="shop",
    tables=("orders", "lines", "products"),
    expression=lambda scope: affinity.pairs(scope, "order_id"),
    value=affinity.value("baskets"),
)
