"""How often a buyer bought: days with a purchase over buyers."""

from regulars.insight.measures.estimates import mean
from regulars.insight.measures.figure import Figure, count, product, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="frequency",
    en=Words("Frequency", "On how many days a buyer bought, on average."),
    zh=Words("购买频次", "每位购买者平均在多少天购买。"),
    unit="number",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0), "y": total(c.days), "yy": product(c.days, c.days)},
    estimate=lambda s: mean(s["y"], s["yy"], s["n"], "number", "buyers", least=1.0),
)
