"""What a customer got back: sum of the returns that match an earlier purchase of theirs.

A return that matches nothing (bought before the records begin) is not taken out of money that was never counted in.
"""

from regulars.insight.measures.measure import CustomerMeasure, Words

MEASURE = CustomerMeasure(
    name="returned_minor",
    en=Words("Returned", "What this customer gave back of it. Returns of goods we never saw bought are left out."),
    zh=Words("退货金额", "这位顾客退回的金额，找不到对应购买记录的退货不计。"),
    tables=("returns",),
    of_days=lambda days: days.returned_minor.sum(),
)
