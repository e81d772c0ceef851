"""How many purchases customers made; guests' are not among them."""

from regulars.insight.measures.estimates import exact
from regulars.insight.measures.figure import Figure, count, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="orders",
    en=Words("Orders", "How many orders customers placed. Cancelled ones and those of guests do not count."),
    zh=Words("订单数", "顾客下的订单数，不含已取消的和散客的。"),
    unit="count",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0), "orders": total(c.orders)},
    estimate=lambda s: exact(s["orders"], s["n"], "count", "buyers"),
)
