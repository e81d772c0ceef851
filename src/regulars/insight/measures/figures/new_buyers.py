"""Which part of the buyers bought for the first time."""

from regulars.insight.measures.estimates import share
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="new_buyers",
    en=Words("First-time buyers", "Of those who bought, how many bought for the first time, as far as the records go."),
    zh=Words("首购占比", "购买者中，有多少人是有记录以来第一次购买。"),
    unit="share",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0), "new": count((c.orders > 0) & (c.first_on >= c.start_on))},
    estimate=lambda s: share(s["new"], s["n"], "buyers"),
)
