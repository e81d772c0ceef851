"""Orders and net spend of the last 30, 90 and 365 days, the as-of day the last of them.

They fall by themselves as days pass: a refresh on a later day counts what is still within. Nought, not unknown, for
whoever bought nothing in them. What came back counts in the days it came back in.
"""

from regulars.insight.measures.measure import CustomerMeasure, Words

WINDOWS = (30, 90, 365)


def _orders(window: int) -> CustomerMeasure:
    return CustomerMeasure(
        name=f"orders_{window}d",
        en=Words(f"Orders in {window} days", f"How many orders this customer placed in the last {window} days."),
        zh=Words(f"近 {window} 天订单数", f"这位顾客最近 {window} 天下了多少单。"),
        tables=("orders",),
        of_days=lambda days: days.orders.sum(where=days.ago < window).fill_null(0),
    )


def _spend(window: int) -> CustomerMeasure:
    return CustomerMeasure(
        name=f"spend_{window}d_minor",
        en=Words(f"Spent in {window} days", f"What this customer spent in {window} days, less what came back."),
        zh=Words(f"近 {window} 天净消费", f"这位顾客最近 {window} 天的消费，减去退货。"),
        tables=("orders", "returns"),
        of_days=lambda days: (days.gross_minor - days.returned_minor).sum(where=days.ago < window).fill_null(0),
    )


MEASURES = (*(_orders(window) for window in WINDOWS), *(_spend(window) for window in WINDOWS))
