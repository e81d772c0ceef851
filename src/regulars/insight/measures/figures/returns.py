"""Which part of the money came back: returned in the span over bought in it, with customers as units."""

from regulars.insight.measures.estimates import Estimate, exact, ratio
from regulars.insight.measures.figure import Figure, Sums, count, product, total
from regulars.insight.measures.measure import Words


def estimate(s: Sums) -> Estimate:
    found = ratio(s["y"], s["yy"], s["x"], s["xx"], s["xy"], s["n"], "share", "customers", least=0.0)
    factors = {name: exact(s[of], s["n"], "money", "customers") for name, of in (("returned", "y"), ("bought", "x"))}
    return Estimate(found.value, found.n, found.low, found.high, "share", "customers", lack=found.lack, factors=factors)


FIGURE = Figure(
    name="returns",
    en=Words("Returned", "Of the money customers bought for, how much came back in the same time."),
    zh=Words("退货率（金额）", "顾客购买的金额中，同一时期退回了多少。"),
    unit="share",
    of="customers",
    source="buying",
    sums=lambda c: {
        "n": count((c.orders > 0) | (c.returned_minor != 0)),
        "y": total(c.returned_minor),
        "yy": product(c.returned_minor, c.returned_minor),
        "x": total(c.gross_minor),
        "xx": product(c.gross_minor, c.gross_minor),
        "xy": product(c.gross_minor, c.returned_minor),
    },
    estimate=estimate,
    tables=("orders", "returns"),
)
