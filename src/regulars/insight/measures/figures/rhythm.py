"""The customers' rhythm: the middle number of days since the visit before, over all visits but first ones in the span.

A visit is a day with a purchase. The quartiles, of which half of the gaps lie between, are factors.
"""

from regulars.insight.measures.estimates import median
from regulars.insight.measures.figure import Figure, count
from regulars.insight.measures.measure import Words

FIGURE = Figure(
    name="rhythm",
    en=Words("Rhythm", "How many days passed between two purchases of one customer: the middle one of all gaps."),
    zh=Words("购买节奏", "同一位顾客两次购买之间相隔的天数（所有间隔的中位数）。"),
    unit="days",
    of="gaps",
    source="buying",
    sums=lambda c: {"n": count((c.days > 1) | ((c.days == 1) & (c.first_on < c.start_on)))},
    estimate=lambda s: median(s.gaps, s["n"], "days", "gaps"),
    needs_gaps=True,
)
