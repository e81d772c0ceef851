"""How many customers came back.

    repeat rate = customers who bought on at least two days / customers who bought

with the Wilson 95 % interval. Newcomers have not had the time to come back, so the rate of a growing shop looks low:
the chance to have come back within so many days, allowing for that, is Kaplan & Meier's estimate (1958, JASA 53,
457-481) over the days from first to second purchase, whoever has not come back leaving the count on the as-of day. Its
interval is Greenwood's on the log(-log) scale, which stays between 0 and 1.
"""

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.estimates import Estimate, share, unknown
from regulars.insight.measures.intervals import Z95, wilson
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope

#: Days after the first purchase at which the return curve is kept.
HORIZONS = (30, 60, 90, 180, 365)
#: A first purchase fewer days ago than this counts as new when the rate is explained.
NEWCOMER_DAYS = 90


def waits(scope: Scope) -> ir.Table:
    """wait_days, came_back, customers: from first to second purchase day, or to the as-of day."""
    days = scope.kept_days()
    first = days.filter(days.visit == 1)
    as_of = ibis.literal(scope.as_of)
    return (
        first.select(
            wait_days=first.after_on.fill_null(as_of).delta(first.day, unit="day").cast("int64"),
            came_back=first.after_on.notnull(),
            is_newcomer=as_of.delta(first.day, unit="day") < NEWCOMER_DAYS,
        )
        .group_by("wait_days", "came_back", "is_newcomer")
        .agg(customers=lambda t: t.count())
        .order_by("wait_days", "came_back")
    )


def return_curve(rows: list[dict[str, Any]], horizons: Sequence[int] = HORIZONS) -> list[dict[str, Any]]:
    """The chance to have come back within each horizon: `days`, and `back`, an estimate of how many were still watched
    on that day.

    It is unknown where nobody was watched so long, unless all who were left had come back before.
    """
    came, left = dict[int, int](), dict[int, int]()
    for row in rows:
        side = came if row["came_back"] else left
        side[row["wait_days"]] = side.get(row["wait_days"], 0) + row["customers"]
    at_risk = last_back = sum(came.values()) + sum(left.values())
    if not at_risk:
        return []
    curve: list[dict[str, Any]] = []
    staying, variance, waiting = 1.0, 0.0, sorted({*came, *left})
    for horizon in horizons:
        watched = at_risk
        while waiting and waiting[0] <= horizon:
            day = waiting.pop(0)
            if day < horizon:
                watched -= came.get(day, 0) + left.get(day, 0)
            if returned := came.get(day, 0):
                staying *= 1 - returned / at_risk
                last_back = returned
                if at_risk > returned:
                    variance += returned / (at_risk * (at_risk - returned))
            at_risk -= returned + left.get(day, 0)
        low: float | None
        high: float | None
        if staying == 0:
            # The last ones watched all came back: no more than that many bear witness.
            low, high = wilson(last_back, last_back)
        elif not watched:
            low = high = None
        elif staying == 1:
            # Greenwood's variance of no event is nought, which is no certainty: 0 of those watched to the end.
            low, high = wilson(0, watched)
        else:
            half = Z95 * sqrt(variance) / abs(log(staying))
            low, high = 1 - staying ** exp(-half), 1 - staying ** exp(half)
        back = unknown("too_short", "share", "customers")
        if low is not None and high is not None:
            # Wilson's interval of all or nobody may miss them by what a float cannot hold.
            ends = min(low, 1 - staying), max(high, 1 - staying)
            back = Estimate(1 - staying, watched, *ends, "share", "customers")
        curve.append({"days": horizon, "back": back})
    return curve


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    customers = sum(row["customers"] for row in rows)
    returned = sum(row["customers"] for row in rows if row["came_back"])
    newcomers = [row for row in rows if row["is_newcomer"]]
    return {
        "came_back": share(returned, customers, "customers"),
        "newcomer_days": NEWCOMER_DAYS,
        "newcomers": sum(row["customers"] for row in newcomers),
        "curve": return_curve(rows),
    }


MEASURE = ShopMeasure(
    name="repeat_rate",
    en=Words("Repeat rate", "Of all customers who bought, how many came back on another day."),
    zh=Words("复购率", "买过的顾客中，有多少人在另一天又回来购买。"),
    grain="shop",
    tables=("orders",),
    expression=waits,
    value=value,
)
