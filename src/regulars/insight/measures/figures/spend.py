"""What customers spent: bought in the span less returned in it, in the shop's currency.

What came back is taken out in the span it came back in, as far as it matches a purchase; so a month after a large sale
can fall below nought.
"""

from regulars.insight.measures.estimates import exact
from regulars.insight.measures.figure import Figure, count, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="spend",
    en=Words("Net spend", "What customers bought for, less what they gave back in the same time."),
    zh=Words("净消费", "顾客购买的金额，减去同一时期退回的金额。"),
    unit="money",
    of="buyers",
    source="buying",
    sums=lambda c: {
        "n": count(c.orders > 0),
        "gross": total(c.gross_minor),
        "returned": total(c.returned_minor),
    },
    estimate=lambda s: exact(
        s["gross"] - s["returned"],
        s["n"],
        "money",
        "buyers",
        bought=exact(s["gross"], s["n"], "money", "buyers"),
        returned=exact(s["returned"], s["n"], "money", "buyers"),
    ),
    tables=("orders", "returns"),
)
