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

A shop may cut at values of its own instead (`Scope.cuts`): R falls by one after each number of days, without bounds; F
of regulars rises at numbers of purchase days, M at amounts.

Fewer than `GROUPED_FROM` customers are not scored: a fifth of them would be nobody. Segments are read from recency and
frequency alone, but for regulars who are slipping away; what they are called and what to do is in `segments.py`.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from regulars.insight.measures import segments
from regulars.insight.measures.figure import count
from regulars.insight.measures.library.regular import REGULAR_DAYS
from regulars.insight.measures.measure import CustomerMeasure, Words
from regulars.insight.measures.scope import Scope

SCORES = 5
#: A shop with fewer customers is not divided: five to a score at least.
GROUPED_FROM = 25
#: (days since the last purchase, lowest score): so lately in any shop, whatever the others do.
LATELY = ((0, 5), (7, 4), (30, 3))
#: (days since the last purchase, highest score) of whoever has stayed away longer: long ago in any shop.
LONG_AGO = ((180, 3), (365, 2))


def _place(by: str, of: str, zh: str) -> CustomerMeasure:
    """Twice the middle of a customer's ranks: how many lie below, and how many up to it, equals included."""

    def place(people: ir.Table) -> ir.Table:
        # Who shares a value shares its place: values are put in order, not everybody.
        values = people.group_by(by).agg(many=people.count())
        upto = values.many.sum().over(ibis.cumulative_window(order_by=values[by]))
        return values.select(by, **{f"{by}_place": (2 * upto - values.many).cast("int64")})

    return CustomerMeasure(
        name=f"{by}_place",
        en=Words(f"Place by {of}", f"Twice the middle of the ranks by {of}, counted from the worst."),
        zh=Words(f"{zh}名次", f"按{zh}从末位数起的名次中点的两倍。"),
        tables=("orders",),
        of_all=place,
        stored=False,
    )


EVERYBODY = CustomerMeasure(
    name="everybody",
    en=Words("Everybody", "How many customers bought."),
    zh=Words("总人数", "买过的顾客人数。"),
    tables=("orders",),
    of_all=lambda people: people.aggregate(everybody=people.count()),
    stored=False,
)
REGULARS = CustomerMeasure(
    name="regulars",
    en=Words("All regulars", "How many customers are regulars."),
    zh=Words("回头客人数", "全店回头客的人数。"),
    tables=("orders",),
    of_all=lambda people: people.aggregate(regulars=count(people.is_regular)),
    stored=False,
)
PLACES = (
    _place("last_on", "the day of the last purchase", "最近购买日"),
    _place("purchase_days", "days with a purchase", "购买天数"),
    _place("spend_minor", "money spent", "消费金额"),
)


def _scored(c: ir.Table, score: ir.Value) -> ir.Value:
    return ibis.ifelse(c.everybody >= GROUPED_FROM, score, ibis.null("int64")).cast("int64")


def fifth(c: ir.Table, place: ir.Value) -> ir.Value:
    return 1 + (SCORES * place) // (2 * c.everybody)


def reached(value: ir.Value, steps: Sequence[int]) -> ir.Value:
    """How many of the steps a value has reached."""
    return sum(((value >= step).cast("int64") for step in steps), ibis.literal(0, "int64"))


def recency(c: ir.Table, scope: Scope) -> ir.Value:
    if steps := scope.cuts.recency_days:
        return _scored(c, SCORES - reached(c.recency_days - 1, steps))
    score = fifth(c, c.last_on_place)
    lately = [(c.recency_days <= days, ibis.greatest(score, lowest)) for days, lowest in LATELY]
    long_ago = [(c.recency_days > days, ibis.least(score, highest)) for days, highest in reversed(LONG_AGO)]
    return _scored(c, ibis.cases(*lately, *long_ago, else_=score))


def frequency(c: ir.Table, scope: Scope) -> ir.Value:
    if steps := scope.cuts.regular_days:
        among = REGULAR_DAYS + reached(c.purchase_days, steps)
        return _scored(c, ibis.ifelse(c.is_regular, among, c.purchase_days))
    # Regulars bought on more days than everybody else, so that their ranks are the last ones.
    others = c.everybody - c.regulars
    among_regulars = REGULAR_DAYS + (3 * (c.purchase_days_place - 2 * others)) // (2 * c.regulars)
    return _scored(c, ibis.ifelse(c.is_regular, among_regulars, c.purchase_days))


def money(c: ir.Table, scope: Scope) -> ir.Value:
    steps = scope.cuts.money_minor
    return _scored(c, 1 + reached(c.spend_minor, steps) if steps else fifth(c, c.spend_minor_place))


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
    of_customer=recency,
)
F = CustomerMeasure(
    name="f",
    en=Words("Frequency score", "1 bought on one day, 2 on two; 3 to 5 are regulars, 5 those who buy most often."),
    zh=Words("频次分", "1 分只在一天买过，2 分两天；3 至 5 分是回头客，5 分买得最勤。"),
    tables=("orders",),
    of_customer=frequency,
)
M = CustomerMeasure(
    name="m",
    en=Words("Money score", "5 spends most, 1 least, compared with all customers."),
    zh=Words("金额分", "5 分花得最多，1 分最少，与全体顾客相比。"),
    tables=("orders", "returns"),
    of_customer=money,
)
SEGMENT = CustomerMeasure(
    name="segment",
    en=Words("Group", "Which kind of customer this is, from how recently and how often they bought."),
    zh=Words("客群", "根据最近购买时间和购买频次，这位顾客属于哪一类。"),
    tables=("orders",),
    of_customer=lambda c, _: group(c),
)
MEASURES = (EVERYBODY, REGULARS, *PLACES, R, F, M, SEGMENT)
