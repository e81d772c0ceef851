"""Which part of the revenue comes from customers the shop knows: theirs over everybody's, guests' with it.

Orders are the units of the interval: guests cannot be told apart.
"""

from regulars.insight.measures.estimates import ratio
from regulars.insight.measures.figure import Figure, count, product, total
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="member_share",
    en=Words("Share of known customers", "Of all revenue, how much comes from customers the shop knows."),
    zh=Words("会员收入占比", "全部收入中，来自已知顾客的比例。"),
    unit="share",
    of="orders",
    source="sales",
    sums=lambda o: {
        "n": count(~o.is_foreign),
        "y": total(o.customer_id.notnull().ifelse(o.gross_minor, 0)),
        "yy": product(o.customer_id.notnull().ifelse(o.gross_minor, 0), o.gross_minor),
        "x": total(o.gross_minor),
        "xx": product(o.gross_minor, o.gross_minor),
    },
    estimate=lambda s: ratio(s["y"], s["yy"], s["x"], s["xx"], s["yy"], s["n"], "share", "orders", least=0.0, most=1.0),
)
