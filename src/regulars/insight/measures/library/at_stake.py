"""What a lapsing regular spent in the 365 days up to the last purchase: a fact about the past, not a forecast.

The days counted are the last purchase day and the 364 before it; returns since then are taken out, down to zero.
Zero for everybody who is not lapsing.
"""

import ibis

from regulars.insight.measures.measure import CustomerMeasure, Words

WINDOW_DAYS = 365

LAST_YEAR = CustomerMeasure(
    name="last_year_minor",
    en=Words(
        "Spent in the last year", "What this customer spent in the year up to the last visit, less what came back."
    ),
    zh=Words("最后一年净消费", "这位顾客在最后一次购买之前一年内的消费，减去退货。"),
    tables=("orders", "returns"),
    of_days=lambda days: (days.gross_minor - days.returned_minor).sum(
        where=days.last_on.delta(days.day, unit="day") < WINDOW_DAYS
    ),
    stored=False,
)
MEASURE = CustomerMeasure(
    name="at_stake_minor",
    en=Words("Value at stake", "What this regular spent in the year up to the last visit: it goes if they stay away."),
    zh=Words("面临流失的价值", "这位回头客在最后一次购买之前一年内的净消费：如果不再回来，失去的就是这些。"),
    tables=("orders", "returns"),
    of_customer=lambda c, _: ibis.ifelse(c.is_lapsing, ibis.greatest(c.last_year_minor, 0), 0).cast("int64"),
)
