"""Orders and money by month: first-time buyers', returning customers' and guests'.

A customer's first purchase day is new, every later day returning. Money is gross (returns have a row of their own, in
the month the goods came back); months without orders stand with zeros.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope
from regulars.kit.civil import add_months, month_of

_SUMS = ("orders", "guest_orders", "new_customers", "new_minor", "returning_minor", "guest_minor", "returned_minor")


def by_month(scope: Scope) -> ir.Table:
    days = scope.kept_days()
    is_first = days.visit == 1
    zero = ibis.literal(0, "int64")
    known = days.select(
        month=days.month_on,
        orders=days.orders.cast("int64"),
        guest_orders=zero,
        new_customers=is_first.cast("int64"),
        new_minor=ibis.ifelse(is_first, days.gross_minor, 0).cast("int64"),
        returning_minor=ibis.ifelse(is_first, 0, days.gross_minor).cast("int64"),
        guest_minor=zero,
        returned_minor=days.returned_minor,
    )
    bought = scope.purchases().filter(lambda o: o.customer_id.isnull())
    guests = bought.select(
        month=bought.placed_on.truncate("M"),
        orders=zero,
        guest_orders=ibis.literal(1, "int64"),
        new_customers=zero,
        new_minor=zero,
        returning_minor=zero,
        guest_minor=bought.gross_minor,
        returned_minor=zero,
    )
    return (
        ibis.union(known, guests, distinct=False)
        .group_by("month")
        .agg(**{name: (lambda t, name=name: t[name].sum()) for name in _SUMS})
        .order_by("month")
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    found = {row["month"]: row for row in rows}
    last = month_of(scope.as_of)
    months = []
    month = min(found, default=None)
    while month is not None and month <= last:
        row = found.get(month, {})
        months.append({"month": month.isoformat(), **{name: row.get(name, 0) for name in _SUMS}})
        month = add_months(month, 1)
    return {
        "months": months,
        "last_month_is_incomplete": month_of(scope.as_of + timedelta(days=1)) == last,
    }


MEASURE = ShopMeasure(
    name="months",
    en=Words("By month", "Orders and money of each month: first purchases, customers who came back, and guests."),
    zh=Words("按月", "每个月的订单与金额：首次购买、回头购买和散客。"),
    grain="shop",
    tables=("orders", "returns"),
    expression=by_month,
    value=value,
)
