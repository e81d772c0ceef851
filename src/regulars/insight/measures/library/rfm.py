"""RFM: how recently, how often and for how much a customer bought, each scored 1 to 5.

Among n customers, a value's place is the middle of the ranks of all who share it, counted from the worst:

    middle(value) = (customers below it + customers up to it) / 2n          between 0 and 1
    fifth(value)  = 1 + floor(5 * middle)

    R = fifth(last purchase day), held between bounds of days: see `LATELY` and `LONG_AGO`
    F = 1 who bought on one day, 2 on two; regulars 3 + floor(3 * middle(purchase days among the regulars))
    M = fifth(spend)

Equal values share a score, more is never lower, and where all are equal they stand in the middle. The idea is Hughes
(1994), "Strategic Database Marketing"; the usual cut into quintiles splits ties by accident of order. The anchors keep
the words true that stand on the scores: who bought today is not asleep, and who bought on two days is not new.

Fewer than `GROUPED_FROM` customers are not scored: a fifth of them would be nobody. Segments are read from recency and
frequency alone, but for regulars who are slipping away; what they are called and what to do is in `segments.py`.
"""

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import segments
from regulars.insight.measures.library.regular import REGULAR_DAYS
from regulars.insight.measures.measure import CustomerMeasure, Words

SCORES = 5
#: A shop with fewer customers is not divided: five to a score at least.
GROUPED_FROM = 25
#: (days since the last purchase, lowest score): so lately in any shop, whatever the others do.
LATELY = ((0, 5), (7, 4), (30, 3))
#: (days since the last purchase, highest score) of whoever has stayed away longer: long ago in any shop.
LONG_AGO = ((180, 3), (365, 2))


def _ranked(c: ir.Table, by: ir.Value) -> tuple[ir.Value, ir.Value]:
    """How many customers lie below this one, and how many up to it, its equals included. One sort for both."""
    window = ibis.window(order_by=by)
    # A share of at most n times n is within half of the whole number it stands for.
    upto = (ibis.cume_dist().over(window) * c.count().over()).round().cast("int64")
    return ibis.rank().over(window), upto


def _scored(c: ir.Table, score: ir.Value) -> ir.Value:
    return ibis.ifelse(c.count().over() >= GROUPED_FROM, score, ibis.null("int64")).cast("int64")


def fifth(c: ir.Table, by: ir.Value) -> ir.Value:
    below, upto = _ranked(c, by)
    return 1 + (SCORES * (below + upto)) // (2 * c.count().over())


def recency(c: ir.Table) -> ir.Value:
    score = fifth(c, c.last_on)
    for days, lowest in LATELY:
        score = ibis.ifelse(c.recency_days <= days, ibis.greatest(score, lowest), score)
    for days, highest in LONG_AGO:
        score = ibis.ifelse(c.recency_days > days, ibis.least(score, highest), score)
    return _scored(c, score)


def frequency(c: ir.Table) -> ir.Value:
    below, upto = _ranked(c, c.purchase_days)
    regulars = c.is_regular.cast("int64").sum().over()
    # Regulars bought on more days than everybody else, so that their ranks are the last ones.
    others = c.count().over() - regulars
    among_regulars = REGULAR_DAYS + (3 * (below + upto - 2 * others)) // (2 * regulars)
    return _scored(c, ibis.ifelse(c.is_regular, among_regulars, c.purchase_days))


def group(c: ir.Table) -> ir.Value:
    by_scores = (c.r * 10 + c.f).cases(
        *((r * 10 + f, name) for (r, f), name in segments.BY_SCORES.items()), else_=ibis.null("string")
    )
    slipping = (c.f).cases(*segments.BY_FREQUENCY_WHERE_LAPSING.items(), else_=ibis.null("string"))
    return ibis.ifelse(c.is_lapsing, slipping, by_scores)


R = CustomerMeasure(
    name="r",
    en=Words(
        "Recency score",
        "5 bought most recently, 1 longest ago, compared with all customers; the last week is always lately, and more"
        " than a year always long ago.",
    ),
    zh=Words("近度分", "5 分最近买过，1 分最久没买，与全体顾客相比；一周之内总算最近，超过一年总算很久。"),
    tables=("orders",),
    of_customer=lambda c, _: recency(c),
)
F = CustomerMeasure(
    name="f",
    en=Words("Frequency score", "1 bought on one day, 2 on two; 3 to 5 are regulars, 5 those who buy most often."),
    zh=Words("频次分", "1 分只在一天买过，2 分两天；3 至 5 分是回头客，5 分买得最勤。"),
    tables=("orders",),
    of_customer=lambda c, _: frequency(c),
)
M = CustomerMeasure(
    name="m",
    en=Words("Money score", "5 spends most, 1 least, compared with all customers."),
    zh=Words("金额分", "5 分花得最多，1 分最少，与全体顾客相比。"),
    tables=("orders", "returns"),
    of_customer=lambda c, _: _scored(c, fifth(c, c.spend_minor)),
)
SEGMENT = CustomerMeasure(
    name="segment",
    en=Words("Group", "Which kind of customer this is, from how recently and how often they bought."),
    zh=Words("客群", "根据最近购买时间和购买频次，这位顾客属于哪一类。"),
    tables=("orders",),
    of_customer=lambda c, _: group(c),
)
MEASURES = (R, F, M, SEGMENT)
