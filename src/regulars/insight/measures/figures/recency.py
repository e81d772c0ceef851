"""How long ago customers last bought: the span's last day less the last purchase, over everybody who bought by then."""

import ibis.expr.types as ir

from regulars.insight.measures.estimates import mean
from regulars.insight.measures.figure import Figure, product, total
from regulars.insight.measures.measure import Words


def ago(c: ir.Table) -> ir.Value:
    return c.end_on.delta(c.last_on, unit="day").cast("int64")


FIGURE = Figure(
    name="recency",
    en=Words("Recency", "How many days ago all customers so far last bought, on average, seen from the last day."),
    zh=Words("最近购买间隔", "从最后一天看，所有买过的顾客平均多少天前最后一次购买。"),
    unit="days",
    of="customers",
    source="standing",
    sums=lambda c: {"n": c.count(), "y": total(ago(c)), "yy": product(ago(c), ago(c))},
    estimate=lambda s: mean(s["y"], s["yy"], s["n"], "days", "customers", least=0.0),
)
