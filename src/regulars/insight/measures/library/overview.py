"""The shop's totals as of the day, and what the other measures leave out, counted."""

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope


def totals(scope: Scope) -> ir.Table:
    orders = scope.table("orders")
    is_due = orders.placed_on <= scope.as_of
    is_purchase = (orders.kind == "purchase") & ~orders.is_cancelled & is_due
    returns = scope.table("returns")
    in_time = returns.returned_on <= scope.as_of
    is_home = returns.currency == scope.currency
    purchases, people = scope.purchases(), scope.people()
    of_guests = ibis.ifelse(purchases.customer_id.isnull(), purchases.gross_minor, 0)

    def count(condition: ir.Value) -> ir.Value:
        return condition.cast("int64").sum().fill_null(0)

    def total(minor: ir.Value, where: ir.Value | None = None) -> ir.Value:
        return minor.sum(where=where).fill_null(0)

    parts = (
        people.aggregate(
            customers=people.count(),
            orders=total(people.orders),
            home_orders=total(people.orders - people.foreign_orders),
            gross_minor=total(people.gross_minor),
            returned_minor=total(people.returned_minor),
            spend_minor=total(people.spend_minor),
            first_on=people.first_on.min(),
        ),
        purchases.aggregate(
            guest_orders=count(purchases.customer_id.isnull()),
            guest_minor=total(of_guests),
            foreign_orders=count(purchases.is_foreign),
        ),
        orders.aggregate(
            cancelled_orders=count((orders.kind == "purchase") & orders.is_cancelled & is_due),
            giveaways=count((orders.kind == "giveaway") & is_due),
            adjustments=count((orders.kind == "adjustment") & is_due),
            later_orders=count((orders.kind == "purchase") & ~is_due),
            all_orders=count(is_purchase),
        ),
        returns.aggregate(
            returns=count(in_time),
            returns_minor=total(returns.amount_minor, in_time & is_home),
            matched_minor=total(returns.matched_minor, in_time & is_home),
            foreign_returns=count(in_time & ~is_home),
        ),
    )
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.cross_join(part)
    return whole


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    [row] = rows
    first = row.pop("first_on")
    orders = row.pop("home_orders")
    return {
        **row,
        "first_on": None if first is None else first.isoformat(),
        "as_of": scope.as_of.isoformat(),
        "currency": scope.currency,
        # Halves up, as for each customer.
        "average_order_minor": (2 * row["gross_minor"] + orders) // (2 * orders) if orders else None,
        "unmatched_returns_minor": row["returns_minor"] - row["matched_minor"],
    }


MEASURE = ShopMeasure(
    name="overview",
    en=Words("Totals", "Customers, orders and money of the whole shop, and what was left out of the other measures."),
    zh=Words("总览", "全店的顾客、订单与金额，以及其他指标未计入的部分。"),
    grain="shop",
    tables=("orders", "returns"),
    expression=totals,
    value=value,
)
