"""A customer's rhythm: the mean number of days between purchase days, drawn toward the shop's.

    own   = (last day - first day) / (purchase days - 1)
    shop  = mean of `own` over all customers who came back, to the tenth of a day below ten days, to the day above
    typical = (gaps * own + 2 * shop) / (gaps + 2)

Two or three visits say little about a rhythm, so the shop's mean counts as two more gaps; with ten gaps the customer's
own rhythm has five sixths of the say. This is the posterior mean of an exponential gap under a conjugate inverse-gamma
prior worth two observations. The shop's mean is rounded so that a day's purchases are not another rhythm for
everybody. Null for whoever bought on one day only. Two decimals, and what is shown is what decides.
"""

import ibis
import ibis.expr.types as ir

from regulars.insight.measures.measure import CustomerMeasure, Words

#: How many gaps the shop's mean is worth beside the customer's own.
SHOP_WEIGHT = 2
#: Days below which the shop's mean is told to the tenth.
FINE_BELOW = 10


def ten_thousandths(gap: ir.Value) -> ir.Value:
    """A gap as whole 1/10,000 days: whole numbers give the same sum in whatever order threads bring them."""
    return (gap * 10_000).round().cast("int64")


def shop_gap(people: ir.Table) -> ir.Table:
    gap = ten_thousandths(people.own_gap_days).sum() / people.own_gap_days.count() / 10_000
    return people.aggregate(shop_gap_days=ibis.ifelse(gap < FINE_BELOW, gap.round(1), gap.round()))


OWN = CustomerMeasure(
    name="own_gap_days",
    en=Words("Own mean gap", "The plain mean of days between this customer's purchases."),
    zh=Words("自身平均间隔", "这位顾客两次购买之间的平均天数。"),
    tables=("orders",),
    of_customer=lambda c, _: c.last_on.delta(c.first_on, unit="day") / (c.purchase_days - 1).nullif(0),
    stored=False,
)
SHOP = CustomerMeasure(
    name="shop_gap_days",
    en=Words("The shop's rhythm", "The mean of all customers' own mean gaps, rounded."),
    zh=Words("全店节奏", "所有顾客自身平均间隔的平均值，已取整。"),
    tables=("orders",),
    of_all=shop_gap,
    stored=False,
)
MEASURE = CustomerMeasure(
    name="typical_gap_days",
    en=Words(
        "Usual rhythm",
        "About how many days pass between two purchases of this customer; with few purchases the shop's own rhythm is"
        " mixed in.",
    ),
    zh=Words("购买节奏", "这位顾客大约隔多少天买一次；购买次数少时，参考全店的节奏。"),
    tables=("orders",),
    of_customer=lambda c, _: (
        ((c.purchase_days - 1) * c.own_gap_days + SHOP_WEIGHT * c.shop_gap_days) / (c.purchase_days - 1 + SHOP_WEIGHT)
    ).round(2),
)
