"""What is left of the net spend at the margin the shop told (`margins.tell`): no cost of goods is known.

Where it told none, there is no value: a margin that is guessed is none.
"""

from regulars.insight.measures.estimates import Estimate, exact, unknown
from regulars.insight.measures.figure import Figure, Sums, count, total
from regulars.insight.measures.measure import Words


def estimate(s: Sums) -> Estimate:
    spend = exact(s["net"], s["n"], "money", "buyers")
    if s.told.margin is None:
        return unknown("no_margin_told", "money", "buyers", n=s["n"], spend=spend)
    margin = Estimate(s.told.margin, s["n"], s.told.margin, s.told.margin, "share", "buyers", is_exact=True)
    return exact(round(s["net"] * s.told.margin), s["n"], "money", "buyers", spend=spend, margin=margin)


FIGURE = Figure(
    name="margin",
    en=Words("Margin", "Net spend times the margin the shop told; the cost of each ware is not known."),
    zh=Words("毛利", "净消费乘以店铺填写的毛利率；各商品的成本未知。"),
    unit="money",
    of="buyers",
    source="buying",
    sums=lambda c: {"n": count(c.orders > 0), "net": total(c.gross_minor - c.returned_minor)},
    estimate=estimate,
    tables=("orders", "returns"),
)
