"""Which part of the buyers bought in a store."""

from regulars.insight.measures.estimates import share
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="in_store",
    en=Words("Bought in a store", "Of those who bought, how many did so in a store at least once."),
    zh=Words("到店购买占比", "购买者中，有多少人至少有一次在门店购买。"),
    unit="share",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0), "store": count((c.orders > 0) & (c.store_days > 0))},
    estimate=lambda s: share(s["store"], s["n"], "buyers"),
)
