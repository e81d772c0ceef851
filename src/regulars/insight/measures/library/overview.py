"""The shop's totals as of the day, and what the other measures leave out, counted."""

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.estimates import ratio
from regulars.insight.measures.figure import count, product
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
    home = people.orders - people.foreign_orders
    of_guests = ibis.ifelse(purchases.customer_id.isnull(), purchases.gross_minor, 0)

    def total(minor: ir.Value, where: ir.Value | None = None) -> ir.Value:
        return minor.sum(where=where).fill_null(0)

    parts = (
        people.aggregate(
            customers=people.count(),
            orders=total(people.orders),
            gross_minor=total(people.gross_minor),
            returned_minor=total(people.returned_minor),
            spend_minor=total(people.spend_minor),
            first_on=people.first_on.min(),
            buyers=count(home > 0),
            home_orders=total(home),
            gross_gross=product(people.gross_minor, people.gross_minor),
            orders_orders=product(home, home),
            gross_orders=product(people.gross_minor, home),
            returned_returned=product(people.returned_minor, people.returned_minor),
            returned_gross=product(people.returned_minor, people.gross_minor),
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
    told = {name: int(value) for name, value in row.items()}
    gross, squares, n = told["gross_minor"], told.pop("gross_gross"), told.pop("buyers")
    orders = told.pop("home_orders"), told.pop("orders_orders"), told.pop("gross_orders")
    returned = told["returned_minor"], told.pop("returned_returned"), gross, squares, told.pop("returned_gross")
    return {
        **told,
        "first_on": None if first is None else first.isoformat(),
        "as_of": scope.as_of.isoformat(),
        "currency": scope.currency,
        "average_order": ratio(gross, squares, *orders, n, "money", "customers", least=0),
        "returned_share": ratio(*returned, n, "share", "customers", least=0.0),
        "unmatched_returns_minor": told["returns_minor"] - told["matched_minor"],
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
