"""What a buyer spent: bought less returned, over buyers."""

from regulars.insight.measures.estimates import mean
from regulars.insight.measures.figure import Figure, count, product, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="monetary",
    en=Words("Spend of a buyer", "What a buyer spent on average, less what they gave back in the same time."),
    zh=Words("人均消费", "每位购买者的平均消费，减去同一时期的退货。"),
    unit="money",
    of="buyers",
    source="buying",
    sums=lambda c: {
        "n": count(c.orders > 0),
        "y": total((c.orders > 0).ifelse(c.gross_minor - c.returned_minor, 0)),
        "yy": product(
            (c.orders > 0).ifelse(c.gross_minor - c.returned_minor, 0),
            (c.orders > 0).ifelse(c.gross_minor - c.returned_minor, 0),
        ),
    },
    estimate=lambda s: mean(s["y"], s["yy"], s["n"], "money", "buyers"),
    tables=("orders", "returns"),
)
