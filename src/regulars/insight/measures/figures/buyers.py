"""How many different customers bought in the span."""

from regulars.insight.measures.estimates import exact
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="buyers",
    en=Words("Buyers", "How many different customers bought."),
    zh=Words("购买人数", "有多少位不同的顾客购买过。"),
    unit="count",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0)},
    estimate=lambda s: exact(s["n"], s["n"], "count", "buyers"),
)
