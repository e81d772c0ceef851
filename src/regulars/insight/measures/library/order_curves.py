"""How soon the second and the third purchase come: the chance to have come back within so many days.

Kaplan & Meier's estimate over the days from one purchase day to the next; whoever has not come back leaves the count on
the as-of day, so that newcomers neither help nor harm. Greenwood's interval on the log(-log) scale (`repeat_rate`). n
is how many were still watched on that day; where nobody was, nothing is told.
"""

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.library.repeat_rate import return_curve
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope

#: Days after the purchase before at which the curves are kept.
HORIZONS = (7, 14, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365, 540, 730)
STEPS = (2, 3)


def waits(scope: Scope) -> ir.Table:
    """step, wait_days, came_back, customers: of those with step - 1 purchases, how long to the next, or until now."""
    days = scope.kept_days()
    walked = days.filter(days.visit > 0, days.visit < max(STEPS))
    until = walked.after_on.fill_null(ibis.literal(scope.as_of))
    return (
        walked.select(
            step=walked.visit + 1,
            wait_days=until.delta(walked.day, unit="day").cast("int64"),
            came_back=walked.after_on.notnull(),
        )
        .group_by("step", "wait_days", "came_back")
        .agg(customers=lambda t: t.count())
        .order_by("step", "wait_days", "came_back")
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    curves = []
    for step in STEPS:
        mine = [row for row in rows if row["step"] == step]
        curves.append(
            {
                "step": step,
                "customers": sum(row["customers"] for row in mine),
                "came_back": sum(row["customers"] for row in mine if row["came_back"]),
                "points": return_curve(mine, HORIZONS),
            }
        )
    return {"curves": curves}


MEASURE = ShopMeasure(
    name="order_curves",
    en=Words("Second and third purchase", "How soon customers come back for the second and for the third time."),
    zh=Words("第二次与第三次购买", "顾客多久之后第二次、第三次回来购买。"),
    grain="shop",
    tables=("orders",),
    expression=waits,
    value=value,
)
