"""Through which channels orders come: each channel's share of the orders of the last 365 days, guests' with them.

Wilson's interval with orders as units; the revenue beside it is counted whole.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import estimates
from regulars.insight.measures.measure import ShopMeasure, Words
from regulars.insight.measures.scope import Scope

WINDOW_DAYS = 365
#: The largest are named, the others told together.
NAMED = 12


def channels(scope: Scope) -> ir.Table:
    """channel, orders, gross_minor; the one with most orders first."""
    sales = scope.purchases()
    lately = sales.filter(sales.placed_on > ibis.literal(scope.as_of - timedelta(days=WINDOW_DAYS)))
    return (
        lately.group_by(channel=lately.channel.fill_null(""))
        .agg(orders=lately.count(), gross_minor=lately.gross_minor.sum())
        .order_by(ibis.desc("orders"), "channel")
    )


def value(rows: list[dict[str, Any]], scope: Scope) -> Mapping[str, Any]:
    whole = sum(row["orders"] for row in rows)
    named, others = rows[:NAMED], rows[NAMED:]
    if others:
        rest = {name: sum(row[name] for row in others) for name in ("orders", "gross_minor")}
        named = [*named, {"channel": None, **rest}]
    return {
        "orders": whole,
        "channels": [
            {
                "channel": row["channel"],
                "share": estimates.share(row["orders"], whole, "orders"),
                "revenue": estimates.exact(row["gross_minor"], row["orders"], "money", "orders"),
            }
            for row in named
        ],
    }


MEASURE = ShopMeasure(
    name="channel_mix",
    en=Words("Channels", "Through which channels the orders of the last 365 days came."),
    zh=Words("渠道构成", "最近 365 天的订单分别来自哪些渠道。"),
    grain="shop",
    tables=("orders",),
    expression=channels,
    value=value,
)
