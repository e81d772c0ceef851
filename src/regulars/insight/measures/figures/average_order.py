"""What an order comes to: bought over orders in the shop's currency, before returns, with customers as units."""

from regulars.insight.measures.estimates import ratio
from regulars.insight.measures.figure import Figure, count, product, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="average_order",
    en=Words("Average order", "What one order comes to on average, before returns."),
    zh=Words("客单价", "平均每单的金额（未扣退货）。"),
    unit="money",
    of="buyers",
    source="buying",
    sums=lambda c: {
        "n": count(c.home_orders > 0),
        "y": total(c.gross_minor),
        "yy": product(c.gross_minor, c.gross_minor),
        "x": total(c.home_orders),
        "xx": product(c.home_orders, c.home_orders),
        "xy": product(c.gross_minor, c.home_orders),
    },
    estimate=lambda s: ratio(s["y"], s["yy"], s["x"], s["xx"], s["xy"], s["n"], "money", "buyers", least=0),
)
