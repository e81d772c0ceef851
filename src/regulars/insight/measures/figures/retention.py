"""The textbook retention rate:

    (customers at the end - new ones) / customers at the start

A customer of a day bought within the `ACTIVE_DAYS` up to it; a new one bought for the first time within the span.
Whoever was away longer and came back counts at the end and not at the start, as the formula has it, so that it can pass
100 %. The interval is the delta method's, with customers as units.
"""

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.estimates import Estimate, exact, ratio
from regulars.insight.measures.figure import Figure, Sums, count
from regulars.insight.measures.measure import Words
from regulars.insight.measures.spanning import ACTIVE_DAYS


def at_start(c: ir.Table) -> ir.Value:
    return (c.start_on.delta(c.last_before, unit="day") <= ACTIVE_DAYS).fill_null(ibis.literal(False))


def at_end(c: ir.Table) -> ir.Value:
    return c.end_on.delta(c.last_on, unit="day") < ACTIVE_DAYS


def is_new(c: ir.Table) -> ir.Value:
    return c.first_on >= c.start_on


def estimate(s: Sums) -> Estimate:
    kept = s["end"] - s["new"]
    factors = {name: exact(s[name], s["n"], "count", "customers") for name in ("end", "new", "start")}
    found = ratio(kept, kept, s["start"], s["start"], s["both"], s["n"], "share", "customers", least=0.0)
    lack = found.lack and ("nobody" if not s["start"] else found.lack)
    return Estimate(found.value, s["start"], found.low, found.high, "share", "customers", lack=lack, factors=factors)


FIGURE = Figure(
    name="retention",
    en=Words(
        "Retention rate",
        "Customers at the end without the new ones, over customers at the start; a customer bought in the year before.",
    ),
    zh=Words("留存率", "期末顾客减去新顾客，除以期初顾客；顾客指此前一年内买过的人。"),
    unit="share",
    of="customers",
    source="standing",
    sums=lambda c: {
        "n": count(at_start(c) | at_end(c)),
        "start": count(at_start(c)),
        "end": count(at_end(c)),
        "new": count(is_new(c) & at_end(c)),
        "both": count(at_start(c) & at_end(c) & ~is_new(c)),
    },
    estimate=estimate,
)
