"""How many different wares a buyer bought: distinct products over buyers whose products are known."""

from regulars.insight.measures.estimates import mean
from regulars.insight.measures.figure import Figure, count, product, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="diversity",
    en=Words("Different products", "How many different products a buyer bought, on average."),
    zh=Words("购买多样性", "每位购买者平均买过多少种不同的商品。"),
    unit="number",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.wares > 0), "y": total(c.wares), "yy": product(c.wares, c.wares)},
    estimate=lambda s: mean(s["y"], s["yy"], s["n"], "number", "buyers", least=1.0),
    tables=("orders", "lines", "products"),
)
