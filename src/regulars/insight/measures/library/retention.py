"""Who is still buying, by the month of the first purchase.

A cohort is everybody whose first purchase fell into one month; a cell counts those of them who bought in the month so
many months later. Month 0 is everybody. The month of the as-of day is incomplete unless that is the month's last day.
Each cell has its Wilson 95 % interval.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import ibis.expr.types as ir

from regulars.insight.measures.estimates import share
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope
from regulars.kit.civil import add_months, month_of


def cells(scope: Scope) -> ir.Table:
    """cohort, month (first days of months), active, and of month 0 how many ever came back on another day."""
    days = scope.kept_days()
    # One row for each customer and month: the first visit in it.
    seen = days.filter(days.opens_month)
    again = (seen.visit == 1) & seen.after_on.notnull()
    # By the day first: which month a day is of costs more than to add, and there are few days.
    by_day = seen.group_by("first_on", month="month_on").agg(active=seen.count(), again=again.cast("int64").sum())
    by_month = by_day.group_by("month", cohort=by_day.first_on.truncate("M"))
    return by_month.agg(active=by_day.active.sum(), again=by_day.again.sum()).order_by("cohort", "month")


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    last = month_of(scope.as_of)
    is_incomplete = month_of(scope.as_of + timedelta(days=1)) == last
    active = {(row["cohort"], row["month"]): row for row in rows}
    cohorts = []
    for cohort in sorted({row["cohort"] for row in rows}):
        first = active[cohort, cohort]
        offsets = range((last.year - cohort.year) * 12 + last.month - cohort.month + 1)
        months = [add_months(cohort, offset) for offset in offsets]
        cohorts.append(
            {
                "month": cohort.isoformat(),
                "customers": first["active"],
                "came_back": share(first["again"], first["active"], "customers"),
                "cells": [
                    {
                        "offset": offset,
                        "active": share(
                            active.get((cohort, month), {"active": 0})["active"], first["active"], "customers"
                        ),
                        "is_incomplete": is_incomplete and month == last,
                    }
                    for offset, month in enumerate(months)
                ],
            }
        )
    return {"cohorts": cohorts, "last_month": last.isoformat(), "last_month_is_incomplete": is_incomplete}


MEASURE = ShopMeasure(
    name="retention",
    en=Words("Retention", "Of the customers who first bought in one month, how many buy in each month that follows."),
    zh=Words("留存", "同一个月首次购买的顾客，在之后每个月还有多少人购买。"),
    grain="cohort",
    tables=("orders",),
    expression=cells,
    value=value,
)
