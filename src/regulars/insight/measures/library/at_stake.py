"""What a lapsing regular spent in the 365 days up to the last purchase: a fact about the past, not a forecast.

The days counted are the last purchase day and the 364 before it; returns since then are taken out, down to zero.
Zero for everybody who is not lapsing.
"""

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.measure import CustomerMeasure, Words
from regulars.insight.measures.scope import Scope

WINDOW_DAYS = 365


def at_stake(scope: Scope) -> ir.Table:
    people = scope.people()
    lapsing = people.filter(people.is_lapsing).select("customer_id", "last_on")
    days = scope.kept_days().join(lapsing, "customer_id")
    recent = days.filter(days.last_on.delta(days.day, unit="day") < WINDOW_DAYS)
    net = (recent.gross_minor - recent.returned_minor).sum()
    return recent.group_by("customer_id").agg(at_stake_minor=ibis.greatest(net, 0))


MEASURE = CustomerMeasure(
    name="at_stake_minor",
    en=Words("Value at stake", "What this regular spent in the year up to the last visit: it goes if they stay away."),
    zh=Words("面临流失的价值", "这位回头客在最后一次购买之前一年内的净消费：如果不再回来，失去的就是这些。"),
    tables=("orders", "returns"),
    joined=at_stake,
)
