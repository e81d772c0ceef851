"""Which regulars are slipping away: away for more than twice their usual rhythm."""

from regulars.insight.measures.measure import CustomerMeasure, Words

#: How many usual gaps a regular may stay away.
PATIENCE = 2

MEASURE = CustomerMeasure(
    name="is_lapsing",
    en=Words("Slipping away", "A regular who has stayed away more than twice as long as usual."),
    zh=Words("正在流失", "这位回头客没来的时间，已超过平时间隔的两倍。"),
    tables=("orders",),
    of_customer=lambda c, _: c.is_regular & (c.recency_days > PATIENCE * c.typical_gap_days),
)
