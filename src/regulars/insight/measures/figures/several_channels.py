"""Which part of the buyers bought through more than one channel."""

from regulars.insight.measures.estimates import share
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="several_channels",
    en=Words("Several channels", "Of those who bought, how many bought through more than one channel."),
    zh=Words("跨渠道占比", "购买者中，有多少人在不止一个渠道购买。"),
    unit="share",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0), "several": count((c.orders > 0) & (c.channels > 1))},
    estimate=lambda s: share(s["several"], s["n"], "buyers"),
)
