"""RFM: how recently, how often and for how much a customer bought, each scored 1 to 5 against all customers who bought.

    score = 1 + floor(5 * (rank - 1) / n)

with rank the smallest rank of a tie counted from the worst (1 = longest ago, least often, least money) among n.
Equal customers always share a score, so a score may stay empty: where 70 % bought once, they all have F 1, and whoever
bought twice starts at 4. The idea is Hughes (1994), "Strategic Database Marketing"; the usual cut into quintiles splits
ties by accident of order, which this rule does not.

Segments are read from recency and frequency alone; what they are called and what to do is in `segments.py`.
"""

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import segments
from regulars.insight.measures.measure import CustomerMeasure, Words

SCORES = 5


def score(c: ir.Table, by: ir.Value) -> ir.Value:
    rank_from_zero = ibis.rank().over(ibis.window(order_by=by))
    return (1 + (SCORES * rank_from_zero) // c.count().over()).cast("int64")


R = CustomerMeasure(
    name="r",
    en=Words("Recency score", "5 bought most recently, 1 longest ago, compared with all customers."),
    zh=Words("近度分", "5 分最近买过，1 分最久没买，与全体顾客相比。"),
    tables=("orders",),
    of_customer=lambda c, _: score(c, c.last_on),
)
F = CustomerMeasure(
    name="f",
    en=Words("Frequency score", "5 buys most often, 1 least often, compared with all customers."),
    zh=Words("频次分", "5 分买得最勤，1 分最少，与全体顾客相比。"),
    tables=("orders",),
    of_customer=lambda c, _: score(c, c.purchase_days),
)
M = CustomerMeasure(
    name="m",
    en=Words("Money score", "5 spends most, 1 least, compared with all customers."),
    zh=Words("金额分", "5 分花得最多，1 分最少，与全体顾客相比。"),
    tables=("orders", "returns"),
    of_customer=lambda c, _: score(c, c.spend_minor),
)
SEGMENT = CustomerMeasure(
    name="segment",
    en=Words("Group", "Which kind of customer this is, from how recently and how often they bought."),
    zh=Words("客群", "根据最近购买时间和购买频次，这位顾客属于哪一类。"),
    tables=("orders",),
    of_customer=lambda c, _: (c.r * 10 + c.f).cases(
        *((r * 10 + f, name) for (r, f), name in segments.BY_SCORES.items()), else_=None
    ),
)
MEASURES = (R, F, M, SEGMENT)
